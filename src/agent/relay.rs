//! The way to the one API server of this agent, with the agent's credential.
//!
//! Ordinary requests share HTTP/1.1 connections, one request on each at a time: a watch that is read slowly then holds
//! its own connection and no other request. A request that changes the protocol gets a connection of its own.

mod dialer;
mod upgrade;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::Config;
use kube::client::ConfigExt as _;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, ServiceExt as _, service_fn};

use super::body::Filtered;
use crate::kubernetes::headers::{self, Identity, Impersonating, Upgrade};
use crate::kubernetes::reviews::InvalidAnswer;
use crate::kubernetes::target::Target;
use dialer::Dialer;

/// How long a connection waits for the next request; API servers wait 90 s.
const POOL_IDLE: Duration = Duration::from_secs(60);

/// How long making a connection may take, with TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// After how much silence a connection is probed, and how often: a server that is gone is found within a minute.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// The credential headers are made by the layers of kube, which know tokens that are renewed.
type Credential = BoxCloneSyncService<Request<Empty<Bytes>>, Response<()>, BoxError>;

/// An API server, and the right to use it. Cheap to clone.
#[derive(Clone)]
pub struct Upstream {
    client: Client<Dialer, Filtered>,
    dialer: Dialer,
    credential: Credential,
    /// Scheme and authority, such as `https://10.0.0.1:6443`.
    origin: String,
    /// What stands in front of every path; mostly nothing.
    prefix: String,
}

/// A request that is allowed, ready to go out.
pub struct Outgoing {
    /// Its method.
    pub method: Method,
    /// Its target, whose bytes go out as they came.
    pub target: Target,
    /// Its headers, without those that do not cross.
    pub headers: HeaderMap,
    /// Whom it acts as; `None` for the agent itself.
    pub identity: Option<Identity>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The credential could not be renewed.
    #[error("the agent's credential could not be renewed: {0}")]
    Credential(BoxError),
    /// The target does not go into a request.
    #[error("the request target cannot be sent: {0}")]
    Target(http::Error),
    /// The API server could not be reached, or the connection broke.
    #[error("the API server did not answer: {0}")]
    Unanswered(String),
    /// It changed the protocol without having been asked to, or to another one.
    #[error("the API server changed the protocol to another than it was asked for")]
    Protocol,
    /// It answered a review of the caller's rights in another form than it was asked for.
    #[error(transparent)]
    Review(#[from] InvalidAnswer),
}

impl Upstream {
    /// The API server of a configuration. Blocks when the credential comes from a program.
    ///
    /// # Errors
    /// When certificates or credentials cannot be used.
    pub fn new(config: &Config) -> kube::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(3));
        let dialer = Dialer::new(config.rustls_https_connector_with_connector(tcp)?, CONNECT_TIMEOUT);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .build(dialer.clone());

        let echo = service_fn(|mut request: Request<Empty<Bytes>>| async move {
            let mut response = Response::new(());
            std::mem::swap(response.headers_mut(), request.headers_mut());
            Ok::<_, BoxError>(response)
        });
        let echo = config.extra_headers_layer()?.layer(echo);
        let credential = match config.auth_layer()? {
            Some(auth) => Credential::new(auth.layer(echo)),
            None => Credential::new(echo),
        };
        let url = &config.cluster_url;
        let scheme = url.scheme_str().unwrap_or("https");
        let authority = url.authority().map_or("", |authority| authority.as_str());
        let prefix = url.path().trim_end_matches('/').to_owned();
        Ok(Self { client, dialer, credential, origin: format!("{scheme}://{authority}"), prefix })
    }

    /// Sends a request and returns the answer when its head is there. Both bodies stream.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, request: Outgoing, body: Filtered) -> Result<Response<Incoming>, RelayError> {
        let request = self.prepare(request, None, body).await?;
        let mut response = self.client.request(request).await.map_err(|e| RelayError::Unanswered(chain(&e)))?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(RelayError::Protocol);
        }
        headers::response(response.headers_mut(), &self.origin);
        Ok(response)
    }

    /// The request as it goes out: the headers that identify somebody come last.
    async fn prepare<B>(&self, request: Outgoing, upgrade: Option<Upgrade>, body: B) -> Result<Request<B>, RelayError> {
        let Outgoing { method, target, mut headers, identity } = request;
        let credential = self.credential.clone().oneshot(Request::new(Empty::new())).await;
        for (name, value) in credential.map_err(RelayError::Credential)?.headers() {
            headers.append(name, value.clone());
        }
        if let Some(upgrade) = upgrade {
            upgrade.add_to(&mut headers);
        }
        if let Some(identity) = &identity {
            identity.add_to(&mut headers);
        }
        let uri = Uri::try_from(format!("{}{}{}", self.origin, self.prefix, target.as_str()));
        let mut out = Request::new(body);
        *out.method_mut() = method;
        *out.uri_mut() = uri.map_err(|e| RelayError::Target(e.into()))?;
        *out.headers_mut() = headers;
        Ok(out)
    }
}

/// An error with its causes: hyper's own text says little without them.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl Outgoing {
    /// Takes over what may cross.
    ///
    /// # Errors
    /// When the client impersonates.
    pub fn new(
        method: Method,
        target: Target,
        from: &HeaderMap,
        identity: Option<Identity>,
    ) -> Result<Self, Impersonating> {
        Ok(Self { method, target, headers: headers::request(from)?, identity })
    }
}
