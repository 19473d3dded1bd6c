//! What a client shows to say who asks.

use http::HeaderValue;

use super::error::ClientError;
use crate::model::Token;

/// What is shown with each request.
#[derive(Clone, Debug, Default)]
pub enum Credential {
    /// Nothing: for what everyone may ask.
    #[default]
    None,
    /// An API token, as it was given (`MK8S_TOKEN`).
    ApiToken(Token),
    /// The access token of a session.
    AccessToken(Token),
}

impl Credential {
    /// The value of `Authorization`, marked as a secret.
    pub(super) fn header(&self) -> Result<Option<HeaderValue>, ClientError> {
        let token = match self {
            Self::None => return Ok(None),
            Self::ApiToken(token) | Self::AccessToken(token) => token.expose(),
        };
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ClientError::MalformedToken);
        }
        // The error would name the value.
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ClientError::MalformedToken)?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_as_it_is_and_not_shown() {
        let credential = Credential::ApiToken("mk8s_pat_s3cret".to_owned().into());
        let header = credential.header().unwrap().unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer mk8s_pat_s3cret");
        assert!(!format!("{credential:?} {header:?}").contains("s3cret"));
        assert!(Credential::None.header().unwrap().is_none());
    }

    #[test]
    fn what_no_header_can_carry_is_refused_without_being_repeated() {
        for bad in ["", "s3cret\n", " s3cret", "s3cret\0", "s3crét", "s3cret\r\nX: y", "s3 cret"] {
            let error = Credential::AccessToken(bad.to_owned().into()).header().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3"), "{error:?}");
        }
    }
}
