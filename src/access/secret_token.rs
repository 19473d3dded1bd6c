//! Opaque tokens: 256 random bits behind a prefix that scanners recognise; only their hash is kept.

use std::fmt;
use std::hash::{Hash, Hasher};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::TryRngCore as _;

use crate::model::{Password, Token};

/// The system gives no randomness.
pub type RandomError = rand::rand_core::OsError;

/// The prefix of the tokens that agents show.
const AGENT_PREFIX: &str = "mk8s_agent_";

/// The prefix of the tokens that CI jobs show.
const API_PREFIX: &str = "mk8s_pat_";

/// The prefix of the tokens that renew a session.
const REFRESH_PREFIX: &str = "mk8s_refresh_";

/// The prefix of the tokens that a running command shows to the gate of its agent.
const GATE_PREFIX: &str = "mk8s_gate_";

/// How many characters 256 bits take.
const RANDOM_CHARS: usize = 43;

/// How many random bytes a generated password has: 24 characters, 144 bits.
const PASSWORD_BYTES: usize = 18;

/// A new token for the agents of a cluster.
///
/// # Errors
/// When the system gives no randomness.
pub fn generate_agent_token() -> Result<Token, RandomError> {
    generate(AGENT_PREFIX)
}

/// A new API token.
///
/// # Errors
/// When the system gives no randomness.
pub fn generate_api_token() -> Result<Token, RandomError> {
    generate(API_PREFIX)
}

/// A new refresh token: the first of a session.
///
/// # Errors
/// When the system gives no randomness.
pub fn generate_refresh_token() -> Result<Token, RandomError> {
    generate(REFRESH_PREFIX)
}

/// A new token for a running command: the agent's gate knows the command by it.
///
/// # Errors
/// When the system gives no randomness.
pub fn generate_gate_token() -> Result<Token, RandomError> {
    generate(GATE_PREFIX)
}

/// A password for a user who was given none: 24 characters of base64url.
///
/// # Errors
/// When the system gives no randomness.
pub fn generate_password() -> Result<Password, RandomError> {
    Ok(Password::from(BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<PASSWORD_BYTES>()?)))
}

/// Bytes from the system's source of randomness.
///
/// # Errors
/// When the system gives none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}

/// The refresh token that follows the one shown: HMAC-SHA256 of the session's salt, keyed with the one shown.
///
/// A client whose answer was lost repeats its request and must get the very same successor, or its repetition would
/// look like theft. A random successor would have to be kept in plain for that; this one is made again out of what the
/// client shows and what the database holds, and neither alone gives it away: the database has only the hash of the
/// token that was shown, and the salt never leaves central.
pub fn next_refresh_token(shown: &str, salt: &[u8; 32]) -> Token {
    let successor = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, shown.as_bytes()), salt);
    with_prefix(REFRESH_PREFIX, successor.as_ref())
}

fn generate(prefix: &str) -> Result<Token, RandomError> {
    Ok(with_prefix(prefix, &random_bytes::<32>()?))
}

fn with_prefix(prefix: &str, bytes: &[u8]) -> Token {
    Token::from(format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

/// What a token is for, told by its form alone. Whether it is valid is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Agents register with it.
    Agent,
    /// CI jobs use the API with it.
    Api,
    /// It renews a session.
    Refresh,
    /// It has three parts like a JWT: an access token.
    Access,
    /// None of ours, or an agent token that an operator made up for the configuration.
    Unknown,
}

impl TokenKind {
    /// The kind of a token.
    pub fn of(token: &str) -> Self {
        let opaque = [(AGENT_PREFIX, Self::Agent), (API_PREFIX, Self::Api), (REFRESH_PREFIX, Self::Refresh)];
        if let Some((rest, kind)) = opaque.iter().find_map(|(prefix, kind)| Some((token.strip_prefix(prefix)?, kind))) {
            return if rest.len() == RANDOM_CHARS && is_base64url(rest) { *kind } else { Self::Unknown };
        }
        let mut parts = token.split('.');
        let is_jwt = parts.by_ref().take(3).filter(|part| !part.is_empty() && is_base64url(part)).count() == 3
            && parts.next().is_none();
        if is_jwt { Self::Access } else { Self::Unknown }
    }
}

fn is_base64url(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
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

    /// The hash as it is stored: 64 lower case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other)
    }
}

impl Eq for TokenHash {}

impl Hash for TokenHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
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

    #[test]
    fn tokens_are_long_different_and_recognised_by_their_hash() {
        let makers = [
            (generate_agent_token as fn() -> _, AGENT_PREFIX),
            (generate_api_token, API_PREFIX),
            (generate_refresh_token, REFRESH_PREFIX),
            (generate_gate_token, GATE_PREFIX),
        ];
        for (make, prefix) in makers {
            let (a, b): (Token, Token) = (make().unwrap(), make().unwrap());
            let (a, b) = (a.expose(), b.expose());
            assert!(a.starts_with(prefix) && a.len() == prefix.len() + 43, "{prefix}");
            assert_ne!(a, b);
            assert!(TokenHash::of(a).matches(&TokenHash::of(a)));
            assert_eq!(TokenHash::of(a), TokenHash::of(a));
            assert_ne!(TokenHash::of(a), TokenHash::of(b));
        }
    }

    #[test]
    fn a_kind_is_told_by_the_form() {
        assert_eq!(TokenKind::of(generate_agent_token().unwrap().expose()), TokenKind::Agent);
        assert_eq!(TokenKind::of(generate_api_token().unwrap().expose()), TokenKind::Api);
        assert_eq!(TokenKind::of(generate_refresh_token().unwrap().expose()), TokenKind::Refresh);
        assert_eq!(TokenKind::of("eyJ.eyJ.x-_"), TokenKind::Access);
        let short = format!("mk8s_pat_{}", "a".repeat(42));
        let strange = format!("mk8s_pat_{}.", "a".repeat(42));
        let other_case = format!("MK8S_pat_{}", "a".repeat(43));
        for unknown in ["", "hunter2", "a.b", "a.b.c.d", "a..c", "a.b.c=", ".", "é.b.c", &short, &strange, &other_case]
        {
            assert_eq!(TokenKind::of(unknown), TokenKind::Unknown, "{unknown}");
        }
    }

    #[test]
    fn a_repeated_refresh_has_the_same_successor() {
        let (shown, salt) = (generate_refresh_token().unwrap(), random_bytes::<32>().unwrap());
        let next = next_refresh_token(shown.expose(), &salt);
        assert_eq!(TokenKind::of(next.expose()), TokenKind::Refresh);
        assert_eq!(next.expose(), next_refresh_token(shown.expose(), &salt).expose());
        assert_ne!(next.expose(), shown.expose());
        assert_ne!(next.expose(), next_refresh_token(shown.expose(), &random_bytes().unwrap()).expose());
        assert_ne!(next.expose(), next_refresh_token(next.expose(), &salt).expose());
        // By another program: printf %032d 0 | openssl dgst -sha256 -hmac mk8s_refresh_x -binary | basenc --base64url
        assert_eq!(
            next_refresh_token("mk8s_refresh_x", b"00000000000000000000000000000000").expose(),
            "mk8s_refresh_kwe8JSBIL38vsLl2uwOIa897U6dTipVdhbuD5maaQx0"
        );
    }

    #[test]
    fn a_hash_is_stored_as_hexadecimal_digits() {
        assert_eq!(TokenHash::of("abc").to_hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(format!("{:?}", TokenHash::of("abc")), "TokenHash(..)");
    }

    #[test]
    fn a_generated_password_is_a_good_one() {
        let (a, b) = (generate_password().unwrap(), generate_password().unwrap());
        assert_eq!(a.expose().len(), 24);
        assert_ne!(a.expose(), b.expose());
        assert!(super::super::check_new_password(&a).is_ok());
    }
}
