//! Secrets that travel: written in requests and answers, never in `Debug`, and wiped from memory when dropped.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// A password as a person typed it.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub struct Password(SecretString);

/// A token: opaque, or a JWT.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct Token(SecretString);

macro_rules! secret {
    ($name:ident) => {
        impl $name {
            /// The text, for the one place that needs it.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.expose())
            }
        }
    };
}

secret!(Password);
secret!(Token);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_written_but_not_shown() {
        let token: Token = serde_json::from_str("\"s3cret\"").unwrap();
        assert_eq!(format!("{token:?} {:?}", Password::from("p4ss".to_owned())), "Token(..) Password(..)");
        assert_eq!(serde_json::to_string(&token).unwrap(), "\"s3cret\"");
    }
}
