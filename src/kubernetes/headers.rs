//! Which headers cross between a client and an API server. What says who the caller is never crosses: it is made anew.

use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, LOCATION, SEC_WEBSOCKET_PROTOCOL, SET_COOKIE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, Version};

/// The headers of one connection (RFC 9110, 7.6.1), and what is made anew for each: they never cross.
const OF_THE_CONNECTION: [&str; 9] =
    ["connection", "expect", "host", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// What a client could claim an identity with, or forge a trace with.
const OF_THE_CLIENT: [&str; 5] = ["audit-id", "authorization", "cookie", "forwarded", "x-real-ip"];

/// The same, by how the name begins.
const PREFIXES_OF_THE_CLIENT: [&str; 5] = ["mk8s-", "proxy-", "x-forwarded-", "x-mk8s-", "x-remote-"];

/// How the headers begin by which a client acts as another user.
const IMPERSONATE: &str = "impersonate-";

/// How a bearer token begins that travels as a WebSocket subprotocol.
const BEARER_PROTOCOL: &str = "base64url.bearer.authorization.k8s.io.";

/// Names a request in the audit log of an API server, which takes it over as it is.
pub const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// What an answer of central has that refuses another protocol, as the API server did: the protocol that central was
/// asked for. Without it something on the way to central has taken the question out of the request.
pub const UPGRADE_ASKED: HeaderName = HeaderName::from_static("mk8s-upgrade");

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");
const IMPERSONATE_GROUP: HeaderName = HeaderName::from_static("impersonate-group");

/// The header by which a client wants to act as another user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header {0} is not accepted: nobody acts as another user through mk8s")]
pub struct Impersonating(String);

/// Whom a request acts as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    user: HeaderValue,
    groups: Vec<HeaderValue>,
}

/// Why nobody can act as such a user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot be impersonated")]
pub struct InvalidIdentity(String);

/// A protocol that a connection can change to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// WebSocket (RFC 6455).
    WebSocket,
    /// The framing layer of SPDY 3.1.
    Spdy,
}

/// The headers of a request that go on to the API server. Identity is added to them last.
///
/// # Errors
/// When the client impersonates.
pub fn request(from: &HeaderMap) -> Result<HeaderMap, Impersonating> {
    let plain_name = |name: &HeaderName| name.as_str().replace('_', "-");
    if let Some(name) = from.keys().find(|name| plain_name(name).starts_with(IMPERSONATE)) {
        return Err(Impersonating(name.as_str().to_owned()));
    }
    let named = named_in_connection(from);
    // With both, the length is not that of the body (RFC 9112, 6.3).
    let chunked = from.contains_key(TRANSFER_ENCODING);
    let mut headers = HeaderMap::with_capacity(from.len() + 4);
    for (name, value) in from {
        // Some servers take an underscore for a hyphen.
        let plain = plain_name(name);
        let stays = OF_THE_CONNECTION.contains(&plain.as_str())
            || OF_THE_CLIENT.contains(&plain.as_str())
            || PREFIXES_OF_THE_CLIENT.iter().any(|prefix| plain.starts_with(prefix))
            || named.iter().any(|named| named.eq_ignore_ascii_case(name.as_str()))
            || (chunked && name == CONTENT_LENGTH);
        if stays {
            continue;
        }
        if name == SEC_WEBSOCKET_PROTOCOL {
            if let Some(value) = without_bearer(value) {
                headers.append(name, value);
            }
            continue;
        }
        headers.append(name, value.clone());
    }
    Ok(headers)
}

/// Removes from the headers of an answer what does not cross: cookies, the connection's own headers, and a redirection
/// to another server than `origin`, the API server's own scheme and authority. `Trailer` stays: it tells what follows.
pub fn response(headers: &mut HeaderMap, origin: &str) {
    let named: Vec<String> = named_in_connection(headers).into_iter().map(str::to_owned).collect();
    let of_the_connection = OF_THE_CONNECTION.into_iter().filter(|name| TRAILER != *name);
    for name in named.iter().map(String::as_str).chain(of_the_connection) {
        headers.remove(name);
    }
    headers.remove(SET_COOKIE);
    headers.remove("proxy-authenticate");
    headers.remove("alt-svc");
    if let Some(location) = headers.remove(LOCATION)
        && let Some(path) = own_path(&location, origin)
    {
        headers.insert(LOCATION, path);
    }
}

/// Removes from the trailers of an answer what must not be a trailer (RFC 9110, 6.5.1) and what does not cross.
pub fn trailers(trailers: &mut HeaderMap) {
    response(trailers, "");
    let misplaced = |name: &&HeaderName| name.as_str().starts_with("content-") || **name == LOCATION;
    let misplaced: Vec<HeaderName> = trailers.keys().filter(misplaced).cloned().collect();
    for name in misplaced {
        trailers.remove(name);
    }
}

/// The path that a redirection leads to, if it stays on the server.
fn own_path(location: &HeaderValue, origin: &str) -> Option<HeaderValue> {
    let text = location.to_str().ok()?;
    let path = text.strip_prefix(origin).unwrap_or(text);
    // `//host` and `/\host` lead to another server.
    let own = path.starts_with('/') && !path[1..].starts_with(['/', '\\']);
    if own { HeaderValue::from_str(path).ok() } else { None }
}

/// The names in all `Connection` headers; what is beside them and cannot be a name hides none.
fn named_in_connection(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(CONNECTION).iter().map(HeaderValue::as_bytes);
    let names = values.flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    names.filter_map(|name| str::from_utf8(name).ok()).filter(|name| !name.is_empty()).collect()
}

/// The subprotocols that are no bearer tokens.
fn without_bearer(protocols: &HeaderValue) -> Option<HeaderValue> {
    let Ok(text) = protocols.to_str() else { return None };
    let is_bearer = |protocol: &str| {
        protocol.get(..BEARER_PROTOCOL.len()).is_some_and(|start| start.eq_ignore_ascii_case(BEARER_PROTOCOL))
    };
    let kept: Vec<&str> = text.split(',').map(str::trim).filter(|p| !p.is_empty() && !is_bearer(p)).collect();
    if kept.is_empty() { None } else { HeaderValue::from_str(&kept.join(", ")).ok() }
}

impl Upgrade {
    /// The upgrade that a request asks for, read strictly: a server that sees one where this does not, sees a request
    /// without the headers for it.
    pub fn of(method: &Method, version: Version, headers: &HeaderMap) -> Option<Self> {
        if version != Version::HTTP_11 || !(method == Method::GET || method == Method::POST) {
            return None;
        }
        if !named_in_connection(headers).iter().any(|name| name.eq_ignore_ascii_case("upgrade")) {
            return None;
        }
        let mut values = headers.get_all(UPGRADE).iter();
        let (value, None) = (values.next()?, values.next()) else { return None };
        let is = |upgrade: &Self| value.as_bytes().eq_ignore_ascii_case(upgrade.as_str().as_bytes());
        [Self::WebSocket, Self::Spdy].into_iter().find(is)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Spdy => "SPDY/3.1",
        }
    }

    /// Adds the headers that ask for it, or agree to it.
    pub fn add_to(self, headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static(self.as_str()));
    }

    /// Whether the headers of an answer agree to it.
    pub fn is_agreed(self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(UPGRADE).iter();
        values.next().is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(self.as_str().as_bytes()))
            && values.next().is_none()
    }
}

impl Identity {
    /// A user with these groups.
    ///
    /// # Errors
    /// When a name is one of the cluster's own (`system:`) or a group none of mk8s, or when it fits in no header.
    pub fn new(user: &str, groups: &[String]) -> Result<Self, InvalidIdentity> {
        let value = |name: &str, allowed: bool| {
            let invalid = || InvalidIdentity(name.to_owned());
            // The ends are trimmed on the way, so that another name would arrive.
            if !allowed || name.is_empty() || name.trim() != name {
                return Err(invalid());
            }
            HeaderValue::from_bytes(name.as_bytes()).map_err(|_| invalid())
        };
        let groups = groups.iter().map(|group| value(group, group.starts_with("mk8s:")));
        Ok(Self { user: value(user, !user.starts_with("system:"))?, groups: groups.collect::<Result<_, _>>()? })
    }

    /// Adds the headers. To be called last: nothing that is removed afterwards may be one of these.
    pub fn add_to(&self, headers: &mut HeaderMap) {
        headers.insert(IMPERSONATE_USER, self.user.clone());
        for group in &self.groups {
            headers.append(IMPERSONATE_GROUP, group.clone());
        }
    }
}

#[cfg(test)]
mod tests;
