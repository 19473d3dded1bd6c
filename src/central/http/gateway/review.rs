//! Questions about the caller's own rights: the answer is that of the policy and the cluster together.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::body::Running;
use super::log::Log;
use super::refusal::Refused;
use super::{Allowed, add_ours, cut};
use crate::central::route;
use crate::central::state::Central;
use crate::kubernetes::reviews::{InvalidAnswer, MAX_ANSWER, MAX_QUESTION, Review};
use crate::kubernetes::status::Status;
use crate::tunnel::forward::RequestBody;

/// Asks the API server, and puts into its answer what the policy says. `headers` are those of the client.
pub(super) async fn answer(
    central: &Arc<Central>,
    allowed: Allowed,
    review: Review,
    headers: &HeaderMap,
    body: Body,
    log: &mut Log,
) -> Result<Response, Refused> {
    let Allowed { entry, cluster, head, place, .. } = allowed;
    let question = whole(body).await?;
    let asked = review.read(headers, &question)?;
    // Who the caller is, the cluster knows; or else the agent, which knows whether it acts as the caller.
    let finding = cluster.rights().policy().review(&asked, None);
    let body = RequestBody::new(Body::from(question));
    let sending = route::forward(central, &cluster, &entry.name, &head, body, place.cut());
    let answer = match sending.await {
        Ok(answer) => answer,
        Err(failure) => return Err(Refused::from(cut(&place).unwrap_or_else(|| Status::of(&failure)))),
    };
    log.answered(answer.status());
    let (mut head, body) = answer.into_parts();
    add_ours(&mut head.headers, entry.name.as_str());
    if finding.leaves(head.status) {
        return Ok(Response::from_parts(head, Body::new(Running::new(body, place, log.take()))));
    }
    let unusable = |error: InvalidAnswer| Status::bad_gateway(format!("mk8s: {error}"));
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|_| unusable(InvalidAnswer))?.to_bytes();
    let answer = finding.apply(Response::from_parts(head, body)).map_err(unusable)?;
    log.complete();
    Ok(answer.map(Body::from))
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
