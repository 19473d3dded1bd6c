//! In which form a kubectl command line writes its result, as far as that is certain from its words.

use super::CommandLine;
use super::words::Words;

/// The form of what kubectl writes to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputForm {
    /// Tables, each with a header: when it has ended, all of it is there.
    Table,
    /// JSON: when it has ended, all of it is there.
    Json,
    /// Anything else, also what comes while the command runs.
    Text,
}

/// The form of a command line; [`OutputForm::Text`] for one that will be refused.
pub fn output_form(args: &[String]) -> OutputForm {
    CommandLine::parse(args).map_or(OutputForm::Text, |line| line.output_form())
}

/// The form of a command.
pub fn of(words: &Words) -> OutputForm {
    if ["help", "watch", "watch-only"].into_iter().any(|flag| words.is_on(flag)) {
        return OutputForm::Text;
    }
    match (words.command.words, words.value("output").unwrap_or_default()) {
        // What they write comes from a container, or besides the object.
        ("attach" | "debug" | "exec" | "logs" | "run", _) => OutputForm::Text,
        (_, "json") => OutputForm::Json,
        ("get" | "events" | "api-resources" | "top node" | "top pod", "" | "wide")
            // A sum is a row of another kind.
            if !["no-headers", "sum"].into_iter().any(|flag| words.is_on(flag))
                && !["raw", "template"].into_iter().any(|flag| words.has(flag)) =>
        {
            OutputForm::Table
        }
        _ => OutputForm::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(line: &str) -> OutputForm {
        output_form(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_list_is_a_table() {
        for line in [
            "get nodes",
            "get pods -A -o wide",
            "-n x get pods,services",
            "get pods --show-labels",
            "get pods --no-headers=false",
            "get pods -o json -o wide",
            "top nodes",
            "top pods",
            "api-resources",
            "events",
        ] {
            assert_eq!(form(line), OutputForm::Table, "{line}");
        }
    }

    #[test]
    fn the_last_format_counts() {
        for line in
            ["get nodes -o json", "get pods -ojson", "apply -f a.yaml --output=json", "get pods -o wide -o json"]
        {
            assert_eq!(form(line), OutputForm::Json, "{line}");
        }
    }

    #[test]
    fn all_else_is_text() {
        for line in [
            "get pods -w",
            "get pods --watch-only",
            "get pods -o json -w",
            "get pods --no-headers",
            "get pods -o name",
            "get pods -o yaml",
            "get pods -o custom-columns=A:.a",
            "get --raw /healthz",
            "get pods --help",
            "get pods --template={{.}}",
            "events -w",
            "top pods --sum",
            "logs web",
            "exec web -- get -o json",
            "run x --image=y -o json",
            "describe nodes",
            "nosuch",
        ] {
            assert_eq!(form(line), OutputForm::Text, "{line}");
        }
    }
}
