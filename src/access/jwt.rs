//! What an access token says, and when it is valid.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{SessionId, UserId};

/// How far the clocks of two replicas may be apart, in seconds.
const LEEWAY_SECONDS: i64 = 30;

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
pub(super) struct WrittenClaims {
    pub(super) iss: String,
    pub(super) aud: String,
    sub: UserId,
    sid: SessionId,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl WrittenClaims {
    /// Checks the times, and reads them.
    pub(super) fn at(self, now: Timestamp) -> Result<AccessClaims, InvalidToken> {
        let time = |seconds: i64| match seconds {
            0.. => Timestamp::from_second(seconds).map_err(|_| InvalidToken::Claims),
            _ => Err(InvalidToken::Claims),
        };
        let (iat, nbf, exp) = (time(self.iat)?, time(self.nbf)?, time(self.exp)?);
        if now.as_second() - LEEWAY_SECONDS >= self.exp {
            return Err(InvalidToken::Expired);
        }
        if self.nbf.max(self.iat) > now.as_second() + LEEWAY_SECONDS {
            return Err(InvalidToken::NotYet);
        }
        let Self { iss, aud, sub, sid, jti, .. } = self;
        Ok(AccessClaims { iss, aud, sub, sid, jti, iat, nbf, exp })
    }
}

impl From<AccessClaims> for WrittenClaims {
    fn from(claims: AccessClaims) -> Self {
        let AccessClaims { iss, aud, sub, sid, jti, iat, nbf, exp } = claims;
        Self { iss, aud, sub, sid, jti, iat: iat.as_second(), nbf: nbf.as_second(), exp: exp.as_second() }
    }
}
