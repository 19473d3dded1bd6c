//! Where the items of a list stand in the text of a kubeconfig, in the block style that kubectl writes.

use std::ops::Range;

use super::KubeconfigError;

/// A list, found in the lines of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List {
    /// The line with its key.
    pub header: usize,
    /// What stands behind the key, without a comment: nothing, or an empty list.
    pub is_written_empty: bool,
    /// What its items are indented by.
    pub indent: String,
    /// The lines of each item, without comments and empty lines behind it.
    pub items: Vec<Range<usize>>,
}

/// The line of a key of the whole file.
pub(super) fn key_line(lines: &[&str], key: &str) -> Option<usize> {
    lines.iter().position(|line| value_of(line, key).is_some())
}

/// What stands behind a key at the beginning of a line: the value, and a comment with the space before it.
pub(super) fn value_of<'a>(line: &'a str, key: &str) -> Option<(&'a str, &'a str)> {
    let rest = line.strip_prefix(key)?.strip_prefix(':')?;
    if !rest.is_empty() && !rest.starts_with([' ', '\t', '\r', '\n']) {
        return None;
    }
    let end = rest.find(" #").map_or(rest.len(), |at| rest[..at].trim_end().len());
    let (value, comment) = rest.split_at(end);
    Some((value.trim(), comment.trim_end()))
}

/// The list with this key; `None` if the file has no such key.
///
/// # Errors
/// The list is written in another style.
pub(super) fn list(lines: &[&str], key: &str) -> Result<Option<List>, KubeconfigError> {
    let form = |what: &str| Err(KubeconfigError::Form(format!("{key} {what}")));
    let Some(header) = key_line(lines, key) else { return Ok(None) };
    let is_written_empty = match value_of(lines[header], key).map(|(value, _)| value) {
        Some("") => false,
        Some("[]" | "null" | "~") => true,
        _ => return form("stands in one line or has an anchor"),
    };
    let mut list = List { header, is_written_empty, indent: String::new(), items: Vec::new() };
    for (number, line) in lines.iter().enumerate().skip(header + 1) {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            // Part of an item only if it is deeper than the dash: a comment in a literal text, for example.
            if let Some(item) = list.items.last_mut()
                && content.starts_with('#')
                && indent_of(line).len() > list.indent.len()
            {
                item.end = number + 1;
            }
            continue;
        }
        let indent = indent_of(line);
        let starts_item = content.trim_end() == "-" || content.starts_with("- ");
        if indent.is_empty() && !starts_item {
            break;
        }
        if indent.contains('\t') {
            return form("is indented with tabs");
        }
        match list.items.last_mut() {
            None if starts_item => {
                list.indent = indent.to_owned();
                list.items.push(number..number + 1);
            }
            None => return form("does not begin with an item"),
            Some(_) if starts_item && indent == list.indent => list.items.push(number..number + 1),
            Some(item) => item.end = number + 1,
        }
    }
    Ok(Some(list))
}

fn indent_of(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}
