//! The role in each cluster: registers with central, keeps tunnels open, and runs kubectl for users.

mod backoff;
mod cluster;
mod exec;
mod kubeconfig;
mod presence;
mod process;
mod sandbox;
mod tunnels;
mod workdir;

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::config::agent::KubectlConfig;
use crate::config::load::Role as _;
use crate::config::secret::read_secret_file;
use crate::config::{AgentConfig, ConfigError};
use crate::model::ErrorCode;
use crate::tls::{ConnectError, Connector, TlsError, Trust};
use crate::tunnel::control::{ControlClient, ControlError};
use crate::tunnel::dial::Load;
use cluster::Cluster;
use exec::Kubectl;
use presence::Presence;
use workdir::WorkDir;

/// Why an agent does not start, or ends.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration was not validated.
    #[error("the URL of central or the token file is missing")]
    Incomplete,
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No credential of a cluster was found.
    #[error("cannot use the credential of the cluster: {0} (`kubeconfig` and `context` choose another)")]
    Credential(String),
    /// kubectl does not run.
    #[error("cannot run kubectl: {0} (`kubectl.path` names the program)")]
    Kubectl(String),
    /// The sandbox is required and cannot be had.
    #[error(
        "the sandbox is required, but {0}: it takes Linux 6.7 (5.13 for files alone) with Landlock and seccomp, and a \
         kubectl that runs in it (`kubectl.sandbox: preferred` does with less)"
    )]
    Sandbox(String),
    /// Directories cannot be made.
    #[error("cannot use the work directory: {0} (`work_dir` names another)")]
    WorkDir(std::io::Error),
    /// Central refuses this agent, and will not change its mind.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl AgentError {
    /// The kind of failure, for the exit code; `None` for one without a kind.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Control(ControlError::Refused(failure)) => Some(failure.code),
            _ => None,
        }
    }

    /// Whether central showed a certificate that is not trusted.
    pub fn is_untrusted(&self) -> bool {
        matches!(self, Self::Control(ControlError::Connect(ConnectError::Untrusted { .. })))
    }
}

/// Runs an agent until `stop`, then lets running commands end for the grace period.
///
/// # Errors
/// When it cannot start, or central refuses it at the first registration. Later failures are retried for ever.
pub async fn run(config: AgentConfig, stop: CancellationToken) -> Result<(), AgentError> {
    config.validate()?;
    let (Some(central), Some(token_file)) = (&config.central, &config.token_file) else {
        return Err(AgentError::Incomplete);
    };
    let url: Uri = central.parse().map_err(|_| AgentError::Incomplete)?;
    let trust = Trust::from_options(config.tls.ca_file.as_deref(), config.tls.ca_pin.as_deref());
    let control = ControlClient {
        connector: Connector::new(&trust)?,
        central: url,
        token: Arc::new(read_secret_file(token_file)?),
    };
    let cluster = Cluster::load(config.kubeconfig.as_deref(), config.context.as_deref()).await?;
    let work_dir = WorkDir::create(config.work_dir.as_deref()).map_err(AgentError::WorkDir)?;
    let commands = TaskTracker::new();
    let KubectlConfig { path, sandbox } = &config.kubectl;
    let kubectl = Kubectl::new(path, *sandbox, cluster.credential(), work_dir.clone(), commands.clone()).await?;
    info!(kubectl = kubectl.version(), sandbox = kubectl.sandbox(), central, "agent is starting");

    let presence = Presence {
        control: control.clone(),
        name: config.cluster.clone(),
        cluster,
        kubectl_version: kubectl.version().to_owned(),
        sandbox: kubectl.sandbox().to_owned(),
        reconnected: Arc::new(Notify::new()),
    };
    let Some(registered) = presence.introduce(&stop).await? else { return Ok(()) };
    info!(cluster = %registered.cluster, "agent is registered");
    let tunnels = tunnels::Tunnels {
        control,
        kubectl: kubectl.clone(),
        reconnected: presence.reconnected.clone(),
        load: Load::default(),
        stop: stop.clone(),
    };
    let slots = tunnels.keep_open(config.tunnel.connections);
    let heartbeats = tokio::spawn(presence.keep(registered.heartbeat_interval));

    stop.cancelled().await;
    let grace = Duration::from_secs(config.shutdown_grace_seconds);
    info!(grace_seconds = grace.as_secs(), "agent is stopping: no new commands, running ones go on");
    heartbeats.abort();
    commands.close();
    if tokio::time::timeout(grace, slots.wait()).await.is_err() {
        warn!("the grace period is over, commands that still run are ended");
    }
    kubectl.end_all();
    commands.wait().await;
    work_dir.remove();
    info!("agent has stopped");
    Ok(())
}
