//! Plain requests: one connection each, for a command line makes one.

use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ClientError;
use crate::model::version::VERSION;
use crate::model::{Cluster, ClusterList, ClusterName, Problem};
use crate::tls::{Alpn, Connector, Stream, Trust};

/// The largest answer that is read.
const MAX_ANSWER: usize = 16 << 20;

/// A client of one central.
#[derive(Clone)]
pub struct Client {
    connector: Connector,
    server: Uri,
}

/// The answer of `GET /health`.
#[derive(Clone, Debug, Deserialize)]
pub struct Health {
    /// The version of central.
    pub version: String,
    /// Its commit.
    pub commit: String,
}

impl Client {
    /// A client for the central at a URL, recognised by `trust`.
    ///
    /// # Errors
    /// When the URL has no host or another scheme than `https` and `http`, or the certificates cannot be read.
    pub fn new(server: &str, trust: &Trust) -> Result<Self, ClientError> {
        let wrong = || ClientError::Url(server.to_owned());
        let uri: Uri = server.parse().map_err(|_| wrong())?;
        let plain = uri.path_and_query().is_none_or(|p| p.as_str() == "/");
        if uri.host().is_none() || !matches!(uri.scheme_str(), Some("https" | "http")) || !plain {
            return Err(wrong());
        }
        Ok(Self { connector: Connector::new(trust)?, server: uri })
    }

    /// Whether central is there, and which build it is.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all that follow.
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.get("/health").await
    }

    /// All clusters that the caller may see.
    #[allow(clippy::missing_errors_doc)]
    pub async fn clusters(&self) -> Result<Vec<Cluster>, ClientError> {
        self.get("/clusters").await.map(|list: ClusterList| list.clusters)
    }

    /// One cluster.
    #[allow(clippy::missing_errors_doc)]
    pub async fn cluster(&self, name: &ClusterName) -> Result<Cluster, ClientError> {
        self.get(&format!("/clusters/{name}")).await
    }

    pub(super) async fn connect(&self) -> Result<Stream, ClientError> {
        Ok(self.connector.connect(&self.server, Alpn::Http1).await?)
    }

    pub(super) fn host(&self) -> &str {
        self.server.authority().map(http::uri::Authority::as_str).unwrap_or_default()
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let protocol = |e: &dyn std::fmt::Display| ClientError::Protocol(e.to_string());
        let io = TokioIo::new(self.connect().await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(|e| protocol(&e))?;
        let connection = tokio::spawn(connection);
        let request = Request::get(path)
            .header(header::HOST, self.host())
            .header(header::USER_AGENT, format!("mk8s/{VERSION}"))
            .header(header::ACCEPT, "application/json")
            .body(Empty::<Bytes>::new())
            .map_err(|e| protocol(&e))?;
        let response = sender.send_request(request).await.map_err(|e| protocol(&e))?;
        let answer = read(response).await;
        connection.abort();
        answer
    }
}

async fn read<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, ClientError> {
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(|e| ClientError::Protocol(e.to_string()))?.to_bytes();
    if status != StatusCode::OK {
        return Err(refusal(status, &body));
    }
    serde_json::from_slice(&body).map_err(|e| ClientError::Protocol(format!("{e}; is this the URL of a central?")))
}

/// A refusal from its body, or from its status when something other than central answered.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> ClientError {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) => ClientError::Protocol(format!("HTTP {status}; is this the URL of a central?")),
    }
}
