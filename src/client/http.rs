//! Plain requests: one connection each, for a command line makes few.

use std::time::{Duration, Instant};

use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use super::credential::Credential;
use super::error::ClientError;
use crate::model::version::{MIN_CLIENT, VERSION, is_before};
use crate::model::{ErrorCode, Problem};
use crate::tls::connect::is_loopback;
use crate::tls::{Alpn, ClientTls, Connector, Stream, reason};

/// The largest answer that is read.
const MAX_ANSWER: usize = 16 << 20;

/// How long a request may take once there is a connection.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one central.
#[derive(Clone)]
pub struct Client {
    connector: Connector,
    server: Uri,
    credential: Credential,
    outdated: Outdated,
}

/// What is done when central says that it needs a newer client; it is given the oldest version that will do.
pub type Outdated = fn(&str);

/// The answer of `GET /health`.
#[derive(Clone, Debug, Deserialize)]
pub struct Health {
    /// The version of central.
    pub version: String,
    /// Its commit.
    pub commit: String,
    /// When the certificate that it serves ends; absent without one, and from a central that does not tell.
    #[serde(default)]
    pub certificate_not_after: Option<Timestamp>,
}

/// A request without a body.
pub(super) const NOTHING: Option<&()> = None;

impl Client {
    /// A client for the central at a URL, recognised as `tls` says, that shows no credential.
    ///
    /// # Errors
    /// When the URL has no host or another scheme than `https` and `http`, or the certificates cannot be read.
    pub fn new(server: &str, tls: impl Into<ClientTls>) -> Result<Self, ClientError> {
        let wrong = || ClientError::Url(server.to_owned());
        let uri: Uri = server.parse().map_err(|_| wrong())?;
        let plain = uri.path_and_query().is_none_or(|p| p.as_str() == "/");
        if uri.host().is_none() || !matches!(uri.scheme_str(), Some("https" | "http")) || !plain {
            return Err(wrong());
        }
        Ok(Self { connector: Connector::new(tls)?, server: uri, credential: Credential::None, outdated: |_| {} })
    }

    /// The same client, which shows a credential with every request.
    pub fn with_credential(self, credential: Credential) -> Self {
        Self { credential, ..self }
    }

    /// The same client, which does this when central needs a newer one.
    pub fn when_outdated(self, outdated: Outdated) -> Self {
        Self { outdated, ..self }
    }

    /// Looks whether an answer says that central needs a newer client.
    pub(super) fn check_age(&self, headers: &HeaderMap) {
        let oldest = headers.get(MIN_CLIENT).and_then(|value| value.to_str().ok());
        if let Some(oldest) = oldest.filter(|oldest| is_before(VERSION, oldest)) {
            (self.outdated)(oldest);
        }
    }

    /// What is shown with every request.
    pub fn credential(&self) -> Credential {
        self.credential.clone()
    }

    /// Whether central is there, and which build it is.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.call(Method::GET, "/health", NOTHING).await
    }

    /// How connections to central are made, and its URL.
    pub(super) fn connector(&self) -> (&Connector, &Uri) {
        (&self.connector, &self.server)
    }

    pub(super) async fn connect(&self) -> Result<Stream, ClientError> {
        Ok(self.connector.connect(&self.server, Alpn::Http1).await?)
    }

    pub(super) fn host(&self) -> &str {
        self.server.authority().map(http::uri::Authority::as_str).unwrap_or_default()
    }

    /// The value of `Authorization`, if the way to the server keeps it secret.
    pub(super) fn authorization(&self) -> Result<Option<HeaderValue>, ClientError> {
        let header = self.credential.header()?;
        if header.is_some() {
            self.check_confidential()?;
        }
        Ok(header)
    }

    fn check_confidential(&self) -> Result<(), ClientError> {
        if self.server.scheme_str() == Some("https") || is_loopback(&self.server) {
            return Ok(());
        }
        Err(ClientError::Unencrypted(self.server.to_string()))
    }

    /// A request that is answered with a value.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        value(&self.send(method, path, body).await?)
    }

    /// A request that is answered with success and nothing else.
    pub(super) async fn tell(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(), ClientError> {
        self.send(method, path, body).await.map(drop)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> Result<Bytes, ClientError> {
        let since = Instant::now();
        let request = self.request(method.clone(), path, body)?;
        let stream = self.connect().await?;
        let (head, answer) = in_time(exchange(stream, request)).await?;
        self.check_age(&head.headers);
        let request_id = head.headers.get("x-request-id").and_then(|id| id.to_str().ok());
        let millis = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        debug!(%method, path, status = head.status.as_u16(), millis, request_id, "central has answered");
        if head.status.is_success() { Ok(answer) } else { Err(self.refusal(head.status, &answer)) }
    }

    /// A request that is answered with lines, each given to `take` as it comes, until it returns false.
    pub(super) async fn lines(
        &self,
        path: &str,
        mut take: impl FnMut(&[u8]) -> Result<bool, ClientError>,
    ) -> Result<(), ClientError> {
        let mut request = self.request(Method::GET, path, NOTHING)?;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/x-ndjson"));
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(self.connect().await?)).await;
        let (mut sender, connection) = handshake.map_err(|e| protocol(&e))?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let answer = in_time(async { sender.send_request(request).await.map_err(|e| unanswered(&e)) }).await?;
        if !answer.status().is_success() {
            let (head, body) = in_time(read(answer)).await?;
            return Err(self.refusal(head.status, &body));
        }
        let mut body = answer.into_body();
        let mut rest = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|e| protocol(&e))?.into_data() else { continue };
            rest.extend_from_slice(&data);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                if !take(line.trim_ascii())? {
                    return Ok(());
                }
            }
            if rest.len() > MAX_ANSWER {
                return Err(ClientError::Protocol("a line of the answer has no end".into()));
            }
        }
        Ok(())
    }

    /// A request, with what is shown to central.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.host())
            .header(header::USER_AGENT, format!("mk8s/{VERSION}"))
            .header(header::ACCEPT, "application/json");
        if let Some(value) = self.authorization()? {
            request = request.header(header::AUTHORIZATION, value);
        }
        let mut bytes = Bytes::new();
        if let Some(body) = body {
            self.check_confidential()?;
            let json = serde_json::to_vec(body).map_err(|e| protocol(&e))?;
            bytes = Bytes::from_owner(Zeroizing::new(json));
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(bytes)).map_err(|e| protocol(&e))
    }

    /// A refusal from its body, or from its status when something other than central answered.
    pub(super) fn refusal(&self, status: StatusCode, body: &[u8]) -> ClientError {
        match serde_json::from_slice::<Problem>(body).map(Box::new) {
            Ok(problem)
                if problem.code == ErrorCode::Unauthenticated && matches!(self.credential, Credential::ApiToken(_)) =>
            {
                ClientError::ApiToken(problem)
            }
            Ok(problem) => ClientError::Problem(problem),
            Err(_) => {
                let scheme = if self.server.scheme_str() == Some("http") { ", https:// included" } else { "" };
                ClientError::Protocol(format!("HTTP {status}; is this the URL of a central{scheme}?"))
            }
        }
    }
}

/// The value of an answer.
pub(super) fn value<T: DeserializeOwned>(answer: &[u8]) -> Result<T, ClientError> {
    // serde's own words would repeat a part of the answer, which may be a token.
    serde_json::from_slice(answer).map_err(|e| {
        let (line, column) = (e.line(), e.column());
        ClientError::Protocol(format!(
            "not the JSON that was expected (line {line}, column {column}); is this the URL of a central?"
        ))
    })
}

/// An answer, unless central lets wait too long for it.
pub(super) async fn in_time<T>(answer: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    tokio::time::timeout(TIMEOUT, answer).await.unwrap_or(Err(ClientError::Timeout(TIMEOUT.as_secs())))
}

/// One request on a connection of its own.
pub(super) async fn exchange(stream: Stream, request: Request<Full<Bytes>>) -> Result<(Parts, Bytes), ClientError> {
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|e| protocol(&e))?;
    let connection = tokio::spawn(connection);
    let answer = async { read(sender.send_request(request).await.map_err(|e| unanswered(&e))?).await }.await;
    connection.abort();
    answer
}

async fn read(response: Response<Incoming>) -> Result<(Parts, Bytes), ClientError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await;
    Ok((head, body.map_err(|e| ClientError::Protocol(e.to_string()))?.to_bytes()))
}

/// A server that answers with something other than HTTP is none of ours, or is asked without TLS.
fn unanswered(error: &hyper::Error) -> ClientError {
    match error.is_parse() {
        true => ClientError::Protocol(format!("{error}; is this the URL of a central, https:// included?")),
        false => protocol(error),
    }
}

fn protocol(error: &(dyn std::error::Error + 'static)) -> ClientError {
    ClientError::Protocol(reason::of_broken(error))
}

#[cfg(test)]
mod tests;
