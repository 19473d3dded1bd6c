//! A command over the WebSocket: input and output in pieces, and how it ended.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _, TryFutureExt as _};
use http::{Request, header};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::error::ClientError;
use super::http::{Client, in_time};
use crate::model::exec::{EXEC_PROTOCOL, channel};
use crate::model::version::VERSION;
use crate::model::{ClusterName, ExecEnd, ExecOutput, ExecRequest, Problem, TtySize};
use crate::tls::Stream;

/// How long central may be silent. It asks every 20 s whether the client is there, whatever else there is to say.
const SILENCE: Duration = Duration::from_secs(90);

type Socket = WebSocketStream<Stream>;

/// The way to a command's standard input.
pub struct ExecWriter(SplitSink<Socket, Message>);

/// What a command writes, and how it ended.
pub struct ExecReader(SplitStream<Socket>);

impl Client {
    /// Starts a command. Dropping both halves ends it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn exec(
        &self,
        cluster: &ClusterName,
        request: &ExecRequest,
    ) -> Result<(ExecWriter, ExecReader), ClientError> {
        let protocol = |e: &dyn std::fmt::Display| ClientError::Protocol(e.to_string());
        let body = serde_json::to_string(request).map_err(|e| protocol(&e))?;
        let mut upgrade = Request::get(format!("ws://{}/clusters/{cluster}/exec", self.host()))
            .header("host", self.host())
            .header("user-agent", format!("mk8s/{VERSION}"))
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key())
            .header("sec-websocket-protocol", EXEC_PROTOCOL);
        if let Some(value) = self.authorization()? {
            upgrade = upgrade.header(header::AUTHORIZATION, value);
        }
        let upgrade = upgrade.body(()).map_err(|e| protocol(&e))?;
        let config = WebSocketConfig::default().write_buffer_size(0);
        let stream = self.connect().await?;
        let handshake = client_async_with_config(upgrade, stream, Some(config)).map_err(|error| match error {
            Error::Http(response) => self.refusal(response.status(), response.body().as_deref().unwrap_or_default()),
            other => protocol(&other),
        });
        // Central agrees before it looks at the command.
        let (mut socket, answer) = in_time(handshake).await?;
        self.check_age(answer.headers());
        socket.send(Message::text(body)).await.map_err(|_| ClientError::Lost)?;
        let (sink, stream) = socket.split();
        Ok((ExecWriter(sink), ExecReader(stream)))
    }
}

impl ExecWriter {
    /// Sends a piece of input.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, data: &[u8]) -> Result<(), ClientError> {
        self.message(channel::STDIN, data).await
    }

    /// Sends a piece of the contents of the files, in the order of the request and before all input.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_file(&mut self, data: &[u8]) -> Result<(), ClientError> {
        self.message(channel::FILES, data).await
    }

    /// The terminal has another size now.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn resize(&mut self, size: TtySize) -> Result<(), ClientError> {
        let size = serde_json::to_vec(&size).map_err(|e| ClientError::Protocol(e.to_string()))?;
        self.message(channel::RESIZE, &size).await
    }

    async fn message(&mut self, channel: u8, data: &[u8]) -> Result<(), ClientError> {
        let mut message = BytesMut::with_capacity(data.len() + 1);
        message.put_u8(channel);
        message.put_slice(data);
        self.0.send(Message::Binary(message.freeze())).await.map_err(|_| ClientError::Lost)
    }

    /// The input has ended.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn finish(&mut self) -> Result<(), ClientError> {
        let message = Bytes::from_static(&[channel::CLOSE, channel::STDIN]);
        self.0.send(Message::Binary(message)).await.map_err(|_| ClientError::Lost)
    }
}

impl ExecReader {
    /// The next piece. The last one is always [`ExecOutput::End`]; a connection that ends before is an error.
    ///
    /// # Errors
    /// When the command was refused or the connection was lost.
    pub async fn next(&mut self) -> Result<ExecOutput, ClientError> {
        loop {
            let mut data = match timeout(SILENCE, self.0.next()).await {
                Ok(Some(Ok(Message::Binary(data)))) => data,
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_)))) => continue,
                Ok(Some(Ok(Message::Close(_) | Message::Frame(_)) | Err(_)) | None) | Err(_) => {
                    return Err(ClientError::Lost);
                }
            };
            return match data.split_to(data.len().min(1)).first() {
                Some(&channel::STDOUT) => Ok(ExecOutput::Stdout(data)),
                Some(&channel::STDERR) => Ok(ExecOutput::Stderr(data)),
                Some(&channel::RESULT) => result(&data),
                _ => continue,
            };
        }
    }
}

fn result(data: &[u8]) -> Result<ExecOutput, ClientError> {
    if let Ok(end) = serde_json::from_slice::<ExecEnd>(data) {
        return Ok(ExecOutput::End(end));
    }
    match serde_json::from_slice::<Problem>(data) {
        Ok(problem) => Err(ClientError::Problem(Box::new(problem))),
        Err(error) => Err(ClientError::Protocol(error.to_string())),
    }
}
