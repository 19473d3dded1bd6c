//! A YAML file as a table of values: bounded, UTF-8, one document, no key twice.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use figment::value::{Dict, Value};

use super::error::ConfigError;

/// The most bytes that a configuration file may have.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a file; an empty one has no keys.
pub(super) fn read(path: &Path) -> Result<Dict, ConfigError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => ConfigError::file(
            path,
            "there is no such file: make one with `mk8s config init`, or name another with --config",
        ),
        _ => ConfigError::read(path, e),
    })?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| ConfigError::read(path, e))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ConfigError::file(path, "the file is larger than 1 MiB, which is no configuration"));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        ConfigError::file(path, format!("line {line} is not valid UTF-8: save the file as UTF-8"))
    })?;
    parse(&text).map_err(|problem| ConfigError::file(path, problem))
}

/// Parses a text; the error says what is wrong and in which line.
pub(super) fn parse(text: &str) -> Result<Dict, String> {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    match serde_saphyr::from_str_with_options::<Value>(text, options) {
        Ok(Value::Dict(_, keys)) => Ok(keys),
        Ok(Value::Empty(..)) => Ok(Dict::new()),
        Ok(_) => Err("the file is no list of `key: value` lines: see `mk8s config init` for the form".into()),
        Err(error) => Err(syntax_problem(&error)),
    }
}

fn syntax_problem(error: &serde_saphyr::Error) -> String {
    let place = error.location().map(|at| format!("line {}, column {}: ", at.line(), at.column())).unwrap_or_default();
    let text = error.without_snippet().to_string().replace(['\n', '\r'], " ");
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    // The library's advice is for programmers; what the user has to do is plain from the rest.
    let text = text.split(", set DuplicateKeyPolicy").next().unwrap_or(text);
    let text = text.split("; use from_str").next().unwrap_or(text);
    format!("{place}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_error_names_line_and_column_and_nothing_of_the_library() {
        assert_eq!(parse("a: 1\na: 2\n").unwrap_err(), "line 2, column 1: duplicate mapping key: a");
        assert_eq!(parse("a: 1\n---\nb: 2\n").unwrap_err(), "line 3, column 1: multiple YAML documents detected");
        assert_eq!(parse("a: \"x\ny: 2").unwrap_err(), "line 1, column 4: unclosed quote");
        assert!(parse("- a").unwrap_err().contains("key: value"));
        assert!(parse(&"[".repeat(100_000)).unwrap_err().contains("recursion"));
        for strange in ["a: *x", "? [a]\n: b", "\u{0}", "%YAML 9", "a: &x [*x]", "a: .inf", "!!binary x", "<<: 1"] {
            let _ = parse(strange);
        }
    }

    #[test]
    fn off_is_a_word_and_an_empty_file_has_no_keys() {
        assert_eq!(parse("mode: off").unwrap()["mode"].as_str(), Some("off"));
        for empty in ["", "\n", "# nothing\n", "---\n", "\u{feff}"] {
            assert!(parse(empty).unwrap().is_empty(), "{empty:?}");
        }
    }
}
