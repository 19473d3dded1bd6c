//! Refuses requests that a web page of another origin makes: a browser would lend it the user's reach.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Uri, header};

use super::body;
use crate::central::state::Central;
use crate::model::{ErrorCode, Failure};

/// Lets requests without an `Origin` pass (no browser sent them), and those of central's own pages.
pub async fn same_origin(State(central): State<Arc<Central>>, request: Request, next: Next) -> Response {
    if is_foreign(request.headers(), central.address.authority.as_deref()) {
        body::discard(request.into_body()).await;
        return Failure::new(ErrorCode::Forbidden, "requests from web pages of another origin are refused")
            .into_response();
    }
    next.run(request).await
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
