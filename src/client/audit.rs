//! The audit log, for admins.

use http::Method;

use super::error::ClientError;
use super::http::{Client, NOTHING};
use crate::model::audit::{AuditFilter, AuditPage, Link, Writer, WriterList};

impl Client {
    /// A page of the audit log.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all that follow.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<AuditPage, ClientError> {
        self.call(Method::GET, &path(filter)?, NOTHING).await
    }

    /// All of the audit log that the filter wants, the latest first, each line given to `take` until it returns false.
    #[allow(clippy::missing_errors_doc)]
    pub async fn audit_export(
        &self,
        filter: &AuditFilter,
        take: impl FnMut(&[u8]) -> Result<bool, ClientError>,
    ) -> Result<(), ClientError> {
        self.lines(&path(filter)?, take).await
    }

    /// The runs of central that have written it.
    #[allow(clippy::missing_errors_doc)]
    pub async fn audit_writers(&self) -> Result<Vec<Writer>, ClientError> {
        self.call(Method::GET, "/admin/audit/writers", NOTHING).await.map(|list: WriterList| list.writers)
    }

    /// The rows of one of them, each given to `check` as it comes.
    #[allow(clippy::missing_errors_doc)]
    pub async fn audit_rows<E>(
        &self,
        writer: &str,
        mut check: impl FnMut(Link) -> Result<(), E>,
    ) -> Result<Result<(), E>, ClientError> {
        let mut result = Ok(());
        self.lines(&format!("/admin/audit/writers/{writer}/rows"), |line| {
            let link = serde_json::from_slice(line).map_err(|error| ClientError::Protocol(error.to_string()))?;
            if result.is_ok() {
                result = check(link);
            }
            Ok(result.is_ok())
        })
        .await?;
        Ok(result)
    }
}

fn path(filter: &AuditFilter) -> Result<String, ClientError> {
    let query = serde_urlencoded::to_string(filter).map_err(|error| ClientError::Protocol(error.to_string()))?;
    Ok(format!("/admin/audit?{query}"))
}
