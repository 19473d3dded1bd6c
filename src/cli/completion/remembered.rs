//! The names of the clusters that a user has seen last, for completions while central does not answer in time.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cli::session::Session;
use crate::config::{paths, private_file};

/// The most bytes of the file.
const MAX_BYTES: u64 = 1 << 20;

/// What is remembered: of one user of one central, since others may see other clusters.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    server: String,
    user: String,
    clusters: Vec<String>,
}

/// Remembers these, if a user has logged in; an API token may be anybody's.
pub fn keep(session: &Session, clusters: &[String]) {
    let Some((server, user)) = owner(session) else { return };
    let new = Remembered { server, user, clusters: clusters.to_vec() };
    // Nothing is lost when it cannot be written.
    if read().is_none_or(|old| old != new)
        && let Some(path) = path()
        && let Ok(text) = serde_json::to_string(&new)
    {
        let _ = private_file::replace(&path, &text);
    }
}

/// Those that are remembered of this user.
pub fn of(session: &Session) -> Vec<String> {
    let Some((server, user)) = owner(session) else { return Vec::new() };
    let found = read().filter(|found| found.server == server && found.user == user);
    found.map(|found| found.clusters).unwrap_or_default()
}

fn owner(session: &Session) -> Option<(String, String)> {
    session.stored().map(|stored| (stored.server.clone(), stored.email.to_string()))
}

/// The file beside the client's state.
fn path() -> Option<PathBuf> {
    paths::beside_client_state("clusters")
}

fn read() -> Option<Remembered> {
    let path = path()?;
    fs::metadata(&path).ok().filter(|found| found.is_file() && found.len() <= MAX_BYTES)?;
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
