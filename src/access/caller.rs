//! Who is asking.

use jiff::Timestamp;

use crate::model::{Email, RoleName, SessionId, TokenId, UserId};

/// A user whose identity was established, with what it may do until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    user: UserId,
    email: Email,
    roles: Vec<RoleName>,
    credential: Credential,
    expires_at: Timestamp,
}

/// What a caller has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The access token of a session.
    Session {
        /// The session.
        id: SessionId,
    },
    /// An API token.
    ApiToken {
        /// The token.
        id: TokenId,
    },
}

impl Caller {
    /// A caller whose credential was verified. `roles` are those that count now: with an API token, those that both the
    /// token and its user have.
    pub fn new(
        user: UserId,
        email: Email,
        roles: Vec<RoleName>,
        credential: Credential,
        expires_at: Timestamp,
    ) -> Self {
        Self { user, email, roles, credential, expires_at }
    }

    /// Identifies the user.
    pub fn user_id(&self) -> UserId {
        self.user
    }

    /// The user's address.
    pub fn email(&self) -> &Email {
        &self.email
    }

    /// The name, as it appears in logs and, impersonated, in the cluster: the address.
    pub fn name(&self) -> &str {
        self.email.as_str()
    }

    /// The roles.
    pub fn roles(&self) -> &[RoleName] {
        &self.roles
    }

    /// Whether it may use `/admin`.
    pub fn is_admin(&self) -> bool {
        self.roles.iter().any(RoleName::is_admin)
    }

    /// What it has shown.
    pub fn credential(&self) -> Credential {
        self.credential
    }

    /// Whether a person is logged in, and not a program with an API token.
    pub fn is_session(&self) -> bool {
        matches!(self.credential, Credential::Session { .. })
    }

    /// When what it has shown expires.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(roles: &[&str], credential: Credential) -> Caller {
        let roles = roles.iter().map(|role| role.parse().unwrap()).collect();
        Caller::new(UserId::generate(), "Ann@Example.com".parse().unwrap(), roles, credential, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_caller_appears_in_the_cluster_with_its_address() {
        let caller = caller(&["dev", "ops"], Credential::Session { id: SessionId::generate() });
        assert_eq!(caller.name(), "ann@example.com");
        assert!(caller.is_session() && !caller.is_admin());
    }

    #[test]
    fn an_admin_is_who_has_the_role_and_a_token_is_no_session() {
        let caller = caller(&["admin"], Credential::ApiToken { id: TokenId::generate() });
        assert!(caller.is_admin() && !caller.is_session());
    }
}
