//! The options of mk8s before a command for many clusters: `--clusters 'prod-*' -- get nodes`.

use std::ffi::{OsStr, OsString};

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser};

use crate::cli::exit::CliError;
use crate::kubernetes::kubectl::CommandLine;

/// Our options, and whether they take their value from the next word.
const OPTIONS: [(&str, bool); 5] = [
    ("--clusters", true),
    ("--cluster-selector", true),
    ("--fail-fast", false),
    ("--canary", true),
    ("--concurrency", true),
];

/// What mk8s is told about a command in many clusters.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Many clusters at once (before `--`, behind which kubectl's arguments stand)")]
pub struct FanOut {
    /// Run in the clusters with these names, or whose names match these patterns with `*`; the cluster that is chosen
    /// otherwise (--cluster, MK8S_CLUSTER) does not count then
    #[arg(long, value_name = "PATTERN,...", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub clusters: Vec<String>,
    /// Run in the clusters with these labels, such as `env=prod,tier!=db`; with --clusters too: those that are meant by both
    #[arg(long, value_name = "SELECTOR", value_parser = NonEmptyStringValueParser::new())]
    pub cluster_selector: Option<String>,
    /// When it fails in one cluster, end it in the others and do not start any more
    #[arg(long)]
    pub fail_fast: bool,
    /// Run in so many clusters first, and in the others only if it succeeds in all of these
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub canary: Option<u16>,
    /// In how many clusters it runs at the same time, at most
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub concurrency: u16,
}

/// The options alone, with their help and messages.
#[derive(Parser)]
#[command(
    name = "mk8s kubectl",
    no_binary_name = true,
    about = "Run kubectl in many clusters at once",
    override_usage = super::USAGE,
    after_help = super::HELP,
    max_term_width = 100
)]
struct Options {
    #[command(flatten)]
    fan_out: FanOut,
}

/// The words behind `mk8s kubectl`, as far as they are ours.
pub enum Parsed {
    /// All of them are kubectl's.
    One(Vec<OsString>),
    /// Options of ours, and the words of kubectl.
    Many(FanOut, Vec<OsString>),
    /// Help, or a mistake, in the words of the library.
    Told(clap::Error),
}

/// Takes our options off, if the first word is one.
///
/// # Errors
/// When it is not clear where the words of kubectl begin, or no clusters are named.
pub fn parse(mut words: Vec<OsString>) -> Result<Parsed, CliError> {
    if words.first().is_none_or(|word| option(word).is_none()) {
        misplaced(&words)?;
        return Ok(Parsed::One(words));
    }
    let end = end_of_options(&words);
    let end = match words.get(end) {
        Some(word) if word == "--" => Some(end),
        // One that we do not know, or `--help`: the library knows what to say.
        Some(word) if starts_with_dash(word) => {
            words.iter().position(|word| word == "--").or(is_help(word).then_some(end + 1))
        }
        // The value of the last one is missing.
        None if words.last().and_then(|word| option(word)) == Some(true) => Some(end),
        _ => None,
    };
    let Some(end) = end else { return Err(no_dashes(words)) };
    let command = words.split_off(end);
    let options = match Options::try_parse_from(&words) {
        Ok(options) => options.fan_out,
        Err(error) => return Ok(Parsed::Told(error)),
    };
    let command: Vec<OsString> = command.into_iter().skip(1).collect();
    if options.clusters.is_empty() && options.cluster_selector.is_none() {
        let hint = format!("mk8s kubectl --clusters 'prod-*' {} -- …", shown(&words));
        return Err(CliError::usage("no clusters are named: --clusters or --cluster-selector is missing", hint));
    }
    if command.is_empty() {
        let hint = format!("mk8s kubectl {} -- get nodes", shown(&words));
        return Err(CliError::usage("no arguments of kubectl stand behind `--`", hint));
    }
    Ok(Parsed::Many(options, command))
}

/// Whether a word is one of our options; then whether its value is the next word.
fn option(word: &OsStr) -> Option<bool> {
    let word = word.to_str()?;
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    let (_, takes_value) = OPTIONS.into_iter().find(|(option, _)| *option == name)?;
    Some(takes_value && value.is_none())
}

/// Where our options end.
fn end_of_options(words: &[OsString]) -> usize {
    let mut index = 0;
    while let Some(takes_next) = words.get(index).and_then(|word| option(word)) {
        index += 1;
        if takes_next && words.get(index).is_some_and(|word| word != "--") {
            index += 1;
        }
    }
    index
}

fn starts_with_dash(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

fn is_help(word: &OsStr) -> bool {
    word == "--help" || word == "-h"
}

/// The options have no end that could be seen.
fn no_dashes(mut words: Vec<OsString>) -> CliError {
    let mut command = words.split_off(end_of_options(&words));
    if command.is_empty() {
        command.extend(["get".into(), "nodes".into()]);
    }
    let what = "`--` is missing between the options of mk8s and the arguments of kubectl";
    CliError::usage(what, format!("mk8s kubectl {} -- {}", shown(&words), shown_command(&command)))
}

/// Refuses our options among the arguments of kubectl, which has none of these.
fn misplaced(words: &[OsString]) -> Result<(), CliError> {
    let before_dashes: Vec<&OsString> = words.iter().take_while(|word| *word != "--").collect();
    let Some(found) = before_dashes.iter().find(|word| option(word).is_some()) else { return Ok(()) };
    if text(words).is_some_and(|words| CommandLine::parse(&words).is_ok()) {
        return Ok(());
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        if word == "--" {
            theirs.push(word.clone());
            theirs.extend(rest.by_ref().cloned());
        } else if let Some(takes_next) = option(word) {
            ours.push(word.clone());
            ours.extend(rest.next_if(|_| takes_next).cloned());
        } else {
            theirs.push(word.clone());
        }
    }
    let name = found.to_string_lossy();
    let name = name.split('=').next().unwrap_or_default();
    Err(CliError::usage(
        format!("{name} is an option of mk8s and stands among the arguments of kubectl"),
        format!("mk8s kubectl {} -- {}", shown(&ours), shown_command(&theirs)),
    ))
}

fn text(words: &[OsString]) -> Option<Vec<String>> {
    words.iter().map(|word| word.to_str().map(str::to_owned)).collect()
}

/// Words as one would type them.
fn shown(words: &[OsString]) -> String {
    let quoted = |word: &OsString| {
        let word = word.to_string_lossy();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:=,@%+-".contains(c);
        match !word.is_empty() && word.chars().all(is_plain) {
            true => word.into_owned(),
            false => format!("'{}'", word.replace('\'', r"'\''")),
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// The words of kubectl, if it is certain that there is no secret in them.
fn shown_command(words: &[OsString]) -> String {
    let line = text(words).and_then(|words| CommandLine::parse(&words).ok());
    match line.is_some_and(|line| !line.redacted().contains("<redacted>")) {
        true => shown(words),
        false => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests;
