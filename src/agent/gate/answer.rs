//! From a request to its answer: who asks, what for, may it, what does the API server say.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Uri, Version};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tracing::{debug, warn};

use super::Inner;
use super::connection::Peer;
use super::report::Report;
use super::session::{Denial, Running, Session};
use crate::agent::body::Filtered;
use crate::agent::relay::{Outgoing, RelayError};
use crate::kubernetes::headers::{AUDIT_ID, Upgrade};
use crate::kubernetes::question::Question;
use crate::kubernetes::request_info::RequestInfo;
use crate::kubernetes::reviews::Review;
use crate::kubernetes::status::Status;

pub(super) type Answer = Response<Either<Full<Bytes>, Filtered>>;

/// A request that is not allowed: the answer, and what was missing when the policy refused it.
struct Refused {
    status: Status,
    denied: Option<String>,
}

/// A request that is allowed, while it runs.
pub(super) struct Allowed {
    /// Whose it is.
    pub(super) session: Arc<Session>,
    running: Running,
    place: tokio::sync::OwnedSemaphorePermit,
}

impl Inner {
    /// Answers one request. An error breaks the connection, or with HTTP/2 the stream.
    pub async fn answer(self: Arc<Self>, peer: Arc<Peer>, request: Request<Incoming>) -> io::Result<Answer> {
        let Some(session) = bearer(request.headers()).and_then(|token| self.sessions.find(token)) else {
            debug!("a request to the gate without a token that is valid");
            return Ok(refusal(&Status::unauthorized()));
        };
        if !peer.belongs_to(&session) {
            return Ok(refusal(&Status::unauthorized()));
        }
        let raw = raw_target(request.uri()).to_owned();
        let question = read(&request, &raw);
        let verb = match &question {
            Ok(question) => question.verb(request.method()),
            Err(_) => request.method().as_str().to_ascii_lowercase(),
        };
        let metrics = self.options.metrics.clone();
        let report = Report::new(session.clone(), metrics, question.as_ref().ok(), (verb, raw));
        let ended = session.ended.clone();
        let upgrades = Upgrade::of(request.method(), request.version(), request.headers()).is_some();
        let answering = async {
            match self.decide(&session, question) {
                Ok((question, allowed)) => self.relay(question, allowed, request, report).await,
                Err(refused) => {
                    let Refused { status, denied } = *refused;
                    report.send(status.code(), denied).await;
                    Ok(refusal(&status))
                }
            }
        };
        let mut answer = tokio::select! {
            biased;
            () = ended.cancelled() => return Err(io::ErrorKind::ConnectionAborted.into()),
            answer = answering => answer?,
        };
        if upgrades && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            // What follows on this connection was meant for another protocol.
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(answer)
    }

    /// Whether the request may go on; else the answer, and what was missing.
    fn decide(
        &self,
        session: &Arc<Session>,
        question: Result<Question, Status>,
    ) -> Result<(Question, Allowed), Box<Refused>> {
        let refused = |status, denied| Box::new(Refused { status, denied });
        let question = question.map_err(|status| refused(status, None))?;
        let Ok(place) = session.places.clone().try_acquire_owned() else {
            let status = Status::too_many_requests("mk8s: the command makes too many requests at once");
            return Err(refused(status, None));
        };
        match session.admit(question.needed.clone()) {
            Ok(running) => Ok((question, Allowed { session: session.clone(), running, place })),
            Err(denial) => {
                let Denial { what, why } = *denial;
                let status = match &what {
                    Some(what) => Status::forbidden(&session.user, what, &why),
                    None => Status::refused(&why),
                };
                Err(refused(status, Some(why)))
            }
        }
    }

    /// Asks the API server.
    async fn relay(
        &self,
        question: Question,
        allowed: Allowed,
        mut request: Request<Incoming>,
        report: Report,
    ) -> io::Result<Answer> {
        let upgrade = Upgrade::of(request.method(), request.version(), request.headers());
        let on_upgrade = upgrade.map(|_| hyper::upgrade::on(&mut request));
        let (parts, body) = request.into_parts();
        let identity = allowed.session.identity.clone();
        let mut outgoing = match Outgoing::new(parts.method, question.target.clone(), &parts.headers, identity) {
            Ok(outgoing) => outgoing,
            Err(impersonating) => {
                let why = impersonating.to_string();
                report.send(StatusCode::FORBIDDEN, Some(why.clone())).await;
                return Ok(refusal(&Status::refused(&why)));
            }
        };
        if let Some(id) = &allowed.session.audit_id {
            outgoing.headers.insert(AUDIT_ID, id.clone());
        }
        let body = Filtered::request(body, allowed.session.ended.clone());
        let has_cache = allowed.session.has_cache;
        let answer = match (Review::of(&question.info), upgrade, on_upgrade) {
            (Some(review), ..) => self.review(review, outgoing, body, allowed).await,
            (_, Some(upgrade), Some(client)) => self.upgrade(outgoing, upgrade, body, client, allowed).await,
            _ => self.options.upstream.send(outgoing, body).await.map(|response| {
                let cut = allowed.session.ended.clone();
                response
                    .map(|body| Either::Right(Filtered::answer(body, cut).holding((allowed.running, allowed.place))))
            }),
        };
        let answer = answer.unwrap_or_else(|error| unanswered(&error));
        self.notice(&question.info, answer.status(), has_cache);
        report.send(answer.status(), None).await;
        Ok(answer)
    }

    /// Asks the API server to change the protocol. After 101 bytes go both ways, with nobody in between.
    async fn upgrade(
        &self,
        outgoing: Outgoing,
        upgrade: Upgrade,
        body: Filtered,
        client: OnUpgrade,
        allowed: Allowed,
    ) -> Result<Answer, RelayError> {
        let upgraded = self.options.upstream.upgrade(outgoing, upgrade, body).await?;
        let cut = allowed.session.ended.clone();
        if upgraded.is_switched() {
            let mut answer = Response::new(Either::Left(Full::default()));
            *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            *answer.headers_mut() = upgraded.response.headers().clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = upgraded.join(client) => {}
                }
                drop(allowed);
            });
            return Ok(answer);
        }
        let (response, connection) = upgraded.into_refusal();
        if response.status().as_u16() < 400 {
            // Neither a redirection nor anything else that a client could go on with.
            return Err(RelayError::Protocol);
        }
        let held = (connection, allowed.running, allowed.place);
        Ok(response.map(|body| Either::Right(Filtered::answer(body, cut).holding(held))))
    }

    /// Some requests tell that the discovery cache is out of date.
    fn notice(&self, info: &RequestInfo, status: StatusCode, has_cache: bool) {
        if !status.is_success() {
            return;
        }
        self.options.signals.notice(info);
        if let RequestInfo::Path { path, .. } = info
            && has_cache
            && path == "/apis"
        {
            self.options.signals.missed.notify_one();
        }
    }
}

/// What a request asks for; a client of this server never names it in the target.
fn read(request: &Request<Incoming>, raw: &str) -> Result<Question, Status> {
    if request.version() < Version::HTTP_2 && request.uri().authority().is_some() {
        return Err(Status::bad_request("mk8s: the request target must be a path"));
    }
    Question::read(request.method(), raw, request.headers())
}

/// The request target as it came.
fn raw_target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("", |target| target.as_str())
}

/// The token of a request that shows exactly one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

pub(super) fn refusal(status: &Status) -> Answer {
    status.response().map(|body| Either::Left(Full::new(body)))
}

fn unanswered(error: &RelayError) -> Answer {
    warn!(%error, "a request could not be relayed");
    refusal(&Status::bad_gateway(format!("mk8s: {error}")))
}
