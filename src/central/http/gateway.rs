//! `/clusters/{name}/k8s`: the Kubernetes API of a cluster, for any client of Kubernetes.
//!
//! The bytes of path and query behind the prefix go on as they came: nothing decodes, cleans or redirects them. All
//! that mk8s refuses here it refuses with a `Status`, as API servers do.

mod body;
mod refusal;
mod review;
mod upgrade;
mod watched;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{HeaderMap, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Uri, Version};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use self::body::Running;
use super::body::discard;
use super::caller::{Gate, Right};
use super::clusters;
use super::recorded;
use crate::access::{Authorized, Decision};
use crate::central::audit::{Durability, Traffic, Trail};
use crate::central::callers::Identified;
use crate::central::directory::Entry;
use crate::central::listen::Hangup;
use crate::central::route::{self, Unanswered};
use crate::central::running::Place;
use crate::central::state::Central;
use crate::kubernetes::attributes::Attributes;
use crate::kubernetes::headers::{self, Upgrade};
use crate::kubernetes::question::Question;
use crate::kubernetes::reviews::{self, Review};
use crate::kubernetes::status::Status;
use crate::model::audit::{AuditDecision, AuditKind, AuditOutcome, AuditRecord};
use crate::model::{ClusterId, ErrorCode, Failure, RequestId};
use crate::tunnel::forward::{Head, RequestBody};
pub use refusal::Seen;
use refusal::refuse;

/// How the path begins; the name of a cluster follows.
const BEGIN: &str = "/clusters/";

/// What follows the name; the path of the API server comes then.
const END: &str = "k8s";

/// The path in the description of the API, where one parameter stands for all that follows.
pub const PATH: &str = "/clusters/{name}/k8s/{path}";

/// What a caller must be; what a request may do is for the policy to say.
pub const RIGHT: Right = Right::Caller;

/// The name of a cluster and the target for its API server, if a request is for one.
pub fn split(uri: &Uri) -> Option<(&str, &str)> {
    let target = uri.path_and_query()?.as_str();
    let (name, rest) = target.strip_prefix(BEGIN)?.split_once('/')?;
    let rest = rest.strip_prefix(END)?;
    // A name does not contain what would have ended the path.
    (!name.contains('?') && (rest.is_empty() || rest.starts_with(['/', '?']))).then_some((name, rest))
}

/// Answers a request whose path [`split`] understands.
pub async fn serve(State(central): State<Arc<Central>>, request: Request) -> Response {
    // Without its body, which cannot be shared.
    let (head, body) = request.into_parts();
    let request = http::Request::from_parts(head, ());
    let mut record = recorded::request(request.extensions(), request.headers(), AuditKind::Gateway);
    record.verb = Some(request.method().as_str().to_ascii_lowercase());
    record.target = split(request.uri()).and_then(|(_, raw)| raw.split(['?', '#']).next()).map(str::to_owned);
    let admitted = match admit(&central, &request, &mut record).await {
        Ok(allowed) => begin(&central, &allowed, record).await.map(|trail| (allowed, trail)),
        Err(status) => Err(note(&central, record, *status).await),
    };
    match admitted {
        Ok((allowed, trail)) => {
            answer(&central, allowed, trail, request, body).await.unwrap_or_else(|status| refuse(&status))
        }
        Err(status) => {
            discard(body).await;
            refuse(&status)
        }
    }
}

/// Records a request that may go on: it does when that is done.
async fn begin(central: &Central, allowed: &Allowed, record: AuditRecord) -> Result<Trail, Status> {
    // A question about one's own rights changes nothing, though it is a `create`. What is done on a connection with
    // another protocol is not known.
    let is_read = (allowed.is_plain_read || allowed.review.is_some()) && allowed.upgrade.is_none();
    let durability = if is_read { central.audit.reads() } else { Durability::Strict };
    central.audit.begin(record, durability).await.map_err(|failure| Status::of(&failure))
}

/// Records a request that may not, if it is known who makes it; the answer to it.
async fn note(central: &Central, mut record: AuditRecord, status: Status) -> Status {
    record.status = Some(status.code().as_u16().into());
    record.outcome = Some(AuditOutcome::Refused);
    if record.user.is_none() {
        crate::central::audit::log(&record, &record.ending());
        return status;
    }
    if record.rule.is_none() {
        record.detail = Some(status.message().to_owned());
    }
    match central.audit.note(record, Durability::Strict).await {
        Ok(()) => status,
        Err(failure) => Status::of(&failure),
    }
}

/// A request without its body.
type Bodiless = http::Request<()>;

/// A request that may go on.
struct Allowed {
    entry: Entry,
    cluster: Authorized<ClusterId>,
    head: Head,
    place: Place,
    upgrade: Option<Upgrade>,
    review: Option<Review>,
    is_plain_read: bool,
}

async fn answer(
    central: &Arc<Central>,
    allowed: Allowed,
    mut trail: Trail,
    mut request: Bodiless,
    body: Body,
) -> Result<Response, Status> {
    if let Some(to) = allowed.upgrade {
        let client = hyper::upgrade::on(&mut request);
        return upgrade::answer(central, allowed, trail, to, client, body).await;
    }
    if let Some(review) = allowed.review {
        return review::answer(central, allowed, trail, review, request.headers(), body).await;
    }
    let Allowed { entry, cluster, head, place, .. } = allowed;
    let body = counted(body, trail.traffic());
    let sending = route::forward(central, &cluster, &entry.name, &head, body, place.cut(), &trail);
    let answer = match sending.await {
        Ok(answer) => answer,
        Err(unanswered) => return Err(without_answer(&mut trail, &place, &unanswered)),
    };
    trail.answered(answer.status());
    let (mut head, body) = answer.into_parts();
    add_ours(&mut head.headers, entry.name.as_str());
    Ok(Running::answer(Response::from_parts(head, body), place, trail))
}

/// The body of a request, whose bytes are counted.
fn counted(body: Body, traffic: &Arc<Traffic>) -> RequestBody {
    if body.is_end_stream() {
        return RequestBody::empty();
    }
    let traffic = traffic.clone();
    RequestBody::new(body.map_frame(move |frame| {
        frame.data_ref().into_iter().for_each(|data| traffic.came(data.len()));
        frame
    }))
}

/// The answer to a request that got none from the cluster, because it was cut or the way there is broken.
fn without_answer(trail: &mut Trail, place: &Place, unanswered: &Unanswered) -> Status {
    let (outcome, failure) = match place.why() {
        Some(why) => {
            let failure = Failure::new(ErrorCode::Forbidden, format!("the request was ended: {why}"));
            (AuditOutcome::Cut, failure)
        }
        None => (unanswered.outcome, unanswered.failure.clone()),
    };
    refused_late(trail, outcome, Status::of(&failure))
}

/// Ends a request that was begun with an answer of mk8s itself.
fn refused_late(trail: &mut Trail, outcome: AuditOutcome, status: Status) -> Status {
    trail.answered(status.code());
    trail.ended(outcome, Some(status.message()));
    status
}

/// Everything that a request must pass before it goes on; in this order nobody learns what is not theirs to know.
async fn admit(central: &Arc<Central>, request: &Bodiless, record: &mut AuditRecord) -> Result<Allowed, Box<Status>> {
    let failed = |failure: Failure| Box::new(Status::of(&failure));
    let gate = Gate { central: central.clone(), right: RIGHT };
    let identified = gate.admit(request.headers()).await.map_err(failed)?;
    recorded::made_by(record, &identified.caller);
    let (name, raw) = split(request.uri()).unwrap_or_default();
    let (entry, cluster) = clusters::find(central, name, identified.caller.clone()).await.map_err(failed)?;
    record.cluster = Some(entry.name.as_str().to_owned());
    if request.version() < Version::HTTP_2 && request.uri().authority().is_some() {
        return Err(Box::new(Status::bad_request("mk8s: the request target must be a path")));
    }
    let question = Question::read(request.method(), raw, request.headers())?;
    describe(record, &question, request.method());
    let mut headers = headers::request(request.headers()).map_err(|error| Status::refused(&error.to_string()))?;
    let review = Review::of(&question.info);
    if review.is_some() {
        reviews::prepare(&mut headers);
    }
    decide(&cluster, &question.needed, record)?;
    let upgrade = Upgrade::of(request.method(), request.version(), request.headers());
    let head = head(request, &cluster, &question, headers)?;
    let is_plain_read = question.is_plain_read();
    let place = enter(central, request, &identified, &cluster, &entry, question.needed)?;
    Ok(Allowed { entry, cluster, head, place, upgrade, review, is_plain_read })
}

/// What the audit log says of what is asked for.
fn describe(record: &mut AuditRecord, question: &Question, method: &Method) {
    record.verb = Some(question.verb(method));
    record.command = question.command();
    recorded::about(record, &question.info);
}

/// Whether the policy allows all of this.
fn decide(cluster: &Authorized<ClusterId>, needed: &[Attributes], record: &mut AuditRecord) -> Result<(), Status> {
    let policy = cluster.rights().policy();
    let why = match policy.decide_all(needed) {
        Decision::Allowed { role } => {
            record.decision = Some(AuditDecision::Allowed);
            record.rule = role.map(|role| role.to_string());
            return Ok(());
        }
        Decision::Denied { why } => why,
    };
    record.decision = Some(AuditDecision::Denied);
    record.rule = Some(why.clone());
    let denied = needed.iter().find(|attributes| matches!(policy.decide(attributes), Decision::Denied { .. }));
    Err(match denied {
        Some(denied) => Status::forbidden(cluster.caller().name(), denied, &why),
        None => Status::refused(&why),
    })
}

fn head(
    request: &Bodiless,
    cluster: &Authorized<ClusterId>,
    question: &Question,
    headers: HeaderMap,
) -> Result<Head, Status> {
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_else(RequestId::generate);
    let (caller, groups) = (cluster.caller(), cluster.groups());
    Head::new(request.method().clone(), &question.target, headers, &id, (caller.name(), &groups))
        .map_err(|error| Status::bad_request(format!("mk8s: {error}")))
}

fn enter(
    central: &Central,
    request: &Bodiless,
    identified: &Identified,
    cluster: &Authorized<ClusterId>,
    entry: &Entry,
    needed: Vec<Attributes>,
) -> Result<Place, Status> {
    let connection = Hangup::of(request.extensions(), request.version());
    central
        .running
        .enter(identified, cluster, &entry.name, needed, connection)
        .map_err(|full| Status::of(&Failure::new(ErrorCode::TooManyRequests, full.to_string())))
}

/// What central makes of the headers of an answer.
fn add_ours(headers: &mut HeaderMap, cluster: &str) {
    headers::response(headers, "");
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The API server knows nothing of the prefix.
    if let Some(location) = headers.remove(LOCATION)
        && let Ok(path) = location.to_str()
        && let Ok(path) = HeaderValue::from_str(&format!("{BEGIN}{cluster}/{END}{path}"))
    {
        headers.insert(LOCATION, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_cut_off_and_the_rest_stays_as_it_is() {
        let split = |target: &'static str| super::split(&Uri::from_static(target)).map(|(a, b)| format!("{a} {b}"));
        let is = |target, expected: &str| assert_eq!(split(target).as_deref(), Some(expected), "{target}");
        is("/clusters/dev/k8s/api/v1/pods?watch=1", "dev /api/v1/pods?watch=1");
        is("/clusters/dev/k8s//api/%2e%2E/x", "dev //api/%2e%2E/x");
        is("/clusters/dev/k8s", "dev ");
        is("/clusters/dev/k8s?x", "dev ?x");
        is("/clusters/%64ev/k8s/version", "%64ev /version");
        is("/clusters//k8s/version", " /version");
        is("https://central/clusters/dev/k8s/version", "dev /version");
        for other in
            ["/clusters/dev", "/clusters/dev/k8sx", "/clusters/dev/exec", "/clusters?a/k8s/", "//clusters/dev/k8s/"]
        {
            assert_eq!(split(other), None, "{other}");
        }
    }

    #[test]
    fn redirections_stay_below_the_prefix() {
        let location = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, value.parse().unwrap());
            add_ours(&mut headers, "dev");
            headers.get(LOCATION).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(location("/api/v1/x/").as_deref(), Some("/clusters/dev/k8s/api/v1/x/"));
        for elsewhere in ["https://evil.example/", "//evil.example", "/\\evil"] {
            assert_eq!(location(elsewhere), None, "{elsewhere}");
        }
    }
}
