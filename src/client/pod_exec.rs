//! A command in a container of a pod, with its streams apart.

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Message;

use super::error::ClientError;
use super::gateway::{Gateway, Socket};
use super::path::segment;
use super::port_forward::PodName;

/// The protocol in which the end of the input can be told, and the one before it.
const V5: &str = "v5.channel.k8s.io";
const V4: &str = "v4.channel.k8s.io";

/// What the first byte of a message says.
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const CLOSE: u8 = 255;

/// The way to the standard input of a command.
pub struct PodInput(SplitSink<Socket, Message>);

/// What a command writes, and how it ends.
pub struct PodOutput(SplitStream<Socket>);

/// A piece of it.
#[derive(Debug, PartialEq, Eq)]
pub enum PodEvent {
    /// Standard output.
    Stdout(Bytes),
    /// Standard error.
    Stderr(Bytes),
    /// The end: the exit code, if there was a process, and what the cluster says of it.
    End(Option<i32>, String),
}

/// What is read of the `Status` at the end.
#[derive(Deserialize)]
struct Status {
    status: Option<String>,
    #[serde(default)]
    message: String,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    causes: Vec<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

impl Gateway {
    /// Starts a command in a container. Dropping both halves ends it.
    ///
    /// # Errors
    /// When it is refused, or wants input in a cluster that cannot tell a command the end of it (before Kubernetes 1.30).
    pub async fn pod_exec(
        &self,
        pod: &PodName,
        container: &str,
        command: &[String],
        stdin: bool,
    ) -> Result<(PodInput, PodOutput), ClientError> {
        let mut query = vec![("container", container), ("stdout", "true"), ("stderr", "true")];
        if stdin {
            query.push(("stdin", "true"));
        }
        query.extend(command.iter().map(|word| ("command", word.as_str())));
        let query = serde_urlencoded::to_string(query).map_err(|e| ClientError::Protocol(e.to_string()))?;
        let (namespace, name) = (segment(&pod.namespace), segment(&pod.name));
        let target = format!("/api/v1/namespaces/{namespace}/pods/{name}/exec?{query}");
        let protocols: &[&str] = if stdin { &[V5] } else { &[V5, V4] };
        let (socket, _) = self.web_socket(&target, protocols).await?;
        let (sink, stream) = socket.split();
        Ok((PodInput(sink), PodOutput(stream)))
    }
}

impl PodInput {
    /// Sends a piece of input.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, data: &[u8]) -> Result<(), ClientError> {
        let mut message = BytesMut::with_capacity(data.len() + 1);
        message.put_u8(STDIN);
        message.put_slice(data);
        self.0.send(Message::Binary(message.freeze())).await.map_err(|_| ClientError::Lost)
    }

    /// The input has ended.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn finish(&mut self) -> Result<(), ClientError> {
        let message = Bytes::from_static(&[CLOSE, STDIN]);
        self.0.send(Message::Binary(message)).await.map_err(|_| ClientError::Lost)
    }
}

impl PodOutput {
    /// The next piece. The last one is always [`PodEvent::End`]; a connection that ends before is an error.
    ///
    /// # Errors
    /// When the connection was lost.
    pub async fn next(&mut self) -> Result<PodEvent, ClientError> {
        loop {
            let mut data = match self.0.next().await {
                Some(Ok(Message::Binary(data))) => data,
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_))) => continue,
                Some(Ok(Message::Close(_) | Message::Frame(_)) | Err(_)) | None => return Err(ClientError::Lost),
            };
            return Ok(match data.split_to(data.len().min(1)).first() {
                Some(&STDOUT) if !data.is_empty() => PodEvent::Stdout(data),
                Some(&STDERR) if !data.is_empty() => PodEvent::Stderr(data),
                Some(&STATUS) if !data.is_empty() => end(&data)?,
                _ => continue,
            });
        }
    }
}

fn end(status: &[u8]) -> Result<PodEvent, ClientError> {
    let status: Status = serde_json::from_slice(status)
        .map_err(|_| ClientError::Protocol("the end of the command is not told as it should be".into()))?;
    if status.status.as_deref() == Some("Success") {
        return Ok(PodEvent::End(Some(0), String::new()));
    }
    let causes = status.details.map(|details| details.causes).unwrap_or_default();
    let code = causes.iter().find(|cause| cause.reason == "ExitCode").and_then(|cause| cause.message.parse().ok());
    Ok(PodEvent::End(code, status.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_command_is_its_exit_code_or_why_there_is_none() {
        let told = |text: &str| end(text.as_bytes()).unwrap();
        assert_eq!(told(r#"{"metadata":{},"status":"Success"}"#), PodEvent::End(Some(0), String::new()));
        let failed = r#"{"status":"Failure","message":"exit code 2","reason":"NonZeroExitCode",
            "details":{"causes":[{"reason":"ExitCode","message":"2"}]}}"#;
        assert_eq!(told(failed), PodEvent::End(Some(2), "exit code 2".into()));
        let never = r#"{"status":"Failure","message":"no such file","reason":"InternalError","code":500}"#;
        assert_eq!(told(never), PodEvent::End(None, "no such file".into()));
        assert!(end(b"{").is_err());
    }
}
