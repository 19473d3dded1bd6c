//! `POST /clusters/{name}/exec`: a command whose whole input is in the request.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use super::clusters::{self, InPath};
use super::exec_guarded::{Calls, Guarded};
use super::json::without_value;
use super::{body, exec_stream};
use crate::access::{Authorized, Caller, certain_refusal};
use crate::central::callers::Identified;
use crate::central::route;
use crate::central::state::Central;
use crate::kubernetes::kubectl::CommandLine;
use crate::model::exec::{CHUNK_BYTES, Stdin};
use crate::model::{ClusterId, ClusterName, ErrorCode, ExecEnd, ExecRequest, Failure, RequestId};
use crate::tunnel::exec::{ExecCall, ExecInput, ExecStart};

/// Runs the command and streams what it writes: JSON lines, or with `Accept: text/plain` the bytes themselves.
pub async fn run(
    State(central): State<Arc<Central>>,
    Extension(id): Extension<RequestId>,
    Extension(identified): Extension<Identified>,
    name: InPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let request = parse(&body::read(body, body::COMMAND).await?)?;
    let name = clusters::named(name)?;
    let input = match &request.stdin {
        Some(Stdin::Text(text)) => Some(Bytes::from(text.clone())),
        Some(Stdin::Follows(true)) => {
            let detail = "\"stdin\" must be a text here: input in pieces needs the WebSocket at this path";
            return Err(Failure::new(ErrorCode::InvalidRequest, detail));
        }
        Some(Stdin::Follows(false)) | None => None,
    };
    let running = start(&central, &name, &identified, request, id, input.is_some()).await?;
    let feeder = input.map(|bytes| AbortOnDropHandle::new(tokio::spawn(feed(running.input, bytes))));
    let stream = exec_stream::Source { output: running.output, log: running.log, _feeder: feeder };
    if accepts_text(&headers) {
        let mut response = Body::new(exec_stream::raw(stream)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response.headers_mut().insert(header::TRAILER, HeaderValue::from_static(exec_stream::EXIT_CODE));
        return Ok(response);
    }
    let mut response = Body::new(exec_stream::ndjson(stream)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// A command that was started, with what its log line needs.
pub struct Running {
    /// Its input.
    pub input: ExecInput,
    /// Its output, for as long as the caller may have it.
    pub output: Guarded,
    /// Writes the line when it has ended.
    pub log: ExecLog,
}

/// The one way to a command, for both transports: find the cluster, authorise, refuse what is certain to fail, start.
pub async fn start(
    central: &Arc<Central>,
    cluster: &str,
    identified: &Identified,
    request: ExecRequest,
    id: RequestId,
    stdin: bool,
) -> Result<Running, Failure> {
    let (entry, cluster) = clusters::find(central, cluster, identified.caller.clone()).await?;
    request.validate()?;
    let mut log = ExecLog::new(&entry.name, cluster.caller(), &request, &id);
    if let Err(Refused { failure, logged }) = check(&cluster, &request) {
        log.write(format!("refused: {logged}"));
        return Err(failure);
    }
    let rules = cluster.rights().rules().clone();
    let calls = Calls { id: id.clone(), cluster: entry.name.clone(), caller: cluster.caller().name().to_owned() };
    let start = ExecStart {
        request_id: id,
        args: request.command,
        caller: cluster.caller().name().to_owned(),
        groups: cluster.caller().groups(),
        namespace: request.namespace,
        stdin,
        rules: rules.clone(),
    };
    match route::open(central, &cluster, &entry.name, &start).await {
        Ok(ExecCall { input, output, cancel, rights }) => {
            let output = Guarded::new(central, identified.clone(), rules, calls, (output, rights, cancel));
            Ok(Running { input, output, log })
        }
        Err(failure) => {
            log.end(&ExecEnd::Error(failure.detail.clone()));
            Err(failure)
        }
    }
}

/// A command that does not run.
struct Refused {
    failure: Failure,
    /// The reason without any argument, which may be a secret.
    logged: String,
}

/// Refuses a command line that runs nowhere, and a command that cannot succeed with the rights of the caller.
fn check(cluster: &Authorized<ClusterId>, request: &ExecRequest) -> Result<(), Refused> {
    let command = CommandLine::parse(&request.command).map_err(|refusal| Refused {
        failure: Failure::new(ErrorCode::InvalidRequest, refusal.to_string()),
        logged: "not a command line that runs remotely".into(),
    })?;
    let rights = cluster.rights();
    match certain_refusal(rights, request.namespace.as_deref(), |namespace| command.needs(namespace)) {
        None => Ok(()),
        Some(why) => Err(Refused { failure: Failure::new(ErrorCode::Forbidden, why.clone()), logged: why }),
    }
}

/// The request, strictly.
pub fn parse(body: &[u8]) -> Result<ExecRequest, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let hint = r#"send JSON such as {"command":["get","pods"]}"#;
        Failure::new(ErrorCode::InvalidRequest, format!("the request is not valid: {}; {hint}", without_value(&error)))
    })
}

fn accepts_text(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.split(';').next().is_some_and(|k| k.trim().eq_ignore_ascii_case("text/plain")))
}

async fn feed(input: ExecInput, mut bytes: Bytes) {
    while !bytes.is_empty() {
        if !input.send(bytes.split_to(bytes.len().min(CHUNK_BYTES))).await {
            return;
        }
    }
    input.finish().await;
    // The call would be seen as over when its input is dropped; its owner aborts this task when it is.
    std::future::pending::<()>().await;
}

/// One log line for each command, written when it ends or is dropped. Arguments may hold secrets: only the verb is logged.
pub struct ExecLog {
    id: RequestId,
    cluster: ClusterName,
    caller: String,
    verb: String,
    since: Instant,
    ended: bool,
}

impl ExecLog {
    fn new(cluster: &ClusterName, caller: &Caller, request: &ExecRequest, id: &RequestId) -> Self {
        // What begins with a dash is no verb, and may be `--token=...`.
        let verb = request.command.first().filter(|word| !word.starts_with('-'));
        let verb = verb.map(|word| word.chars().take(32).collect()).unwrap_or_default();
        Self {
            id: id.clone(),
            cluster: cluster.clone(),
            caller: caller.name().to_owned(),
            verb,
            since: Instant::now(),
            ended: false,
        }
    }

    /// The command ended.
    pub fn end(&mut self, end: &ExecEnd) {
        self.write(match end {
            ExecEnd::Code(code) => format!("exit code {code}"),
            ExecEnd::Signal(signal) => format!("signal {signal}"),
            ExecEnd::Error(error) => error.clone(),
        });
    }

    fn write(&mut self, outcome: String) {
        self.ended = true;
        info!(
            request_id = %self.id,
            cluster = %self.cluster,
            caller = self.caller,
            verb = self.verb,
            millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX),
            outcome,
            "exec"
        );
    }
}

impl Drop for ExecLog {
    fn drop(&mut self) {
        if !self.ended {
            self.write("cancelled by the client".into());
        }
    }
}
