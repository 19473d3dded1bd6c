//! The gate: what kubectl sees as its API server. Each request that a command makes is decided here.
//!
//! A server on the loopback interface, with TLS, because kubectl shows its token to no other. The command line of a
//! command never authorises anything; its requests do, with the rights of the caller of this one command.

mod answer;
mod connection;
mod report;
mod review;
mod session;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::HeaderValue;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::AgentError;
use super::discovery::Signals;
use super::metrics::AgentMetrics;
use super::relay::Upstream;
use crate::access::{Policy, RandomError, TokenHash, generate_gate_token};
use crate::kubernetes::headers::{Identity, InvalidIdentity};
use crate::model::{ClusterRules, RequestId, RoleRules, Rule, Token};
use crate::tls::{ephemeral, server};
use crate::tunnel::exec::ExecEvent;
use session::{Session, Sessions};

/// How requests are decided and relayed.
pub struct GateOptions {
    /// The API server.
    pub upstream: Upstream,
    /// Whether requests act as the caller, or as the agent.
    pub impersonate: bool,
    /// The namespace of the agent itself, which only rules cover that name it.
    pub closed_namespace: Option<String>,
    /// Learns of requests that say something about the discovery cache.
    pub signals: Arc<Signals>,
    /// Where requests are counted.
    pub metrics: Arc<AgentMetrics>,
}

/// The gate. Cheap to clone.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    options: GateOptions,
    address: SocketAddr,
    authority: String,
    tls: Arc<ServerConfig>,
    sessions: Sessions,
    stop: CancellationToken,
}

/// Whose command it is.
pub struct Caller<'a> {
    /// The request that the command came with.
    pub request: &'a RequestId,
    /// The name.
    pub name: &'a str,
    /// The groups.
    pub groups: &'a [String],
    /// Whether the command has a discovery cache.
    pub has_cache: bool,
}

/// Why a command gets no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The caller cannot be impersonated.
    #[error(transparent)]
    Identity(#[from] InvalidIdentity),
    /// No token can be made.
    #[error("the system gives no randomness")]
    Random(#[from] RandomError),
}

impl Gate {
    /// Listens on a free port, which stays the same for the life of the agent: kubectl's caches go by it.
    ///
    /// # Errors
    /// When nothing can be listened on, or no certificate can be made.
    pub async fn start(options: GateOptions) -> Result<Self, AgentError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(AgentError::Gate)?;
        let address = listener.local_addr().map_err(AgentError::Gate)?;
        let (identity, authority) = ephemeral::identity("mk8s gate", &[Ipv4Addr::LOCALHOST.to_string()])?;
        let tls = server::server_config(identity)?;
        let stop = CancellationToken::new();
        let inner = Inner { options, address, authority, tls, sessions: Sessions::default(), stop };
        let gate = Self(Arc::new(inner));
        tokio::spawn(connection::accept(gate.0.clone(), listener));
        Ok(gate)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The authority that vouches for it, PEM.
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// Stops listening and closes all connections.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// A session for a command of this caller, whose requests are told to `calls`.
    ///
    /// # Errors
    /// When the caller cannot be impersonated.
    pub fn open(
        &self,
        caller: Caller<'_>,
        rules: ClusterRules,
        calls: mpsc::Sender<ExecEvent>,
    ) -> Result<Open, SessionError> {
        let identity = match self.0.options.impersonate {
            true => Some(Identity::new(caller.name, caller.groups)?),
            false => None,
        };
        let mut session = Session::new(caller.name.to_owned(), identity, self.policy(rules), Some(calls));
        session.has_cache = caller.has_cache;
        session.groups = caller.groups.to_vec();
        session.audit_id = HeaderValue::from_str(caller.request.as_str()).ok();
        self.register(session)
    }

    /// A session for a command of the agent itself, which may ask for what everyone may ask for: what resources there
    /// are.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn open_for_discovery(&self) -> Result<Open, SessionError> {
        self.register(Session::new("mk8s agent".into(), None, self.policy(discovery_rules()), None))
    }

    fn policy(&self, rules: ClusterRules) -> Policy {
        Policy::compile(rules, self.0.options.closed_namespace.as_deref())
    }

    fn register(&self, session: Session) -> Result<Open, SessionError> {
        let (token, session) = (generate_gate_token()?, Arc::new(session));
        let hash = TokenHash::of(token.expose());
        self.0.sessions.insert(hash.clone(), session.clone());
        Ok(Open { gate: self.clone(), token, hash, session })
    }
}

/// Rules that allow nothing but what is open to whoever may do anything, and the version.
fn discovery_rules() -> ClusterRules {
    let rule = Rule { namespaces: vec!["*".into()], resources: vec!["/version".into()], verbs: vec!["get".into()] };
    let role = "discovery".parse().map(|role| RoleRules { role, permissions: vec![rule], deny: Vec::new() });
    ClusterRules { roles: role.into_iter().collect() }
}

/// The session of a running command. Its token is worth nothing once this is dropped.
pub struct Open {
    gate: Gate,
    token: Token,
    hash: TokenHash,
    session: Arc<Session>,
}

impl Open {
    /// What the command shows.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The rights of the caller have changed.
    pub fn replace(&self, rules: ClusterRules) {
        self.session.replace(self.gate.policy(rules));
    }

    /// Waits until changed rights end the command, and says why.
    pub async fn lost_rights(&self) -> String {
        self.session.ended.cancelled().await;
        self.why().unwrap_or_default().to_owned()
    }

    /// Why changed rights have ended the command, if they have.
    pub fn why(&self) -> Option<&str> {
        self.session.why()
    }

    /// Ends its requests, and waits until all of them have been told of.
    pub async fn finish(&self) {
        self.gate.0.sessions.remove(&self.hash);
        self.session.ended.cancel();
        self.session.unreported.close();
        self.session.unreported.wait().await;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.gate.0.sessions.remove(&self.hash);
        self.session.ended.cancel();
    }
}

#[cfg(test)]
mod tests;
