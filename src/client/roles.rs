//! Roles: all of them for admins, and the caller's own; and what they allow.

use http::Method;

use super::error::ClientError;
use super::http::{Client, NOTHING};
use crate::model::role::RoleList;
use crate::model::{CanI, ClusterName, Role, RoleName, RoleSpec, Verdict};

impl Client {
    /// All roles.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all that follow.
    pub async fn roles(&self) -> Result<Vec<Role>, ClientError> {
        self.call(Method::GET, "/admin/roles", NOTHING).await.map(|list: RoleList| list.roles)
    }

    /// One role.
    #[allow(clippy::missing_errors_doc)]
    pub async fn role(&self, name: &RoleName) -> Result<Role, ClientError> {
        self.call(Method::GET, &path(name), NOTHING).await
    }

    /// Gives a role another content, or makes it.
    #[allow(clippy::missing_errors_doc)]
    pub async fn put_role(&self, role: &RoleSpec) -> Result<Role, ClientError> {
        self.call(Method::PUT, &path(&role.name), Some(role)).await
    }

    /// Removes a role that nobody has.
    #[allow(clippy::missing_errors_doc)]
    pub async fn delete_role(&self, name: &RoleName) -> Result<(), ClientError> {
        self.tell(Method::DELETE, &path(name), NOTHING).await
    }

    /// The caller's own roles.
    #[allow(clippy::missing_errors_doc)]
    pub async fn my_roles(&self) -> Result<Vec<Role>, ClientError> {
        self.call(Method::GET, "/auth/roles", NOTHING).await.map(|list: RoleList| list.roles)
    }

    /// Whether something may be done in a cluster.
    #[allow(clippy::missing_errors_doc)]
    pub async fn can_i(&self, cluster: &ClusterName, question: &CanI) -> Result<Verdict, ClientError> {
        self.call(Method::POST, &format!("/clusters/{cluster}/can-i"), Some(question)).await
    }
}

/// The name is a DNS label, which needs no encoding.
fn path(name: &RoleName) -> String {
    format!("/admin/roles/{name}")
}
