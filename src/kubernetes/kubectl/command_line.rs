//! A command line of kubectl, parsed as kubectl itself parses it.

use super::allow;
use super::needs;
use super::paths::{self, PathArgument};
use super::redacted;
use super::words::Words;
use crate::kubernetes::attributes::Attributes;

/// A command line that may run remotely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Read(Words),
    /// Not looked at: only in builds for tests.
    #[cfg(debug_assertions)]
    Unread(Vec<String>),
}

/// Why a command line does not run remotely, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Something that a command certainly asks of the API server: it fails unless one of these is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The alternatives.
    pub any: Vec<Attributes>,
}

impl CommandLine {
    /// Parses the arguments of kubectl, without the program's name.
    ///
    /// # Errors
    /// When it is not certain what kubectl would make of it, or it is nothing to run in another place.
    pub fn parse(args: &[String]) -> Result<Self, Refusal> {
        #[cfg(debug_assertions)]
        if unparsed::is_on() {
            return Ok(Self(Kind::Unread(args.to_vec())));
        }
        let words = Words::read(args)?;
        allow::check(&words)?;
        Ok(Self(Kind::Read(words)))
    }

    /// The arguments to run kubectl with: they mean the same, and can be read in one way only.
    ///
    /// The command, each flag with its long name and its value in one word, the arguments, then `--` and the rest.
    pub fn canonical(&self) -> Vec<String> {
        self.canonical_below("")
    }

    /// The same where its files are below a root: absolute paths have it put before them.
    pub fn canonical_below(&self, root: &str) -> Vec<String> {
        let words = match &self.0 {
            Kind::Read(words) => words,
            #[cfg(debug_assertions)]
            Kind::Unread(args) => return args.clone(),
        };
        let mut args: Vec<String> = words.command.words.split_whitespace().map(str::to_owned).collect();
        args.extend(words.flags.iter().map(|flag| match &flag.value {
            Some(value) => format!("--{}={}", flag.name, paths::below(words, flag.name, value, root)),
            None => format!("--{}", flag.name),
        }));
        args.extend(words.arguments.iter().cloned());
        if let Some(rest) = &words.rest {
            args.push("--".to_owned());
            args.extend(rest.iter().cloned());
        }
        args
    }

    /// The local files that it names, in the order in which they were given.
    pub fn paths(&self) -> Vec<PathArgument> {
        match &self.0 {
            Kind::Read(words) => paths::of(words),
            #[cfg(debug_assertions)]
            Kind::Unread(_) => Vec::new(),
        }
    }

    /// Whether it runs with the files that came along, in this directory among them; `None` when none came along.
    ///
    /// # Errors
    /// When it names files that are not among them, wherever they would be.
    pub fn admit(&self, directory: Option<&str>) -> Result<(), Refusal> {
        match &self.0 {
            Kind::Read(words) => paths::check(words, directory),
            #[cfg(debug_assertions)]
            Kind::Unread(_) => Ok(()),
        }
    }

    /// Whether what it writes to standard output comes from a container: that is not kubectl's to change.
    pub fn shows_a_container(&self) -> bool {
        match &self.0 {
            Kind::Read(words) => matches!(words.command.words, "attach" | "debug" | "exec" | "logs" | "run"),
            #[cfg(debug_assertions)]
            Kind::Unread(_) => true,
        }
    }

    /// The command line as it may be kept, in one line: without the secrets that stand in it.
    pub fn redacted(&self) -> String {
        match &self.0 {
            Kind::Read(words) => redacted::of(words),
            #[cfg(debug_assertions)]
            Kind::Unread(_) => String::new(),
        }
    }

    /// What it certainly asks of the API server, if it uses this namespace where it names none.
    pub fn needs(&self, namespace: &str) -> Vec<Need> {
        match &self.0 {
            Kind::Read(words) => needs::of(words, namespace),
            #[cfg(debug_assertions)]
            Kind::Unread(_) => Vec::new(),
        }
    }

    /// In which form it writes its result.
    pub(super) fn output_form(&self) -> super::OutputForm {
        match &self.0 {
            Kind::Read(words) => super::output_form::of(words),
            #[cfg(debug_assertions)]
            Kind::Unread(_) => super::OutputForm::Text,
        }
    }

    /// Whether it reads standard input.
    pub(super) fn wants_stdin(&self) -> bool {
        match &self.0 {
            Kind::Read(words) => super::stdin::is_read(words),
            #[cfg(debug_assertions)]
            Kind::Unread(_) => true,
        }
    }

    /// Whether it makes standard input the terminal of a container, if it is one.
    pub(super) fn wants_terminal(&self) -> bool {
        match &self.0 {
            Kind::Read(words) => super::stdin::is_terminal(words),
            #[cfg(debug_assertions)]
            Kind::Unread(_) => false,
        }
    }
}

#[cfg(debug_assertions)]
pub use unparsed::switch_parser_off;

#[cfg(debug_assertions)]
mod unparsed {
    use std::sync::atomic::{AtomicBool, Ordering};

    static ON: AtomicBool = AtomicBool::new(false);

    /// Makes [`super::CommandLine::parse`] accept everything unchanged, for the rest of the process: so tests can show
    /// that what stands behind the parser holds without it. Absent from release builds.
    pub fn switch_parser_off() {
        ON.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_on() -> bool {
        ON.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod ordinary;
#[cfg(test)]
mod tests;
