//! Objects of any type, changed only if nobody has changed them meanwhile.

use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE, WARNING};
use http_body_util::{BodyExt as _, Limited};
use kube::Resource as _;
use kube::client::Body;
use kube::core::{DynamicObject, GroupVersion};
use kube::discovery::pinned_kind;
use serde_json::Value;

use super::error::ClientError;
use super::gateway::{Gateway, of_kube, warning_text};
use super::path::segment;

/// The largest object that is read: far more than a cluster keeps.
const MAX_OBJECT: usize = 16 << 20;

/// A change of one object.
#[derive(Clone, Copy, Debug)]
pub struct ObjectPatch<'a> {
    /// The version of its API, such as `apps/v1`.
    pub api_version: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// Its namespace, if it is in one.
    pub namespace: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
    /// The part of it that is changed, if not all.
    pub subresource: Option<&'a str>,
    /// Who changes it.
    pub field_manager: &'a str,
    /// What becomes of unknown fields: `Strict`, `Warn` or `Ignore`.
    pub validation: &'a str,
    /// A JSON merge patch (RFC 7386). With the version of the object in it, another change since then is a conflict.
    pub patch: &'a Value,
}

/// An object that was changed.
#[derive(Clone, Debug)]
pub struct Patched {
    /// It, as it is now.
    pub object: Value,
    /// What the cluster has to say of it.
    pub warnings: Vec<String>,
}

impl Gateway {
    /// Changes an object.
    ///
    /// # Errors
    /// When it was refused: with the code `Conflict` if its version is another one by now.
    pub async fn patch_object(&self, change: &ObjectPatch<'_>) -> Result<Patched, ClientError> {
        let protocol = |error: &dyn std::fmt::Display| ClientError::Protocol(error.to_string());
        let version: GroupVersion = change.api_version.parse().map_err(|e| protocol(&e))?;
        let (kind, _) = pinned_kind(&self.kube(), &version.with_kind(change.kind)).await.map_err(of_kube)?;
        let all = DynamicObject::url_path(&kind, change.namespace);
        let part = change.subresource.map(|part| format!("/{part}")).unwrap_or_default();
        let query = [("fieldManager", change.field_manager), ("fieldValidation", change.validation)];
        let query = serde_urlencoded::to_string(query).map_err(|e| protocol(&e))?;
        let request = Request::patch(format!("{all}/{}{part}?{query}", segment(change.name)))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/merge-patch+json")
            .body(Body::from(serde_json::to_vec(change.patch).map_err(|e| protocol(&e))?))
            .map_err(|e| protocol(&e))?;
        let (head, body) = self.ask(request).await?.into_parts();
        let body = Limited::new(body, MAX_OBJECT).collect().await.map_err(|e| ClientError::Protocol(e.to_string()))?;
        let warnings = head.headers.get_all(WARNING).iter().filter_map(|value| warning_text(value.to_str().ok()?));
        Ok(Patched {
            object: serde_json::from_slice(&body.to_bytes()).map_err(|e| protocol(&e))?,
            warnings: warnings.collect(),
        })
    }
}
