//! A command inside a tunnel: central's call, the agent's answer, and the frames between them.

use std::error::Error as _;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::accept::{Load, ORIGIN, Tunnel};
use super::proto::command_request::Message as RequestMessage;
use super::proto::command_response::Message as ResponseMessage;
use super::proto::command_service_client::CommandServiceClient;
use super::proto::command_service_server::{CommandService, CommandServiceServer};
use super::proto::exit::Result as ExitResult;
use super::proto::{self, CommandRequest, CommandResponse};
use super::sender::{SendError, Sender};
use crate::model::{ExecEnd, ExecOutput, RequestId};

/// How many pieces may wait between two parties; what is beyond waits in the sender.
const QUEUE: usize = 4;

/// The largest message: the arguments of one command, with room to spare.
const MAX_MESSAGE: usize = 4 << 20;

/// What an agent needs to know to run a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecStart {
    /// The request, as in central's logs.
    pub request_id: RequestId,
    /// The arguments of kubectl.
    pub args: Vec<String>,
    /// Who asked.
    pub caller: String,
    /// With which groups.
    pub groups: Vec<String>,
    /// The namespace for commands that name none.
    pub namespace: Option<String>,
    /// Whether input follows.
    pub stdin: bool,
}

/// Why a command was not started.
#[derive(Debug)]
pub enum OpenError {
    /// The request never reached the agent; another tunnel may do.
    Unsent,
    /// The tunnel ended, or the agent refused; a sentence for the user.
    Failed(String),
}

/// A running command, seen from central. Dropping both halves ends it.
pub struct ExecCall {
    /// Where its standard input goes.
    pub input: ExecInput,
    /// Where its output comes from.
    pub output: ExecStream,
}

/// The way to a command's standard input.
pub struct ExecInput(mpsc::Sender<CommandRequest>);

/// What a command writes, and how it ends.
pub struct ExecStream {
    frames: Streaming<CommandResponse>,
    ended: bool,
    _load: Load,
}

impl Tunnel {
    /// Starts a command on the agent.
    ///
    /// # Errors
    /// When it was not started; see [`OpenError`].
    pub async fn execute(&self, start: &ExecStart) -> Result<ExecCall, OpenError> {
        let load = self.count();
        let (sender, receiver) = mpsc::channel(QUEUE);
        let first = request(RequestMessage::Start(start.clone().into()));
        let frames = tokio_stream::once(first).chain(ReceiverStream::new(receiver));
        let mut client: CommandServiceClient<Sender> =
            CommandServiceClient::with_origin(self.sender.clone(), http::Uri::from_static(ORIGIN))
                .max_decoding_message_size(MAX_MESSAGE);
        match client.execute_command(frames).await {
            Ok(response) => Ok(ExecCall {
                input: ExecInput(sender),
                output: ExecStream { frames: response.into_inner(), ended: false, _load: load },
            }),
            Err(status) if was_unsent(&status) => {
                self.mark_draining();
                Err(OpenError::Unsent)
            }
            Err(status) => Err(OpenError::Failed(sentence(&status))),
        }
    }
}

/// Whether a failed call certainly never reached the agent.
fn was_unsent(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if let Some(send) = error.downcast_ref::<SendError>() {
            return send.unsent;
        }
        source = error.source();
    }
    false
}

/// What became of a call, for the user.
fn sentence(status: &Status) -> String {
    if status.source().is_some() || status.message().is_empty() {
        "the connection to the agent was lost".into()
    } else {
        status.message().to_owned()
    }
}

impl ExecInput {
    /// Sends a piece of input, at most [`crate::model::exec::CHUNK_BYTES`] long; waits while the command does not read.
    /// `false` when the command has ended.
    pub async fn send(&self, data: Bytes) -> bool {
        self.0.send(request(RequestMessage::Stdin(data))).await.is_ok()
    }

    /// The input has ended.
    pub async fn finish(&self) -> bool {
        self.0.send(request(RequestMessage::StdinEof(proto::Empty {}))).await.is_ok()
    }
}

impl ExecStream {
    /// The next piece; `None` after the end. A stream that breaks ends with an error, never in silence.
    pub async fn next(&mut self) -> Option<ExecOutput> {
        if self.ended {
            return None;
        }
        let lost = || {
            ExecOutput::End(ExecEnd::Error(
                "the connection to the agent was lost; the command may have been carried out in part".into(),
            ))
        };
        let output = match self.frames.message().await {
            Ok(Some(CommandResponse { message: Some(message) })) => output(message),
            Ok(_) | Err(_) => lost(),
        };
        self.ended = matches!(output, ExecOutput::End(_));
        Some(output)
    }
}

fn request(message: RequestMessage) -> CommandRequest {
    CommandRequest { message: Some(message) }
}

fn output(message: ResponseMessage) -> ExecOutput {
    match message {
        ResponseMessage::Stdout(data) => ExecOutput::Stdout(data),
        ResponseMessage::Stderr(data) => ExecOutput::Stderr(data),
        ResponseMessage::Exit(exit) => ExecOutput::End(match exit.result {
            Some(ExitResult::Code(code)) => ExecEnd::Code(u8::try_from(code).unwrap_or(u8::MAX)),
            Some(ExitResult::Signal(signal)) => ExecEnd::Signal(u8::try_from(signal).unwrap_or(u8::MAX)),
            Some(ExitResult::Error(error)) => ExecEnd::Error(error),
            None => ExecEnd::Error("the agent did not say how the command ended".into()),
        }),
    }
}

impl From<ExecOutput> for CommandResponse {
    fn from(output: ExecOutput) -> Self {
        let exit = |result| ResponseMessage::Exit(proto::Exit { result: Some(result) });
        let message = match output {
            ExecOutput::Stdout(data) => ResponseMessage::Stdout(data),
            ExecOutput::Stderr(data) => ResponseMessage::Stderr(data),
            ExecOutput::End(ExecEnd::Code(code)) => exit(ExitResult::Code(code.into())),
            ExecOutput::End(ExecEnd::Signal(signal)) => exit(ExitResult::Signal(signal.into())),
            ExecOutput::End(ExecEnd::Error(error)) => exit(ExitResult::Error(error)),
        };
        Self { message: Some(message) }
    }
}

impl From<ExecStart> for proto::Start {
    fn from(start: ExecStart) -> Self {
        Self {
            request_id: start.request_id.to_string(),
            args: start.args,
            caller: Some(proto::Caller { name: start.caller, groups: start.groups }),
            namespace: start.namespace.unwrap_or_default(),
            stdin: start.stdin,
        }
    }
}

impl From<proto::Start> for ExecStart {
    fn from(start: proto::Start) -> Self {
        let caller = start.caller.unwrap_or_default();
        Self {
            request_id: RequestId::from(start.request_id),
            args: start.args,
            caller: caller.name,
            groups: caller.groups,
            namespace: Some(start.namespace).filter(|n| !n.is_empty()),
            stdin: start.stdin,
        }
    }
}

/// Runs commands, in the agent.
pub trait Executor: Clone + Send + Sync + 'static {
    /// Starts a command. What it writes comes out of the receiver, the end last; dropping the receiver must end it.
    fn execute(&self, start: ExecStart, input: ExecSource) -> mpsc::Receiver<ExecOutput>;
}

/// The standard input of a command, seen from the agent.
pub struct ExecSource(Streaming<CommandRequest>);

/// One event on the way in.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// Bytes for the command.
    Data(Bytes),
    /// The input has ended, as its sender said.
    Eof,
    /// The input stopped without an end: it must not be taken for complete.
    Gone,
}

impl ExecSource {
    /// The next event; nothing comes after `Eof` and `Gone`.
    pub async fn next(&mut self) -> Input {
        match self.0.message().await {
            Ok(Some(CommandRequest { message: Some(RequestMessage::Stdin(data)) })) => Input::Data(data),
            Ok(Some(CommandRequest { message: Some(RequestMessage::StdinEof(_)) })) => Input::Eof,
            Ok(_) | Err(_) => Input::Gone,
        }
    }
}

/// The gRPC service that runs commands.
pub(super) type ExecuteCommand<E> = CommandServiceServer<Commands<E>>;

/// Makes the service.
pub(super) fn serve_commands<E: Executor>(executor: E) -> ExecuteCommand<E> {
    CommandServiceServer::new(Commands(executor)).max_decoding_message_size(MAX_MESSAGE)
}

/// Adapts an [`Executor`] to the generated trait.
pub(super) struct Commands<E>(E);

#[tonic::async_trait]
impl<E: Executor> CommandService for Commands<E> {
    type ExecuteCommandStream = Pin<Box<dyn Stream<Item = Result<CommandResponse, Status>> + Send>>;

    async fn execute_command(
        &self,
        request: Request<Streaming<CommandRequest>>,
    ) -> Result<Response<Self::ExecuteCommandStream>, Status> {
        let mut frames = request.into_inner();
        let Some(CommandRequest { message: Some(RequestMessage::Start(start)) }) = frames.message().await? else {
            return Err(Status::invalid_argument("the first message of a command must be its start"));
        };
        let output = self.0.execute(start.into(), ExecSource(frames));
        Ok(Response::new(Box::pin(ReceiverStream::new(output).map(|piece| Ok(piece.into())))))
    }
}
