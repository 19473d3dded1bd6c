//! The web console: files that are a part of the program. They hold nothing that is secret, and ask the API for all else.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::error::no_such_path;
use crate::central::state::Central;

/// The paths at which it is; relative links of its document start at the second.
pub const PATHS: [&str; 4] = ["/", "/console", "/console/", "/console/{file}"];

/// The directory of all files.
const HOME: &str = "/console/";

/// What its pages may do: run its own scripts, ask its own central, and nothing else. No script can make markup of a text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// Headers of every answer.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

/// A file: its name, and what is in it.
type File = (&'static str, &'static str);

/// The files, by name.
macro_rules! files {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../console/", $name)))),*] };
}

/// All files; the first is the document.
const FILES: [File; 23] = files![
    "index.html",
    "account.js",
    "add.js",
    "api.js",
    "ask.js",
    "audit.js",
    "cluster.js",
    "clusters.js",
    "console.css",
    "dom.js",
    "icon.svg",
    "install.js",
    "labels.js",
    "login.js",
    "main.js",
    "role.js",
    "roles.js",
    "router.js",
    "sessions.js",
    "tokens.js",
    "ui.js",
    "user.js",
    "users.js",
];

/// The entity tags of the files: strong, since they are made of the content.
static TAGS: LazyLock<Vec<Option<HeaderValue>>> = LazyLock::new(|| FILES.iter().map(|(_, text)| tag(text)).collect());

fn tag(text: &str) -> Option<HeaderValue> {
    let hash: String =
        digest(&SHA256, text.as_bytes()).as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::from_str(&format!("\"{hash}\"")).ok()
}

/// Adds it to the routes of users.
pub fn add_to(router: Router<Arc<Central>>) -> Router<Arc<Central>> {
    let [root, bare, home, file] = PATHS;
    router
        .route(root, get(enter))
        .route(bare, get(async || found(HOME)))
        .route(home, get(async |headers: HeaderMap| answer(&headers, 0)))
        .route(file, get(serve))
}

/// Whether a browser opens the console, by a link on whatever page or under another name of central. What it gets is the same
/// for all and can be shown in no frame; and it is the console that says what is wrong with the name.
pub fn is_visit(request: &Request) -> bool {
    let says = |name: &str, word: &str| request.headers().get(name).is_some_and(|value| value == word);
    let path = request.uri().path();
    request.method().is_safe()
        && (PATHS.contains(&path) || path.starts_with(HOME))
        && (says("sec-fetch-mode", "navigate") || says("sec-fetch-site", "same-origin"))
}

/// The address that people type leads to the console; programs hear that there is nothing.
async fn enter(headers: HeaderMap, request: Request) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") { found(HOME) } else { no_such_path(request.into_body()).await.into_response() }
}

async fn serve(headers: HeaderMap, name: Result<Path<String>, PathRejection>, request: Request) -> Response {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    match FILES.iter().position(|(file, _)| *file == name) {
        Some(place) => answer(&headers, place),
        None => no_such_path(request.into_body()).await.into_response(),
    }
}

fn found(place: &'static str) -> Response {
    (StatusCode::SEE_OTHER, HEADERS, [(header::LOCATION, place), (header::VARY, "accept")]).into_response()
}

fn answer(headers: &HeaderMap, place: usize) -> Response {
    let (Some((name, text)), Some(Some(tag))) = (FILES.get(place), TAGS.get(place)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tags = [(header::ETAG, tag.clone())];
    if is_known(headers, tag) {
        return (StatusCode::NOT_MODIFIED, HEADERS, tags).into_response();
    }
    (HEADERS, tags, [(header::CONTENT_TYPE, kind(name))], *text).into_response()
}

/// Whether the client has what the tag stands for (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(|known| known.trim());
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == tag.as_bytes())
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most bytes that all files may have.
    const ROOM: usize = 56 << 10;

    #[test]
    fn the_files_are_small_and_all_there_are() {
        let size: usize = FILES.iter().map(|(_, text)| text.len()).sum();
        assert!(size <= ROOM, "{size} bytes");
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/central/console");
        let mut there: Vec<_> = std::fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name()).collect();
        let mut served: Vec<_> = FILES.iter().map(|(name, _)| *name).collect();
        there.sort();
        served.sort_unstable();
        assert_eq!(there, served);
    }

    #[test]
    fn texts_become_no_markup_and_nothing_is_fetched_from_elsewhere() {
        const NEVER: [&str; 9] = [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "localStorage",
            "document.cookie",
            "//cdn",
            "style=",
        ];
        for (name, text) in FILES {
            let found = NEVER.iter().find(|word| text.contains(**word));
            assert!(found.is_none(), "{name} has {found:?}");
            let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("http://") && !elsewhere.contains("https://"), "{name} names another place");
        }
    }

    #[test]
    fn every_file_says_what_it_is_for() {
        for (name, text) in FILES.iter().filter(|(name, _)| name.ends_with(".js")) {
            assert!(text.starts_with("// "), "{name}");
        }
    }

    #[test]
    fn a_tag_is_known_in_any_list() {
        let tag = tag("x").unwrap();
        let known = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            is_known(&headers, &tag)
        };
        let text = tag.to_str().unwrap();
        assert!(known(text) && known("*") && known(&format!("\"a\", {text}")) && known(&format!("W/{text}")));
        assert!(!known("\"a\"") && !known(text.trim_matches('"')));
        assert!(!is_known(&HeaderMap::new(), &tag));
    }
}
