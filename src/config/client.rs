//! What the client remembers between two commands, in `~/.mk8s/config.yaml`.

use std::path::{Path, PathBuf};

use figment::value::Value;
use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::load::{Layers, Loaded, Role, load, table};
use super::session::{self, StoredSession};
use super::{private_file, url};
use crate::model::ClusterName;

/// The state of the client. Commands that change it read it again under [`super::StateLock`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientState {
    /// The URL of central.
    pub server: Option<String>,
    /// The certificate authorities to trust for it, PEM; without, the system's.
    pub ca_file: Option<PathBuf>,
    /// The one authority to trust for it, as `sha256:` and the hexadecimal SHA-256 of its certificate (DER).
    pub ca_pin: Option<String>,
    /// The certificate that is shown to it if it asks for one, PEM.
    pub client_cert_file: Option<PathBuf>,
    /// Its private key, PEM.
    pub client_key_file: Option<PathBuf>,
    /// The name that must be in its certificate. Default: the host of its URL.
    pub server_name: Option<String>,
    /// The current cluster.
    pub cluster: Option<ClusterName>,
    /// What a login left.
    #[serde(with = "session::optional")]
    pub session: Option<StoredSession>,
}

impl Role for ClientState {
    /// The client's variables override single commands, not the state; see the command line.
    const PREFIX: &'static str = "MK8S_";
    const PATHS: &'static [&'static str] = &["ca_file", "client_cert_file", "client_key_file"];
    const ALLOWED: &'static [(&'static str, &'static str)] = &[];
    const SECRETS: &'static [&'static str] = &["session.access_token", "session.refresh_token"];

    fn normalise(&mut self) {
        self.server = self.server.take().map(|url| normalised(&url));
    }

    fn validate(&self) -> Result<(), ConfigError> {
        if let Some(server) = &self.server {
            check_server(server)?;
        }
        check_client_tls("", &self.client_cert_file, &self.client_key_file, &self.server_name)?;
        let Some(pin) = &self.ca_pin else { return Ok(()) };
        if self.ca_file.is_some() {
            return Err(ConfigError::value("ca_pin", "ca_file is set too: keep one of the two"));
        }
        match is_pin(pin) {
            true => Ok(()),
            false => Err(ConfigError::value("ca_pin", format!("{pin:?} is not sha256: and 64 hexadecimal digits"))),
        }
    }
}

/// The form in which the URLs of servers are compared and kept: no slash at the end, scheme and host in lower case.
pub fn normalised(server: &str) -> String {
    server.trim_end_matches('/').to_ascii_lowercase()
}

/// Checks the URL of a server to which passwords and tokens will go.
///
/// # Errors
/// It is more or less than scheme, host and port, or is `http://` to another machine.
pub fn check_server(server: &str) -> Result<(), ConfigError> {
    url::parse_confidential(server).map(drop).map_err(|problem| ConfigError::value("server", problem))
}

/// Checks what goes together in the client's side of TLS; `section` stands before the keys.
///
/// # Errors
/// A certificate without its key, or the reverse, or a name that no certificate has.
pub(super) fn check_client_tls(
    section: &str,
    cert_file: &Option<PathBuf>,
    key_file: &Option<PathBuf>,
    server_name: &Option<String>,
) -> Result<(), ConfigError> {
    let alone = |key, other| {
        Err(ConfigError::value(format!("{section}{key}"), format!("{section}{other} is missing: set both or neither")))
    };
    match (cert_file, key_file) {
        (Some(_), None) => return alone("client_cert_file", "client_key_file"),
        (None, Some(_)) => return alone("client_key_file", "client_cert_file"),
        _ => {}
    }
    match server_name {
        Some(name) if !is_server_name(name) => {
            let problem = format!("{name:?} is not a DNS name or an IP address");
            Err(ConfigError::value(format!("{section}server_name"), problem))
        }
        _ => Ok(()),
    }
}

/// Whether a certificate can be for this name.
pub fn is_server_name(text: &str) -> bool {
    rustls::pki_types::ServerName::try_from(text).is_ok()
}

/// Whether a text has the form of a pin.
pub fn is_pin(text: &str) -> bool {
    let is_hash = |hex: &str| hex.len() == 64 && hex.bytes().all(|c| c.is_ascii_hexdigit());
    text.strip_prefix("sha256:").is_some_and(is_hash)
}

impl ClientState {
    /// Whether the remembered server, with its authority and cluster, is this one.
    pub fn is_for(&self, server: &str) -> bool {
        self.server.as_deref().is_some_and(|own| normalised(own) == normalised(server))
    }

    /// The session, if it is one with this server.
    pub fn session_with(&self, server: &str) -> Option<&StoredSession> {
        self.session.as_ref().filter(|session| session.server == normalised(server))
    }

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
        if self.session.is_none() {
            keys.remove("session");
        }
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
            ..ClientState::default()
        }
    }

    fn logged_in() -> ClientState {
        ClientState {
            ca_file: None,
            ca_pin: Some(format!("sha256:{}", "0a".repeat(32))),
            session: Some(StoredSession::example("https://mk8s.example.com")),
            ..state()
        }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/config.yaml");
        for state in [state(), ClientState::default(), ClientState { cluster: None, ..state() }, logged_in()] {
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
            ("ca_pin: sha256:0a\n", "ca_pin"),
            ("session:\n  email: a@b\n", "session"),
            ("session:\n  token: x\n", "session.token"),
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

    #[test]
    fn a_client_certificate_has_a_key_and_a_server_a_name() {
        let with = |cert: Option<&str>, key: Option<&str>, name: Option<&str>| {
            let state = ClientState {
                client_cert_file: cert.map(Into::into),
                client_key_file: key.map(Into::into),
                server_name: name.map(Into::into),
                ..logged_in()
            };
            state.validate().map_err(|e| e.to_string())
        };
        assert_eq!(with(Some("/c"), Some("/k"), Some("central.internal")), Ok(()));
        assert_eq!(with(None, None, Some("10.0.0.1")), Ok(()));
        let alone = with(Some("/c"), None, None).unwrap_err();
        assert_eq!(alone, "client_cert_file: client_key_file is missing: set both or neither");
        assert!(with(None, Some("/k"), None).unwrap_err().starts_with("client_key_file: "));
        assert!(with(None, None, Some("no name")).unwrap_err().starts_with("server_name: "));
    }

    #[test]
    fn a_file_and_a_pin_exclude_each_other() {
        let both = ClientState { ca_file: Some("/ca.pem".into()), ..logged_in() };
        assert!(both.validate().unwrap_err().to_string().starts_with("ca_pin: "));
    }

    #[test]
    fn a_session_is_used_for_its_server_only_and_survives_a_change_of_server() {
        let mut state = logged_in();
        for same in ["https://mk8s.example.com", "https://mk8s.example.com/", "HTTPS://MK8S.example.com"] {
            assert!(state.session_with(same).is_some() && state.is_for(same), "{same}");
        }
        for other in ["https://mk8s.example.com:8443", "https://mk8s.example.co", "http://mk8s.example.com", ""] {
            assert!(state.session_with(other).is_none() && !state.is_for(other), "{other}");
        }
        state.server = Some("https://other.example.com".into());
        assert!(state.session_with("https://other.example.com").is_none());
        assert!(state.session_with("https://mk8s.example.com").is_some());
    }

    #[test]
    fn tokens_are_in_the_file_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        logged_in().save(&path).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("s3cret"));
        let loaded = ClientState::load_traced(&path).unwrap();
        let shown = loaded.to_yaml().unwrap();
        assert!(!format!("{loaded:?}").contains("s3cret") && !shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("access_token: \"<redacted>\"") && shown.contains("a@b"), "{shown}");
        // What is shown is a state, so it can be checked like one.
        std::fs::write(&path, shown).unwrap();
        assert_ne!(ClientState::load(&path).unwrap(), logged_in());
    }
}
