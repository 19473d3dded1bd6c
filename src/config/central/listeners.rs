//! Central's listeners: their encryption, who speaks to which, and what may stand in front of them.

use std::net::SocketAddr;
use std::path::PathBuf;

use http::uri::Scheme;
use serde::{Deserialize, Serialize};

use super::CentralConfig;
use crate::config::error::ConfigError;
use crate::config::url;

/// How the listeners are encrypted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CentralTls {
    /// Where the certificate comes from.
    pub mode: TlsMode,
    /// `files` only: the certificate and those that signed it, PEM.
    pub cert_file: Option<PathBuf>,
    /// `files` only: the private key, PEM.
    pub key_file: Option<PathBuf>,
    /// The authorities whose client certificates are accepted, PEM. Default: none is asked for.
    pub client_ca: Option<PathBuf>,
    /// `off` only: whether a proxy in front of central, one of `trusted_proxies`, speaks TLS in its place.
    pub terminated_by_proxy: bool,
}

/// Where central's certificate comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// A development authority in `data_dir/tls`, made at the first start.
    #[default]
    Auto,
    /// `cert_file` and `key_file`.
    Files,
    /// No encryption; on a loopback address, or behind a proxy.
    Off,
}

/// What is special to agents.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentsConfig {
    /// The address of a listener of their own. Default: they speak to `listen`, as users do.
    pub listen: Option<SocketAddr>,
    /// The URL by which they reach it. Default: the host of `public_url`, with its port.
    pub public_url: Option<String>,
    /// Whether an agent must show a client certificate for its cluster, besides its token.
    pub require_client_certificate: bool,
}

const FILES_ONLY: &str = "the key is for tls.mode files only: set tls.mode to files, or leave the key out";
const OFF_ONLY: &str = "the key is for tls.mode off only: set tls.mode to off, or leave the key out";

impl CentralConfig {
    pub(super) fn validate_listeners(&self) -> Result<(), ConfigError> {
        self.validate_plain_text()?;
        let CentralTls { mode, cert_file, key_file, .. } = &self.tls;
        match (mode, cert_file, key_file) {
            (TlsMode::Files, None, _) => Err(ConfigError::value("tls.cert_file", "tls.mode is files: name the file")),
            (TlsMode::Files, _, None) => Err(ConfigError::value("tls.key_file", "tls.mode is files: name the file")),
            (TlsMode::Auto | TlsMode::Off, Some(_), _) => Err(ConfigError::value("tls.cert_file", FILES_ONLY)),
            (TlsMode::Auto | TlsMode::Off, _, Some(_)) => Err(ConfigError::value("tls.key_file", FILES_ONLY)),
            _ => Ok(()),
        }?;
        self.validate_client_certificates()?;
        self.validate_agents()?;
        self.validate_metrics()
    }

    /// Passwords and tokens leave a machine encrypted only.
    fn validate_plain_text(&self) -> Result<(), ConfigError> {
        if let Some(everyone) = self.trusted_proxies.iter().find(|network| network.is_everything()) {
            let problem = format!("{everyone} is everyone, who could then claim any address: name the proxies alone");
            return Err(ConfigError::value("trusted_proxies", problem));
        }
        if self.tls.mode != TlsMode::Off {
            return match self.tls.terminated_by_proxy {
                true => Err(ConfigError::value("tls.terminated_by_proxy", OFF_ONLY)),
                false => Ok(()),
            };
        }
        if self.tls.terminated_by_proxy && self.trusted_proxies.is_empty() {
            let problem = "tls.terminated_by_proxy needs the networks of the proxies: list them, such as [10.0.0.0/8]";
            return Err(ConfigError::value("trusted_proxies", problem));
        }
        let listeners = [
            ("listen", Some(self.listen)),
            ("agents.listen", self.agents.listen),
            ("metrics.listen", self.metrics.listen),
        ];
        let open = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
        match listeners.into_iter().find_map(|(key, address)| Some((key, address.filter(open)?))) {
            Some((key, address)) if !self.tls.terminated_by_proxy => Err(ConfigError::value(
                "tls.mode",
                format!(
                    "off is for loopback addresses only, and {key} is {address}: use auto or files, or, where a proxy in \
                     front of central speaks TLS, set tls.terminated_by_proxy and trusted_proxies"
                ),
            )),
            _ => Ok(()),
        }
    }

    fn validate_client_certificates(&self) -> Result<(), ConfigError> {
        match (&self.tls.client_ca, self.tls.mode) {
            (Some(_), TlsMode::Off) => Err(ConfigError::value(
                "tls.client_ca",
                "client certificates need TLS that ends at central: use tls.mode auto or files, or leave the key out",
            )),
            (None, _) if self.agents.require_client_certificate => Err(ConfigError::value(
                "agents.require_client_certificate",
                "true needs tls.client_ca, the file of the authorities that sign for agents",
            )),
            _ => Ok(()),
        }
    }

    fn validate_agents(&self) -> Result<(), ConfigError> {
        let AgentsConfig { listen, public_url, .. } = &self.agents;
        if let Some(text) = public_url {
            if listen.is_none() {
                let problem =
                    "agents speak to listen, whose URL is public_url: set agents.listen, or leave the key out";
                return Err(ConfigError::value("agents.public_url", problem));
            }
            self.validate_url("agents.public_url", text)?;
        }
        match listen {
            Some(address) if *address == self.listen && address.port() != 0 => Err(ConfigError::value(
                "agents.listen",
                "the address is that of listen: give another one, or leave the key out for one listener",
            )),
            _ => Ok(()),
        }
    }

    /// Metrics need no token, so that they have a listener of their own, which stays inside.
    fn validate_metrics(&self) -> Result<(), ConfigError> {
        let Some(address) = self.metrics.listen.filter(|address| address.port() != 0) else { return Ok(()) };
        let others = [("listen", Some(self.listen)), ("agents.listen", self.agents.listen)];
        match others.into_iter().find(|(_, other)| *other == Some(address)) {
            Some((key, _)) => Err(ConfigError::value(
                "metrics.listen",
                format!("the address is that of {key}: give another one, or leave the key out for no metrics"),
            )),
            None => Ok(()),
        }
    }

    pub(super) fn validate_public_url(&self) -> Result<(), ConfigError> {
        self.public_url.as_deref().map_or(Ok(()), |text| self.validate_url("public_url", text))
    }

    fn validate_url(&self, key: &str, text: &str) -> Result<(), ConfigError> {
        let uri = url::parse(text).map_err(|problem| ConfigError::value(key, problem))?;
        // Without encryption of its own, central may still be reached by https: through a proxy.
        if uri.scheme() == Some(&Scheme::HTTP) && self.tls.mode != TlsMode::Off {
            let problem = format!("{text:?} does not go with tls.mode: use https://, or set tls.mode to off");
            return Err(ConfigError::value(key, problem));
        }
        Ok(())
    }
}
