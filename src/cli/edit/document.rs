//! The text that is edited: with a few words to the person above it, which are taken off again.

use crate::kubernetes::kubectl::EditForm;

/// What stands above the objects.
const HEADER: &str = "\
# Edit what follows, then save it and leave the editor. These lines are not part of it.
# Without a change, or with nothing left, nothing is done. When something is wrong with it,
# this file is opened again, with the reason here.
#
";

/// A text with the words above it, and why it is opened again, if it is. JSON has no comments.
pub fn page(text: &str, reasons: &[String], form: EditForm) -> String {
    match form {
        EditForm::Json => text.to_owned(),
        EditForm::Yaml => header(reasons) + text,
    }
}

fn header(reasons: &[String]) -> String {
    let mut header = HEADER.to_owned();
    for reason in reasons {
        for line in reason.lines() {
            header.push_str(format!("# {line}").trim_end());
            header.push('\n');
        }
        header.push_str("#\n");
    }
    header
}

/// A page without the lines above the text, and with line ends as they are here.
pub fn text_of(page: &str) -> String {
    let page = page.replace("\r\n", "\n");
    let page = page.strip_prefix('\u{feff}').unwrap_or(&page);
    let above: usize = page.split_inclusive('\n').take_while(|line| line.starts_with('#')).map(str::len).sum();
    page[above..].to_owned()
}

/// Whether there is nothing in a text but comments.
pub fn is_empty(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}

/// What kubectl has to say of a text that it cannot read, with the lines counted as in the page that shows it.
pub fn reason(said: &str, form: EditForm) -> String {
    let said = said.trim().trim_start_matches("error: ");
    let said = said.replace("error parsing STDIN: ", "").replace("\"STDIN\"", "it");
    let said = if said.is_empty() { "kubectl cannot read it" } else { said.as_str() };
    let Some((before, rest)) = said.split_once("yaml: line ").filter(|_| form == EditForm::Yaml) else {
        return format!("The file is not valid: {said}");
    };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(end);
    // This reason stands above the text too, in one line and an empty one.
    let above = HEADER.lines().count() + 2;
    let line = number.parse::<usize>().map_or_else(|_| number.to_owned(), |line| (line + above).to_string());
    format!("The file is not valid: {before}yaml: line {line}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_it_was_written() {
        let text = "a: b\nc: |\n  # a comment in a script\n  x\n";
        for reasons in [vec![], vec!["one".to_owned(), "two\nlines".to_owned()]] {
            let page = page(text, &reasons, EditForm::Yaml);
            assert!(page.starts_with("# Edit"), "{page}");
            assert_eq!(text_of(&page), text);
            assert_eq!(text_of(&page.replace('\n', "\r\n")), text, "as an editor of Windows leaves it");
        }
        assert_eq!(page("{}\n", &["x".into()], EditForm::Json), "{}\n");
        assert!(header(&["two\nlines".to_owned()]).ends_with("here.\n#\n# two\n# lines\n#\n"));
    }

    #[test]
    fn comments_alone_are_nothing() {
        for text in ["", "\n \n", "  # a\n\n"] {
            assert!(is_empty(text), "{text:?}");
        }
        assert!(!is_empty("# a\nb: c\n"));
    }

    #[test]
    fn a_reason_names_the_line_that_the_person_sees() {
        let text = "a: b\n c: d\n";
        let said =
            "error: error parsing STDIN: error converting YAML to JSON: yaml: line 2: mapping values are not allowed";
        let reason = reason(said, EditForm::Yaml);
        let page = page(text, std::slice::from_ref(&reason), EditForm::Yaml);
        let number = page.lines().position(|line| line == " c: d").unwrap() + 1;
        assert_eq!(
            reason,
            format!(
                "The file is not valid: error converting YAML to JSON: yaml: line {number}: mapping values are not allowed"
            )
        );
        let said = "error: unable to decode \"STDIN\": Object 'Kind' is missing in '{}'\n";
        let expected = "The file is not valid: unable to decode it: Object 'Kind' is missing in '{}'";
        assert_eq!(super::reason(said, EditForm::Json), expected);
        assert_eq!(super::reason("", EditForm::Json), "The file is not valid: kubectl cannot read it");
    }
}
