//! What a request to a Kubernetes API server is about, by the rules of the server itself.
//!
//! These are `NewRequestInfo` in `k8s.io/apiserver/pkg/endpoints/request/requestinfo.go` and what it calls, without any
//! rule of our own; `tests/it/request_info.rs` compares both. What is ours to refuse is in [`super::target`].

use super::field_selector;
use super::label_selector::LabelSelector;
use super::query::Query;
use super::target::Target;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestInfo {
    /// Something about a resource.
    Resource(ResourceInfo),
    /// A path that names no resource.
    Path {
        /// The method in lower case.
        verb: String,
        /// The decoded path.
        path: String,
    },
}

/// A request about a resource. Texts are empty where the request says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceInfo {
    /// The verb: get, list, watch, create, update, patch, delete, deletecollection, proxy; empty for other methods.
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The API version.
    pub version: String,
    /// The namespace. For a namespace itself and its subresources it is that namespace.
    pub namespace: String,
    /// The resource, in the plural.
    pub resource: String,
    /// The subresource.
    pub subresource: String,
    /// The name of the object, which may come from the field selector of a list or watch.
    pub name: String,
}

/// Why a request cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestInfoError {
    /// The path ends behind `/watch` or `/proxy`.
    #[error("the path ends where the API server expects a resource")]
    NoResource,
    /// A method that no request to the Kubernetes API has.
    #[error("the method is none of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS")]
    Method,
    /// A method that means nothing for a resource.
    #[error("OPTIONS asks nothing of a resource")]
    NoVerb,
}

/// The methods of requests that may go on; they are case-sensitive.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

impl RequestInfo {
    /// What a request asks for. Unlike [`Self::resolve`] it knows only methods that mean something.
    ///
    /// # Errors
    /// When the method is not allowed, or the API server could not tell either.
    pub fn of(method: &str, target: &Target) -> Result<Self, RequestInfoError> {
        if !METHODS.contains(&method) {
            return Err(RequestInfoError::Method);
        }
        match Self::resolve(method, target.path(), target.query())? {
            Self::Resource(info) if info.verb.is_empty() => Err(RequestInfoError::NoVerb),
            info => Ok(info),
        }
    }

    /// The same for any method, any decoded path and any query as it came, exactly as the API server does it.
    ///
    /// # Errors
    /// When the API server could not tell either.
    pub fn resolve(method: &str, path: &str, query: &str) -> Result<Self, RequestInfoError> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, version, mut parts) = match parts.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => ("", version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, version, rest),
            _ => return Ok(Self::Path { verb: method.to_ascii_lowercase(), path: path.to_owned() }),
        };
        let mut info =
            ResourceInfo { group: group.to_owned(), version: (*version).to_owned(), ..ResourceInfo::default() };
        info.verb = match parts {
            ["proxy" | "watch"] => return Err(RequestInfoError::NoResource),
            [prefix @ ("proxy" | "watch"), rest @ ..] => {
                parts = rest;
                (*prefix).to_owned()
            }
            _ => verb_of(method).to_owned(),
        };
        if let ["namespaces", namespace, rest @ ..] = parts {
            info.namespace = (*namespace).to_owned();
            // What follows is a resource in the namespace, unless it is a subresource of the namespace itself.
            if !matches!(rest, [] | ["status" | "finalize", ..]) {
                parts = rest;
            }
        }
        let part = |at: usize| parts.get(at).map_or_else(String::new, |part| (*part).to_owned());
        info.resource = part(0);
        info.name = part(1);
        if info.verb != "proxy" {
            info.subresource = part(2);
        }
        if info.name.is_empty() {
            match info.verb.as_str() {
                "get" => info.becomes_list(&Query::parse(query)),
                "delete" => "deletecollection".clone_into(&mut info.verb),
                _ => {}
            }
        }
        Ok(Self::Resource(info))
    }
}

impl ResourceInfo {
    /// A `get` without a name is a list or a watch, and may be about one object all the same.
    fn becomes_list(&mut self, query: &Query) {
        let options = ListOptions::decode(query);
        // Of options with a mistake the server keeps nothing but `watch`, and answers 400 later on.
        let watch = options.is_some() && query.flag("watch") || options.is_none() && watch_alone(query);
        if watch { "watch" } else { "list" }.clone_into(&mut self.verb);
        if let Some(name) = options.and_then(|options| options.name) {
            self.name = name;
        }
    }
}

/// `watch` as it is read when other options cannot be. It differs from a flag in one letter: the long s is no s.
fn watch_alone(query: &Query) -> bool {
    query.first("watch").is_some_and(|value| value != b"0" && !value.eq_ignore_ascii_case(b"false"))
}

fn verb_of(method: &str) -> &'static str {
    match method {
        "POST" => "create",
        "GET" | "HEAD" => "get",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "",
    }
}

/// What matters of the options of a list.
struct ListOptions {
    /// The one name that the field selector demands.
    name: Option<String>,
}

impl ListOptions {
    /// Decodes the options; `None` when one of them cannot be.
    fn decode(query: &Query) -> Option<Self> {
        for number in ["timeoutSeconds", "limit"] {
            if let Some(value) = query.first(number) {
                str::from_utf8(value).ok()?.parse::<i64>().ok()?;
            }
        }
        LabelSelector::parse(query.first("labelSelector").unwrap_or_default()).ok()?;
        let name = field_selector::required_name(query.first("fieldSelector").unwrap_or_default()).ok()?;
        let possible = |name: &String| !(matches!(name.as_str(), "." | "..") || name.contains(['/', '%']));
        Some(Self { name: name.filter(possible) })
    }
}

#[cfg(test)]
mod tests;
