//! `mk8s version`: the version, the commit and the protocol version.

use serde_json::json;

use super::exit::Exit;
use super::output::OutputArgs;
use crate::model::version::{COMMIT, PROTOCOL_VERSION, VERSION};

/// One line, for `mk8s --version`.
pub fn short() -> String {
    format!("{VERSION} (commit {COMMIT}, protocol {PROTOCOL_VERSION})")
}

/// Runs the command.
pub fn run(args: OutputArgs) -> anyhow::Result<Exit> {
    let version = json!({ "version": VERSION, "commit": COMMIT, "protocol_version": PROTOCOL_VERSION });
    let line = format!("mk8s {}", short());
    args.print(&version, &line, |_| format!("{line}\n"))
}
