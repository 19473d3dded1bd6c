//! Whom a client trusts: the system's authorities, a given file of them, or one pinned authority.

use std::path::{Path, PathBuf};

/// How a client recognises central.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// By the authorities that the system trusts.
    #[default]
    System,
    /// By the authorities in this PEM file, and no others.
    CaFile(PathBuf),
    /// By one authority, given as `sha256:<hex>` of its certificate; the server must send it in its chain.
    CaPin(String),
}

impl Trust {
    /// The trust that a file and a pin, both optional, ask for; the file wins.
    pub fn from_options(ca_file: Option<&Path>, ca_pin: Option<&str>) -> Self {
        match (ca_file, ca_pin) {
            (Some(file), _) => Self::CaFile(file.to_owned()),
            (None, Some(pin)) => Self::CaPin(pin.to_owned()),
            (None, None) => Self::System,
        }
    }
}
