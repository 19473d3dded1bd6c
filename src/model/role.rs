//! A role: what its holders may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::permission::Permission;

/// The name of a role: a DNS label (RFC 1123), so that it fits in a URL and in a group name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", example = "developer")]
pub struct RoleName(String);

/// Why a text is not a role's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a role name: 1 to 63 lower case letters, digits and hyphens, with a letter or digit at both ends"
)]
pub struct InvalidRoleName(String);

impl RoleName {
    /// The role whose holders may use `/admin`.
    pub fn admin() -> Self {
        Self("admin".into())
    }

    /// Whether it gives the use of `/admin`.
    pub fn is_admin(&self) -> bool {
        self.0 == "admin"
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleName {
    type Err = InvalidRoleName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match super::id::is_dns_label(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidRoleName(text.chars().take(64).collect())),
        }
    }
}

impl TryFrom<String> for RoleName {
    type Error = InvalidRoleName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RoleName> for String {
    fn from(name: RoleName) -> Self {
        name.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// What it is for.
    pub description: String,
    /// What its holders may do.
    pub permissions: Vec<Permission>,
    /// What its holders may not do, whatever another role permits.
    pub deny: Vec<Permission>,
    /// Whether it came with the product; such a role can be changed, not deleted.
    pub built_in: bool,
}

/// A role as its author writes it: the body of `POST /admin/roles` and `PUT /admin/roles/{name}`, and a document of
/// `mk8s admin roles apply`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleSpec {
    /// Its name.
    pub name: RoleName,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// What its holders may do.
    pub permissions: Vec<Permission>,
    /// What its holders may not do, whatever another role permits.
    #[serde(default)]
    pub deny: Vec<Permission>,
}

impl From<Role> for RoleSpec {
    fn from(role: Role) -> Self {
        let Role { name, description, permissions, deny, built_in: _ } = role;
        Self { name, description, permissions, deny }
    }
}

/// The answer of `GET /admin/roles` and `GET /auth/roles`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RoleList {
    /// In the order of their names.
    pub roles: Vec<Role>,
}
