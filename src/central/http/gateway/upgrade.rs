//! Requests that change the protocol: exec, attach and port-forward, over WebSocket or SPDY.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::body::Running;
use super::watched::Watched;
use super::{Allowed, add_ours, refused_late, without_answer};
use crate::central::audit::Trail;
use crate::central::http::body::discard;
use crate::central::route;
use crate::central::state::Central;
use crate::kubernetes::headers::{UPGRADE_ASKED, Upgrade};
use crate::kubernetes::status::Status;
use crate::model::audit::AuditOutcome;
use crate::tunnel::forward::Upgraded;

/// Asks for the protocol, and after 101 carries bytes both ways for as long as the caller may have it.
pub(super) async fn answer(
    central: &Arc<Central>,
    allowed: Allowed,
    mut trail: Trail,
    to: Upgrade,
    client: OnUpgrade,
    body: Body,
) -> Result<Response, Status> {
    let Allowed { entry, cluster, head, place, .. } = allowed;
    if !body.is_end_stream() {
        let status = Status::bad_request("mk8s: a request that changes the protocol has no body");
        discard(body).await;
        return Err(refused_late(&mut trail, AuditOutcome::Refused, status));
    }
    let asked = tokio::select! {
        asked = route::upgrade(central, &cluster, &entry.name, &head, to, &trail) => asked,
        () = place.cut().cancelled() => Err(route::lost()),
    };
    match asked.map_err(|unanswered| without_answer(&mut trail, &place, &unanswered))? {
        Upgraded::Refused(answer) => {
            trail.answered(answer.status());
            let (mut head, body) = answer.into_parts();
            add_ours(&mut head.headers, entry.name.as_str());
            head.headers.insert(UPGRADE_ASKED, HeaderValue::from_static(to.as_str()));
            Ok(Running::answer(Response::from_parts(head, body), place, trail))
        }
        Upgraded::Switched(mut headers, pipe) => {
            trail.answered(StatusCode::SWITCHING_PROTOCOLS);
            add_ours(&mut headers, entry.name.as_str());
            to.add_to(&mut headers);
            central.commands.spawn(async move {
                let Ok(client) = client.await else { return };
                let traffic = trail.traffic().clone();
                tokio::select! {
                    () = pipe.join(Watched::new(TokioIo::new(client), &place, &traffic)) => {
                        trail.ended(AuditOutcome::Complete, None);
                    }
                    () = place.cut().cancelled() => trail.ended(AuditOutcome::Cut, place.why()),
                }
            });
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            *response.headers_mut() = headers;
            Ok(response)
        }
    }
}
