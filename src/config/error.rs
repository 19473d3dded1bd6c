//! What can be wrong with a configuration, told with the place, the key and what is allowed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable, by its name.
    Variable(String),
    /// A flag, such as `--listen`.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::Flag(name) => write!(f, "the flag {name}"),
        }
    }
}

/// What is wrong with a configuration: one line, which says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value or a key is wrong.
    #[error("{key}{}: {problem}", in_origin(.origin.as_ref()))]
    Value {
        /// The whole key, such as `tls.mode`.
        key: String,
        /// Where it was written; `None` for a key that was not written at all, or a configuration that was not loaded.
        origin: Option<Origin>,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// A variable with the prefix of a role that is none of its settings.
    #[error("the environment variable {name} is unknown: {hint}")]
    Variable {
        /// Its name.
        name: String,
        /// What is allowed.
        hint: String,
    },
    /// A file is not what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ConfigError {
    /// A wrong value, of which it is not (yet) known where it was written.
    pub fn value(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Value { key: key.into(), origin: None, problem: problem.into() }
    }

    /// A file that is not what it should be.
    pub(super) fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File { path: path.to_owned(), problem: problem.into() }
    }

    /// A file that cannot be read.
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    /// A file that cannot be written.
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    /// The same error, which says where the value was written.
    pub(super) fn at(self, found: impl FnOnce(&str) -> Option<Origin>) -> Self {
        match self {
            Self::Value { key, origin: None, problem } => {
                let origin = found(&key);
                Self::Value { key, origin, problem }
            }
            other => other,
        }
    }
}

fn in_origin(origin: Option<&Origin>) -> String {
    match origin {
        None | Some(Origin::Default) => String::new(),
        Some(origin) => format!(" in {origin}"),
    }
}
