//! A refusal in the form of Kubernetes, whoever refused: as a problem, with its code and the id of its request.

use http::header::WARNING;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::Deserialize;

use super::ClientError;
use crate::model::{ErrorCode, Failure, Problem};

/// The largest refusal that is read.
const MAX_REFUSAL: usize = 1 << 20;

/// What is read of a `Status`.
#[derive(Deserialize)]
struct Status {
    kind: String,
    #[serde(default)]
    message: String,
}

/// The answer, if it is none that refuses.
pub async fn check(response: Response<Incoming>) -> Result<Response<Incoming>, ClientError> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Ok(response);
    }
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_REFUSAL).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    Err(of(status, &head.headers, &body))
}

/// The refusal of an answer.
fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ClientError {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match serde_json::from_slice::<Status>(body) {
        Ok(Status { kind, message }) if kind == "Status" => {
            // Kubernetes has one word for this; why is in the warning.
            let detail = match warning_text(text(WARNING.as_str())) {
                Some(warning) if status == StatusCode::UNAUTHORIZED => warning,
                _ => message,
            };
            let detail = detail.strip_prefix("mk8s: ").unwrap_or(&detail);
            let failure = Failure::new(code(status), detail);
            ClientError::Problem(Box::new(Problem::new(&failure, text("x-request-id"))))
        }
        _ => {
            let said = String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned();
            let said = if said.is_empty() { String::new() } else { format!(": {said:?}") };
            ClientError::Protocol(format!("HTTP {status}{said}"))
        }
    }
}

/// The text of `299 - "text"`.
pub fn warning_text(warning: &str) -> Option<String> {
    let text = warning.strip_prefix("299 - \"")?.strip_suffix('"')?;
    Some(text.replace("\\\"", "\""))
}

/// The code of ours for what an API server, or central in its words, has answered.
fn code(status: StatusCode) -> ErrorCode {
    match status.as_u16() {
        401 => ErrorCode::Unauthenticated,
        403 => ErrorCode::Forbidden,
        404 => ErrorCode::NotFound,
        408 | 504 => ErrorCode::Timeout,
        409 => ErrorCode::Conflict,
        413 => ErrorCode::TooLarge,
        429 => ErrorCode::TooManyRequests,
        400..500 => ErrorCode::InvalidRequest,
        502 | 503 => ErrorCode::Unavailable,
        _ => ErrorCode::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, warning: &str, body: &str) -> Result<(ErrorCode, String, String), String> {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", "r-1".parse().unwrap());
        headers.insert(WARNING, warning.parse().unwrap());
        match of(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes()) {
            ClientError::Problem(p) => Ok((p.code, p.detail, p.request_id)),
            other => Err(other.to_string()),
        }
    }

    #[test]
    fn refusals_of_kubernetes_have_the_codes_of_all_others() {
        let said = r#"{"kind":"Status","message":"pods \"x\" not found","code":404}"#;
        assert_eq!(problem(404, "", said).unwrap(), (ErrorCode::NotFound, "pods \"x\" not found".into(), "r-1".into()));
        let offline = r#"{"kind":"Status","message":"mk8s: the cluster is offline"}"#;
        assert_eq!(problem(503, "", offline).unwrap().0, ErrorCode::Unavailable);
        assert_eq!(problem(503, "", offline).unwrap().1, "the cluster is offline");
        let unknown = r#"{"kind":"Status","message":"Unauthorized"}"#;
        let (code, detail, _) = problem(401, "299 - \"mk8s: the token has \\\"ended\\\"\"", unknown).unwrap();
        assert_eq!((code, detail.as_str()), (ErrorCode::Unauthenticated, "the token has \"ended\""));
    }

    #[test]
    fn what_is_no_status_is_shown_as_it_is() {
        assert!(problem(502, "", "<html>").unwrap_err().contains("HTTP 502 Bad Gateway: \"<html>\""));
        assert!(problem(403, "", "").unwrap_err().ends_with("HTTP 403 Forbidden"));
    }
}
