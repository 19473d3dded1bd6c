//! The gateway in front of an API server that tells what it has got, and clients that send what others would not.

use std::convert::Infallible;
use std::future::Future;
use std::process::Command;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mk8s::tls::{Alpn, Connector, Stream, Trust};
use serde_json::{Value, json};

use crate::support::echo::{Asked, Echo};
use crate::support::http1::{Message, Wire};
use crate::support::stack::TOKEN;
use crate::support::{Agent, Central, PATIENCE, Process};

/// The credential of the agent.
const AGENTS_OWN: &str = "agents-own";

/// A target that needs no more than to be somebody, of whom the admin is one.
pub const PODS: &str = "/api/v1/namespaces/a/pods";

/// Asks for an upgrade, in a request.
pub const UPGRADE: &str =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n";

/// A central, and an agent whose API server is an [`Echo`].
pub struct Echoed {
    _agent: Agent,
    /// Central.
    pub central: Central,
    /// The API server.
    pub echo: Echo,
}

/// What came of a request: the answer, unless the connection was closed without one, and what the API server has got.
#[derive(Debug)]
pub struct Came {
    /// The answer.
    pub answer: Option<Message>,
    /// What the API server has got.
    pub seen: Vec<Asked>,
}

/// A connection for HTTP/1.1.
pub type Http1 = Wire<Stream>;

/// A connection for HTTP/2.
pub type Http2 = SendRequest<BoxBody<Bytes, Infallible>>;

/// Runs the asynchronous part of a test.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(future)
}

impl Echoed {
    /// Starts all of it.
    pub fn start() -> Self {
        Self::with(Self::api_server())
    }

    /// An API server, and the credential for it.
    pub fn api_server() -> Echo {
        Echo::start(&json!({ "token": AGENTS_OWN }))
    }

    /// The same with this API server.
    pub fn with(echo: Echo) -> Self {
        Self::with_agent(echo, Process::start)
    }

    /// The same with another way to start the agent.
    pub fn with_agent(echo: Echo, start: impl FnOnce(&mut Command) -> Process) -> Self {
        let central = Central::start();
        let agent = agent_of(&central, (TOKEN, "dev"), &echo, start);
        central.wait_until(true, PATIENCE);
        Self { _agent: agent, central, echo }
    }

    /// A connection of a client.
    pub async fn http1(&self) -> Http1 {
        Wire::new(self.connect(Alpn::Http1).await)
    }

    /// The same for HTTP/2.
    pub async fn http2(&self) -> Http2 {
        let io = TokioIo::new(self.connect(Alpn::Http2).await);
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("handshake");
        tokio::spawn(connection);
        sender
    }

    /// A connection on which nothing was said yet.
    pub async fn connect(&self, alpn: Alpn) -> Stream {
        let connector = Connector::new(&Trust::CaFile(self.central.ca_file())).expect("trust");
        connector.connect(&self.central.url.parse().expect("url"), alpn).await.expect("connection")
    }

    /// A request head below the prefix, up to its last header; `lines` each with their end.
    pub fn head(method: &str, target: &str, lines: &str) -> String {
        Self::head_of(Central::token(), method, target, lines)
    }

    /// The same of another user.
    pub fn head_of(token: &str, method: &str, target: &str, lines: &str) -> String {
        format!(
            "{method} /clusters/dev/k8s{target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{lines}\r\n"
        )
    }

    /// Sends these bytes; the answer, and what the API server has got.
    pub async fn say(&self, wire: &mut Http1, bytes: &str) -> Came {
        // The connection may be closed before it has taken all.
        let _ = wire.send(bytes.as_bytes()).await;
        let answer = tokio::time::timeout(PATIENCE, wire.message()).await.expect("an answer, or an end");
        Came { answer, seen: self.echo.taken() }
    }

    /// The same on a connection of its own.
    pub async fn once(&self, bytes: &str) -> Came {
        self.say(&mut self.http1().await, bytes).await
    }

    /// The header lines that the API server gets from mk8s for the admin, sorted, beside those of the body.
    pub fn ours(&self, request_id: &str) -> Vec<String> {
        vec![
            format!("audit-id: {request_id}"),
            format!("authorization: Bearer {AGENTS_OWN}"),
            format!("host: 127.0.0.1:{}", self.echo.port),
            "impersonate-group: mk8s:admin".to_owned(),
            "impersonate-user: admin@localhost".to_owned(),
        ]
    }

    /// Fails unless one request has reached the API server, with our headers and these others, sorted after them; the
    /// request.
    #[track_caller]
    pub fn crossed<'a>(&self, came: &'a Came, request_id: &str, others: &[&str], what: &str) -> &'a Message {
        let [asked] = &came.seen[..] else { panic!("{what}: {came:#?}") };
        let mut lines: Vec<String> = asked.message.lines().map(str::to_owned).collect();
        let mut expected = self.ours(request_id);
        expected.extend(others.iter().map(|&line| line.to_owned()));
        lines.sort();
        expected.sort();
        assert_eq!(lines, expected, "{what}");
        &asked.message
    }
}

impl Came {
    /// The answer.
    #[track_caller]
    pub fn answered(&self) -> &Message {
        self.answer.as_ref().unwrap_or_else(|| panic!("no answer: {self:#?}"))
    }

    /// The id of the request, as the answer has it.
    #[track_caller]
    pub fn id(&self) -> &str {
        let ids = self.answered().all("x-request-id");
        let [id] = ids[..] else { panic!("{ids:?}: {self:#?}") };
        id
    }

    /// Fails unless mk8s has refused it with a `Status` of this code, and nothing has reached the API server.
    #[track_caller]
    pub fn refused(&self, code: u16, what: &str) {
        let answer = self.answered();
        assert_eq!(answer.status(), code, "{what}: {self:#?}");
        let status: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        assert_eq!((&status["kind"], &status["code"]), (&json!("Status"), &json!(code)), "{what}: {self:#?}");
        assert_eq!(answer.all("x-content-type-options"), ["nosniff"], "{what}");
        assert_eq!(self.seen, [], "{what}");
    }
}

/// An agent of a cluster whose API server is this.
pub fn agent_of(
    central: &Central,
    (token, cluster): (&str, &str),
    echo: &Echo,
    start: impl FnOnce(&mut Command) -> Process,
) -> Agent {
    let dir = tempfile::Builder::new().prefix("mk8s-agent-test-").tempdir().expect("temporary directory");
    let mut command = Agent::command(&dir, central, token);
    command.args(["--cluster", cluster, "--kubeconfig"]).arg(&echo.kubeconfig);
    let process = start(&mut command);
    Agent { process, dir }
}
