//! A user: a person who logs in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::email::Email;
use super::id::UserId;
use super::role::RoleName;

/// A user, as admins see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct User {
    /// Identifies it, whatever its address.
    pub id: UserId,
    /// The address that it logs in with.
    pub email: Email,
    /// Its roles, in the order of their names.
    pub roles: Vec<RoleName>,
    /// Whether it is kept out.
    pub disabled: bool,
    /// When it was made, UTC.
    pub created_at: Timestamp,
    /// When it last logged in, UTC; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<Timestamp>,
}

/// The answer of `GET /admin/users`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UserList {
    /// In the order of their addresses.
    pub users: Vec<User>,
}

/// The request of `POST /admin/users`. Its password is [`super::Password`], which is not shown in `Debug`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The address that the user logs in with.
    pub email: Email,
    /// The first password; without it central makes one up and shows it once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<super::Password>,
    /// The roles; a user without any may do nothing.
    #[serde(default)]
    pub roles: Vec<RoleName>,
}

/// The answer of `POST /admin/users`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CreatedUser {
    /// The user.
    #[serde(flatten)]
    pub user: User,
    /// The password that was made up; shown this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_password: Option<super::Password>,
}

/// The request of `PATCH /admin/users/{id}`: what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// Keeps the user out, at once, or lets it in again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// A new password; ends all sessions of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<super::Password>,
}

/// The request of `PUT /admin/users/{id}/roles`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRoles {
    /// All roles that the user has from now on.
    pub roles: Vec<RoleName>,
}
