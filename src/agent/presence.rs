//! Tells central that this agent is there: once in full, again after every reconnection, and with heartbeats.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::AgentError;
use super::backoff::Backoff;
use super::cluster::Cluster;
use super::discovery::Discovery;
use crate::model::{ClusterFacts, ClusterName};
use crate::tls::ConnectError;
use crate::tunnel::control::{ControlClient, ControlError, Registered, Registration};

/// What is told, and to whom.
pub struct Presence {
    /// Central.
    pub control: ControlClient,
    /// The name in the configuration.
    pub name: Option<ClusterName>,
    /// The cluster.
    pub cluster: Cluster,
    /// The version of its kubectl.
    pub kubectl_version: String,
    /// What confines its commands.
    pub sandbox: String,
    /// Learns of another version of the API server.
    pub discovery: Discovery,
    /// Rung when a tunnel was opened again: central may be another process than before.
    pub reconnected: Arc<Notify>,
}

impl Presence {
    /// Registers, as often as it takes; `None` when stopped before.
    ///
    /// # Errors
    /// When central refuses this agent, or shows a certificate that is not trusted: waiting would not help.
    pub async fn introduce(&self, stop: &CancellationToken) -> Result<Option<Registered>, AgentError> {
        let mut backoff = Backoff::default();
        loop {
            let error = tokio::select! {
                () = stop.cancelled() => return Ok(None),
                answer = self.register() => match answer {
                    Ok(registered) => return Ok(Some(registered)),
                    Err(error) => error,
                },
            };
            if is_final(&error) {
                return Err(error.into());
            }
            let wait = backoff.next();
            warn!(%error, retry_millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), "not registered");
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Heartbeats, and a registration after each reconnection, for ever.
    pub async fn keep(self, every: Duration) {
        loop {
            let reconnected = tokio::select! {
                () = tokio::time::sleep(every) => false,
                () = self.reconnected.notified() => true,
            };
            let told = if reconnected {
                self.register().await.map(drop)
            } else {
                self.control.heartbeat(self.facts().await).await
            };
            if let Err(error) = told {
                warn!(%error, "central was not told that this agent is there");
            }
        }
    }

    async fn register(&self) -> Result<Registered, ControlError> {
        self.control.register(Registration::of_this_build(self.name.as_ref(), self.facts().await)).await
    }

    async fn facts(&self) -> ClusterFacts {
        let facts = self.cluster.facts().await;
        self.discovery.observe(facts.kubernetes_version.as_deref());
        ClusterFacts {
            kubectl_version: Some(self.kubectl_version.clone()),
            sandbox: Some(self.sandbox.clone()),
            ..facts
        }
    }
}

fn is_final(error: &ControlError) -> bool {
    matches!(
        error,
        ControlError::Refused(_) | ControlError::Connect(ConnectError::Untrusted { .. } | ConnectError::Url(_))
    )
}
