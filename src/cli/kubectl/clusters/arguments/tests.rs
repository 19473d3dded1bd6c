//! Whose words are whose.

use clap::CommandFactory as _;

use super::*;

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn many(line: &str) -> (FanOut, String) {
    match parse(words(line)) {
        Ok(Parsed::Many(options, command)) => (options, shown(&command)),
        Ok(Parsed::One(_)) => panic!("{line}: for one cluster"),
        Ok(Parsed::Told(error)) => panic!("{line}: {error}"),
        Err(error) => panic!("{line}: {error}, {:?}", error.hint),
    }
}

fn refused(line: &str) -> (String, String) {
    match parse(words(line)) {
        Err(error) => (error.what, error.hint.unwrap_or_default()),
        Ok(Parsed::Told(error)) => (error.to_string(), String::new()),
        Ok(_) => panic!("{line}: accepted"),
    }
}

#[test]
fn the_options_are_those_that_are_documented() {
    let command = Options::command();
    command.clone().debug_assert();
    let mut documented: Vec<(String, bool)> = command
        .get_arguments()
        .filter_map(|arg| Some((format!("--{}", arg.get_long()?), arg.get_action().takes_values())))
        .filter(|(name, _)| name != "--help")
        .collect();
    documented.sort();
    let mut known = OPTIONS.map(|(name, takes_value)| (name.to_owned(), takes_value));
    known.sort();
    assert_eq!(documented, known);
}

#[test]
fn what_stands_before_the_dashes_is_ours() {
    let (options, command) = many("--clusters prod-*,staging --clusters=dev -- get nodes --fail-fast");
    assert_eq!(options.clusters, ["prod-*", "staging", "dev"]);
    assert_eq!(command, "get nodes --fail-fast");
    assert_eq!((options.fail_fast, options.canary, options.concurrency), (false, None, 64));
    let (options, command) =
        many("--fail-fast --canary 2 --concurrency=8 --cluster-selector env=prod,tier!=db -- exec x -- ls --");
    assert_eq!(options.cluster_selector.as_deref(), Some("env=prod,tier!=db"));
    assert_eq!((options.fail_fast, options.canary, options.concurrency), (true, Some(2), 8));
    assert_eq!(command, "exec x -- ls --");
}

#[test]
fn all_else_is_kubectls() {
    for line in ["", "get nodes", "--cluster x get nodes", "get pods -- --clusters", "exec x -- ls --fail-fast", "-h"] {
        match parse(words(line)) {
            Ok(Parsed::One(all)) => assert_eq!(all, words(line)),
            _ => panic!("{line}"),
        }
    }
    // Where kubectl takes the word for a value, it is one.
    assert!(matches!(parse(words("get pods -l --clusters")), Ok(Parsed::One(_))));
}

#[test]
fn missing_dashes_are_shown_where_they_belong() {
    for (line, corrected) in [
        ("--clusters prod-* get nodes", "mk8s kubectl --clusters 'prod-*' -- get nodes"),
        ("--clusters=a --fail-fast exec x -- ls", "mk8s kubectl --clusters=a --fail-fast -- exec x -- ls"),
        ("--clusters a -n x get pods", "mk8s kubectl --clusters a -- -n x get pods"),
        ("--clusters a", "mk8s kubectl --clusters a -- get nodes"),
        ("--clusters a create secret generic s --from-literal=k=v", "mk8s kubectl --clusters a -- …"),
    ] {
        let (what, hint) = refused(line);
        assert!(what.starts_with("`--` is missing"), "{line}: {what}");
        assert_eq!(hint, corrected);
    }
}

#[test]
fn options_among_the_arguments_of_kubectl_are_shown_where_they_belong() {
    let (what, hint) = refused("get nodes --clusters prod-* -o wide");
    assert!(what.starts_with("--clusters is an option of mk8s"), "{what}");
    assert_eq!(hint, "mk8s kubectl --clusters 'prod-*' -- get nodes -o wide");
    assert_eq!(refused("exec x --canary=2 -- ls").1, "mk8s kubectl --canary=2 -- exec x -- ls");
}

#[test]
fn incomplete_lines_are_refused() {
    for (line, word) in [
        ("--clusters a --", "behind `--`"),
        ("--fail-fast -- get nodes", "--clusters or --cluster-selector"),
        ("--clusters -- get nodes", "a value is required"),
        ("--fail-fast --clusters", "a value is required"),
        ("--clusters a --nosuch -- get nodes", "--nosuch"),
        ("--clusters a, -- get nodes", "--clusters"),
        ("--clusters a --canary 0 -- get nodes", "0 is not in"),
        ("--clusters a --concurrency 501 -- get nodes", "501 is not in 1..=500"),
        ("--clusters a --help", "--fail-fast"),
        ("--clusters a --cluster b -- get nodes", "--cluster"),
    ] {
        let (what, _) = refused(line);
        assert!(what.contains(word), "{line}: {what}");
    }
}
