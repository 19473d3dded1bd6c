//! Opaque tokens: 256 random bits behind a prefix that scanners recognise; only their hash is kept.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::TryRngCore as _;
use secrecy::SecretString;

/// The prefix of the tokens that agents show.
const AGENT_PREFIX: &str = "mk8s_agent_";

/// A new token for the agents of a cluster.
///
/// # Errors
/// When the system gives no randomness.
pub fn generate_agent_token() -> Result<SecretString, rand::rand_core::OsError> {
    let mut bytes = [0u8; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes)?;
    Ok(SecretString::from(format!("{AGENT_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))))
}

/// The SHA-256 of a token. The token has full entropy, so that a fast hash without salt is enough.
#[derive(Clone)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }

    /// Whether both are the hash of one token, in a time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn tokens_are_long_different_and_recognised_by_their_hash() {
        let (a, b) = (generate_agent_token().unwrap(), generate_agent_token().unwrap());
        let (a, b) = (a.expose_secret(), b.expose_secret());
        assert!(a.starts_with("mk8s_agent_") && a.len() == 11 + 43);
        assert_ne!(a, b);
        assert!(TokenHash::of(a).matches(&TokenHash::of(a)));
        assert!(!TokenHash::of(a).matches(&TokenHash::of(b)));
    }
}
