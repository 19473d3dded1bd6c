//! Tells that central needs a newer client: once a day, since it may come with each command of a script.

use std::fs;
use std::time::{Duration, SystemTime};

use super::output;
use crate::config::{paths, private_file};
use crate::model::version::VERSION;

/// For how long it is not told again.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Warns that central does not serve clients as old as this one, but those from `oldest` on.
pub fn warn(oldest: &str) {
    // Its age tells when that was told last.
    let path = paths::beside_client_state("outdated");
    let told = path.as_ref().and_then(|path| fs::metadata(path).ok()?.modified().ok());
    if told.is_some_and(|told| SystemTime::now().duration_since(told).is_ok_and(|since| since < DAY)) {
        return;
    }
    output::say(&format!(
        "warning: this is mk8s {VERSION}, and central is for {oldest} or newer: some commands may fail"
    ));
    output::say(&format!("  try: install mk8s {oldest} or newer; this is told once a day"));
    if let Some(path) = path {
        // It is told again if it cannot be written.
        let _ = private_file::replace(&path, oldest);
    }
}
