//! What central does for agents: registration, heartbeats, and the tunnels that they dial.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::header;
use hyper::upgrade::OnUpgrade;
use jiff::Timestamp;
use tracing::{info, warn};

use super::callers::TOUCH_EVERY;
use super::client_certificate::ClientCertificate;
use super::state::Central;
use crate::access::TokenHash;
use crate::model::{ClusterFacts, ErrorCode, Failure};
use crate::store::agent_tokens::{self, AgentIdentity};
use crate::tunnel::UPGRADE_PROTOCOL;
use crate::tunnel::accept::accept;
use crate::tunnel::control::{ControlPlane, Registered, Registration, negotiate};

/// How often an agent says that it is there.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);

/// How often the token of an open tunnel is checked without a change: it may have expired.
const RECHECK: Duration = Duration::from_secs(60);

/// Central as the agent on one connection sees it.
#[derive(Clone)]
pub struct Agents {
    /// Central.
    pub central: Arc<Central>,
    /// What the agent has shown in the handshake.
    pub certificate: ClientCertificate,
}

/// An agent whose token was accepted.
pub struct Admitted {
    identity: AgentIdentity,
    shown: TokenHash,
}

impl Agents {
    /// The cluster that a token stands for: the only thing that decides which cluster is speaking. The certificate of
    /// the connection must be for the same.
    async fn authenticate(&self, token: &str) -> Result<Admitted, Failure> {
        self.certificate.check_presence(self.central.agents_need_certificates)?;
        let shown = TokenHash::of(token);
        let identity = self.look_up(&shown).await?.ok_or_else(|| {
            Failure::new(ErrorCode::Unauthenticated, "the agent token is not valid: check the token file of the agent")
        })?;
        self.certificate.check_cluster(&identity.name)?;
        Ok(Admitted { identity, shown })
    }

    async fn look_up(&self, shown: &TokenHash) -> Result<Option<AgentIdentity>, Failure> {
        let (hash, now) = (shown.clone(), Timestamp::now());
        let found = self.central.store.read(move |c| agent_tokens::by_hash(c, &hash, now)).await?;
        if let Some(AgentIdentity { token, last_used_at, .. }) = found
            && last_used_at.is_none_or(|then| now.duration_since(then) > TOUCH_EVERY)
        {
            let store = self.central.store.clone();
            tokio::spawn(async move {
                if let Err(error) = store.write(move |c| agent_tokens::touch(c, token, now)).await {
                    warn!(%token, %error, "the last use of an agent token was not written down");
                }
            });
        }
        Ok(found)
    }

    /// Checks the request for a tunnel.
    pub async fn admit(&self, headers: &http::HeaderMap) -> Result<Admitted, Failure> {
        let named = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let token = named(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let admitted = self.authenticate(token.unwrap_or_default()).await?;
        if !named(header::UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case(UPGRADE_PROTOCOL)) {
            let detail = format!("this path is for agents: it wants Upgrade: {UPGRADE_PROTOCOL}, over HTTP/1.1");
            return Err(Failure::new(ErrorCode::InvalidRequest, detail));
        }
        Ok(admitted)
    }

    /// Opens the tunnel once the upgrade is through, and keeps it in the registry for as long as it lives and its token
    /// is valid.
    pub async fn serve_tunnel(self, admitted: Admitted, upgrade: OnUpgrade) {
        let (cluster, name) = (admitted.identity.cluster, &admitted.identity.name);
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
        self.central.directory.hear(cluster, |_| {});
        let tunnels = self.central.registry.insert(cluster, tunnel);
        let counted = self.central.metrics.cluster(Some(name.as_str()));
        counted.tunnels_opened.fetch_add(1, Ordering::Relaxed);
        info!(cluster = %name, serial, tunnels, "tunnel open");
        let ended = tokio::select! {
            ended = connection => Some(ended),
            () = self.until_revoked(&admitted) => None,
        };
        let tunnels = self.central.registry.remove(cluster, serial);
        match ended {
            Some(Ok(())) => info!(cluster = %name, serial, tunnels, "tunnel closed"),
            Some(Err(error)) => info!(cluster = %name, serial, tunnels, %error, "tunnel lost"),
            None => {
                info!(cluster = %name, serial, tunnels, "tunnel closed: its token is not valid any more");
                return;
            }
        }
        self.central.directory.hear(cluster, |_| {});
    }

    /// Waits until the token of a tunnel is revoked, expires, or its cluster is deleted. While the database does not
    /// answer, what runs goes on.
    async fn until_revoked(&self, admitted: &Admitted) {
        let mut changes = self.central.changes.subscribe();
        // It may have been revoked while the tunnel was opened.
        while !matches!(self.look_up(&admitted.shown).await, Ok(None)) {
            let left = admitted.identity.expires_at.map_or(RECHECK, |end| {
                Duration::try_from(end.duration_since(Timestamp::now())).unwrap_or_default().min(RECHECK)
            });
            // The sender lives as long as central.
            let _ = tokio::time::timeout(left.max(Duration::from_millis(100)), changes.changed()).await;
        }
    }
}

impl ControlPlane for Agents {
    async fn register(&self, token: &str, registration: Registration) -> Result<Registered, Failure> {
        let AgentIdentity { cluster, name, .. } = self.authenticate(token).await?.identity;
        if let Some(claimed) = registration.cluster.filter(|claimed| *claimed != name.as_str()) {
            let detail = format!(
                "the token is for another cluster than {claimed:?}: correct `cluster` or the token file of the agent"
            );
            return Err(Failure::new(ErrorCode::Forbidden, detail));
        }
        let protocol_version = negotiate(registration.protocol)?;
        info!(cluster = %name, agent_version = registration.agent_version, "agent registered");
        self.central.directory.hear(cluster, |heard| {
            heard.agent_version = Some(registration.agent_version);
            heard.facts = registration.facts;
        });
        Ok(Registered { cluster_id: cluster, cluster: name, protocol_version, heartbeat_interval: HEARTBEAT_INTERVAL })
    }

    async fn heartbeat(&self, token: &str, facts: ClusterFacts) -> Result<(), Failure> {
        let cluster = self.authenticate(token).await?.identity.cluster;
        self.central.directory.hear(cluster, |heard| heard.facts = facts);
        Ok(())
    }
}
