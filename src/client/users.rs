//! Users, for admins. A user is named by its identifier or its address.

use http::Method;

use super::error::ClientError;
use super::http::{Client, NOTHING};
use super::path::segment;
use crate::model::session::{Session, SessionList};
use crate::model::token::{ApiToken, ApiTokenList};
use crate::model::user::{CreatedUser, NewUser, UserChange, UserList, UserRoles};
use crate::model::{SessionId, TokenId, User};

impl Client {
    /// All users.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all that follow.
    pub async fn users(&self) -> Result<Vec<User>, ClientError> {
        self.call(Method::GET, "/admin/users", NOTHING).await.map(|list: UserList| list.users)
    }

    /// One user.
    #[allow(clippy::missing_errors_doc)]
    pub async fn user(&self, user: &str) -> Result<User, ClientError> {
        self.call(Method::GET, &path(user), NOTHING).await
    }

    /// Makes one.
    #[allow(clippy::missing_errors_doc)]
    pub async fn create_user(&self, new: &NewUser) -> Result<CreatedUser, ClientError> {
        self.call(Method::POST, "/admin/users", Some(new)).await
    }

    /// Keeps one out, lets it in, or gives it a password.
    #[allow(clippy::missing_errors_doc)]
    pub async fn change_user(&self, user: &str, change: &UserChange) -> Result<User, ClientError> {
        self.call(Method::PATCH, &path(user), Some(change)).await
    }

    /// Gives one exactly these roles.
    #[allow(clippy::missing_errors_doc)]
    pub async fn set_roles(&self, user: &str, roles: &UserRoles) -> Result<User, ClientError> {
        self.call(Method::PUT, &format!("{}/roles", path(user)), Some(roles)).await
    }

    /// The API tokens of one.
    #[allow(clippy::missing_errors_doc)]
    pub async fn tokens_of(&self, user: &str) -> Result<Vec<ApiToken>, ClientError> {
        self.call(Method::GET, &format!("{}/tokens", path(user)), NOTHING).await.map(|list: ApiTokenList| list.tokens)
    }

    /// Ends an API token of one.
    #[allow(clippy::missing_errors_doc)]
    pub async fn revoke_token_of(&self, user: &str, id: TokenId) -> Result<(), ClientError> {
        self.tell(Method::DELETE, &format!("{}/tokens/{id}", path(user)), NOTHING).await
    }

    /// The sessions of one.
    #[allow(clippy::missing_errors_doc)]
    pub async fn sessions_of(&self, user: &str) -> Result<Vec<Session>, ClientError> {
        let list = self.call(Method::GET, &format!("{}/sessions", path(user)), NOTHING).await;
        list.map(|list: SessionList| list.sessions)
    }

    /// Ends a session of one.
    #[allow(clippy::missing_errors_doc)]
    pub async fn revoke_session_of(&self, user: &str, id: SessionId) -> Result<(), ClientError> {
        self.tell(Method::DELETE, &format!("{}/sessions/{id}", path(user)), NOTHING).await
    }

    /// Removes one.
    #[allow(clippy::missing_errors_doc)]
    pub async fn delete_user(&self, user: &str) -> Result<(), ClientError> {
        self.tell(Method::DELETE, &path(user), NOTHING).await
    }
}

fn path(user: &str) -> String {
    format!("/admin/users/{}", segment(user))
}
