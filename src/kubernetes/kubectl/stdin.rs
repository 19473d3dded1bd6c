//! Whether a kubectl command line reads standard input.
//!
//! The client must not read its own input for a command that would not: in a shell loop over
//! the lines of a file, it would swallow the lines of the next rounds.

/// Short flags of kubectl that take a value: what follows in the same word is not a flag.
const SHORT_WITH_VALUE: &str = "cefklLnopsv";

/// Whether kubectl can want standard input: `-` as a file, `/dev/stdin`, `-i` or `--stdin`.
///
/// Words after `--` belong to the command in the container and say nothing about kubectl.
pub fn wants_stdin(args: &[String]) -> bool {
    args.iter().map(String::as_str).take_while(|arg| *arg != "--").any(|arg| match arg {
        "-" | "-f-" | "--stdin" | "--interactive" => true,
        _ if arg.ends_with("=-") || arg.contains("/dev/stdin") => true,
        _ if arg.starts_with("--") => ["--stdin=", "--interactive="]
            .iter()
            .any(|flag| arg.strip_prefix(flag).is_some_and(|value| !value.eq_ignore_ascii_case("false"))),
        _ => arg.strip_prefix('-').is_some_and(has_short_i),
    })
}

/// Whether a group of short flags such as `it` contains `i`.
fn has_short_i(group: &str) -> bool {
    group.chars().take_while(|c| c.is_ascii_alphabetic() && !SHORT_WITH_VALUE.contains(*c)).any(|c| c == 'i')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(line: &str) -> bool {
        wants_stdin(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn only_commands_that_read_input_want_it() {
        for line in [
            "apply -f -",
            "apply -f=-",
            "apply -f-",
            "apply --filename=-",
            "create --filename -",
            "exec -i pod -- cat",
            "exec -it pod -- sh",
            "exec -ti pod -- sh",
            "exec pod --stdin -- cat",
            "run x --image=y --stdin=true",
            "create configmap c --from-file=k=/dev/stdin",
            "replace --raw /api/v1/x -f -",
        ] {
            assert!(wants(line), "{line}");
        }
        for line in [
            "get pods",
            "get pods -n kube-system -o wide",
            "get pods -nistio",
            "get pods -listio=x",
            "logs -f web",
            "exec pod -- grep -i x -",
            "exec pod --stdin=false -- true",
            "delete pod x --wait=false",
            "label pod x app-",
        ] {
            assert!(!wants(line), "{line}");
        }
    }
}
