//! What a request asks for, read strictly from its parts: the same at central, at the gate of commands, and at the agent.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};

use super::attributes::{Attributes, needed};
use super::query::Query;
use super::redact;
use super::request_info::{RequestInfo, ResourceInfo};
use super::status::Status;
use super::target::Target;

/// The methods that Kubernetes knows.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// What a request asks for.
#[derive(Clone, Debug)]
pub struct Question {
    /// Its target, whose bytes go on as they came.
    pub target: Target,
    /// What it is about.
    pub info: RequestInfo,
    /// All that must be allowed for it.
    pub needed: Vec<Attributes>,
}

impl Question {
    /// Reads a request with this target, as it stands in the request line.
    ///
    /// # Errors
    /// When it can be understood in two ways, or not at all: the answer to it.
    pub fn read(method: &Method, raw: &str, headers: &HeaderMap) -> Result<Self, Status> {
        let bad = |why: &dyn std::fmt::Display| Status::bad_request(format!("mk8s: {why}"));
        if !METHODS.contains(method) {
            return Err(Status::method_not_allowed(method.as_str()));
        }
        let target = Target::parse(raw).map_err(|e| bad(&e))?;
        let info = RequestInfo::of(method.as_str(), &target).map_err(|e| bad(&e))?;
        let Ok(content_type) = content_type(headers) else {
            return Err(bad(&"there must be at most one Content-Type, in ASCII"));
        };
        let needed = needed(&info, &target, content_type);
        Ok(Self { target, info, needed })
    }

    /// Whether it only reads what is no secret. To open a connection into a pod is more than to read, by GET too.
    pub fn is_plain_read(&self) -> bool {
        self.needed.iter().all(|needed| match needed {
            Attributes::Path { verb, .. } => matches!(verb.as_str(), "get" | "head"),
            Attributes::Resource { verb, resource, subresource, .. } => {
                matches!(verb.as_str(), "get" | "list" | "watch") && resource != "secrets" && subresource != "proxy"
            }
        })
    }

    /// What it runs or reaches in a pod, in kubectl's words and without what looks like a secret.
    pub fn command(&self) -> Option<String> {
        let RequestInfo::Resource(ResourceInfo { name, subresource, .. }) = &self.info else { return None };
        let query = Query::parse(self.target.query());
        let values = |key| query.all(key).map(|value| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>();
        match subresource.as_str() {
            "exec" => {
                let words = values("command");
                Some(format!("exec {name} -- {}", redact::command(words.iter().map(String::as_str))))
            }
            "attach" => Some(format!("attach {name}")),
            "portforward" => Some(format!("port-forward {name} {}", values("ports").join(" ")).trim_end().to_owned()),
            _ => None,
        }
    }

    /// The verb of Kubernetes for a resource, else the method.
    pub fn verb(&self, method: &Method) -> String {
        match &self.info {
            RequestInfo::Resource(info) if !info.verb.is_empty() => info.verb.clone(),
            _ => method.as_str().to_ascii_lowercase(),
        }
    }
}

/// The one type of the body: what a request needs depends on it.
fn content_type(headers: &HeaderMap) -> Result<Option<&str>, ()> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(drop),
        (Some(_), Some(_)) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_seen_however_its_keys_are_written() {
        let pod = "/api/v1/namespaces/default/pods/web";
        let command = |raw: &str| {
            let target = format!("{pod}/{raw}");
            Question::read(&Method::POST, &target, &HeaderMap::new()).unwrap().command()
        };
        let is = |raw, expected: &str| assert_eq!(command(raw).as_deref(), Some(expected), "{raw}");
        is("exec?command=ls&command=-l&stdout=1", "exec web -- ls -l");
        is("exec?%63ommand=sh&command=-c&comman%64=id", "exec web -- sh -c id");
        is("portforward?%70orts=80&ports=81", "port-forward web 80 81");
        assert_eq!(command("log?%63ommand=sh"), None);
    }

    #[test]
    fn a_request_that_can_be_read_in_two_ways_is_refused() {
        let read = |method: &str, raw: &str, types: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in types {
                headers.append(CONTENT_TYPE, value.parse().unwrap());
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            Question::read(&method, raw, &headers).map(|question| question.verb(&method))
        };
        assert_eq!(read("GET", "/api/v1/pods", &[]).unwrap(), "list");
        assert_eq!(read("GET", "/version", &[]).unwrap(), "get");
        assert_eq!(read("BREW", "/version", &[]).unwrap_err().code(), 405);
        for (raw, types) in [("/api//v1/pods", &[][..]), ("", &[]), ("/api/v1/pods", &["a/b", "a/c"])] {
            assert_eq!(read("GET", raw, types).unwrap_err().code(), 400, "{raw} {types:?}");
        }
    }
}
