//! What central does for agents: registration, heartbeats, and the tunnels that they dial.

use std::sync::Arc;
use std::time::Duration;

use http::header;
use hyper::upgrade::OnUpgrade;
use tracing::{info, warn};

use super::directory::Entry;
use super::state::Central;
use crate::model::{ClusterFacts, ClusterId, ErrorCode, Failure};
use crate::tunnel::UPGRADE_PROTOCOL;
use crate::tunnel::accept::accept;
use crate::tunnel::control::{ControlPlane, Registered, Registration, negotiate};

/// How often an agent says that it is there.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);

/// Central as agents see it.
#[derive(Clone)]
pub struct Agents(pub Arc<Central>);

impl Agents {
    /// The cluster that a token stands for: the only thing that decides which cluster is speaking.
    fn authenticate(&self, token: &str) -> Result<&Entry, Failure> {
        self.0.directory.by_token(token).ok_or_else(|| {
            Failure::new(ErrorCode::Unauthenticated, "the agent token is not valid: check the token file of the agent")
        })
    }

    /// Checks the request for a tunnel; the cluster that it is for.
    pub fn admit(&self, headers: &http::HeaderMap) -> Result<ClusterId, Failure> {
        let named = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let token = named(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let entry = self.authenticate(token.unwrap_or_default())?;
        if !named(header::UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case(UPGRADE_PROTOCOL)) {
            let detail = format!("this path is for agents: it wants Upgrade: {UPGRADE_PROTOCOL}, over HTTP/1.1");
            return Err(Failure::new(ErrorCode::InvalidRequest, detail));
        }
        Ok(entry.id)
    }

    /// Opens the tunnel once the upgrade is through, and keeps it in the registry for as long as it lives.
    pub async fn serve_tunnel(self, cluster: ClusterId, upgrade: OnUpgrade) {
        let Some(entry) = self.0.directory.by_id(cluster) else { return };
        let name = &entry.name;
        let opened = match upgrade.await {
            Ok(io) => accept(io).await,
            Err(error) => Err(error.into()),
        };
        let (tunnel, connection) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                warn!(cluster = %name, %error, "a tunnel was not opened");
                return;
            }
        };
        let serial = tunnel.serial;
        entry.hear(|_| {});
        let tunnels = self.0.registry.insert(cluster, tunnel);
        info!(cluster = %name, serial, tunnels, "tunnel open");
        let ended = connection.await;
        let tunnels = self.0.registry.remove(cluster, serial);
        entry.hear(|_| {});
        match ended {
            Ok(()) => info!(cluster = %name, serial, tunnels, "tunnel closed"),
            Err(error) => info!(cluster = %name, serial, tunnels, %error, "tunnel lost"),
        }
    }
}

impl ControlPlane for Agents {
    fn register(&self, token: &str, registration: Registration) -> Result<Registered, Failure> {
        let entry = self.authenticate(token)?;
        if let Some(claimed) = registration.cluster.filter(|claimed| *claimed != entry.name.as_str()) {
            let detail = format!(
                "the token is for another cluster than {claimed:?}: correct `cluster` or the token file of the agent"
            );
            return Err(Failure::new(ErrorCode::Forbidden, detail));
        }
        let protocol_version = negotiate(registration.protocol)?;
        info!(cluster = %entry.name, agent_version = registration.agent_version, "agent registered");
        entry.hear(|heard| {
            heard.agent_version = Some(registration.agent_version);
            heard.facts = registration.facts;
        });
        Ok(Registered {
            cluster_id: entry.id,
            cluster: entry.name.clone(),
            protocol_version,
            heartbeat_interval: HEARTBEAT_INTERVAL,
        })
    }

    fn heartbeat(&self, token: &str, facts: ClusterFacts) -> Result<(), Failure> {
        self.authenticate(token)?.hear(|heard| heard.facts = facts);
        Ok(())
    }
}
