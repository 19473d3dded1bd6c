//! Requests that change the protocol: exec, attach and port-forward, over WebSocket or SPDY.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::body::Running;
use super::log::Log;
use super::refusal::Refused;
use super::watched::Watched;
use super::{Allowed, add_ours, cut};
use crate::central::route;
use crate::central::state::Central;
use crate::kubernetes::headers::Upgrade;
use crate::kubernetes::status::Status;
use crate::tunnel::forward::Upgraded;

/// Asks for the protocol, and after 101 carries bytes both ways for as long as the caller may have it.
pub(super) async fn answer(
    central: &Arc<Central>,
    allowed: Allowed,
    to: Upgrade,
    client: OnUpgrade,
    body: Body,
    log: &mut Log,
) -> Result<Response, Refused> {
    let Allowed { entry, cluster, head, place, .. } = allowed;
    if !body.is_end_stream() {
        let status = Status::bad_request("mk8s: a request that changes the protocol has no body");
        return Err(Refused { status, body: Some(body) });
    }
    let asked = tokio::select! {
        asked = route::upgrade(central, &cluster, &entry.name, &head, to) => asked,
        () = place.cut().cancelled() => return Err(cut(&place).unwrap_or_else(Status::unauthorized).into()),
    };
    match asked.map_err(|failure| Status::of(&failure))? {
        Upgraded::Refused(answer) => {
            log.answered(answer.status());
            let (mut head, body) = answer.into_parts();
            add_ours(&mut head.headers, entry.name.as_str());
            Ok(Response::from_parts(head, Body::new(Running::new(body, place, log.take()))))
        }
        Upgraded::Switched(mut headers, pipe) => {
            log.answered(StatusCode::SWITCHING_PROTOCOLS);
            add_ours(&mut headers, entry.name.as_str());
            to.add_to(&mut headers);
            let mut log = log.take();
            central.commands.spawn(async move {
                let Ok(client) = client.await else { return };
                tokio::select! {
                    () = pipe.join(Watched::new(TokioIo::new(client), &place)) => log.complete(),
                    () = place.cut().cancelled() => log.broken(place.why().unwrap_or_default()),
                }
            });
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            *response.headers_mut() = headers;
            Ok(response)
        }
    }
}
