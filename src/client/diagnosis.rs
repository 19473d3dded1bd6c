//! What `mk8s doctor` asks: each question shows one thing that other commands take for granted, and changes nothing.

use std::time::Duration;

use http::header::{CONNECTION, DATE, ORIGIN, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::request::Builder;
use http::{HeaderMap, Method, Request, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use kube::client::Body;
use serde::Deserialize;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;

use super::error::ClientError;
use super::gateway::{Gateway, check};
use super::http::{Client, Health, NOTHING, exchange, in_time, value};
use super::path::segment;
use crate::kubernetes::headers::{UPGRADE_ASKED, Upgrade};

/// What central said of itself, and when.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// What it is.
    pub health: Health,
    /// Its time, in whole seconds, if it told any.
    pub date: Option<Timestamp>,
    /// When it was asked, by this machine's clock.
    pub asked_at: Timestamp,
    /// How long the answer took.
    pub took: Duration,
}

/// How far the question for another protocol came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// The API server agreed.
    Agreed,
    /// Central saw it, and the API server answered.
    Answered,
    /// What came to central was an ordinary request.
    Stripped,
}

/// The API server's own version.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerVersion {
    git_version: String,
}

impl Client {
    /// Asks central how it is, and what time.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn greeting(&self) -> Result<Greeting, ClientError> {
        let request = self.request(Method::GET, "/health", NOTHING)?;
        let stream = self.connect().await?;
        let (asked_at, since) = (Timestamp::now(), Instant::now());
        let (head, body) = in_time(exchange(stream, request)).await?;
        let took = since.elapsed();
        if !head.status.is_success() {
            return Err(self.refusal(head.status, &body));
        }
        let date = text(&head.headers, DATE.as_str()).and_then(|text| DateTimeParser::new().parse_timestamp(text).ok());
        Ok(Greeting { health: value(&body)?, date, asked_at, took })
    }
}

impl Gateway {
    /// The version of the API server, and how long the answer took.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn version(&self) -> Result<(String, Duration), ClientError> {
        let request = Request::get("/version").body(Body::empty());
        let since = Instant::now();
        let answer = self.ask(request.map_err(|e| ClientError::Protocol(e.to_string()))?).await?;
        let body = http_body_util::Limited::new(answer.into_body(), 1 << 20);
        let body = http_body_util::BodyExt::collect(body).await.map_err(|e| ClientError::Protocol(e.to_string()))?;
        let version: ServerVersion = value(&body.to_bytes())?;
        Ok((version.git_version, since.elapsed()))
    }

    /// Asks for a watch of no pod over a WebSocket, to which an API server agrees.
    ///
    /// # Errors
    /// See [`ClientError`]; the caller may have no right to watch pods in the namespace.
    pub async fn web_socket_to_api_server(&self, namespace: &str, nobody: &str) -> Result<Passage, ClientError> {
        let namespace = segment(namespace);
        let query = format!("watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3D{}", segment(nobody));
        let target = format!("/api/v1/namespaces/{namespace}/pods?{query}");
        // For a watch an API server wants to be told of a page; central, that the page is none of another site.
        let request = Request::get(target).header(ORIGIN, self.origin());
        self.upgrade_to(Upgrade::WebSocket, request).await
    }

    /// Asks for an exec in a pod that does not exist. Nothing runs: an API server looks for the pod before all else.
    ///
    /// # Errors
    /// See [`ClientError`]; the caller may have no right to `exec` in the namespace.
    pub async fn exec_in_nobody(&self, to: Upgrade, namespace: &str, nobody: &str) -> Result<Passage, ClientError> {
        let target =
            format!("/api/v1/namespaces/{}/pods/{}/exec?command=true&stdout=true", segment(namespace), segment(nobody));
        let request = match to {
            Upgrade::WebSocket => Request::get(target).header(SEC_WEBSOCKET_PROTOCOL, "v5.channel.k8s.io"),
            Upgrade::Spdy => Request::post(target).header("x-stream-protocol-version", "v4.channel.k8s.io"),
        };
        self.upgrade_to(to, request).await
    }

    async fn upgrade_to(&self, to: Upgrade, request: Builder) -> Result<Passage, ClientError> {
        let request = request.header(CONNECTION, "Upgrade").header(UPGRADE, to.as_str());
        let request = match to {
            Upgrade::WebSocket => {
                request.header("sec-websocket-version", "13").header("sec-websocket-key", generate_key())
            }
            Upgrade::Spdy => request,
        };
        let request = request.body(Body::empty()).map_err(|e| ClientError::Protocol(e.to_string()))?;
        let answer = self.send(request).await?;
        let asked = text(answer.headers(), UPGRADE_ASKED.as_str()) == Some(to.as_str());
        match answer.status() {
            StatusCode::SWITCHING_PROTOCOLS => Ok(Passage::Agreed),
            StatusCode::NOT_FOUND if asked => Ok(Passage::Answered),
            StatusCode::NOT_FOUND | StatusCode::OK => Ok(Passage::Stripped),
            status => Err(check(answer).await.err().unwrap_or_else(|| ClientError::Protocol(format!("HTTP {status}")))),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
