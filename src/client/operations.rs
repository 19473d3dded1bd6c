//! Operations: one command on many clusters.

use http::Method;

use super::error::ClientError;
use super::http::Client;
use crate::model::{Operation, OperationRequest};

impl Client {
    /// Asks whether a command may run in many clusters, and records that it will.
    ///
    /// # Errors
    /// See [`ClientError`]; one that is forbidden in any of them is forbidden.
    pub async fn operation(&self, request: &OperationRequest) -> Result<Operation, ClientError> {
        self.call(Method::POST, "/operations", Some(request)).await
    }
}
