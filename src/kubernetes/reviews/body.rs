//! The bodies of reviews, as far as they matter: JSON, and the protobuf in which client-go sends them since 0.33.

use std::fmt::{Debug, Display};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use prost::Message;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::status::Status;

/// How a body in the protobuf of Kubernetes begins.
const MAGIC: &[u8] = b"k8s\0";

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON, which it is as well if nothing is said.
    Json,
    /// The protobuf of Kubernetes.
    Protobuf,
}

/// A SelfSubjectAccessReview, or a SelfSubjectRulesReview: of both only the specification matters.
#[derive(Message, Deserialize)]
struct Object<Spec: Debug + Default + Message> {
    #[prost(message, optional, tag = "2")]
    spec: Option<Spec>,
}

/// What a SelfSubjectAccessReview asks about.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessSpec {
    /// A verb on a resource.
    #[prost(message, optional, tag = "1")]
    pub resource_attributes: Option<ResourceAttributes>,
    /// A method on a path.
    #[prost(message, optional, tag = "2")]
    pub non_resource_attributes: Option<NonResourceAttributes>,
}

/// A verb on a resource. Texts are empty where nothing is said; what else there is makes the question smaller.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default)]
pub struct ResourceAttributes {
    /// The namespace; empty for all, and for what is in none.
    #[prost(string, tag = "1")]
    pub namespace: String,
    /// The verb.
    #[prost(string, tag = "2")]
    pub verb: String,
    /// The API group.
    #[prost(string, tag = "3")]
    pub group: String,
    /// The resource.
    #[prost(string, tag = "5")]
    pub resource: String,
    /// The subresource.
    #[prost(string, tag = "6")]
    pub subresource: String,
    /// The name; empty for all.
    #[prost(string, tag = "7")]
    pub name: String,
}

/// A method on a path.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default)]
pub struct NonResourceAttributes {
    /// The path.
    #[prost(string, tag = "1")]
    pub path: String,
    /// The method in lower case.
    #[prost(string, tag = "2")]
    pub verb: String,
}

/// What a SelfSubjectRulesReview asks about.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default)]
struct RulesSpec {
    #[prost(string, tag = "1")]
    namespace: String,
}

/// The envelope of all protobuf bodies (`runtime.Unknown`).
#[derive(Clone, PartialEq, Message)]
struct Envelope {
    #[prost(bytes = "bytes", tag = "2")]
    raw: Bytes,
    #[prost(string, tag = "3")]
    content_encoding: String,
    #[prost(string, tag = "4")]
    content_type: String,
}

impl Form {
    /// The form that the headers name.
    ///
    /// # Errors
    /// The answer 415 for all others. Clients that prefer CBOR send JSON after it.
    pub fn of(headers: &HeaderMap) -> Result<Self, Status> {
        let unsupported = || {
            Err(Status::unsupported_media_type(
                "mk8s: reviews are accepted as application/json and application/vnd.kubernetes.protobuf, not compressed",
            ))
        };
        if headers.contains_key(CONTENT_ENCODING) {
            return unsupported();
        }
        let mut values = headers.get_all(CONTENT_TYPE).iter();
        let media_type = match (values.next(), values.next()) {
            (None, _) => return Ok(Self::Json),
            (Some(value), None) => value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim(),
            (Some(_), Some(_)) => return unsupported(),
        };
        match media_type.to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json),
            "application/vnd.kubernetes.protobuf" => Ok(Self::Protobuf),
            _ => unsupported(),
        }
    }
}

/// What a SelfSubjectAccessReview asks about.
///
/// # Errors
/// The answer, when the body cannot be read.
pub fn access(form: Form, body: &[u8]) -> Result<AccessSpec, Status> {
    spec(form, body)
}

/// The namespace that a SelfSubjectRulesReview asks about.
///
/// # Errors
/// The answer, when the body cannot be read.
pub fn rules_namespace(form: Form, body: &[u8]) -> Result<String, Status> {
    Ok(spec::<RulesSpec>(form, body)?.namespace)
}

fn spec<Spec: Debug + Default + DeserializeOwned + Message>(form: Form, body: &[u8]) -> Result<Spec, Status> {
    let bad = |why: &dyn Display| Status::bad_request(format!("mk8s: the review cannot be read: {why}"));
    let object: Object<Spec> = match form {
        Form::Json => serde_json::from_slice(body).map_err(|error| bad(&error))?,
        Form::Protobuf => {
            let content = body.strip_prefix(MAGIC).ok_or_else(|| bad(&"it does not begin as protobuf does"))?;
            let envelope = Envelope::decode(content).map_err(|error| bad(&error))?;
            if !envelope.content_encoding.is_empty() || !envelope.content_type.is_empty() {
                return Err(bad(&"its content is encoded once more"));
            }
            Object::decode(envelope.raw).map_err(|error| bad(&error))?
        }
    };
    Ok(object.spec.unwrap_or_default())
}
