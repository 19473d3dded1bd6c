//! The email address by which a user is known, in the one form that is compared and stored.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// The most bytes of an address (RFC 5321, section 4.5.3.1).
const MAX_BYTES: usize = 254;

/// A normalised email address: NFKC, lower case, without spaces around it, so that look-alikes of one address are one
/// user. Whether it exists is not known; `admin@localhost` is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "ann@example.com")]
pub struct Email(String);

/// Why a text is not an email address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an email address: write it as name@example.com, in at most {MAX_BYTES} bytes, without spaces")]
pub struct InvalidEmail(String);

impl Email {
    /// The address of the first admin, unless the configuration says another.
    pub fn first_admin() -> Self {
        Self("admin@localhost".into())
    }

    /// The normalised address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidEmail(text.chars().take(64).collect());
        if text.len() > 4 * MAX_BYTES {
            return Err(invalid());
        }
        // Lower case can undo the normal form, so it is made again.
        let lower: String = text.trim().nfkc().flat_map(char::to_lowercase).collect();
        let address: String = lower.nfkc().collect();
        let (local, domain) = address.rsplit_once('@').ok_or_else(invalid)?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '@' || c == '<' || c == '>' || c == ',';
        if local.is_empty()
            || domain.is_empty()
            || address.len() > MAX_BYTES
            || local.contains(odd)
            || domain.contains(odd)
        {
            return Err(invalid());
        }
        Ok(Self(address))
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(text: &str) -> String {
        text.parse::<Email>().map_or_else(|_| "invalid".into(), String::from)
    }

    #[test]
    fn look_alikes_of_one_address_are_one() {
        let kelvin = "\u{212a}ate@Example.COM";
        for text in
            ["Kate@example.com", " kate@EXAMPLE.com ", "\u{ff2b}ate@example.com", kelvin, "kate@example\u{ff0e}com"]
        {
            assert_eq!(email(text), "kate@example.com", "{text}");
        }
        for text in ["\u{130}x@a", "\u{1e9e}@a", "A\u{30a}@a", "\u{3a3}\u{3a3}@a"] {
            assert_eq!(email(&email(text)), email(text), "normalising twice changes nothing: {text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@a", "x".repeat(MAX_BYTES));
        for text in ["", "ann", "@a", "ann@", "a b@c", "a@b@c", "a\0@b", "<a@b>", "a@b,c@d", &long] {
            assert_eq!(email(text), "invalid", "{text:?}");
        }
        assert_eq!(email("admin@localhost"), Email::first_admin().as_str());
    }
}
