//! Access tokens: JWTs (RFC 9068, RFC 8725) that central signs for its users and that nobody else can make.

use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::jwt_key::{JwtError, SigningKey, VerifyingKey};
use crate::model::{SessionId, Token, UserId};

/// The type of the token, so that no other kind of JWT passes for one (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";

/// How far the clocks of two replicas may be apart, in seconds.
const LEEWAY_SECONDS: i64 = 30;

/// The most bytes of a token; ours have some 800.
const MAX_BYTES: usize = 4 << 10;

/// What an access token says; nothing personal beyond the user's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Who has signed: central.
    pub iss: String,
    /// For whom: central.
    pub aud: String,
    /// The user.
    pub sub: UserId,
    /// The session.
    pub sid: SessionId,
    /// Identifies the token.
    pub jti: String,
    /// When it was signed; to the second, like the others.
    pub iat: Timestamp,
    /// From when on it is valid.
    pub nbf: Timestamp,
    /// From when on it is not valid any more.
    pub exp: Timestamp,
}

/// Why a token is not accepted. This is for the log: the one who shows it learns no more than that it is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// It has more than 4 KiB.
    #[error("the token is too long")]
    TooLong,
    /// It has no three parts of base64url.
    #[error("the token is no JWT")]
    NoJwt,
    /// Its header is not what this program writes: another algorithm, another type, or more members.
    #[error("the token has another header than ours")]
    Header,
    /// None of the accepted keys has signed it.
    #[error("the token names a key that is not accepted")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the signature of the token is wrong")]
    Signature,
    /// A claim is missing, is one too many, or is not of its type.
    #[error("the claims of the token are not ours")]
    Claims,
    /// Another issuer or audience.
    #[error("the token is from or for another central")]
    Foreign,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
}

/// The claims as they are written; no claim may be missing, written twice or unknown, and a time is a whole number.
///
/// `jsonwebtoken` checks presence too, but CVE-2026-25537 has shown what comes of a lenient reading.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenClaims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// The keys of central, and whose tokens it makes: one key signs, and some are accepted.
#[derive(Clone, Debug)]
pub struct KeyRing {
    signing: SigningKey,
    accepted: Vec<VerifyingKey>,
    issuer: String,
    audience: String,
}

impl KeyRing {
    /// `accepted` are the keys besides the signing one: the previous or the next one of a rotation.
    pub fn new(signing: SigningKey, mut accepted: Vec<VerifyingKey>, issuer: String, audience: String) -> Self {
        accepted.retain(|key| key.kid() != signing.kid());
        accepted.sort_by(|a, b| a.kid().cmp(b.kid()));
        accepted.dedup_by(|a, b| a.kid() == b.kid());
        Self { signing, accepted, issuer, audience }
    }

    /// The public keys, the signing one first, as a JWK set (RFC 7517, section 5).
    pub fn jwks(&self) -> Value {
        json!({"keys": self.keys().map(VerifyingKey::jwk).collect::<Vec<_>>()})
    }

    /// The claims of a token for a session that is valid from now on for so many seconds.
    pub fn claims(&self, sub: UserId, sid: SessionId, now: Timestamp, seconds: u32) -> AccessClaims {
        let now = whole_seconds(now);
        AccessClaims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub,
            sid,
            jti: uuid::Uuid::now_v7().to_string(),
            iat: now,
            nbf: now,
            exp: Timestamp::from_second(now.as_second().saturating_add(seconds.into())).unwrap_or(Timestamp::MAX),
        }
    }

    /// Signs a token.
    ///
    /// # Errors
    /// The system's cryptography failed.
    pub fn issue(&self, claims: AccessClaims) -> Result<Token, JwtError> {
        let written = WrittenClaims {
            iss: claims.iss,
            aud: claims.aud,
            sub: claims.sub,
            sid: claims.sid,
            jti: claims.jti,
            iat: claims.iat.as_second(),
            nbf: claims.nbf.as_second(),
            exp: claims.exp.as_second(),
        };
        let signed = jsonwebtoken::encode(&header(self.signing.kid()), &written, &self.signing.key);
        Ok(Token::from(signed.map_err(JwtError::Sign)?))
    }

    /// Checks a token, and says what it says.
    ///
    /// # Errors
    /// It is not one that this ring's keys have signed, for this central and for now.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, InvalidToken> {
        if token.len() > MAX_BYTES {
            return Err(InvalidToken::TooLong);
        }
        let shown = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
            // No JSON, or an algorithm that the library does not know, such as none.
            ErrorKind::Json(_) => InvalidToken::Header,
            _ => InvalidToken::NoJwt,
        })?;
        // The name is compared with those of the ring, and is nothing else: no URL, and no path.
        let key = self.keys().find(|key| shown.kid.as_deref() == Some(key.kid())).ok_or(InvalidToken::UnknownKey)?;
        // The header has to be ours in whole: no other algorithm, and no `crit`, `jku`, `jwk` or `x5u`.
        if shown != header(key.kid()) {
            return Err(InvalidToken::Header);
        }
        let written = jsonwebtoken::decode::<WrittenClaims>(token, &key.key, &self.validation());
        let written = written.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => InvalidToken::Signature,
            ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => InvalidToken::Foreign,
            ErrorKind::Json(_) | ErrorKind::MissingRequiredClaim(_) | ErrorKind::Utf8(_) => InvalidToken::Claims,
            _ => InvalidToken::NoJwt,
        })?;
        self.check(written.claims, now)
    }

    /// What the library checks. The times are checked here, with the same clock that signs.
    fn validation(&self) -> Validation {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.validate_exp = false;
        validation
    }

    fn check(&self, claims: WrittenClaims, now: Timestamp) -> Result<AccessClaims, InvalidToken> {
        if claims.iss != self.issuer || claims.aud != self.audience {
            return Err(InvalidToken::Foreign);
        }
        let time = |seconds: i64| match seconds {
            0.. => Timestamp::from_second(seconds).map_err(|_| InvalidToken::Claims),
            _ => Err(InvalidToken::Claims),
        };
        let (iat, nbf, exp) = (time(claims.iat)?, time(claims.nbf)?, time(claims.exp)?);
        if now.as_second() - LEEWAY_SECONDS >= claims.exp {
            return Err(InvalidToken::Expired);
        }
        if claims.nbf.max(claims.iat) > now.as_second() + LEEWAY_SECONDS {
            return Err(InvalidToken::NotYet);
        }
        let WrittenClaims { iss, aud, sub, sid, jti, .. } = claims;
        Ok(AccessClaims { iss, aud, sub, sid, jti, iat, nbf, exp })
    }

    fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        std::iter::once(self.signing.verifying_key()).chain(&self.accepted)
    }
}

/// The only header that this program writes and accepts.
fn header(kid: &str) -> Header {
    Header { typ: Some(TYPE.into()), kid: Some(kid.into()), ..Header::new(Algorithm::RS256) }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests;
