//! The file of SQLite: made for its owner alone.

use std::fs::{self, DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::error::Error;

/// The path in a URL, with its directory, and an empty file if there is none: SQLite would make one that others can
/// read, and gives its companions (`-wal`, `-shm`) the same mode.
pub(super) fn prepare(url: &str) -> Result<String, Error> {
    let path = url.strip_prefix("sqlite://").unwrap_or(url);
    let failed = |error: std::io::Error| Error::Unavailable(format!("{path}: {error}"));
    if let Some(dir) = Path::new(path).parent().filter(|dir| !dir.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    }
    if !fs::exists(path).map_err(failed)? {
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
    }
    Ok(path.to_owned())
}
