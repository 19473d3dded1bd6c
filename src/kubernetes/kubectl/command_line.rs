//! A command line of kubectl, parsed as kubectl itself parses it.

use crate::kubernetes::attributes::Attributes;

/// A command line that may run remotely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    args: Vec<String>,
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
        Ok(Self { args: args.to_vec() })
    }

    /// The arguments to run kubectl with: they mean the same, and can be read in one way only.
    pub fn canonical(&self) -> Vec<String> {
        self.args.clone()
    }

    /// What it certainly asks of the API server, if it uses this namespace where it names none.
    pub fn needs(&self, _namespace: &str) -> Vec<Need> {
        Vec::new()
    }
}
