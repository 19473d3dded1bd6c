//! Who is asking, and whether that is enough for the operation: the gate in front of every handler.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};

use super::told::Note;
use super::{body, recorded};
use crate::central::audit::{Durability, Trail};
use crate::central::callers::{Identified, unauthenticated};
use crate::central::state::Central;
use crate::kubernetes::redact;
use crate::model::audit::{AuditDecision, AuditKind, AuditOutcome};
use crate::model::{ErrorCode, Failure};

/// What an operation asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Nothing: anyone may call it.
    Public,
    /// To be known.
    Caller,
    /// To have logged in; an API token is not enough.
    Session,
    /// The role `admin`.
    Admin,
}

/// An operation's right, and the central that knows callers.
#[derive(Clone)]
pub struct Gate {
    /// Central.
    pub central: Arc<Central>,
    /// What the operation asks for.
    pub right: Right,
}

/// Lets a request pass with its caller, or refuses it. What changes something is recorded before.
pub async fn check(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    // Without its body, which cannot be shared.
    let (head, body) = request.into_parts();
    match gate.record(&head).await {
        Ok((identified, trail)) => {
            let mut request = Request::from_parts(head, body);
            request.extensions_mut().insert(identified.caller.clone());
            request.extensions_mut().insert(identified);
            let Some(trail) = trail else { return next.run(request).await };
            let note = Note::default();
            request.extensions_mut().insert(note.clone());
            let response = next.run(request).await;
            finish(trail, &response, &note);
            response
        }
        Err(failure) => {
            body::discard(body).await;
            failure.into_response()
        }
    }
}

/// Records how a request ended.
fn finish(mut trail: Trail, response: &Response, note: &Note) {
    match response.extensions().get::<Failure>() {
        Some(failure) => {
            trail.answered(StatusCode::from_u16(failure.code.http_status()).unwrap_or_default());
            trail.ended(AuditOutcome::Refused, Some(recorded::reason(failure)));
        }
        None => {
            trail.answered(response.status());
            trail.ended(AuditOutcome::Complete, note.text());
        }
    }
}

impl Gate {
    /// The caller of a request, with the record of one that changes something.
    async fn record(&self, request: &Parts) -> Result<(Identified, Option<Trail>), Failure> {
        let identified = self.identify(&request.headers).await?;
        let permitted = self.permit(&identified);
        let Some(kind) = self.recorded_as(&request.method) else { return permitted.map(|()| (identified, None)) };
        let mut record = recorded::request(&request.extensions, &request.headers, kind);
        recorded::made_by(&mut record, &identified.caller);
        record.verb = Some(request.method.as_str().to_ascii_lowercase());
        record.target = Some(redact::path(request.uri.path()));
        if let Err(failure) = permitted {
            recorded::refused(&mut record, &failure);
            self.central.audit.note(record, Durability::Strict).await?;
            return Err(failure);
        }
        record.decision = Some(AuditDecision::Allowed);
        let trail = self.central.audit.begin(record, Durability::Strict).await?;
        Ok((identified, Some(trail)))
    }

    /// As what requests are recorded; those that only read are not, and those to clusters are by others.
    fn recorded_as(&self, method: &Method) -> Option<AuditKind> {
        if method.is_safe() {
            return None;
        }
        match self.right {
            Right::Admin => Some(AuditKind::Admin),
            Right::Session => Some(AuditKind::Account),
            Right::Caller | Right::Public => None,
        }
    }

    /// The caller of a request with these headers, if that is enough.
    pub async fn admit(&self, headers: &HeaderMap) -> Result<Identified, Failure> {
        let identified = self.identify(headers).await?;
        self.permit(&identified).map(|()| identified)
    }

    async fn identify(&self, headers: &HeaderMap) -> Result<Identified, Failure> {
        self.central.identify(bearer(headers)?).await
    }

    fn permit(&self, identified: &Identified) -> Result<(), Failure> {
        let refused = match self.right {
            Right::Session if !identified.caller.is_session() => "this needs a login, not an API token",
            Right::Admin if !identified.caller.is_admin() => "this needs the role admin",
            _ => return Ok(()),
        };
        Err(Failure::new(ErrorCode::Forbidden, refused))
    }
}

/// The token of a request (RFC 6750, section 2.1): one `Authorization` header, and no other place.
fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (shown.next(), shown.next()) else {
        return Err(unauthenticated("log in first: the request shows no token, or more than one"));
    };
    let text = value.to_str().unwrap_or_default();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(unauthenticated("the token must be shown as `Authorization: Bearer <token>`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_in_one_way() {
        let shown = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            bearer(&headers).map(str::to_owned).ok()
        };
        assert_eq!(shown(&["Bearer a"]).as_deref(), Some("a"));
        assert_eq!(shown(&["bearer  a "]).as_deref(), Some("a"));
        for refused in [&[][..], &["Basic a"], &["Bearer"], &["Bearer a", "Bearer a"]] {
            assert_eq!(shown(refused), None, "{refused:?}");
        }
    }
}
