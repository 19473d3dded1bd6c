//! What an agent counts, and what it tells a monitoring system.

mod page;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::StatusCode;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use super::AgentError;
use crate::kubernetes::question::Question;
use crate::kubernetes::request_info::RequestInfo;
use crate::metrics::{Calls, Code, TlsSource, Verb, Via, serve};
use crate::model::ExecEnd;
use crate::tls::{IdentityFiles, ephemeral, server};
use crate::tunnel::dial::Load;

/// How a command ended, as labels.
const ENDS: [&str; 3] = ["exited", "signalled", "failed"];

/// What an agent counts.
pub struct AgentMetrics {
    /// How many streams run in its tunnels.
    pub load: Load,
    calls: Calls,
    denied: AtomicU64,
    tunnels: AtomicUsize,
    tunnels_opened: AtomicU64,
    tunnel_failures: AtomicU64,
    running: AtomicI64,
    ended: [AtomicU64; ENDS.len()],
    sandbox: OnceLock<String>,
    client_certificate: Option<IdentityFiles>,
    stop: CancellationToken,
}

impl AgentMetrics {
    /// Nothing is counted yet. The agent is ready until `stop`; what it shows to central is in the files.
    pub fn new(stop: CancellationToken, client_certificate: Option<IdentityFiles>) -> Self {
        Self {
            load: Load::default(),
            calls: Calls::default(),
            denied: AtomicU64::new(0),
            tunnels: AtomicUsize::new(0),
            tunnels_opened: AtomicU64::new(0),
            tunnel_failures: AtomicU64::new(0),
            running: AtomicI64::new(0),
            ended: Default::default(),
            sandbox: OnceLock::new(),
            client_certificate,
            stop,
        }
    }

    /// What confines commands, in words that begin with the level.
    pub fn know_sandbox(&self, state: &str) {
        self.sandbox.get_or_init(|| state.split(' ').next().unwrap_or_default().to_owned());
    }

    /// A request was refused by the policy in the gate.
    pub fn deny(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    /// A tunnel could not be opened, or was lost.
    pub fn tunnel_failed(&self) {
        self.tunnel_failures.fetch_add(1, Ordering::Relaxed);
    }
}

/// A tunnel that takes requests, for as long as this lives.
pub struct OpenTunnel(Arc<AgentMetrics>);

impl OpenTunnel {
    /// It is open.
    pub fn new(metrics: &Arc<AgentMetrics>) -> Self {
        metrics.tunnels.fetch_add(1, Ordering::Relaxed);
        metrics.tunnels_opened.fetch_add(1, Ordering::Relaxed);
        Self(metrics.clone())
    }
}

impl Drop for OpenTunnel {
    fn drop(&mut self) {
        self.0.tunnels.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A command that runs, for as long as this lives.
pub struct RunningCommand(Arc<AgentMetrics>);

impl RunningCommand {
    /// It begins.
    pub fn new(metrics: &Arc<AgentMetrics>) -> Self {
        metrics.running.fetch_add(1, Ordering::Relaxed);
        Self(metrics.clone())
    }

    /// It is over.
    pub fn ended(self, end: &ExecEnd) {
        let index = match end {
            ExecEnd::Code(_) => 0,
            ExecEnd::Signal(_) => 1,
            ExecEnd::Error(_) => 2,
        };
        self.0.ended[index].fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request to the API server, which is counted when this is dropped.
pub struct Call {
    metrics: Arc<AgentMetrics>,
    via: Via,
    verb: Verb,
    since: Instant,
    status: Option<u16>,
}

impl Call {
    /// A request that has just come.
    pub fn new(metrics: Arc<AgentMetrics>, via: Via) -> Self {
        Self { metrics, via, verb: Verb::Other, since: Instant::now(), status: None }
    }

    /// What it asks for.
    pub fn asks(&mut self, question: &Question) {
        self.verb = match &question.info {
            RequestInfo::Resource(info) => Verb::of(&info.verb, Some(&info.subresource)),
            RequestInfo::Path { verb, .. } => Verb::of(verb, None),
        };
    }

    /// The head of its answer is there.
    pub fn answered(mut self, status: StatusCode) {
        self.status = Some(status.as_u16());
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = self.status.map_or(Code::NONE, Code::of);
        self.metrics.calls.count(self.via, self.verb, code, self.status.map(|_| self.since.elapsed()));
    }
}

/// Serves what is counted, with a certificate that lives as long as the agent, until this is dropped.
///
/// # Errors
/// When the address cannot be listened on, or no certificate can be made.
pub async fn open(address: SocketAddr, metrics: Arc<AgentMetrics>) -> Result<AbortOnDropHandle<()>, AgentError> {
    let failed = |source| AgentError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let mut names = vec!["localhost".to_owned()];
    if !bound.ip().is_unspecified() {
        names.push(bound.ip().to_string());
    }
    let (identity, _) = ephemeral::identity("mk8s agent metrics", &names)?;
    let config = server::server_config(identity)?;
    let tls: TlsSource = Box::new(move || config.clone());
    info!(address = %bound, "listening for metrics");
    Ok(AbortOnDropHandle::new(tokio::spawn(serve(listener, Some(tls), metrics))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Arc<AgentMetrics> {
        Arc::new(AgentMetrics::new(CancellationToken::new(), None))
    }

    #[test]
    fn an_agent_is_ready_while_it_has_a_tunnel_and_does_not_stop() {
        use crate::metrics::Measured as _;
        let metrics = metrics();
        assert_eq!(metrics.not_ready().as_deref(), Some("there is no tunnel to central"));
        let tunnel = OpenTunnel::new(&metrics);
        assert_eq!(metrics.not_ready(), None);
        metrics.stop.cancel();
        assert_eq!(metrics.not_ready().as_deref(), Some("the agent is stopping"));
        drop(tunnel);
        assert_eq!(metrics.tunnels.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_request_without_an_answer_is_counted_too() {
        let metrics = metrics();
        drop(Call::new(metrics.clone(), Via::Gateway));
        Call::new(metrics.clone(), Via::Command).answered(StatusCode::OK);
        let found: Vec<_> = metrics.calls.counts().map(|(via, _, code, count)| (via, code.as_str(), count)).collect();
        assert_eq!(found, [(Via::Gateway, "none", 1), (Via::Command, "200", 1)]);
    }
}
