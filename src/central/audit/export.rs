//! The rows once more, as JSON lines in a file, for programs that ship logs.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::error;

use crate::model::audit::Link;

/// A file that gets all rows that are in the database. Cheap to clone.
#[derive(Clone)]
pub struct Export(Option<Arc<Path>>);

impl Export {
    /// Writes to this file, or nowhere.
    pub fn to(file: Option<PathBuf>) -> Self {
        Self(file.map(Into::into))
    }

    /// Whether the file can be written; it is made if it is not there.
    pub fn check(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|file| open(file).map(drop))
    }

    /// Adds rows; whether that is done. The database has them already: what fails here is told, and nobody waits for it.
    pub(super) async fn add(&self, links: &[Link]) -> bool {
        let Some(file) = self.0.clone() else { return true };
        let mut text = Vec::new();
        for link in links {
            if serde_json::to_writer(&mut text, link).is_ok() {
                text.push(b'\n');
            }
        }
        let rows = links.len();
        // The file is opened each time, so that it can be moved away at any time.
        let written = tokio::task::spawn_blocking(move || open(&file)?.write_all(&text)).await;
        let written = written.map_err(io::Error::other).flatten();
        if let Err(error) = &written {
            error!(%error, rows, "records of the audit log are missing in audit.export_file; the database has them");
        }
        written.is_ok()
    }
}

fn open(file: &Path) -> io::Result<std::fs::File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(file)
}
