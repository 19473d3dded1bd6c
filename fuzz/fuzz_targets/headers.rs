//! What crosses of the headers of a request and of an answer: nothing panics, and nobody but us says who the caller is.
//!
//! An input is bytes in lines: method and version, the user, then a header in each line, as `name:value`. A name of two
//! letters is short for a dangerous one: the first chooses it, the second how it is spelt.
#![no_main]

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, Method, Version};
use libfuzzer_sys::{Corpus, fuzz_target};
use mk8s::kubernetes::headers::{self, Identity, Upgrade};

/// Names that somebody could gain something with.
const DANGEROUS: [&str; 26] = [
    "impersonate-user",
    "impersonate-group",
    "impersonate-uid",
    "impersonate-extra-scopes",
    "authorization",
    "cookie",
    "forwarded",
    "x-real-ip",
    "x-remote-user",
    "x-remote-group",
    "x-remote-extra-scopes",
    "x-forwarded-for",
    "proxy-authorization",
    "proxy-connection",
    "audit-id",
    "mk8s-user",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "keep-alive",
    "host",
    "content-type",
    "sec-websocket-protocol",
];

/// Names that never cross, and what the names begin with that never do, `_` taken for `-`.
const NEVER: [&str; 14] = [
    "audit-id",
    "authorization",
    "connection",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-real-ip",
];
const NEVER_BEGIN: [&str; 5] = ["mk8s-", "proxy-", "x-forwarded-", "x-mk8s-", "x-remote-"];

/// Names that never cross in an answer.
const NEVER_ANSWERED: [&str; 12] = [
    "alt-svc",
    "connection",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const ORIGIN: &str = "https://10.0.0.1:6443";

fuzz_target!(|data: &[u8]| -> Corpus {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (start, user) = (line(), line());
    let from: HeaderMap = lines.filter_map(header).take(64).collect::<Vec<_>>().into_iter().fold(
        HeaderMap::new(),
        |mut map, (name, value)| {
            map.append(name, value);
            map
        },
    );
    let identity = identity(user);
    let upgrade = check_upgrade(start, &from);
    check_request(&from, upgrade, identity.as_ref());
    check_response(from);
    Corpus::Keep
});

/// A header of a line; other lines are none.
fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let name = match name {
        [which, spelling] => spelt(DANGEROUS[usize::from(*which) % DANGEROUS.len()], *spelling).into_bytes(),
        name => name.to_vec(),
    };
    Some((HeaderName::from_bytes(&name).ok()?, HeaderValue::from_bytes(value).ok()?))
}

fn spelt(name: &str, how: u8) -> String {
    match how % 8 {
        1 => name.to_ascii_uppercase(),
        2 => name.replace('-', "_"),
        3 => name.replacen('-', "_", 1),
        4 => format!("{name}-x"),
        5 => format!("{name}_x"),
        6 => format!("x-{name}"),
        7 => name.replace('-', ""),
        _ => name.to_owned(),
    }
}

/// Whom the request acts as, if anybody can.
fn identity(user: &[u8]) -> Option<(Identity, String)> {
    let user = str::from_utf8(user).ok()?;
    let groups = ["mk8s:developer".to_owned(), "mk8s:viewer".to_owned()];
    let identity = Identity::new(user, &groups).ok()?;
    assert!(!user.is_empty() && !user.starts_with("system:") && user.trim() == user);
    assert!(!user.contains(['\r', '\n', '\0']));
    assert!(Identity::new("ann", &[user.to_owned()]).is_err() || user.starts_with("mk8s:"));
    Some((identity, user.to_owned()))
}

fn plain(name: &HeaderName) -> String {
    name.as_str().replace('_', "-")
}

/// What all `Connection` headers name, in lower case.
fn named(from: &HeaderMap) -> Vec<Vec<u8>> {
    let values = from.get_all("connection").iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|name| name.trim_ascii().to_ascii_lowercase())
        .collect()
}

fn check_upgrade(start: &[u8], from: &HeaderMap) -> Option<Upgrade> {
    let mut words = start.split(|byte| *byte == b' ');
    let method = Method::from_bytes(words.next().unwrap_or_default()).unwrap_or(Method::GET);
    let version = match words.next() {
        Some(b"2") => Version::HTTP_2,
        Some(b"0") => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let upgrade = Upgrade::of(&method, version, from)?;
    assert!(version == Version::HTTP_11 && (method == Method::GET || method == Method::POST));
    assert!(named(from).contains(&b"upgrade".to_vec()));
    let asked: Vec<_> = from.get_all("upgrade").iter().collect();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].as_bytes().eq_ignore_ascii_case(upgrade.as_str().as_bytes()));
    Some(upgrade)
}

fn check_request(from: &HeaderMap, upgrade: Option<Upgrade>, identity: Option<&(Identity, String)>) {
    let impersonates = from.keys().any(|name| plain(name).starts_with("impersonate-"));
    let crossed = headers::request(from);
    assert_eq!(crossed.is_err(), impersonates);
    let Ok(crossed) = crossed else { return };
    let named = named(from);
    let is_named = |name: &HeaderName| named.iter().any(|named| *named == name.as_str().as_bytes());
    for (name, value) in &crossed {
        let plain = plain(name);
        assert!(!NEVER.contains(&plain.as_str()), "{name}");
        assert!(!NEVER_BEGIN.iter().any(|prefix| plain.starts_with(prefix)), "{name}");
        assert!(!is_named(name), "{name} is named in Connection");
        if name == SEC_WEBSOCKET_PROTOCOL {
            let text = value.as_bytes().to_ascii_lowercase();
            let bearer = b"base64url.bearer.authorization.k8s.io.";
            assert!(!text.windows(bearer.len()).any(|part| part == bearer) || !begins_a_protocol(&text, bearer));
        }
    }
    // Of a name that crosses all values do, in their order.
    for name in crossed.keys().filter(|name| **name != SEC_WEBSOCKET_PROTOCOL) {
        assert!(crossed.get_all(name).iter().eq(from.get_all(name)), "{name}");
    }
    if !is_named(&CONTENT_TYPE) {
        assert!(crossed.get_all(CONTENT_TYPE).iter().eq(from.get_all(CONTENT_TYPE)));
    }
    assert!(!(from.contains_key("transfer-encoding") && crossed.contains_key("content-length")));

    // As it goes out: the agent's credential, the change of the protocol, and last the caller.
    let Some((identity, user)) = identity else { return };
    let mut out = crossed.clone();
    out.append("authorization", HeaderValue::from_static("Bearer agent"));
    if let Some(upgrade) = upgrade {
        upgrade.add_to(&mut out);
    }
    identity.add_to(&mut out);
    let values = |name: &str| out.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
    assert_eq!(values("impersonate-user"), [user.as_bytes()]);
    assert_eq!(values("impersonate-group"), [&b"mk8s:developer"[..], b"mk8s:viewer"]);
    assert_eq!(values("authorization"), [b"Bearer agent"]);
    assert_eq!(values("connection").len(), usize::from(upgrade.is_some()));
    assert_eq!(values("upgrade").len(), usize::from(upgrade.is_some()));
    let own = 4 + 2 * usize::from(upgrade.is_some());
    assert_eq!(out.len(), crossed.len() + own);
}

/// Whether one of the protocols, of which there are several in a header, begins like this.
fn begins_a_protocol(text: &[u8], start: &[u8]) -> bool {
    text.split(|byte| *byte == b',').any(|protocol| protocol.trim_ascii().starts_with(start))
}

fn check_response(from: HeaderMap) {
    let named = named(&from);
    let mut headers = from;
    headers::response(&mut headers, ORIGIN);
    for name in headers.keys() {
        assert!(!NEVER_ANSWERED.contains(&name.as_str()), "{name}");
        assert!(!named.iter().any(|named| *named == name.as_str().as_bytes()), "{name}");
    }
    if let Some(location) = headers.get(LOCATION) {
        let text = location.as_bytes();
        assert!(text.starts_with(b"/") && !text.starts_with(b"//") && !text.starts_with(b"/\\"));
    }
}
