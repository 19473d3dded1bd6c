//! The Kubernetes API of one cluster through central, for kube's client library and for all that lasts.
//!
//! Connections are made as everywhere in the client: the same trust, the same proxies. The credential is asked for
//! anew for each request, so that what runs for hours still gets in after its first access token has ended.

mod dialer;
mod refusal;
mod upgrade;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use http::header::{AUTHORIZATION, HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::Body;
use tower::{BoxError, service_fn};

use super::credential::Credential;
use super::error::ClientError;
use super::http::Client;
use crate::model::{ClusterName, ErrorCode};
use crate::tls::{ConnectError, reason};
use dialer::Dialer;
pub(super) use refusal::{check, warning_text};
pub(super) use upgrade::{Duplex, Socket};

/// The name of this client.
const USER: &str = concat!("mk8s/", env!("CARGO_PKG_VERSION"));

/// Gives what is to be shown with a request, renewed when it has to be.
pub type Credentials = Arc<dyn Fn() -> BoxFuture<'static, Result<Credential, ClientError>> + Send + Sync>;

/// The way to one cluster. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    client: Client,
    credentials: Credentials,
    pool: legacy::Client<Dialer, UnsyncBoxBody<Bytes, BoxError>>,
    /// What stands before every path.
    prefix: String,
}

impl Gateway {
    /// The way to a cluster by a central. `client` itself shows nothing.
    pub fn new(client: Client, cluster: &ClusterName, credentials: Credentials) -> Self {
        let dialer = Dialer::new(&client);
        let pool = legacy::Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(dialer);
        Self { client, credentials, pool, prefix: format!("/clusters/{cluster}/k8s") }
    }

    /// The way to a cluster that shows what a client shows, for as long as that is good.
    pub fn of(client: &Client, cluster: &ClusterName) -> Self {
        let credential = client.credential();
        Self::new(client.clone(), cluster, Arc::new(move || ready(Ok(credential.clone())).boxed()))
    }

    /// Sends a request, whose target is that of the API server. The answer may be a refusal; its body streams.
    ///
    /// # Errors
    /// When there is no answer, or nothing that could be shown.
    pub async fn send<B>(&self, request: Request<B>) -> Result<Response<Incoming>, ClientError>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let credential = (self.credentials)().await?;
        let shown = self.client.clone().with_credential(credential).authorization()?;
        *request.uri_mut() = self.uri(request.uri())?;
        let headers = request.headers_mut();
        headers.remove(HOST);
        headers.remove(AUTHORIZATION);
        if let Some(shown) = shown {
            headers.insert(AUTHORIZATION, shown);
        }
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(USER));
        self.pool.request(request).await.map_err(|error| unanswered(&error))
    }

    /// The same; a refusal is an error.
    pub(super) async fn ask(&self, request: Request<Body>) -> Result<Response<Incoming>, ClientError> {
        match check(self.send(request).await?).await {
            Err(ClientError::Problem(problem))
                if problem.code == ErrorCode::Unauthenticated
                    && matches!((self.credentials)().await, Ok(Credential::ApiToken(_))) =>
            {
                Err(ClientError::ApiToken(problem))
            }
            answer => answer,
        }
    }

    /// kube's client for this cluster.
    pub fn kube(&self) -> kube::Client {
        let gateway = self.clone();
        let service = service_fn(move |request| {
            let gateway = gateway.clone();
            async move { gateway.ask(request).await }
        });
        kube::Client::new(service, "default")
    }

    /// The origin of central's own pages.
    pub(super) fn origin(&self) -> String {
        let (_, server) = self.client.connector();
        format!("{}://{}", server.scheme_str().unwrap_or("https"), self.client.host())
    }

    /// Where a target of the API server is at central.
    fn uri(&self, target: &Uri) -> Result<Uri, ClientError> {
        let path = target.path_and_query().map_or("/", PathAndQuery::as_str);
        let (_, server) = self.client.connector();
        let mut parts = server.clone().into_parts();
        let whole = format!("{}{path}", self.prefix).parse();
        parts.path_and_query = Some(whole.map_err(|e: http::uri::InvalidUri| ClientError::Protocol(e.to_string()))?);
        Uri::from_parts(parts).map_err(|e| ClientError::Protocol(e.to_string()))
    }
}

/// Why kube's client got nothing: mostly an error of ours.
pub(super) fn of_kube(error: kube::Error) -> ClientError {
    match error {
        kube::Error::Service(error) => match error.downcast::<ClientError>() {
            Ok(error) => *error,
            Err(error) => ClientError::Protocol(error.to_string()),
        },
        error => ClientError::Protocol(reason::of_broken(&error)),
    }
}

/// No answer: because there is no connection, which is said as everywhere, or because it broke.
fn unanswered(error: &legacy::Error) -> ClientError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(found) = cause {
        if let Some(error) = found.downcast_ref::<ConnectError>() {
            return ClientError::Connect(error.clone());
        }
        cause = found.source();
    }
    ClientError::Protocol(reason::of_broken(error))
}
