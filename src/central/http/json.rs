//! Request bodies as JSON, read strictly, with errors that repeat no value: it may be a secret.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::body;
use super::told::{Note, Told};
use crate::access::Caller;
use crate::model::{ErrorCode, Failure};

/// A body that was understood.
pub struct Strict<T>(pub T);

impl<T: DeserializeOwned + Told, S: Sync> FromRequest<S> for Strict<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let note = request.extensions().get::<Note>().cloned();
        let limit = if request.extensions().get::<Caller>().is_some() { body::FORM } else { body::PUBLIC };
        let (bytes, _room) = body::read(request.into_body(), limit).await?;
        let value: T = serde_json::from_slice(&bytes).map_err(|error| {
            let detail = format!("the request is not valid: {}", without_value(&error));
            Failure::new(ErrorCode::InvalidRequest, detail)
        })?;
        if let (Some(note), Some(told)) = (note, value.told()) {
            note.leave(told);
        }
        Ok(Self(value))
    }
}

/// What is wrong, without the value that is.
pub fn without_value(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(", expected ") {
        Some((before, expected)) if before.starts_with("invalid ") => format!("expected {expected}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::Login;

    #[test]
    fn errors_repeat_no_value() {
        let error = |json: &str| without_value(&serde_json::from_str::<Login>(json).unwrap_err());
        assert_eq!(error(r#"{"email":"a@b","password":4711}"#), "expected a string at line 1 column 30");
        assert!(!error(r#"["a", ["hunter2"]]"#).contains("hunter2"));
        assert!(error(r#"{"email":"a@b"}"#).contains("missing field `password`"));
        assert!(error(r#"{"email":"a@b","password":"x","otp":1}"#).contains("unknown field `otp`"));
    }
}
