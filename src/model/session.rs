//! A session: what a user has between login and logout.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::email::Email;
use super::id::{SessionId, TokenId, UserId};
use super::role::RoleName;
use super::secret::{Password, Token};

/// The request of `POST /auth/login`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The user's address, in any spelling that normalises to it.
    pub email: String,
    /// The password.
    pub password: Password,
}

/// The request of `POST /auth/refresh`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token that was given last.
    pub refresh_token: Token,
}

/// The answer of `POST /auth/login` and `POST /auth/refresh`, with the words of OAuth (RFC 6749, section 5.1).
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tokens {
    /// Shown as `Authorization: Bearer` with each request.
    pub access_token: Token,
    /// Always `Bearer`.
    pub token_type: String,
    /// How long the access token lives, in seconds.
    pub expires_in: u64,
    /// Shown once, for the next tokens.
    pub refresh_token: Token,
    /// How long the refresh token lives, in seconds.
    pub refresh_expires_in: u64,
    /// Who has logged in.
    pub user: Account,
}

/// Who a user is, to itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Account {
    /// Identifies it.
    pub id: UserId,
    /// Its address.
    pub email: Email,
    /// Its roles; with an API token, those of the token.
    pub roles: Vec<RoleName>,
}

/// The answer of `GET /auth/me`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Me {
    /// Who is asking.
    pub user: Account,
    /// The API token that was shown; absent in a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_token: Option<TokenId>,
    /// When what was shown expires, UTC: the access token, or the API token.
    pub expires_at: Timestamp,
}

/// A session that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Session {
    /// Identifies it. It is no secret.
    pub id: SessionId,
    /// When its user logged in, UTC.
    pub created_at: Timestamp,
    /// When it last got new tokens, UTC; what uses it asks for some as often as its access token ends.
    pub refreshed_at: Timestamp,
    /// When it ends, UTC.
    pub expires_at: Timestamp,
    /// The address from which its user logged in.
    pub source_ip: String,
    /// The program that logged in, as it said, without control characters; empty if it said nothing.
    pub user_agent: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// The answer of `GET /auth/sessions` and `GET /admin/users/{id}/sessions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SessionList {
    /// Those that have not ended, the latest first.
    pub sessions: Vec<Session>,
}

/// The request of `POST /auth/password`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password until now.
    pub current_password: Password,
    /// The password from now on.
    pub new_password: Password,
}
