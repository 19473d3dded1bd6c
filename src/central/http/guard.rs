//! What every request must pass: a head of a bearable size, and no web page of another origin that makes it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Uri, header};

use super::{body, console};
use crate::central::state::Central;
use crate::model::{ErrorCode, Failure};

/// The most bytes that the names and values of a request's headers may have. The listener reads twice as much, so that
/// a client that is over the limit is told so.
pub const MAX_HEADERS: usize = 64 << 10;

/// Lets requests without an `Origin` pass (no browser sent them), those of central's own pages, and visits of the console.
pub async fn check(State(central): State<Arc<Central>>, request: Request, next: Next) -> Response {
    let is_visit = central.console && console::is_visit(&request);
    let Err(refused) = admit(request.headers(), central.address.authority.as_deref(), is_visit) else {
        return next.run(request).await;
    };
    body::discard(request.into_body()).await;
    refused.into_response()
}

fn admit(headers: &HeaderMap, authority: Option<&str>, is_visit: bool) -> Result<(), Failure> {
    if headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() > MAX_HEADERS {
        let message = format!("the headers of a request may have at most {} KiB together", MAX_HEADERS >> 10);
        return Err(Failure::new(ErrorCode::TooLarge, message));
    }
    if !is_visit && is_foreign(headers, authority) {
        // A browser would lend the page its user's reach.
        let own = authority.unwrap_or("unknown");
        let detail =
            format!("requests from web pages of another origin are refused: the address of this central is {own}");
        return Err(Failure::new(ErrorCode::Forbidden, detail));
    }
    Ok(())
}

fn is_foreign(headers: &HeaderMap, authority: Option<&str>) -> bool {
    let cross_site = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site");
    let foreign_origin = headers.get(header::ORIGIN).is_some_and(|origin| {
        let host = origin.to_str().ok().and_then(|o| o.parse::<Uri>().ok()).and_then(|o| o.authority().cloned());
        host.as_ref().map(http::uri::Authority::as_str) != authority
    });
    cross_site || foreign_origin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_a_size() {
        let with = |bytes: usize| {
            let mut headers = HeaderMap::new();
            headers.insert("x", "y".repeat(bytes / 2 - 1).parse().unwrap());
            headers.append("x", "y".repeat(bytes / 2 - 1).parse().unwrap());
            admit(&headers, None, false).map_err(|failure| failure.code)
        };
        assert_eq!(with(MAX_HEADERS), Ok(()));
        assert_eq!(with(MAX_HEADERS + 2), Err(ErrorCode::TooLarge));
    }

    #[test]
    fn only_pages_of_another_origin_are_foreign() {
        let foreign = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            is_foreign(&headers, Some("localhost:8443"))
        };
        assert!(!foreign("accept", "*/*"));
        assert!(!foreign("origin", "https://localhost:8443"));
        assert!(foreign("origin", "https://evil.example"));
        assert!(foreign("origin", "null"));
        assert!(foreign("sec-fetch-site", "cross-site"));
        assert!(!foreign("sec-fetch-site", "none"));
    }
}
