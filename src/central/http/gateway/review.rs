//! Questions about the caller's own rights: the answer is that of the policy and the cluster together.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::body::Running;
use super::{Allowed, add_ours, refused_late, without_answer};
use crate::central::audit::Trail;
use crate::central::route;
use crate::central::state::Central;
use crate::kubernetes::reviews::{InvalidAnswer, MAX_ANSWER, MAX_QUESTION, Review};
use crate::kubernetes::status::Status;
use crate::model::audit::AuditOutcome;
use crate::tunnel::forward::RequestBody;

/// Asks the API server, and puts into its answer what the policy says. `headers` are those of the client.
pub(super) async fn answer(
    central: &Arc<Central>,
    allowed: Allowed,
    mut trail: Trail,
    review: Review,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Status> {
    let Allowed { entry, cluster, head, place, .. } = allowed;
    let read = async { whole(body).await.and_then(|question| Ok((review.read(headers, &question)?, question))) };
    let (asked, question) = read.await.map_err(|status| refused_late(&mut trail, AuditOutcome::Refused, status))?;
    // Who the caller is, the cluster knows; or else the agent, which knows whether it acts as the caller.
    let finding = cluster.rights().policy().review(&asked, None);
    let body = RequestBody::new(Body::from(question));
    let sending = route::forward(central, &cluster, &entry.name, &head, body, place.cut(), &trail);
    let answer = match sending.await {
        Ok(answer) => answer,
        Err(unanswered) => return Err(without_answer(&mut trail, &place, &unanswered)),
    };
    trail.answered(answer.status());
    let (mut head, body) = answer.into_parts();
    add_ours(&mut head.headers, entry.name.as_str());
    if finding.leaves(head.status) {
        return Ok(Running::answer(Response::from_parts(head, body), place, trail));
    }
    let applied = match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(body) => finding.apply(Response::from_parts(head, body.to_bytes())),
        Err(_) => Err(InvalidAnswer),
    };
    match applied {
        Ok(answer) => {
            trail.ended(AuditOutcome::Complete, None);
            Ok(answer.map(Body::from))
        }
        Err(error) => {
            let status = Status::bad_gateway(format!("mk8s: {error}"));
            Err(refused_late(&mut trail, AuditOutcome::Failed, status))
        }
    }
}

/// The body of a review, which is small.
async fn whole(body: Body) -> Result<Bytes, Status> {
    match Limited::new(body, MAX_QUESTION).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Status::too_large(format!("mk8s: a review may have at most {MAX_QUESTION} bytes")))
        }
        Err(error) => {
            Err(Status::bad_request(format!("mk8s: the body of the request did not come to its end: {error}")))
        }
    }
}
