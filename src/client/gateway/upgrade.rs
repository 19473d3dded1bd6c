//! Requests that end in another protocol: a WebSocket, or the SPDY of clusters that know no better.

use futures_util::future::ready;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use kube::client::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use super::{ClientError, Gateway};
use crate::tls::reason;

/// A WebSocket to the cluster.
pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Bytes in both directions.
pub struct Duplex {
    /// What comes.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// What goes.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Gateway {
    /// A WebSocket at this target, and which of these subprotocols it speaks.
    pub(in crate::client) async fn web_socket(
        &self,
        target: &str,
        protocols: &[&'static str],
    ) -> Result<(Socket, &'static str), ClientError> {
        let key = generate_key();
        let request = Request::get(target)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", &key)
            .header(SEC_WEBSOCKET_PROTOCOL, protocols.join(", "));
        let response = self.upgrade(request.body(Body::empty())).await?;
        let header = |name| text(response.headers(), name);
        let agreed = protocols.iter().find(|protocol| **protocol == header(SEC_WEBSOCKET_PROTOCOL.as_str()));
        let Some(agreed) =
            agreed.filter(|_| header(SEC_WEBSOCKET_ACCEPT.as_str()) == derive_accept_key(key.as_bytes()))
        else {
            return Err(ClientError::Protocol(format!("the cluster speaks none of {}", protocols.join(", "))));
        };
        let config = WebSocketConfig::default().write_buffer_size(0);
        let upgraded = TokioIo::new(upgraded(response).await?);
        Ok((WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await, agreed))
    }

    /// A WebSocket whose binary messages are the bytes of another protocol.
    pub(in crate::client) async fn bytes_in_web_socket(
        &self,
        target: &str,
        protocol: &'static str,
    ) -> Result<Duplex, ClientError> {
        let (socket, _) = self.web_socket(target, &[protocol]).await?;
        let (sink, stream) = socket.split();
        let bytes = stream.filter_map(|message| {
            ready(match message {
                Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
                Ok(_) => None,
                Err(error) => Some(Err(std::io::Error::other(error))),
            })
        });
        let message = |bytes| ready(Ok::<_, std::io::Error>(Message::Binary(bytes)));
        let sink = sink.sink_map_err(std::io::Error::other).with(message);
        Ok(Duplex {
            reader: Box::new(StreamReader::new(bytes)),
            writer: Box::new(SinkWriter::new(CopyToBytes::new(sink))),
        })
    }

    /// The bytes of SPDY/3.1 themselves, as clusters before the WebSockets have it.
    pub(in crate::client) async fn spdy(&self, target: &str, protocol: &'static str) -> Result<Duplex, ClientError> {
        const VERSION: &str = "x-stream-protocol-version";
        let request = Request::builder().method(Method::POST).uri(target);
        let request = request.header(CONNECTION, "Upgrade").header(UPGRADE, "SPDY/3.1").header(VERSION, protocol);
        let response = self.upgrade(request.body(Body::empty())).await?;
        if text(response.headers(), VERSION) != protocol {
            return Err(ClientError::Protocol(format!("the cluster does not speak {protocol}")));
        }
        let (reader, writer) = tokio::io::split(TokioIo::new(upgraded(response).await?));
        Ok(Duplex { reader: Box::new(reader), writer: Box::new(writer) })
    }

    async fn upgrade(&self, request: http::Result<Request<Body>>) -> Result<Response<Incoming>, ClientError> {
        let request = request.map_err(|e| ClientError::Protocol(e.to_string()))?;
        let response = self.ask(request).await?;
        match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => Ok(response),
            status => Err(ClientError::Protocol(format!("HTTP {status} where another protocol was asked for"))),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn upgraded(response: Response<Incoming>) -> Result<Upgraded, ClientError> {
    hyper::upgrade::on(response).await.map_err(|error| ClientError::Protocol(reason::of_broken(&error)))
}
