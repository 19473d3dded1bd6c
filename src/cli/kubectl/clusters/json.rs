//! `-o json` in many clusters: one object for each, on a line of its own.

use serde::de::IgnoredAny;

use super::state::State;

/// The line of a cluster.
pub fn line(cluster: &str, state: &State, stdout: &[u8], stderr: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(stdout.len() + 256);
    line.extend_from_slice(b"{\"cluster\":");
    line.extend(string(cluster));
    match state {
        State::Exited(code) => {
            line.extend(format!(",\"exit_code\":{code}").bytes());
            result(*code == 0, stdout, &mut line);
            if *code != 0 {
                line.extend_from_slice(b",\"stderr\":");
                line.extend(string(&String::from_utf8_lossy(stderr)));
            }
        }
        State::Failed(failure) => error(&failure.what, failure.code, &mut line),
        State::Running => error("it was ended before it had finished", "stopped", &mut line),
        State::Waiting => error("it was not started", "skipped", &mut line),
    }
    line.extend_from_slice(b"}\n");
    line
}

/// What kubectl wrote: `result` is its JSON, `results` are several values, `stdout` is anything else.
fn result(succeeded: bool, stdout: &[u8], line: &mut Vec<u8>) {
    match values(stdout) {
        Some(values) => match &values[..] {
            [] if succeeded => line.extend_from_slice(b",\"result\":null"),
            [] => {}
            [value] => {
                line.extend_from_slice(b",\"result\":");
                compact(value, line);
            }
            values => {
                for (index, value) in values.iter().enumerate() {
                    line.extend_from_slice(if index == 0 { b",\"results\":[" } else { b"," });
                    compact(value, line);
                }
                line.push(b']');
            }
        },
        None => {
            line.extend_from_slice(b",\"stdout\":");
            line.extend(string(&String::from_utf8_lossy(stdout)));
        }
    }
}

fn error(what: &str, code: &str, line: &mut Vec<u8>) {
    line.extend_from_slice(b",\"error\":{\"what\":");
    line.extend(string(what));
    line.extend_from_slice(b",\"code\":");
    line.extend(string(code));
    line.push(b'}');
}

fn string(text: &str) -> Vec<u8> {
    // A text can always be written.
    serde_json::to_vec(text).unwrap_or_else(|_| b"null".to_vec())
}

/// The values of JSON that stand one after the other; `None` if there is anything else.
fn values(text: &[u8]) -> Option<Vec<&[u8]>> {
    std::str::from_utf8(text).ok()?;
    let mut stream = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    let (mut values, mut start) = (Vec::new(), 0);
    while let Some(value) = stream.next() {
        value.ok()?;
        let end = stream.byte_offset();
        values.push(text.get(start..end)?);
        start = end;
    }
    Some(values)
}

/// A value without the space between its parts, and otherwise as it was written: numbers too large for us stay.
fn compact(value: &[u8], to: &mut Vec<u8>) {
    let (mut in_string, mut escaped) = (false, false);
    for byte in value {
        if !in_string && byte.is_ascii_whitespace() {
            continue;
        }
        to.push(*byte);
        if *byte == b'"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && *byte == b'\\' && !escaped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    fn of(state: &State, stdout: &str, stderr: &str) -> String {
        let line = String::from_utf8(line("a", state, stdout.as_bytes(), stderr.as_bytes())).unwrap();
        serde_json::from_str::<serde_json::Value>(&line).unwrap();
        assert_eq!(line.find('\n'), Some(line.len() - 1));
        line.trim_end().to_owned()
    }

    #[test]
    fn the_json_of_kubectl_stays_as_it_is() {
        let pretty = "{\n    \"kind\": \"List\",\n    \"b\": \"two  \\\"spaces\\\\\",\n    \"a\": [ 18446744073709551616, 1.50 ]\n}\n";
        assert_eq!(
            of(&State::Exited(0), pretty, "a warning"),
            r#"{"cluster":"a","exit_code":0,"result":{"kind":"List","b":"two  \"spaces\\","a":[18446744073709551616,1.50]}}"#
        );
    }

    #[test]
    fn nothing_several_values_and_text_have_their_own_form() {
        assert_eq!(of(&State::Exited(0), "", ""), r#"{"cluster":"a","exit_code":0,"result":null}"#);
        assert_eq!(of(&State::Exited(0), "{}\n[ 1 ]\n", ""), r#"{"cluster":"a","exit_code":0,"results":[{},[1]]}"#);
        assert_eq!(of(&State::Exited(0), "no {json\n", ""), r#"{"cluster":"a","exit_code":0,"stdout":"no {json\n"}"#);
    }

    #[test]
    fn failures_say_why() {
        assert_eq!(of(&State::Exited(1), "", "Error: x\n"), r#"{"cluster":"a","exit_code":1,"stderr":"Error: x\n"}"#);
        assert_eq!(
            of(&State::Exited(1), "{ }", "Error: x\n"),
            r#"{"cluster":"a","exit_code":1,"result":{},"stderr":"Error: x\n"}"#
        );
        let failed = State::failed("cluster \"a\" is offline".into(), "unavailable", Exit(6));
        assert_eq!(
            of(&failed, "{\"cut\":", "x"),
            r#"{"cluster":"a","error":{"what":"cluster \"a\" is offline","code":"unavailable"}}"#
        );
        assert!(of(&State::Running, "{", "").contains(r#""code":"stopped""#));
        assert!(of(&State::Waiting, "", "").contains(r#""code":"skipped""#));
    }
}
