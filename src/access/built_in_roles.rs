//! The roles that come with the product.

use crate::model::Role;

/// The roles as they stand in a new database, in the form of the API.
///
/// * `admin`: everything, and the use of `/admin`, which its name gives.
/// * `developer`: what Kubernetes' own `edit` permits of work in namespaces, secrets included, without its `proxy`,
///   service account tokens and impersonation, which lead around this policy. No RBAC objects. Of what is in no
///   namespace only reads of namespaces and nodes: its namespaces are `*`, but all else that it names is namespaced.
/// * `viewer`: reads of everything but secrets. Whatever reaches into containers or hands out credentials is not among
///   its verbs.
pub fn built_in_roles() -> Vec<Role> {
    // The text is part of the program, and a test reads it: there is no failure to report.
    serde_json::from_str(include_str!("built_in_roles.json")).unwrap_or_default()
}
