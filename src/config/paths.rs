//! Where files are when nothing else was said.

use std::path::PathBuf;

/// The directory of a role's data: `$XDG_DATA_HOME/mk8s/<role>`, or `~/.local/share/mk8s/<role>`.
pub fn data_dir(role: &str) -> PathBuf {
    absolute_env("XDG_DATA_HOME").unwrap_or_else(|| home().join(".local/share")).join("mk8s").join(role)
}

/// The file of the client's state: `$MK8S_CONFIG`, or `~/.mk8s/config.yaml`.
pub fn client_state() -> PathBuf {
    std::env::var_os("MK8S_CONFIG")
        .filter(|v| !v.is_empty())
        .map_or_else(|| home().join(".mk8s/config.yaml"), PathBuf::from)
}

/// A file beside it, of the same name with a suffix.
pub fn beside_client_state(suffix: &str) -> Option<PathBuf> {
    let state = std::path::absolute(client_state()).ok()?;
    let mut name = state.file_name()?.to_owned();
    name.push(".");
    name.push(suffix);
    Some(state.with_file_name(name))
}

/// The home directory, or the current one for a user without.
pub fn home() -> PathBuf {
    std::env::home_dir().filter(|home| home.is_absolute()).unwrap_or_else(|| PathBuf::from("."))
}

fn absolute_env(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute())
}
