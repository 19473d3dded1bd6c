//! The kinds of failure that users meet, the same in every role, and their form on the wire.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What went wrong, in the ten words that every interface shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request itself is wrong; sending it again cannot help.
    InvalidRequest,
    /// The caller is unknown: no token, or one that is not valid.
    Unauthenticated,
    /// The caller is known and may not do this.
    Forbidden,
    /// What was named does not exist, or the caller may not see it.
    NotFound,
    /// The thing exists already, or has changed meanwhile.
    Conflict,
    /// The request is larger than what is accepted.
    TooLarge,
    /// Too many such requests came lately.
    TooManyRequests,
    /// The cluster is offline, or a part of central cannot serve just now.
    Unavailable,
    /// Something did not answer in time.
    Timeout,
    /// A fault of ours.
    Internal,
}

impl ErrorCode {
    /// The code as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::TooManyRequests => "too_many_requests",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
        }
    }

    /// The title of a problem with this code.
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is not valid",
            Self::Unauthenticated => "Not logged in",
            Self::Forbidden => "Not allowed",
            Self::NotFound => "Not found",
            Self::Conflict => "Conflict",
            Self::TooLarge => "The request is too large",
            Self::TooManyRequests => "Too many requests",
            Self::Unavailable => "Unavailable",
            Self::Timeout => "No answer in time",
            Self::Internal => "Internal error",
        }
    }

    /// The one mapping to HTTP.
    pub fn http_status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::TooManyRequests => 429,
            Self::Unavailable => 503,
            Self::Timeout => 504,
            Self::Internal => 500,
        }
    }
}

/// A failure to be told to whoever asked: a code and a sentence that says what failed and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind.
    pub code: ErrorCode,
    /// Lower case, no final period.
    pub detail: String,
}

impl Failure {
    /// A failure of the given kind.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Failure {}

/// A failure as `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What failed and what to do.
    pub detail: String,
    /// The kind, for programs.
    pub code: ErrorCode,
    /// The request that failed, as in the logs of central and agent.
    pub request_id: String,
}

impl Problem {
    /// The wire form of a failure.
    pub fn new(failure: &Failure, request_id: &str) -> Self {
        Self {
            kind: format!("urn:mk8s:error:{}", failure.code.as_str()),
            title: failure.code.title().to_owned(),
            status: failure.code.http_status(),
            detail: failure.detail.clone(),
            code: failure.code,
            request_id: request_id.to_owned(),
        }
    }
}
