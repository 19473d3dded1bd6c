//! The caller's own API tokens.

use http::Method;

use super::error::ClientError;
use super::http::{Client, NOTHING};
use crate::model::TokenId;
use crate::model::token::{ApiToken, ApiTokenList, CreatedApiToken, NewApiToken};

impl Client {
    /// Those that are valid.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all that follow.
    pub async fn tokens(&self) -> Result<Vec<ApiToken>, ClientError> {
        self.call(Method::GET, "/tokens", NOTHING).await.map(|list: ApiTokenList| list.tokens)
    }

    /// Makes one.
    #[allow(clippy::missing_errors_doc)]
    pub async fn create_token(&self, new: &NewApiToken) -> Result<CreatedApiToken, ClientError> {
        self.call(Method::POST, "/tokens", Some(new)).await
    }

    /// Ends one.
    #[allow(clippy::missing_errors_doc)]
    pub async fn revoke_token(&self, id: TokenId) -> Result<(), ClientError> {
        self.tell(Method::DELETE, &format!("/tokens/{id}"), NOTHING).await
    }
}
