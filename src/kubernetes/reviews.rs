//! Questions about the caller's own rights: `kubectl auth can-i`, `auth can-i --list`, `auth whoami`.
//!
//! An API server answers them for whom it knows. Through mk8s a request has to pass two walls, so that its answer is
//! half of the truth: a thing is allowed when the policy of mk8s and the cluster both allow it. The request goes on to
//! the cluster, and what mk8s finds is put into the answer:
//!
//! * SelfSubjectAccessReview: allowed by both, or else not allowed, with the reason of mk8s where that refuses;
//! * SelfSubjectRulesReview: the rules of the policy instead of those of the cluster, and a note that they are not
//!   everything. Patterns and denials have no form in such a list, so that both lists cannot be cut with each other;
//! * SelfSubjectReview: as it is, or the caller of mk8s where requests act as the agent.
//!
//! The order for who relays one: [`Review::of`], [`Review::read`], the policy's finding, [`prepare`], the API server,
//! [`Finding::apply`].

mod body;
mod wish;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::attributes::Attributes;
use super::request_info::{RequestInfo, ResourceInfo};
use super::status::Status;

/// The most bytes that a question may have. kubectl's have less than 500.
pub const MAX_QUESTION: usize = 64 << 10;

/// The most bytes of an answer that is changed: lists of rules can be long.
pub const MAX_ANSWER: usize = 8 << 20;

/// What a list of rules says about itself.
const INCOMPLETE: &str = "mk8s: these are the permissions of your roles; what roles deny is not taken off, and the \
                          cluster's own RBAC applies as well: ask \"kubectl auth can-i VERB RESOURCE\" about one thing";

/// A question about the caller's own rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// Whether one thing is allowed (SelfSubjectAccessReview).
    Access,
    /// What is allowed in a namespace (SelfSubjectRulesReview).
    Rules,
    /// Who the caller is (SelfSubjectReview).
    Identity,
}

/// What a review asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Whether all of this is allowed. A `*` stands for everything in its place, names aside.
    Access(Vec<Attributes>),
    /// Something that no request does, and only the cluster knows, such as the verb `bind`.
    Cluster,
    /// What is allowed in this namespace.
    Rules {
        /// The namespace.
        namespace: String,
    },
    /// Who the caller is.
    Identity,
}

/// What mk8s has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing: the cluster's answer is right.
    Agreed,
    /// The policy does not allow it.
    Denied {
        /// Why not, without a full stop.
        why: String,
    },
    /// The permissions of the caller.
    Rules(Rules),
    /// Who the caller is.
    Identity {
        /// The name.
        user: String,
        /// The groups.
        groups: Vec<String>,
    },
}

/// Permissions in the form of Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// For resources.
    pub resources: Vec<ResourceRule>,
    /// For paths that name no resource.
    pub paths: Vec<PathRule>,
}

/// A permission for resources. Kubernetes reads `*` alone, and in `*/name`, as anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRule {
    /// Verbs of Kubernetes.
    pub verbs: Vec<String>,
    /// API groups.
    pub api_groups: Vec<String>,
    /// Resources, with subresources as in `pods/log`.
    pub resources: Vec<String>,
}

/// A permission for paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathRule {
    /// Methods in lower case.
    pub verbs: Vec<String>,
    /// The paths.
    #[serde(rename = "nonResourceURLs")]
    pub paths: Vec<String>,
}

/// The answer of the API server is none to such a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API server answered a review of the caller's rights with something else than a review in JSON")]
pub struct InvalidAnswer;

impl Review {
    /// The review that a request makes.
    pub fn of(info: &RequestInfo) -> Option<Self> {
        let RequestInfo::Resource(ResourceInfo { verb, group, resource, subresource, .. }) = info else { return None };
        if verb != "create" || !subresource.is_empty() {
            return None;
        }
        match (group.as_str(), resource.as_str()) {
            ("authorization.k8s.io", "selfsubjectaccessreviews") => Some(Self::Access),
            ("authorization.k8s.io", "selfsubjectrulesreviews") => Some(Self::Rules),
            ("authentication.k8s.io", "selfsubjectreviews") => Some(Self::Identity),
            _ => None,
        }
    }

    /// Reads the question from the headers and the whole body of the request.
    ///
    /// # Errors
    /// The answer, when the body is in no form that is understood: JSON, or the protobuf that client-go sends.
    pub fn read(self, headers: &HeaderMap, body: &[u8]) -> Result<Asked, Status> {
        match self {
            // It has no content that matters.
            Self::Identity => Ok(Asked::Identity),
            Self::Access => Ok(wish::asked(body::access(body::Form::of(headers)?, body)?)),
            Self::Rules => Ok(Asked::Rules { namespace: body::rules_namespace(body::Form::of(headers)?, body)? }),
        }
    }
}

/// Makes the API server answer in a form that can be changed: JSON, without compression. Clients go by the type of the
/// answer.
pub fn prepare(headers: &mut HeaderMap) {
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.remove(ACCEPT_ENCODING);
}

impl Finding {
    /// Whether the answer stays as it is. One of a status other than success does anyway.
    pub fn leaves(&self, status: StatusCode) -> bool {
        *self == Self::Agreed || !status.is_success()
    }

    /// Puts what mk8s has found into the answer of the API server.
    ///
    /// # Errors
    /// When the answer is not that of a review. It must not reach the client then: it may say yes.
    pub fn apply(self, answer: Response<Bytes>) -> Result<Response<Bytes>, InvalidAnswer> {
        if self.leaves(answer.status()) {
            return Ok(answer);
        }
        let (mut head, body) = answer.into_parts();
        let is_json = |value: &HeaderValue| value.as_bytes().starts_with(b"application/json");
        if !head.headers.get(CONTENT_TYPE).is_some_and(is_json) || head.headers.contains_key(CONTENT_ENCODING) {
            return Err(InvalidAnswer);
        }
        let mut review: Value = serde_json::from_slice(&body).map_err(|_| InvalidAnswer)?;
        let status = review.as_object_mut().map(|review| review.entry("status").or_insert_with(|| json!({})));
        let Some(status) = status.and_then(Value::as_object_mut) else { return Err(InvalidAnswer) };
        match self {
            Self::Agreed => {}
            Self::Denied { why } => {
                status.insert("allowed".into(), json!(false));
                status.insert("denied".into(), json!(true));
                status.insert("reason".into(), json!(format!("mk8s: {why}")));
            }
            Self::Rules(Rules { resources, paths }) => {
                let of_cluster = status.get("evaluationError").and_then(Value::as_str).filter(|text| !text.is_empty());
                let note = match of_cluster {
                    Some(text) => format!("{INCOMPLETE}; {text}"),
                    None => INCOMPLETE.to_owned(),
                };
                status.insert("resourceRules".into(), json!(resources));
                status.insert("nonResourceRules".into(), json!(paths));
                status.insert("incomplete".into(), json!(true));
                status.insert("evaluationError".into(), json!(note));
            }
            Self::Identity { user, groups } => {
                status.insert("userInfo".into(), json!({ "username": user, "groups": groups }));
            }
        }
        head.headers.remove(CONTENT_LENGTH);
        Ok(Response::from_parts(head, review.to_string().into()))
    }
}

#[cfg(test)]
mod tests;
