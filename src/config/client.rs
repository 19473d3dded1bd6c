//! What the client remembers between two commands, in `~/.mk8s/config.yaml`.

use std::path::{Path, PathBuf};

use figment::value::Value;
use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::load::{Layers, Loaded, Role, load, table};
use super::{private_file, url};
use crate::model::ClusterName;

/// The state of the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientState {
    /// The URL of central.
    pub server: Option<String>,
    /// The certificate authorities to trust for it, PEM; without, the system's.
    pub ca_file: Option<PathBuf>,
    /// The current cluster.
    pub cluster: Option<ClusterName>,
}

impl Role for ClientState {
    /// The client's variables override single commands, not the state; see the command line.
    const PREFIX: &'static str = "MK8S_";
    const PATHS: &'static [&'static str] = &["ca_file"];
    const ALLOWED: &'static [(&'static str, &'static str)] = &[];

    fn normalise(&mut self) {
        self.server = self.server.take().map(|url| url.trim_end_matches('/').to_owned());
    }

    fn validate(&self) -> Result<(), ConfigError> {
        match self.server.as_deref().map(url::parse_confidential) {
            Some(Err(problem)) => Err(ConfigError::value("server", problem)),
            _ => Ok(()),
        }
    }
}

impl ClientState {
    /// Reads the state; a file that does not exist holds none.
    ///
    /// # Errors
    /// The file is not a valid state; it is left as it is.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Ok(Self::load_traced(path)?.config)
    }

    /// Like [`ClientState::load`], and says where each value came from.
    ///
    /// # Errors
    /// The file is not a valid state; it is left as it is.
    pub fn load_traced(path: &Path) -> Result<Loaded<Self>, ConfigError> {
        let missing = std::fs::metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound);
        load(Layers { file: (!missing).then_some(path), vars: [], flags: Vec::new() })
    }

    /// Writes the state, for its owner alone, whole or not at all; comments in the file are lost.
    ///
    /// # Errors
    /// The state is not valid, or the file cannot be written; then it is left as it is.
    pub fn save(&self, path: &Path) -> Result<(), ConfigError> {
        self.validate()?;
        let mut keys = table(self)?;
        keys.retain(|_, value| !matches!(value, Value::Empty(..)));
        let text = serde_saphyr::to_string(&keys).map_err(|e| ConfigError::file(path, e.to_string()))?;
        private_file::replace(path, &format!("# The state of the mk8s client; its commands rewrite this file.\n{text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> ClientState {
        ClientState {
            server: Some("https://mk8s.example.com".into()),
            ca_file: Some("/etc/my ca's: #1.pem".into()),
            cluster: Some("0123".parse().unwrap()),
        }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/config.yaml");
        for state in [state(), ClientState::default(), ClientState { cluster: None, ..state() }] {
            state.save(&path).unwrap();
            assert_eq!(ClientState::load(&path).unwrap(), state);
            assert!(!std::fs::read_to_string(&path).unwrap().contains("null"));
        }
    }

    #[test]
    fn a_missing_file_is_no_state() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ClientState::load(&dir.path().join("none/config.yaml")).unwrap(), ClientState::default());
    }

    #[test]
    fn a_bad_file_is_named_with_its_key_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        for (text, key) in [
            ("sever: x\n", "sever"),
            ("cluster: A_B\n", "cluster"),
            ("server: http://a\n", "server"),
            ("a: [", "line 1"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = ClientState::load(&path).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(path.to_str().unwrap()), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_bad_state_is_not_saved() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        let bad = ClientState { server: Some("http://mk8s.example.com".into()), ..state() };
        assert!(bad.save(&path).unwrap_err().to_string().starts_with("server: "));
        assert!(!path.exists());
    }

    #[test]
    fn a_relative_path_keeps_its_meaning_through_load_and_save() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        std::fs::write(&path, "ca_file: ca.pem\n").unwrap();
        let state = ClientState::load(&path).unwrap();
        assert_eq!(state.ca_file, Some(dir.path().join("ca.pem")));
        state.save(&path).unwrap();
        assert_eq!(ClientState::load(&path).unwrap(), state);
    }
}
