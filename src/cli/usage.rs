//! What is wrong with a command line, in the form of all other failures: what, why, what to try.

use std::env;
use std::io::Write as _;

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::exit::Exit;
use super::session::TOKEN_VARIABLE;

/// Prints what clap found: help on standard output, mistakes on standard error.
pub fn report(error: &Error) -> Exit {
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::OK;
    }
    // A group without its command is answered with its help.
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
    } else {
        let text = told(&error.render().to_string(), variable(error).as_deref());
        // Nothing is left to be done when standard error is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
    Exit::USAGE
}

/// The variable that a value came from which is not valid: it does not stand in the command line.
fn variable(error: &Error) -> Option<String> {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else { return None };
    let on_the_line = env::args_os().any(|arg| arg.to_string_lossy().ends_with(value.as_str()));
    let named = env::vars_os().filter_map(|(name, found)| Some((name.into_string().ok()?, found)));
    let mut ours = named.filter(|(name, _)| name.starts_with("MK8S_") && name != TOKEN_VARIABLE);
    ours.find(|(_, found)| found.to_str() == Some(value)).map(|(name, _)| name).filter(|_| !on_the_line)
}

/// clap's words in our form.
fn told(text: &str, variable: Option<&str>) -> String {
    let (mut what, mut why, mut tips, mut usage) = (String::new(), Vec::new(), Vec::new(), String::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(first) = line.strip_prefix("error: ") {
            what = first.to_owned();
        } else if let Some(tip) = line.strip_prefix("tip: ") {
            tips.push(tip);
        } else if let Some(line) = line.strip_prefix("Usage: ") {
            usage = format!("  usage: {line}\n");
        } else if let Some(values) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            why.push(values.to_owned());
        } else if what.ends_with(':') || what.ends_with(',') {
            // What is missing stands below, one a line.
            what = format!("{what} {line}");
        } else if line.starts_with(['<', '-', '[']) && usage.is_empty() {
            what = format!("{what}, {line}");
        } else if !line.starts_with("For more information") && usage.is_empty() {
            why.push(line.to_owned());
        }
    }
    why.extend(variable.map(|variable| format!("it is the value of {variable}")));
    let why: String = why.iter().map(|why| format!("  why: {why}\n")).collect();
    tips.push("--help");
    format!("error: {what}\n{why}  try: {}\n{usage}", tips.join(", or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_in_our_form() {
        let text = "error: unrecognized subcommand 'clutsers'\n\n  tip: a similar subcommand exists: 'clusters'\n\n\
                    Usage: mk8s [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.\n";
        assert_eq!(
            told(text, None),
            "error: unrecognized subcommand 'clutsers'\n  try: a similar subcommand exists: 'clusters', or --help\n  \
             usage: mk8s [OPTIONS] <COMMAND>\n"
        );
        let text = "error: invalid value 'x' for '--output <OUTPUT>'\n  [possible values: table, json]\n\n\
                    For more information, try '--help'.\n";
        assert_eq!(
            told(text, Some("MK8S_OUTPUT")),
            "error: invalid value 'x' for '--output <OUTPUT>'\n  why: possible values: table, json\n  why: it is the value \
             of MK8S_OUTPUT\n  try: --help\n"
        );
        let text = "error: the following required arguments were not provided:\n  <FROM>\n  <TO>\n\n\
                    Usage: mk8s cp <FROM> <TO>\n\nFor more information, try '--help'.\n";
        assert_eq!(
            told(text, None),
            "error: the following required arguments were not provided: <FROM>, <TO>\n  try: --help\n  usage: mk8s cp <FROM> \
             <TO>\n"
        );
    }
}
