//! Who is asking, and whether that is enough for the operation: the gate in front of every handler.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, header};

use super::body;
use crate::central::callers::{Identified, unauthenticated};
use crate::central::state::Central;
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

/// Lets a request pass with its caller, or refuses it.
pub async fn check(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    match gate.admit(request.headers()).await {
        Ok(identified) => {
            request.extensions_mut().insert(identified.caller.clone());
            request.extensions_mut().insert(identified);
            next.run(request).await
        }
        Err(failure) => {
            body::discard(request.into_body()).await;
            failure.into_response()
        }
    }
}

impl Gate {
    /// The caller of a request with these headers, if that is enough.
    pub async fn admit(&self, headers: &HeaderMap) -> Result<Identified, Failure> {
        let identified = self.central.identify(bearer(headers)?).await?;
        let refused = match self.right {
            Right::Session if !identified.caller.is_session() => "this needs a login, not an API token",
            Right::Admin if !identified.caller.is_admin() => "this needs the role admin",
            _ => return Ok(identified),
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
