//! What is typed in a block of a page, and the words of the programs that it would run, as a real shell makes them.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::markdown::{Block, pattern};
use crate::support::run;

/// One thing that somebody types, which may have several lines, and what is shown after it.
#[derive(Debug, PartialEq, Eq)]
pub struct Typed {
    /// The line of the page.
    pub line: usize,
    /// What is typed.
    pub text: String,
    /// What is shown.
    pub shown: Vec<String>,
}

/// What is typed in a block: in a `console` behind `$ `, and on further lines behind `> ` or after a backslash; in an `sh`
/// everything.
pub fn typed(block: &Block) -> Vec<Typed> {
    if block.is(&["sh"]) {
        return vec![Typed { line: block.line + 1, text: block.text(), shown: Vec::new() }];
    }
    let mut found: Vec<Typed> = Vec::new();
    for (index, line) in block.lines.iter().enumerate().filter(|_| block.is(&["console"])) {
        if let Some(text) = line.strip_prefix("$ ") {
            found.push(Typed { line: block.line + 1 + index, text: text.to_owned(), shown: Vec::new() });
        } else if let Some(last) = found.last_mut() {
            match line.strip_prefix("> ") {
                Some(more) if last.shown.is_empty() => last.text += &format!("\n{more}"),
                None if last.shown.is_empty() && last.text.ends_with('\\') => last.text += &format!("\n{line}"),
                _ => last.shown.push(line.clone()),
            }
        }
    }
    found
}

/// In bash, whatever it cannot find is given to this function: here that is every program there is. Each prints an
/// identifier, which is a name too, for lines that are made of the output of others.
const RECORDER: &str = r#"command_not_found_handle() {
    # One write each, since several run at once, and before the output, which may have no reader.
    printf -v words '%s\x1f' "$@"
    if [[ $1 != 0000* ]]; then printf '%s\n' "$words" >>"$RECORD"; fi
    echo 00000000-0000-0000-0000-000000000000
}
PATH=/nonexistent
"#;

/// The words of each program that a line would run, wherever it stands in it: behind pipes, in `$( )`, in loops.
///
/// # Panics
/// If it is no valid line, or one that could change something here.
pub fn programs(at: &str, text: &str) -> Vec<Vec<String>> {
    assert!(!pattern(r">\s*/|(?m)(^|[|;&(]\s*)/").is_match(&text.replace("/dev/null", "")), "{at}: {text}");
    let dir = tempfile::tempdir().expect("temporary directory");
    for input in pattern(r"<\s*([A-Za-z0-9._-]+)").captures_iter(text) {
        fs::write(dir.path().join(&input[1]), "").expect("write");
    }
    let record = dir.path().join("record");
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-c", &format!("{RECORDER}{text}\nwait")]);
    bash.env_clear().env("HOME", dir.path()).env("RECORD", &record).current_dir(dir.path());
    let output = run(&mut bash, b"");
    assert!(!output.err().contains("syntax error"), "{at}: {text}: {}", output.err());
    words(&record)
}

fn words(record: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(record).unwrap_or_default();
    let line = |line: &str| line.split_terminator('\u{1f}').map(str::to_owned).collect();
    // A word may have line breaks, and each line ends with the mark of a word.
    text.split_terminator("\u{1f}\n").map(line).collect()
}

#[test]
fn a_shell_says_what_would_run() {
    let of = |text: &str| {
        let mut found: Vec<String> = programs("here", text).iter().map(|words| words.join("|")).collect();
        found.sort();
        found
    };
    assert_eq!(of("a 'b c' \"d e\" f\\ g # no"), ["a|b c|d e|f g"]);
    assert_eq!(of("A=1 B=$(mk8s x -y) mk8s z < in > out 2>&1 | jq -r '.[]'"), ["jq|-r|.[]", "mk8s|x|-y", "mk8s|z"]);
    assert_eq!(of("eval \"$(mk8s env dev)\"; mk8s k a 'b\nc'"), ["mk8s|env|dev", "mk8s|k|a|b\nc"]);
    assert_eq!(of("source <(mk8s completion bash)"), ["mk8s|completion|bash"]);
    assert_eq!(of("mk8s a $(mk8s b | head -1)"), ["head|-1", "mk8s|a|00000000-0000-0000-0000-000000000000", "mk8s|b"]);
    assert_eq!(of("mk8s serve central &"), ["mk8s|serve|central"]);
}

#[test]
fn what_is_typed_is_told_from_what_is_shown() {
    let lines = ["$ one \\", "  more", "shown", "$ two 'a", "> b'", ""].map(str::to_owned).to_vec();
    let found = typed(&Block { line: 4, info: vec!["console".into()], lines });
    assert_eq!(found[0].text, "one \\\n  more");
    assert_eq!((found[0].line, found[0].shown.as_slice()), (5, ["shown".to_owned()].as_slice()));
    assert_eq!((found[1].text.as_str(), found[1].shown.len()), ("two 'a\nb'", 1));
}
