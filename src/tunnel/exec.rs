//! A command inside a tunnel: central's call, the agent's answer, and the frames between them.

mod files;

use std::error::Error as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::select;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::accept::{Load, ORIGIN, Tunnel};
use super::proto::command_request::Message as RequestMessage;
use super::proto::command_response::Message as ResponseMessage;
use super::proto::command_service_client::CommandServiceClient;
use super::proto::command_service_server::{CommandService, CommandServiceServer};
use super::proto::exit::Result as ExitResult;
use super::proto::{self, CommandRequest, CommandResponse};
use super::sender::{SendError, Sender};
use super::settings::STREAM_WINDOW;
use crate::model::{ApiCall, ClusterRules, ExecEnd, ExecOutput, Failure, FileTree, RequestId, Tty, TtySize};

/// How many pieces may wait between two parties; what is beyond waits in the sender.
const QUEUE: usize = 4;

/// How much input may be on its way to a command, before the agent has said that it was taken.
///
/// Less than the window of a stream: a request that waits for HTTP/2 to let it send cannot be cancelled, and a command
/// that does not read its input would outlive whoever wanted it.
const INPUT_WINDOW: usize = (STREAM_WINDOW / 2) as usize;

/// What a piece of input counts for besides its bytes: more than its frame takes.
const INPUT_OVERHEAD: usize = 32;

/// How long an agent may take to say that it has a command. It does so at once, before it starts kubectl.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

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
    /// What the caller may do in the cluster.
    pub rules: ClusterRules,
    /// The terminal that it gets.
    pub tty: Option<Tty>,
    /// The local files that follow; `None` if it may name none.
    pub files: Option<FileTree>,
}

/// Why a command was not started.
#[derive(Debug)]
pub enum OpenError {
    /// The request never reached the agent; another tunnel may do.
    Unsent,
    /// The tunnel ended, or the agent refused; a sentence for the user.
    Failed(String),
}

/// A running command, seen from central. Dropping both halves ends it, and so does cancelling.
pub struct ExecCall {
    /// Ends the command also while nobody takes its output: its stream is reset.
    pub cancel: CancellationToken,
    /// Where its standard input goes.
    pub input: ExecInput,
    /// Where its output comes from.
    pub output: ExecStream,
    /// Tells the agent when the rights of the caller have changed.
    pub rights: ExecRights,
}

/// Tells the agent what the caller of a running command may do from now on.
pub struct ExecRights(mpsc::Sender<CommandRequest>);

impl ExecRights {
    /// Replaces the rules. False when the command has ended.
    pub async fn replace(&self, rules: ClusterRules) -> bool {
        self.0.send(request(RequestMessage::Policy(rules.into()))).await.is_ok()
    }
}

/// What a running command sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecEvent {
    /// For the client.
    Output(ExecOutput),
    /// For central's records.
    ApiCall(ApiCall),
}

/// The way to a command's standard input.
pub struct ExecInput {
    frames: mpsc::Sender<CommandRequest>,
    credit: Arc<Semaphore>,
}

/// What a command writes, and how it ends.
pub struct ExecStream {
    frames: Streaming<CommandResponse>,
    /// What the input may still send; closed at the end.
    credit: Arc<Semaphore>,
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
        let credit = Arc::new(Semaphore::new(INPUT_WINDOW));
        let cancel = CancellationToken::new();
        let mut call = Request::new(frames);
        call.extensions_mut().insert(cancel.clone());
        let answer = match tokio::time::timeout(ANSWER_TIMEOUT, client.execute_command(call)).await {
            Ok(answer) => answer,
            Err(_) => {
                let why = format!("the agent did not answer within {} s", ANSWER_TIMEOUT.as_secs());
                return Err(OpenError::Failed(why));
            }
        };
        match answer {
            Ok(response) => Ok(ExecCall {
                cancel,
                rights: ExecRights(sender.clone()),
                input: ExecInput { frames: sender, credit: credit.clone() },
                output: ExecStream { frames: response.into_inner(), credit, _load: load },
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
        self.piece(data, RequestMessage::Stdin).await
    }

    async fn piece(&self, data: Bytes, message: fn(Bytes) -> RequestMessage) -> bool {
        let Ok(credit) = self.credit.acquire_many(weight(&data)).await else { return false };
        credit.forget();
        self.frames.send(request(message(data))).await.is_ok()
    }

    /// Gives the command's terminal another size.
    pub async fn resize(&self, size: TtySize) -> bool {
        self.frames.send(request(RequestMessage::Resize(size.into()))).await.is_ok()
    }

    /// The input has ended.
    pub async fn finish(&self) -> bool {
        self.frames.send(request(RequestMessage::StdinEof(proto::Empty {}))).await.is_ok()
    }
}

impl ExecStream {
    /// The next piece; `None` after the end. A stream that breaks ends with an error, never in silence.
    pub async fn next(&mut self) -> Option<ExecEvent> {
        if self.credit.is_closed() {
            return None;
        }
        let lost = || {
            ExecEvent::Output(ExecOutput::End(ExecEnd::Error(
                "the connection to the agent was lost; the command may have been carried out in part".into(),
            )))
        };
        let event = loop {
            match self.frames.message().await {
                Ok(Some(CommandResponse { message: Some(ResponseMessage::StdinTaken(weight)) })) => {
                    // No more than was sent, whatever the agent says.
                    let sent = INPUT_WINDOW.saturating_sub(self.credit.available_permits());
                    self.credit.add_permits(sent.min(weight as usize));
                }
                Ok(Some(CommandResponse { message: Some(message) })) => break event(message),
                Ok(_) | Err(_) => break Some(lost()),
            }
        };
        if matches!(event, Some(ExecEvent::Output(ExecOutput::End(_)))) {
            self.credit.close();
        }
        event
    }
}

impl Drop for ExecStream {
    fn drop(&mut self) {
        self.credit.close();
    }
}

/// What a piece of input counts for.
fn weight(data: &Bytes) -> u32 {
    u32::try_from((data.len() + INPUT_OVERHEAD).min(INPUT_WINDOW)).unwrap_or(u32::MAX)
}

fn request(message: RequestMessage) -> CommandRequest {
    CommandRequest { message: Some(message) }
}

fn event(message: ResponseMessage) -> Option<ExecEvent> {
    Some(ExecEvent::Output(match message {
        ResponseMessage::StdinTaken(_) => return None,
        ResponseMessage::ApiCall(call) => {
            return Some(ExecEvent::ApiCall(ApiCall {
                verb: call.verb,
                target: call.target,
                status: u16::try_from(call.status).unwrap_or(u16::MAX),
                micros: call.micros,
                denied: call.denied,
            }));
        }
        ResponseMessage::Stdout(data) => ExecOutput::Stdout(data),
        ResponseMessage::Stderr(data) => ExecOutput::Stderr(data),
        ResponseMessage::Exit(exit) => ExecOutput::End(match exit.result {
            Some(ExitResult::Code(code)) => ExecEnd::Code(u8::try_from(code).unwrap_or(u8::MAX)),
            Some(ExitResult::Signal(signal)) => ExecEnd::Signal(u8::try_from(signal).unwrap_or(u8::MAX)),
            Some(ExitResult::Error(error)) => ExecEnd::Error(error),
            None => ExecEnd::Error("the agent did not say how the command ended".into()),
        }),
    }))
}

impl From<ExecEvent> for CommandResponse {
    fn from(event: ExecEvent) -> Self {
        let exit = |result| ResponseMessage::Exit(proto::Exit { result: Some(result) });
        let message = match event {
            ExecEvent::ApiCall(call) => ResponseMessage::ApiCall(proto::ApiCall {
                verb: call.verb,
                target: call.target,
                status: call.status.into(),
                micros: call.micros,
                denied: call.denied,
            }),
            ExecEvent::Output(ExecOutput::Stdout(data)) => ResponseMessage::Stdout(data),
            ExecEvent::Output(ExecOutput::Stderr(data)) => ResponseMessage::Stderr(data),
            ExecEvent::Output(ExecOutput::End(end)) => exit(match end {
                ExecEnd::Code(code) => ExitResult::Code(code.into()),
                ExecEnd::Signal(signal) => ExitResult::Signal(signal.into()),
                ExecEnd::Error(error) => ExitResult::Error(error),
            }),
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
            policy: Some(start.rules.into()),
            tty: start.tty.map(proto::Tty::from),
            files: start.files.map(Into::into),
        }
    }
}

impl TryFrom<proto::Start> for ExecStart {
    type Error = Failure;

    fn try_from(start: proto::Start) -> Result<Self, Failure> {
        let caller = start.caller.unwrap_or_default();
        Ok(Self {
            request_id: RequestId::from(start.request_id),
            args: start.args,
            caller: caller.name,
            groups: caller.groups,
            namespace: Some(start.namespace).filter(|n| !n.is_empty()),
            stdin: start.stdin,
            rules: rules(start.policy.unwrap_or_default()),
            tty: start.tty.map(Tty::from),
            files: start.files.map(FileTree::try_from).transpose()?,
        })
    }
}

/// What the caller may do; nothing at all when it cannot be read.
fn rules(policy: proto::Policy) -> ClusterRules {
    policy.try_into().unwrap_or_default()
}

/// Runs commands, in the agent.
pub trait Executor: Clone + Send + Sync + 'static {
    /// Starts a command. What it writes comes out of the receiver, the end last; dropping the receiver must end it.
    fn execute(&self, start: ExecStart, input: ExecSource) -> mpsc::Receiver<ExecEvent>;
}

/// What central sends to a running command, seen from the agent.
pub struct ExecSource {
    frames: Streaming<CommandRequest>,
    taken: Taken,
}

/// Tells central what the command has taken of its input.
#[derive(Clone)]
pub struct Taken {
    acknowledged: mpsc::Sender<u32>,
    /// The weight of what has come and was not taken.
    waiting: Arc<AtomicUsize>,
}

impl Taken {
    /// The command has taken this piece: central may send as much again.
    pub async fn taken(&self, data: &Bytes) {
        let weight = weight(data);
        self.waiting.fetch_sub(weight as usize, Ordering::Relaxed);
        // Nobody is left to send more when this fails, and the frames say so.
        let _ = self.acknowledged.send(weight).await;
    }
}

/// One event on the way in.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// What the caller may do from now on.
    Rights(ClusterRules),
    /// Bytes for the command.
    Data(Bytes),
    /// The terminal has another size.
    Resize(TtySize),
    /// Bytes of the files of the command, which come before those of its input.
    Files(Bytes),
    /// The input has ended, as its sender said; only rights may follow.
    Eof,
    /// The input stopped without an end: it must not be taken for complete.
    Gone,
}

impl ExecSource {
    /// What tells of each piece of input that it was taken.
    pub fn acknowledger(&self) -> Taken {
        self.taken.clone()
    }

    /// The next event. No data come after `Eof`, and nothing after `Gone`. What is not taken never adds up to more than
    /// `INPUT_WINDOW`: a central that sends more is as good as gone.
    pub async fn next(&mut self) -> Input {
        match self.frames.message().await {
            Ok(Some(CommandRequest { message: Some(RequestMessage::Stdin(data)) })) => self.piece(data, Input::Data),
            Ok(Some(CommandRequest { message: Some(RequestMessage::Files(data)) })) => self.piece(data, Input::Files),
            Ok(Some(CommandRequest { message: Some(RequestMessage::StdinEof(_)) })) => Input::Eof,
            Ok(Some(CommandRequest { message: Some(RequestMessage::Policy(policy)) })) => Input::Rights(rules(policy)),
            Ok(Some(CommandRequest { message: Some(RequestMessage::Resize(size)) })) => Input::Resize(size.into()),
            Ok(_) | Err(_) => Input::Gone,
        }
    }

    fn piece(&self, data: Bytes, input: fn(Bytes) -> Input) -> Input {
        let weight = weight(&data) as usize;
        let waiting = self.taken.waiting.fetch_add(weight, Ordering::Relaxed) + weight;
        if waiting <= INPUT_WINDOW { input(data) } else { Input::Gone }
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
        let start = ExecStart::try_from(start).map_err(|failure| Status::invalid_argument(failure.detail))?;
        let (sender, acknowledged) = mpsc::channel(QUEUE);
        let taken = Taken { acknowledged: sender, waiting: Arc::default() };
        let output = self.0.execute(start, ExecSource { frames, taken });
        let output = ReceiverStream::new(output).map(CommandResponse::from);
        let acknowledged = ReceiverStream::new(acknowledged)
            .map(|weight| CommandResponse { message: Some(ResponseMessage::StdinTaken(weight)) });
        Ok(Response::new(Box::pin(select(output, acknowledged).map(Ok))))
    }
}
