//! Sessions and whoever is asking.

use http::Method;

use super::error::ClientError;
use super::http::{Client, NOTHING};
use crate::model::SessionId;
use crate::model::session::{Login, Me, PasswordChange, Refresh, Session, SessionList, Tokens};

impl Client {
    /// Begins a session.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all that follow.
    pub async fn login(&self, login: &Login) -> Result<Tokens, ClientError> {
        self.call(Method::POST, "/auth/login", Some(login)).await
    }

    /// The next tokens of a session; those before are worth nothing then.
    #[allow(clippy::missing_errors_doc)]
    pub async fn refresh(&self, refresh: &Refresh) -> Result<Tokens, ClientError> {
        self.call(Method::POST, "/auth/refresh", Some(refresh)).await
    }

    /// Ends the session.
    #[allow(clippy::missing_errors_doc)]
    pub async fn logout(&self) -> Result<(), ClientError> {
        self.tell(Method::POST, "/auth/logout", NOTHING).await
    }

    /// The caller's sessions.
    #[allow(clippy::missing_errors_doc)]
    pub async fn sessions(&self) -> Result<Vec<Session>, ClientError> {
        self.call(Method::GET, "/auth/sessions", NOTHING).await.map(|list: SessionList| list.sessions)
    }

    /// Ends one of them.
    #[allow(clippy::missing_errors_doc)]
    pub async fn revoke_session(&self, id: SessionId) -> Result<(), ClientError> {
        self.tell(Method::DELETE, &format!("/auth/sessions/{id}"), NOTHING).await
    }

    /// Changes the caller's password; its other sessions end.
    #[allow(clippy::missing_errors_doc)]
    pub async fn change_password(&self, change: &PasswordChange) -> Result<(), ClientError> {
        self.tell(Method::POST, "/auth/password", Some(change)).await
    }

    /// Who is asking.
    #[allow(clippy::missing_errors_doc)]
    pub async fn me(&self) -> Result<Me, ClientError> {
        self.call(Method::GET, "/auth/me", NOTHING).await
    }
}
