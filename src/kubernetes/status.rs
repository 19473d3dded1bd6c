//! Errors in the form in which API servers report them: `Status` objects, in the very words of Kubernetes.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WARNING, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};
use serde_json::json;

use super::attributes::Attributes;
use crate::model::{ErrorCode, Failure};

/// An error that any client of Kubernetes understands.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Option<serde_json::Value>,
    warning: Option<String>,
    retry_after: Option<u8>,
}

impl Status {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, warning: None, retry_after: None }
    }

    /// The client shows no credential that is valid.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// The request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// The request is made with a method that is not known.
    pub fn method_not_allowed(method: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", format!("mk8s: the method {method} is not known"))
    }

    /// The body is larger than it may be.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    }

    /// The body is in a form that is not accepted.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// The caller makes more requests at once than it may.
    pub fn too_many_requests(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message)
    }

    /// What failed, in words of mk8s. kubectl shows the warning where it hides the message, as for discovery.
    pub fn of(failure: &Failure) -> Self {
        let message = format!("mk8s: {}", failure.detail);
        let warning = Some(message.clone());
        let code = StatusCode::from_u16(failure.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (reason, message) = match failure.code {
            ErrorCode::InvalidRequest => ("BadRequest", message),
            ErrorCode::Unauthenticated => ("Unauthorized", "Unauthorized".to_owned()),
            ErrorCode::Forbidden => ("Forbidden", format!("forbidden: {message}")),
            ErrorCode::NotFound => ("NotFound", message),
            ErrorCode::Conflict => ("Conflict", message),
            ErrorCode::TooLarge => ("RequestEntityTooLarge", message),
            ErrorCode::TooManyRequests => ("TooManyRequests", message),
            ErrorCode::Unavailable => ("ServiceUnavailable", message),
            ErrorCode::Timeout => ("Timeout", message),
            ErrorCode::Internal => ("InternalError", message),
        };
        let status = Self { warning, ..Self::new(code, reason, message) };
        match failure.code {
            // Others of what is too many end: to try again helps.
            ErrorCode::TooManyRequests => status.retry_after(1),
            _ => status,
        }
    }

    /// The client shall try again after so many seconds; clients of Kubernetes do.
    fn retry_after(self, seconds: u8) -> Self {
        Self { retry_after: Some(seconds), details: Some(json!({ "retryAfterSeconds": seconds })), ..self }
    }

    /// The API server could not be asked, or its answer makes no sense. kubectl shows the warning, not the message.
    pub fn bad_gateway(message: impl Into<String>) -> Self {
        let message = message.into();
        let warning = Some(message.clone());
        Self { warning, ..Self::new(StatusCode::BAD_GATEWAY, "InternalError", message) }
    }

    /// The request itself is not acceptable, whoever makes it.
    pub fn refused(why: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", format!("forbidden: mk8s: {why}"))
    }

    /// The caller may not do this, in the words of Kubernetes with the reason `mk8s: <why>` at the end.
    pub fn forbidden(user: &str, attributes: &Attributes, why: &str) -> Self {
        let user = quote(user);
        match attributes {
            Attributes::Path { verb, path } => {
                let what = sanitize(&format!("User {user} cannot {verb} path {}", quote(path)));
                let warning = Some(format!("mk8s: {why}"));
                let message = format!("forbidden: {what}: mk8s: {why}");
                Self { warning, details: Some(json!({})), ..Self::new(StatusCode::FORBIDDEN, "Forbidden", message) }
            }
            Attributes::Resource { verb, group, resource, subresource, namespace, name } => {
                let whole = match subresource.as_str() {
                    "" => quote(resource),
                    sub => quote(&format!("{resource}/{sub}")),
                };
                let place = match namespace {
                    Some(namespace) => format!("in the namespace {}", quote(namespace)),
                    None => "at the cluster scope".into(),
                };
                let group_text = quote(group);
                let what =
                    sanitize(&format!("User {user} cannot {verb} resource {whole} in API group {group_text} {place}"));
                let qualified = match group.as_str() {
                    "" => resource.clone(),
                    group => format!("{resource}.{group}"),
                };
                let mut details = serde_json::Map::new();
                let subject = match name {
                    Some(name) => {
                        details.insert("name".into(), json!(name));
                        format!("{qualified} {} is forbidden", quote(name))
                    }
                    None => format!("{qualified} is forbidden"),
                };
                if !group.is_empty() {
                    details.insert("group".into(), json!(group));
                }
                details.insert("kind".into(), json!(resource));
                let message = format!("{subject}: {what}: mk8s: {why}");
                Self { details: Some(details.into()), ..Self::new(StatusCode::FORBIDDEN, "Forbidden", message) }
            }
        }
    }

    /// What it says.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The HTTP status.
    pub fn code(&self) -> StatusCode {
        self.code
    }

    /// The whole answer. A warning is in a header: kubectl shows it where it hides the message, as for discovery.
    pub fn response(&self) -> Response<Bytes> {
        let mut object = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code.as_u16(),
        });
        if let Some(details) = &self.details {
            object["details"] = details.clone();
        }
        let mut response = Response::new(Bytes::from(object.to_string()));
        *response.status_mut() = self.code;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(u16::from(seconds)));
        }
        if let Some(warning) = &self.warning
            && let Ok(value) = HeaderValue::from_bytes(format!("299 - {}", quote(warning)).as_bytes())
        {
            headers.insert(WARNING, value);
        }
        response
    }
}

/// As Go's `%q` writes it.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\x0c' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x0b' => quoted.push_str("\\v"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// As API servers write what a client has sent, so that no browser takes it for HTML.
fn sanitize(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(subresource: &str, namespace: Option<&str>, name: Option<&str>, group: &str) -> Attributes {
        Attributes::Resource {
            verb: "get".into(),
            group: group.into(),
            resource: "pods".into(),
            subresource: subresource.into(),
            namespace: namespace.map(Into::into),
            name: name.map(Into::into),
        }
    }

    fn object(status: &Status) -> serde_json::Value {
        serde_json::from_slice(status.response().body()).unwrap()
    }

    #[test]
    fn a_failure_of_mk8s_is_shown_also_where_messages_are_hidden() {
        let answer = |code, detail: &str| {
            let response = Status::of(&Failure::new(code, detail)).response();
            let object: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            let warning = response.headers()[WARNING].to_str().unwrap().to_owned();
            assert!(!response.headers().contains_key(RETRY_AFTER), "kubectl would try for minutes");
            (response.status().as_u16(), text(&object["reason"]), text(&object["message"]), warning)
        };
        let is = |answer: (u16, String, String, String), expected: (u16, &str, &str, &str)| {
            assert_eq!((answer.0, &*answer.1, &*answer.2, &*answer.3), expected);
        };
        is(
            answer(ErrorCode::Unavailable, "cluster \"dev\" is offline"),
            (
                503,
                "ServiceUnavailable",
                "mk8s: cluster \"dev\" is offline",
                "299 - \"mk8s: cluster \\\"dev\\\" is offline\"",
            ),
        );
        is(
            answer(ErrorCode::Unauthenticated, "log in"),
            (401, "Unauthorized", "Unauthorized", "299 - \"mk8s: log in\""),
        );
        let busy = Status::of(&Failure::new(ErrorCode::TooManyRequests, "wait"));
        assert_eq!(busy.response().headers()[RETRY_AFTER], "1");
        assert_eq!(object(&busy)["details"], json!({ "retryAfterSeconds": 1 }));
    }

    #[test]
    fn a_refusal_has_the_words_of_kubernetes() {
        let why = "no role grants get on pods/log";
        let status = Status::forbidden("alice", &resource("log", Some("team-a"), Some("x"), ""), why);
        assert_eq!(
            object(&status),
            json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "pods \"x\" is forbidden: User \"alice\" cannot get resource \"pods/log\" in API group \"\" \
                            in the namespace \"team-a\": mk8s: no role grants get on pods/log",
                "reason": "Forbidden", "details": {"name": "x", "kind": "pods"}, "code": 403,
            })
        );
        let message = |attributes: &Attributes| object(&Status::forbidden("a", attributes, "w"))["message"].clone();
        assert_eq!(
            message(&resource("", None, None, "metrics.k8s.io")),
            "pods.metrics.k8s.io is forbidden: User \"a\" cannot get resource \"pods\" in API group \"metrics.k8s.io\" \
             at the cluster scope: mk8s: w"
        );
        let path = Attributes::Path { verb: "get".into(), path: "/metrics<&>\"".into() };
        assert_eq!(message(&path), "forbidden: User \"a\" cannot get path \"/metrics&lt;&amp;&gt;\\\"\": mk8s: w");
        let status = Status::forbidden("a", &resource("", None, None, "apps"), "w");
        assert_eq!(object(&status)["details"], json!({"group": "apps", "kind": "pods"}));
    }

    #[test]
    fn answers_are_json_that_nobody_keeps_or_guesses() {
        let response = Status::unauthorized().response();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.headers()["cache-control"], "no-cache, private");
        let gone = Status::bad_gateway("the API server does not answer").response();
        assert_eq!(gone.headers()["warning"], "299 - \"the API server does not answer\"");
    }

    #[test]
    fn texts_are_quoted_as_go_does() {
        assert_eq!(quote("a\"b\\c\n\x1b\u{85}ö"), "\"a\\\"b\\\\c\\n\\x1b\\u0085ö\"");
    }
}
