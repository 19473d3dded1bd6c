//! The authority of central, as central shows it.

use super::error::ClientError;
use super::http::Client;
use crate::tls::export;

impl Client {
    /// The certificate of the authority with this pin, PEM, by which the client has just recognised central.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn authority(&self, pin: &str) -> Result<String, ClientError> {
        let stream = self.connect().await?;
        let missing = || ClientError::Protocol("it does not show the certificate of the pinned authority".into());
        export::of_connection(&stream, pin).ok_or_else(missing)
    }
}
