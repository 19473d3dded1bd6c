//! The configuration of `mk8s serve agent`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::central::validate_grace;
use super::client::{check_client_tls, is_pin};
use super::error::ConfigError;
use super::flags::AgentFlags;
use super::load::{Layers, Loaded, Role, load};
use super::log::LogConfig;
use super::metrics::MetricsConfig;
use super::url;
use crate::model::ClusterName;

/// Everything that an agent can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// The URL of central, such as `https://mk8s.example.com`. Required.
    pub central: Option<String>,
    /// The name of this cluster; central refuses a name that its token does not stand for. Default: what the token says.
    pub cluster: Option<ClusterName>,
    /// The file that holds this agent's token. Required.
    pub token_file: Option<PathBuf>,
    /// How central is recognised, and what is shown to it.
    pub tls: AgentTls,
    /// The kubeconfig of the cluster. Default: the ServiceAccount of the pod, or else the default kubeconfig.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig. Default: its current one.
    pub context: Option<String>,
    /// The kubectl that is run for users.
    pub kubectl: KubectlConfig,
    /// How requests to the cluster are made.
    pub kubernetes: KubernetesConfig,
    /// The connections to central.
    pub tunnel: TunnelConfig,
    /// Where the directories of running commands are made. Default: the system's temporary directory.
    pub work_dir: Option<PathBuf>,
    /// How long running commands may go on after a stop was asked for, in seconds.
    pub shutdown_grace_seconds: u64,
    /// Metrics and probes.
    pub metrics: MetricsConfig,
    /// Logging.
    pub log: LogConfig,
}

/// How central is recognised, by default by the system's certificate authorities, and what is shown to it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentTls {
    /// The certificate authorities to trust, PEM.
    pub ca_file: Option<PathBuf>,
    /// The one authority to trust, as `sha256:` and the hexadecimal SHA-256 of its certificate (DER).
    pub ca_pin: Option<String>,
    /// The certificate that is shown to central, PEM.
    pub client_cert_file: Option<PathBuf>,
    /// Its private key, PEM.
    pub client_key_file: Option<PathBuf>,
    /// The name that must be in central's certificate. Default: the host of its URL.
    pub server_name: Option<String>,
}

/// The kubectl that is run for users.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KubectlConfig {
    /// The program: a path, or a name that is looked up in `PATH`.
    pub path: PathBuf,
    /// Whether its commands are confined, by rules that the kernel enforces.
    pub sandbox: SandboxMode,
}

/// Whether commands are confined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxMode {
    /// The agent does not start where the kernel cannot confine files and network.
    Required,
    /// As far as the kernel can.
    #[default]
    Preferred,
    /// Not at all.
    Off,
}

/// How requests to the cluster are made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KubernetesConfig {
    /// Whether they act as the caller, so that the cluster's own roles and audit apply to it too.
    pub impersonate: bool,
    /// The namespace of the agent, which only roles cover that name it. Default: that of the pod's ServiceAccount.
    pub namespace: Option<String>,
}

/// The connections to central.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TunnelConfig {
    /// How many tunnels there may be, 1 to 16; all but the first only while commands run.
    pub connections: u8,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            central: None,
            cluster: None,
            token_file: None,
            tls: AgentTls::default(),
            kubeconfig: None,
            context: None,
            kubectl: KubectlConfig::default(),
            kubernetes: KubernetesConfig::default(),
            tunnel: TunnelConfig::default(),
            work_dir: None,
            shutdown_grace_seconds: 25,
            metrics: MetricsConfig::default(),
            log: LogConfig::default(),
        }
    }
}

impl Default for KubectlConfig {
    fn default() -> Self {
        Self { path: "kubectl".into(), sandbox: SandboxMode::default() }
    }
}

impl Default for KubernetesConfig {
    fn default() -> Self {
        Self { impersonate: true, namespace: None }
    }
}

impl Default for TunnelConfig {
    fn default() -> Self {
        Self { connections: 2 }
    }
}

impl Role for AgentConfig {
    const PREFIX: &'static str = "MK8S_AGENT_";
    const PATHS: &'static [&'static str] =
        &["token_file", "tls.ca_file", "tls.client_cert_file", "tls.client_key_file", "kubeconfig", "work_dir"];
    const PROGRAMS: &'static [&'static str] = &["kubectl.path"];
    const ALLOWED: &'static [(&'static str, &'static str)] = &[
        ("central", "a URL, such as https://mk8s.example.com"),
        ("log.level", "a level, or a filter such as info,mk8s::tunnel=debug"),
        ("tls.ca_pin", "sha256: and 64 hexadecimal digits"),
        ("kubectl.sandbox", "one of required, preferred, off"),
        ("kubernetes.impersonate", "true or false"),
        ("tunnel.connections", "a whole number from 1 to 16"),
        ("shutdown_grace_seconds", "a whole number of seconds from 0 to 3600"),
        ("metrics.listen", "an IP address with a port, such as 127.0.0.1:9090"),
        ("log.format", "one of text, json"),
    ];

    fn normalise(&mut self) {
        self.central = self.central.take().map(|url| url.trim_end_matches('/').to_owned());
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let Some(central) = &self.central else { return missing("central", "MK8S_AGENT_CENTRAL", "--central") };
        if self.token_file.is_none() {
            return missing("token_file", "MK8S_AGENT_TOKEN_FILE", "--token-file");
        }
        url::parse_confidential(central).map_err(|problem| ConfigError::value("central", problem))?;
        self.tls.validate()?;
        if !(1..=16).contains(&self.tunnel.connections) {
            let problem = format!("{} is not a whole number from 1 to 16", self.tunnel.connections);
            return Err(ConfigError::value("tunnel.connections", problem));
        }
        // Both are DNS labels.
        let is_name = |name: &&str| name.parse::<ClusterName>().is_ok();
        if let Some(namespace) = self.kubernetes.namespace.as_deref().filter(|name| !is_name(name)) {
            let problem = format!("{namespace:?} is not the name of a namespace");
            return Err(ConfigError::value("kubernetes.namespace", problem));
        }
        validate_grace(self.shutdown_grace_seconds)?;
        self.log.validate()
    }
}

impl AgentConfig {
    /// Loads an agent's configuration: defaults, the file (`file`, or else `--config`), the environment, the flags.
    ///
    /// # Errors
    /// The first thing that is wrong; see [`ConfigError`].
    pub fn load(file: Option<&Path>, flags: &AgentFlags) -> Result<Self, ConfigError> {
        Ok(Self::load_traced(file, flags)?.config)
    }

    /// Like [`AgentConfig::load`], and says where each value came from.
    ///
    /// # Errors
    /// The first thing that is wrong; see [`ConfigError`].
    pub fn load_traced(file: Option<&Path>, flags: &AgentFlags) -> Result<Loaded<Self>, ConfigError> {
        let file = file.or(flags.config.as_deref());
        load(Layers { file, vars: std::env::vars_os(), flags: flags.given() })
    }
}

impl AgentTls {
    fn validate(&self) -> Result<(), ConfigError> {
        check_client_tls("tls.", &self.client_cert_file, &self.client_key_file, &self.server_name)?;
        let Some(pin) = &self.ca_pin else { return Ok(()) };
        if self.ca_file.is_some() {
            return Err(ConfigError::value("tls.ca_pin", "tls.ca_file is set too: keep one of the two"));
        }
        match is_pin(pin) {
            true => Ok(()),
            false => Err(ConfigError::value("tls.ca_pin", format!("{pin:?} is not sha256: and 64 hexadecimal digits"))),
        }
    }
}

fn missing(key: &str, variable: &str, flag: &str) -> Result<(), ConfigError> {
    Err(ConfigError::value(key, format!("the key is required: set it in the file, in {variable} or with {flag}")))
}

#[cfg(test)]
mod tests;
