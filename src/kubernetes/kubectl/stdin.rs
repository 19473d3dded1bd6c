//! Whether a kubectl command line reads standard input.
//!
//! The client must not read its own input for a command that would not: in a shell loop over
//! the lines of a file, it would swallow the lines of the next rounds.

use super::CommandLine;
use super::words::Words;

/// Whether kubectl reads standard input. `false` for a line that will be refused.
pub fn wants_stdin(args: &[String]) -> bool {
    CommandLine::parse(args).is_ok_and(|line| line.wants_stdin())
}

/// Whether kubectl makes its standard input, if that is a terminal, the terminal of a container. `false` for a line that
/// will be refused.
pub fn wants_terminal(args: &[String]) -> bool {
    CommandLine::parse(args).is_ok_and(|line| line.wants_terminal())
}

/// Whether a command wants a terminal. kubectl passes one on only with its input.
pub fn is_terminal(words: &Words) -> bool {
    is_read(words) && words.is_on("stdin") && words.is_on("tty")
}

/// Whether a command reads standard input: `-` as a file, an attached input, a question, variables as lines.
pub fn is_read(words: &Words) -> bool {
    if words.is_on("help") {
        return false;
    }
    let variables = words.command.words == "set env"
        && (words.values("env").any(|value| value == "-") || words.arguments.iter().any(|word| word == "-"));
    words.values("filename").any(|value| value.split(',').any(|item| item == "-"))
        || words.is_on("stdin")
        || words.is_on("interactive")
        || variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(line: &str) -> bool {
        wants_stdin(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn only_a_terminal_that_is_read_is_wanted() {
        let wants = |line: &str| wants_terminal(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for line in [
            "exec -it pod -- sh",
            "exec -ti pod -- sh",
            "exec pod --stdin --tty -- sh",
            "run x -it --rm --image=y -- sh",
            "attach -i -t pod",
            "debug -it pod --image=y",
        ] {
            assert!(wants(line), "{line}");
        }
        for line in [
            "exec -i pod -- sh -t",
            "exec -t pod -- sh",
            "exec -it=false pod -- sh",
            "exec -it pod --stdin=false -- sh",
            "exec -it --help",
            "get pods -o template -- -it",
            "delete pod x -i",
            "nosuch -it",
        ] {
            assert!(!wants(line), "{line}");
        }
    }

    #[test]
    fn only_commands_that_read_input_want_it() {
        for line in [
            "apply -f -",
            "apply -f=-",
            "apply -f-",
            "apply -f a.yaml,-",
            "apply -f a.yaml -f -",
            "apply --filename=-",
            "create --filename -",
            "-n x apply -f -",
            "exec -i pod -- cat",
            "exec -it pod -- sh",
            "exec -ti pod -- sh",
            "exec pod --stdin -- cat",
            "run x --image=y --stdin=true",
            "attach -i pod",
            "delete pod x -i",
            "set env deployment/app -",
            "set env deployment/app -e -",
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
            "exec -i pod --stdin=false -- true",
            "apply -f - --help",
            "delete pod x --wait=false",
            "label pod x app-",
            "label pod x -",
            "apply -f a.yaml",
            "apply -f /dev/stdin",
            "nosuch -f -",
        ] {
            assert!(!wants(line), "{line}");
        }
    }
}
