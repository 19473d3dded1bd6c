//! What the client keeps of a login: who, with which server, and the tokens.

use jiff::{SignedDuration, Timestamp};

use super::client::normalised;
use crate::model::session::Tokens;
use crate::model::{Email, Token};

/// An access token is replaced when it has less than this left: a command that starts now may take a while to arrive.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// The longest life of a token that is believed, in seconds: ten years.
const LONGEST: u64 = 10 * 365 * 86_400;

/// A session, with its secrets.
#[derive(Clone, Debug)]
pub struct StoredSession {
    /// The normalised URL of the server that the session is with; its tokens go to no other.
    pub server: String,
    /// Who is logged in.
    pub email: Email,
    /// Shown with each request.
    pub access_token: Token,
    /// When it ends, by this machine's clock.
    pub access_expires_at: Timestamp,
    /// For the next access token.
    pub refresh_token: Token,
    /// When the session ends, by this machine's clock.
    pub refresh_expires_at: Timestamp,
}

impl StoredSession {
    /// What is kept of the answer to a login or a refresh that came just now.
    pub fn new(server: &str, tokens: Tokens, now: Timestamp) -> Self {
        // Fractions of a second are of no use to whoever reads the file.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let after = |seconds: u64| {
            let seconds = i64::try_from(seconds.min(LONGEST)).unwrap_or_default();
            now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now)
        };
        Self {
            server: normalised(server),
            email: tokens.user.email,
            access_token: tokens.access_token,
            access_expires_at: after(tokens.expires_in),
            refresh_token: tokens.refresh_token,
            refresh_expires_at: after(tokens.refresh_expires_in),
        }
    }

    /// Whether the access token can be used as it is.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.access_expires_at.duration_since(now) >= MARGIN
    }

    #[cfg(test)]
    pub(crate) fn example(server: &str) -> Self {
        Self {
            server: normalised(server),
            email: "a@b".parse().unwrap(),
            access_token: "ey.s3cret-1".to_owned().into(),
            access_expires_at: "2026-01-02T15:04:05Z".parse().unwrap(),
            refresh_token: "mk8s_refresh_s3cret-2".to_owned().into(),
            refresh_expires_at: "2026-02-01T15:04:05Z".parse().unwrap(),
        }
    }
}

impl PartialEq for StoredSession {
    fn eq(&self, other: &Self) -> bool {
        self.server == other.server
            && self.email == other.email
            && self.access_token.expose() == other.access_token.expose()
            && self.access_expires_at == other.access_expires_at
            && self.refresh_token.expose() == other.refresh_token.expose()
            && self.refresh_expires_at == other.refresh_expires_at
    }
}

impl Eq for StoredSession {}

/// A session in a file: a section whose keys are all there or all absent, so that the loader knows them by name.
pub(super) mod optional {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Email, StoredSession, Timestamp, Token};

    #[derive(Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Keys {
        server: Option<String>,
        email: Option<Email>,
        access_token: Option<Token>,
        access_expires_at: Option<Timestamp>,
        refresh_token: Option<Token>,
        refresh_expires_at: Option<Timestamp>,
    }

    pub(in crate::config) fn serialize<S: Serializer>(
        session: &Option<StoredSession>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let keys = session.clone().map_or_else(Keys::default, |session| Keys {
            server: Some(session.server),
            email: Some(session.email),
            access_token: Some(session.access_token),
            access_expires_at: Some(session.access_expires_at),
            refresh_token: Some(session.refresh_token),
            refresh_expires_at: Some(session.refresh_expires_at),
        });
        keys.serialize(serializer)
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<StoredSession>, D::Error> {
        match Keys::deserialize(deserializer)? {
            Keys {
                server: None,
                email: None,
                access_token: None,
                access_expires_at: None,
                refresh_token: None,
                refresh_expires_at: None,
            } => Ok(None),
            Keys {
                server: Some(server),
                email: Some(email),
                access_token: Some(access_token),
                access_expires_at: Some(access_expires_at),
                refresh_token: Some(refresh_token),
                refresh_expires_at: Some(refresh_expires_at),
            } => Ok(Some(StoredSession {
                server,
                email,
                access_token,
                access_expires_at,
                refresh_token,
                refresh_expires_at,
            })),
            _ => Err(D::Error::custom("a part of the session is missing: remove the section and run mk8s login")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_fresh_until_a_minute_before_its_end() {
        let session = StoredSession::example("https://a");
        let before = |seconds| session.access_expires_at - SignedDuration::from_secs(seconds);
        assert!(session.is_fresh(before(600)) && session.is_fresh(before(60)));
        assert!(!session.is_fresh(before(59)) && !session.is_fresh(before(0)) && !session.is_fresh(before(-600)));
    }

    #[test]
    fn what_a_server_says_of_time_is_bounded() {
        let tokens = |seconds: u64| -> Tokens {
            serde_json::from_value(serde_json::json!({
                "access_token": "a", "token_type": "Bearer", "expires_in": seconds,
                "refresh_token": "r", "refresh_expires_in": seconds,
                "user": { "id": "01a210a3-0b0d-7252-9a6e-07461f01c863", "email": "A@b", "roles": ["admin"] },
            }))
            .unwrap()
        };
        let now: Timestamp = "2026-01-02T15:04:05Z".parse().unwrap();
        let session = StoredSession::new("https://A/", tokens(600), now);
        assert_eq!((session.server.as_str(), session.email.as_str()), ("https://a", "a@b"));
        assert_eq!(session.access_expires_at.to_string(), "2026-01-02T15:14:05Z");
        for endless in [u64::MAX, i64::MAX as u64] {
            assert!(StoredSession::new("https://a", tokens(endless), now).refresh_expires_at > now);
        }
        assert!(!StoredSession::new("https://a", tokens(0), now).is_fresh(now));
    }

    #[test]
    fn tokens_are_not_shown() {
        assert!(!format!("{:?}", StoredSession::example("https://a")).contains("s3cret"));
    }
}
