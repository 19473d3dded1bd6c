//! The configuration of `mk8s serve central`.

mod listeners;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::audit::AuditConfig;
use super::auth::AuthConfig;
use super::cidr::Cidr;
use super::database::{DatabaseConfig, DatabaseUrl};
use super::error::ConfigError;
use super::flags::CentralFlags;
use super::load::{Layers, Loaded, Role, load};
use super::log::LogConfig;
use super::metrics::MetricsConfig;
use super::paths;
use crate::model::{ClusterName, Email};
pub use listeners::{AgentsConfig, CentralTls, TlsMode};

/// Everything that central can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CentralConfig {
    /// The address of the listener for users, and for agents unless they have one of their own.
    pub listen: SocketAddr,
    /// The URL by which users and agents reach central; its host is in the certificate. Default: `https://localhost:<port>`.
    pub public_url: Option<String>,
    /// The directory for certificates and, by default, keys and the database.
    pub data_dir: PathBuf,
    /// Encryption of the listeners.
    pub tls: CentralTls,
    /// The proxies in front of central; what they say of their clients' addresses is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// What is special to agents.
    pub agents: AgentsConfig,
    /// Whether the web console is served, to users.
    pub console: bool,
    /// The database.
    pub database: DatabaseConfig,
    /// Logins of users.
    pub auth: AuthConfig,
    /// The audit log.
    pub audit: AuditConfig,
    /// Metrics and probes.
    pub metrics: MetricsConfig,
    /// What exists from the first start on.
    pub bootstrap: Bootstrap,
    /// How long running requests may go on after a stop was asked for, in seconds.
    pub shutdown_grace_seconds: u64,
    /// Logging.
    pub log: LogConfig,
}

/// What exists from the first start on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    /// The address of the first admin.
    pub admin_email: Email,
    /// The file that holds the password of the first admin. Default: one that is made up and shown once.
    pub admin_password_file: Option<PathBuf>,
    /// Clusters and the tokens of their agents.
    pub clusters: Vec<BootstrapCluster>,
}

/// A cluster that is declared in the configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapCluster {
    /// Its name.
    pub name: ClusterName,
    /// The file that holds the token of its agents.
    pub token_file: PathBuf,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { admin_email: Email::first_admin(), admin_password_file: None, clusters: Vec::new() }
    }
}

impl Default for CentralConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8443)),
            public_url: None,
            data_dir: paths::data_dir("central"),
            tls: CentralTls::default(),
            trusted_proxies: Vec::new(),
            agents: AgentsConfig::default(),
            console: true,
            database: DatabaseConfig::default(),
            auth: AuthConfig::default(),
            audit: AuditConfig::default(),
            metrics: MetricsConfig::default(),
            bootstrap: Bootstrap::default(),
            shutdown_grace_seconds: 25,
            log: LogConfig::default(),
        }
    }
}

impl Role for CentralConfig {
    const PREFIX: &'static str = "MK8S_CENTRAL_";
    const PATHS: &'static [&'static str] = &[
        "data_dir",
        "tls.cert_file",
        "tls.key_file",
        "tls.client_ca",
        "database.url_file",
        "audit.export_file",
        "auth.signing_key_file",
        "auth.accepted_key_files.*",
        "bootstrap.admin_password_file",
        "bootstrap.clusters.*.token_file",
    ];
    const ALLOWED: &'static [(&'static str, &'static str)] = &[
        ("listen", "an IP address with a port, such as 127.0.0.1:8443"),
        ("public_url", "a URL, such as https://mk8s.example.com"),
        ("tls.mode", "one of auto, files, off"),
        ("tls.terminated_by_proxy", "true or false"),
        ("trusted_proxies", "a list of networks, such as [10.0.0.0/8]"),
        ("agents.listen", "an IP address with a port, such as 127.0.0.1:8444"),
        ("agents.public_url", "a URL, such as https://mk8s.example.com:8444"),
        ("agents.require_client_certificate", "true or false"),
        ("console", "true or false"),
        ("database.connections", "a whole number from 1 to 64"),
        ("auth.accepted_key_files", "a list of paths"),
        ("auth.access_token_seconds", "a whole number of seconds from 60 to 3600"),
        ("auth.session_days", "a whole number of days from 1 to 365"),
        ("audit.reads", "one of batch, strict"),
        ("audit.retention_days", "a whole number of days from 0 to 36500"),
        ("metrics.listen", "an IP address with a port, such as 127.0.0.1:9090"),
        ("bootstrap.admin_email", "an email address, such as admin@example.com"),
        ("shutdown_grace_seconds", "a whole number of seconds from 0 to 3600"),
        ("log.level", "a level, or a filter such as info,mk8s::tunnel=debug"),
        ("log.format", "one of text, json"),
        ("bootstrap.clusters", "a list of clusters with the keys name and token_file"),
    ];

    fn normalise(&mut self) {
        for url in [&mut self.public_url, &mut self.agents.public_url] {
            *url = url.take().map(|url| url.trim_end_matches('/').to_owned());
        }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        self.validate_listeners()?;
        self.validate_public_url()?;
        self.database.validate()?;
        self.auth.validate()?;
        self.audit.validate()?;
        if let Some(url) = &self.database.url {
            self.validate_signing_key(url)?;
        }
        let mut names = BTreeSet::new();
        for (i, cluster) in self.bootstrap.clusters.iter().enumerate() {
            if !names.insert(&cluster.name) {
                let problem = format!("\"{}\" is declared twice: give every cluster one entry", cluster.name);
                return Err(ConfigError::value(format!("bootstrap.clusters[{i}].name"), problem));
            }
        }
        validate_grace(self.shutdown_grace_seconds)?;
        self.log.validate()
    }
}

impl CentralConfig {
    /// Loads central's configuration: defaults, the file (`file`, or else `--config`), the environment, the flags.
    ///
    /// # Errors
    /// The first thing that is wrong; see [`ConfigError`].
    pub fn load(file: Option<&Path>, flags: &CentralFlags) -> Result<Self, ConfigError> {
        Ok(Self::load_traced(file, flags)?.config)
    }

    /// Like [`CentralConfig::load`], and says where each value came from.
    ///
    /// # Errors
    /// The first thing that is wrong; see [`ConfigError`].
    pub fn load_traced(file: Option<&Path>, flags: &CentralFlags) -> Result<Loaded<Self>, ConfigError> {
        let file = file.or(flags.config.as_deref());
        load(Layers { file, vars: std::env::vars_os(), flags: flags.given() })
    }

    /// The URL of the database that takes effect: `sqlite://` and a path that is to be taken as it is, or
    /// `postgres://`.
    ///
    /// # Errors
    /// `database.url_file` cannot be read, holds no such URL, or does not go with the rest.
    pub fn database_url(&self) -> Result<SecretString, ConfigError> {
        let url = self.database.resolve(&self.data_dir)?;
        self.validate_signing_key(&url)?;
        Ok(url.into_secret())
    }

    /// The file of the key that signs access tokens; unless `auth.signing_key_file` names it, it is made at the first
    /// start.
    pub fn signing_key_file(&self) -> PathBuf {
        self.auth.signing_key_file.clone().unwrap_or_else(|| self.data_dir.join("keys/signing.pem"))
    }

    fn validate_signing_key(&self, url: &DatabaseUrl) -> Result<(), ConfigError> {
        if !url.is_postgres() || self.auth.signing_key_file.is_some() {
            return Ok(());
        }
        let problem = "the key is required with PostgreSQL, since all replicas must sign with the same key: name the file \
                       of an RSA key, such as `openssl genrsa 2048` makes";
        Err(ConfigError::value("auth.signing_key_file", problem))
    }
}

/// Checks the grace period, which is the same for both servers.
pub(super) fn validate_grace(seconds: u64) -> Result<(), ConfigError> {
    if seconds <= 3600 {
        return Ok(());
    }
    let problem = format!("{seconds} is not a whole number of seconds from 0 to 3600");
    Err(ConfigError::value("shutdown_grace_seconds", problem))
}

#[cfg(test)]
mod tests;
