//! What every request can see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Uri;
use jiff::Timestamp;
use tokio_util::task::TaskTracker;

use super::audit::Audit;
use super::callers::Callers;
use super::changes::Changes;
use super::directory::Directory;
use super::metrics::Metrics;
use super::policies::Policies;
use super::registry::Registry;
use super::running::Running;
use super::sessions::Lifetimes;
use crate::access::{Hasher, KeyRing, Shares};
use crate::model::{ClusterId, ErrorCode, Failure, UserId};
use crate::store::{Conn, Store, settings};
use crate::tls::ServerTls;

/// How many commands a user may run in a cluster at once; each is a process at the agent, which bears some four times as
/// many.
pub const MAX_COMMANDS: usize = 64;

/// The state of a running central.
pub struct Central {
    /// The database.
    pub(super) store: Store,
    /// Tells when rights change.
    pub(super) changes: Changes,
    /// The callers of late.
    pub(super) callers: Callers,
    /// What they may do.
    pub(super) policies: Policies,
    /// Signs and verifies access tokens.
    pub(super) keys: KeyRing,
    /// Hashes passwords, not many at once.
    pub(super) hasher: Hasher,
    /// How long what a login gives is valid.
    pub(super) lifetimes: Lifetimes,
    /// The clusters.
    pub(super) directory: Directory,
    /// The tunnels that are open.
    pub(super) registry: Registry,
    /// The commands that outlive their HTTP request, because they run over a WebSocket.
    pub(super) commands: TaskTracker,
    /// How many commands each user runs in each cluster.
    pub(super) shares: Shares<(UserId, ClusterId)>,
    /// The requests to clusters that run.
    pub(super) running: Running,
    /// What is asked for, and how it ends.
    pub(super) audit: Audit,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
    /// Whether it was told to stop.
    pub(super) stopping: AtomicBool,
    /// How central is reached.
    pub(super) address: Address,
    /// The encryption of its listeners; `None` without.
    pub(super) tls: Option<ServerTls>,
    /// Whether it serves the web console.
    pub(super) console: bool,
    /// Whether an agent must show a client certificate.
    pub(super) agents_need_certificates: bool,
}

/// How central is reached.
pub struct Address {
    /// The URL for agents.
    pub agents_url: String,
    /// The pin of its development authority.
    pub ca_pin: Option<String>,
    /// The authority of the URL for users, the only one that a browser's request may come from.
    pub authority: Option<String>,
}

impl Address {
    /// The address with the URLs for users and agents.
    pub fn new(url: &str, agents_url: String, ca_pin: Option<String>) -> Self {
        Self { agents_url, ca_pin, authority: authority(url) }
    }
}

/// The authority of a URL as browsers write it in `Origin`: in lower case, and without the port that the scheme implies.
fn authority(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let authority = url.authority()?.as_str().to_ascii_lowercase();
    let implied = if url.scheme_str() == Some("http") { ":80" } else { ":443" };
    Some(authority.strip_suffix(implied).unwrap_or(&authority).to_owned())
}

impl Central {
    /// When the certificate that is served ends; `None` without one.
    pub fn certificate_not_after(&self) -> Option<Timestamp> {
        self.tls.as_ref().map(ServerTls::not_after)
    }

    /// Whether requests can be served.
    ///
    /// # Errors
    /// When they cannot, with the reason.
    pub fn readiness(&self) -> Result<(), Failure> {
        let unavailable = |why: &str| Err(Failure::new(ErrorCode::Unavailable, why));
        match self.stopping.load(Ordering::Relaxed) {
            true => unavailable("central is stopping"),
            false if !self.changes.database_answers() => unavailable("the database does not answer"),
            false => Ok(()),
        }
    }

    /// Changes who may do what: raises the policy version in the same transaction, which all centrals notice. Changes
    /// wait for each other, so that each sees what the one before it did.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Conn) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (value, version) = self
            .store
            .write(move |c| {
                let version = settings::bump_policy_version(c)?;
                Ok::<_, Failure>((change(c)?, version))
            })
            .await?;
        self.changes.saw(version);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_what_browsers_send() {
        for (url, expected) in [
            ("https://mk8s.example.com", "mk8s.example.com"),
            ("https://MK8s.example.com:443", "mk8s.example.com"),
            ("https://mk8s.example.com:80", "mk8s.example.com:80"),
            ("http://localhost:80", "localhost"),
            ("https://[::1]:8443", "[::1]:8443"),
        ] {
            assert_eq!(authority(url).as_deref(), Some(expected));
        }
    }
}
