//! The role in each cluster: registers with central, keeps tunnels open, and runs kubectl for users.

mod backoff;
mod body;
mod cluster;
mod discovery;
mod exec;
mod files;
mod forward;
mod gate;
mod input;
mod kubeconfig;
mod metrics;
mod output;
mod presence;
mod process;
mod relay;
mod sandbox;
mod terminal;
mod tunnels;
mod workdir;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::config::agent::AgentTls;
use crate::config::load::Role as _;
use crate::config::secret::read_secret_file;
use crate::config::{AgentConfig, ConfigError};
use crate::model::ErrorCode;
use crate::tls::{ClientTls, ConnectError, Connector, IdentityFiles, TlsError, Trust};
use crate::tunnel::control::{ControlClient, ControlError};
use cluster::Cluster;
use discovery::{Discovery, Signals};
use exec::{Kubectl, Launcher};
use forward::Forwarder;
use gate::{Gate, GateOptions};
use metrics::AgentMetrics;
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
    /// The address for metrics cannot be listened on.
    #[error("cannot listen on {address}: {source} (`metrics.listen` sets another address)")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The gate cannot listen.
    #[error("cannot listen on 127.0.0.1 for the requests of commands: {0}")]
    Gate(std::io::Error),
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
    let control = ControlClient {
        connector: Connector::new(client_tls(&config.tls))?,
        central: url,
        token: Arc::new(read_secret_file(token_file)?),
    };
    let metrics = Arc::new(AgentMetrics::new(stop.clone(), client_identity(&config.tls)));
    // From here on, so that it can be seen what the agent waits for.
    let _watched = match config.metrics.listen {
        Some(address) => Some(metrics::open(address, metrics.clone()).await?),
        None => None,
    };
    let cluster = Cluster::load(config.kubeconfig.as_deref(), config.context.as_deref()).await?;
    let work_dir = WorkDir::create(config.work_dir.as_deref()).map_err(AgentError::WorkDir)?;
    let gate = open_gate(&config, &cluster, &metrics).await?;
    let namespace = cluster.default_namespace().to_owned();
    let launcher = Launcher::new(&config.kubectl, namespace, gate.gate.clone(), work_dir.clone()).await?;
    let commands = TaskTracker::new();
    let kubectl = Kubectl::new(launcher.clone(), gate.discovery.clone(), commands.clone(), metrics.clone());
    metrics.know_sandbox(kubectl.sandbox());
    info!(kubectl = kubectl.version(), sandbox = kubectl.sandbox(), central, "agent is starting");

    let presence = Presence {
        control: control.clone(),
        name: config.cluster.clone(),
        cluster,
        kubectl_version: kubectl.version().to_owned(),
        sandbox: kubectl.sandbox().to_owned(),
        discovery: gate.discovery.clone(),
        reconnected: Arc::new(Notify::new()),
    };
    let (registered, ()) = tokio::join!(presence.introduce(&stop), gate.discovery.fill_first(&launcher));
    let Some(registered) = registered? else { return Ok(()) };
    info!(cluster = %registered.cluster, "agent is registered");
    let caching = tokio::spawn(gate.discovery.keep(launcher));
    let tunnels = tunnels::Tunnels {
        control,
        kubectl: kubectl.clone(),
        forwarder: gate.forwarder.clone(),
        reconnected: presence.reconnected.clone(),
        load: metrics.load.clone(),
        metrics,
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
    gate.forwarder.end_all();
    commands.wait().await;
    caching.abort();
    gate.gate.stop();
    work_dir.remove();
    info!("agent has stopped");
    Ok(())
}

fn client_tls(config: &AgentTls) -> ClientTls {
    ClientTls {
        trust: Trust::from_options(config.ca_file.as_deref(), config.ca_pin.as_deref()),
        identity: client_identity(config),
        server_name: config.server_name.clone(),
    }
}

/// What is shown to central, if anything is.
fn client_identity(config: &AgentTls) -> Option<IdentityFiles> {
    IdentityFiles::from_options(config.client_cert_file.as_deref(), config.client_key_file.as_deref())
}

/// The gate and its like for the requests that central forwards, and the cache that both keep up to date.
struct OpenGate {
    gate: Gate,
    forwarder: Forwarder,
    discovery: Discovery,
}

async fn open_gate(
    config: &AgentConfig,
    cluster: &Cluster,
    metrics: &Arc<AgentMetrics>,
) -> Result<OpenGate, AgentError> {
    let kubernetes = &config.kubernetes;
    if kubernetes.impersonate && cluster.impersonates() {
        let why =
            "it acts as another user itself, so that it cannot act as the callers: `kubernetes.impersonate: false`";
        return Err(AgentError::Credential(why.into()));
    }
    let signals = Arc::new(Signals::default());
    let upstream = cluster.upstream().await?;
    let closed = kubernetes.namespace.clone().or_else(|| cluster.own_namespace().map(ToOwned::to_owned));
    let forwarder =
        Forwarder::new(upstream.clone(), kubernetes.impersonate, closed.clone(), signals.clone(), metrics.clone());
    let gate = Gate::start(GateOptions {
        upstream,
        impersonate: kubernetes.impersonate,
        closed_namespace: closed,
        signals: signals.clone(),
        metrics: metrics.clone(),
    });
    Ok(OpenGate { gate: gate.await?, forwarder, discovery: Discovery::new(signals) })
}
