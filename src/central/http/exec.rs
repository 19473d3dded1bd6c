//! `POST /clusters/{name}/exec`: a command whose whole input is in the request.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use super::admission::{self, Refused};
use super::body::Room;
use super::clusters::{self, InPath};
use super::exec_guarded::Guarded;
use super::json::without_value;
use super::removable::Removable;
use super::{body, exec_files, exec_stream, recorded};
use crate::access::{Authorized, Share};
use crate::central::audit::Durability;
use crate::central::callers::Identified;
use crate::central::directory::Entry;
use crate::central::listen::Hangup;
use crate::central::route::{self, Unanswered};
use crate::central::state::{Central, MAX_COMMANDS};
use crate::model::audit::{AuditDecision, AuditKind, AuditRecord};
use crate::model::exec::{CHUNK_BYTES, Stdin};
use crate::model::{Announced, ClusterId, ErrorCode, ExecRequest, Failure, FileTree, UserId};
use crate::tunnel::exec::{ExecCall, ExecInput, ExecStart};

/// Runs the command and streams what it writes: JSON lines, or with `Accept: text/plain` the bytes themselves.
pub async fn run(
    State(central): State<Arc<Central>>,
    Extension(identified): Extension<Identified>,
    name: InPath,
    Asked(mut record): Asked,
    OwnConnection(connection): OwnConnection,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let name = match clusters::named(name) {
        Ok(name) => name,
        Err(failure) => {
            body::discard(body).await;
            return Err(failure);
        }
    };
    record.cluster = Some(name.clone());
    // A body is read for those alone who may do something in the cluster.
    if let Err(failure) = clusters::find(&central, &name, identified.caller.clone()).await {
        body::discard(body).await;
        return Err(refuse(&central, record, failure.into()).await);
    }
    let (mut request, room) = {
        let (body, room) = body::read(body, body::COMMAND).await?;
        (parse(&body)?, room)
    };
    let files = exec_files::take_contents(&mut request)?;
    if request.tty.is_some() {
        let detail =
            "\"tty\" needs the WebSocket at this path: what is typed, and the size of the window, come in messages";
        return Err(Failure::new(ErrorCode::InvalidRequest, detail));
    }
    let input = match &request.stdin {
        Some(Stdin::Text(text)) => Some(Bytes::from(text.clone())),
        Some(Stdin::Follows(true)) => {
            let detail = "\"stdin\" must be a text here: input in pieces needs the WebSocket at this path";
            return Err(Failure::new(ErrorCode::InvalidRequest, detail));
        }
        Some(Stdin::Follows(false)) | None => None,
    };
    let running = start(&central, &name, &identified, request, record, input.is_some()).await?;
    for bytes in files.iter().chain(&input) {
        running.output.traffic().came(bytes.len());
    }
    let feeder = (input.is_some() || !files.is_empty())
        .then(|| AbortOnDropHandle::new(tokio::spawn(feed(running.input, files, input, room))));
    let stream = exec_stream::Source { output: running.output, _feeder: feeder };
    if accepts_text(&headers) {
        let mut response = removable(exec_stream::raw(stream), running.stalled, connection).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response.headers_mut().insert(header::TRAILER, HeaderValue::from_static(exec_stream::EXIT_CODE));
        return Ok(response);
    }
    let mut response = removable(exec_stream::ndjson(stream), running.stalled, connection).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// The body of an answer whose client may take nothing more of it one day, and whose connection is closed then if it is
/// for this answer alone.
fn removable(
    output: impl http_body::Body<Data = Bytes, Error = io::Error> + Send + 'static,
    stalled: oneshot::Receiver<()>,
    connection: Option<Hangup>,
) -> Body {
    let (body, remove) = Removable::new(output.boxed_unsync());
    tokio::spawn(async move {
        // When the command is over, so is this task.
        if stalled.await.is_ok() {
            remove();
            connection.iter().for_each(Hangup::hang_up);
        }
    });
    Body::new(body)
}

/// What the audit log says of a command from the start, but for the command itself.
pub struct Asked(pub AuditRecord);

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut record = recorded::request(&parts.extensions, &parts.headers, AuditKind::Exec);
        if let Some(identified) = parts.extensions.get::<Identified>() {
            recorded::made_by(&mut record, &identified.caller);
        }
        Ok(Self(record))
    }
}

/// The connection of a request that has one to itself.
pub struct OwnConnection(Option<Hangup>);

impl<S: Sync> FromRequestParts<S> for OwnConnection {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Hangup::of(&parts.extensions, parts.version)))
    }
}

/// A command that was started.
pub struct Running {
    /// Its input.
    pub input: ExecInput,
    /// What is still to come of its files.
    pub files: Announced,
    /// Its output, for as long as the caller may have it.
    pub output: Guarded,
    /// Hears when its client takes nothing more of the output.
    pub stalled: oneshot::Receiver<()>,
}

/// The one way to a command, for both transports: find the cluster, authorise, refuse what is certain to fail, record,
/// start.
pub async fn start(
    central: &Arc<Central>,
    cluster: &str,
    identified: &Identified,
    request: ExecRequest,
    mut record: AuditRecord,
    stdin: bool,
) -> Result<Running, Failure> {
    record.cluster = Some(cluster.to_owned());
    let Admitted { entry, cluster, files, share } =
        match admit(central, cluster, identified, &request, &mut record).await {
            Ok(found) => found,
            Err(refused) => return Err(refuse(central, record, refused).await),
        };
    let mut trail = central.audit.begin(record, Durability::Strict).await?;
    let rules = cluster.rights().rules().clone();
    let start = ExecStart {
        request_id: trail.id().to_owned().into(),
        args: request.command,
        caller: cluster.caller().name().to_owned(),
        groups: cluster.groups(),
        namespace: request.namespace,
        stdin,
        rules: rules.clone(),
        tty: request.tty,
        files,
    };
    match route::open(central, &cluster, &entry.name, &start, &trail).await {
        Ok(ExecCall { input, output, cancel, rights }) => {
            let files = Announced::of(start.files.as_ref());
            let call = (output, rights, cancel);
            let (output, stalled) = Guarded::new(central, identified.clone(), &entry.name, rules, trail, share, call);
            Ok(Running { input, files, output, stalled })
        }
        Err(Unanswered { outcome, failure }) => {
            trail.ended(outcome, Some(&failure.detail));
            Err(failure)
        }
    }
}

/// Records a command that is not started; the answer to it.
async fn refuse(central: &Central, mut record: AuditRecord, refused: Refused) -> Failure {
    let Refused { failure, logged } = refused;
    recorded::refused(&mut record, &failure);
    record.detail = Some(logged);
    central.audit.note(record, Durability::Strict).await.err().unwrap_or(failure)
}

/// A command that may be started.
struct Admitted {
    entry: Entry,
    cluster: Authorized<ClusterId>,
    files: Option<FileTree>,
    share: Share<(UserId, ClusterId)>,
}

/// Whether a command may be started.
async fn admit(
    central: &Central,
    cluster: &str,
    identified: &Identified,
    request: &ExecRequest,
    record: &mut AuditRecord,
) -> Result<Admitted, Refused> {
    let (entry, cluster) = clusters::find(central, cluster, identified.caller.clone()).await?;
    request.validate()?;
    record.namespace.clone_from(&request.namespace);
    let refused = |failure| Refused { failure, logged: "not files that are accepted".into() };
    let files = request.tree().map_err(refused)?;
    let command = admission::read(&request.command, record)?;
    let named = command.admit(files.as_ref().map(FileTree::directory));
    named.map_err(|refusal| Refused::invalid(refusal, "it names files that did not come with it"))?;
    if let Some(operation) = &request.operation {
        central.join_operation(operation, record).await?;
    }
    admission::permit(&command, &cluster, request.namespace.as_deref())?;
    record.decision = Some(AuditDecision::Allowed);
    let share = central.shares.take((identified.caller.user_id(), *cluster.subject())).ok_or_else(|| {
        let detail = format!(
            "you run {MAX_COMMANDS} commands in this cluster at once, which is the most: try again when some have ended"
        );
        Failure::new(ErrorCode::TooManyRequests, detail)
    })?;
    Ok(Admitted { entry, cluster, files, share })
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

async fn feed(input: ExecInput, files: Vec<Bytes>, stdin: Option<Bytes>, room: Room) {
    for bytes in files {
        if !exec_files::send(&input, bytes).await {
            return;
        }
    }
    if let Some(mut bytes) = stdin {
        while !bytes.is_empty() {
            if !input.send(bytes.split_to(bytes.len().min(CHUNK_BYTES))).await {
                return;
            }
        }
        input.finish().await;
    }
    drop(room);
    // The call would be seen as over when its input is dropped; its owner aborts this task when it is.
    std::future::pending::<()>().await;
}
