//! Sessions and their refresh tokens, of which only hashes are kept.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use jiff::{SignedDuration, Timestamp};

use super::conn::Conn;
use super::error::{Error, Result};
use super::schema::{refresh_tokens, sessions, users};
use super::settings;
use super::time::{loaded, stored};
use crate::access::TokenHash;
use crate::model::{SessionId, UserId};

/// How long the last refresh may be repeated: its answer may have been lost.
const REPEAT: SignedDuration = SignedDuration::from_secs(10);

/// A session that begins.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Identifies it.
    pub id: SessionId,
    /// Who has logged in.
    pub user: UserId,
    /// The hash of its first refresh token.
    pub refresh: TokenHash,
    /// The program, as it says.
    pub user_agent: String,
    /// Where from.
    pub source_ip: String,
    /// Now.
    pub now: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What became of a refresh token that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It was the current one; the next one is, from now on.
    Rotated {
        /// Its session.
        session: SessionId,
        /// The user.
        user: UserId,
        /// When the session ends.
        expires_at: Timestamp,
    },
    /// It was replaced just now; with this salt the caller gets the same successor again.
    Repeated {
        /// Its session.
        session: SessionId,
        /// The user.
        user: UserId,
        /// When the session ends.
        expires_at: Timestamp,
        /// What the successor was derived with.
        salt: [u8; 32],
    },
    /// It was replaced a while ago, so somebody has a copy: the session is revoked.
    Reused {
        /// The session.
        session: SessionId,
        /// The user.
        user: UserId,
    },
    /// It is of no session that lives.
    Unknown,
}

/// Begins a session.
#[allow(clippy::missing_errors_doc)]
pub fn create(conn: &mut Conn, new: &NewSession) -> Result<()> {
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(new.id.to_string()),
            sessions::user_id.eq(new.user.to_string()),
            sessions::user_agent.eq(&new.user_agent),
            sessions::source_ip.eq(&new.source_ip),
            sessions::created_at.eq(stored(new.now)),
            sessions::expires_at.eq(stored(new.expires_at)),
        ))
        .execute(conn)?;
    insert(conn, &new.id.to_string(), &new.refresh, new.now)
}

fn insert(conn: &mut Conn, session: &str, hash: &TokenHash, now: Timestamp) -> Result<()> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::hash.eq(hash.to_hex()),
            refresh_tokens::session_id.eq(session),
            refresh_tokens::created_at.eq(stored(now)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Replaces the refresh token that was shown by `next`, which its caller derived from it with `salt`.
///
/// One `UPDATE` decides, so that of two requests at once, on two centrals, one wins and the other one is a repetition.
#[allow(clippy::missing_errors_doc)]
pub fn rotate(
    conn: &mut Conn,
    shown: &TokenHash,
    salt: [u8; 32],
    next: &TokenHash,
    now: Timestamp,
) -> Result<Rotation> {
    let hash = shown.to_hex();
    let won = diesel::update(
        refresh_tokens::table.filter(refresh_tokens::hash.eq(&hash)).filter(refresh_tokens::rotated_at.is_null()),
    )
    .set((refresh_tokens::rotated_at.eq(stored(now)), refresh_tokens::salt.eq(to_hex(&salt))))
    .execute(conn)?
        == 1;

    type Row = (String, String, NaiveDateTime, Option<NaiveDateTime>, Option<String>);
    let row: Option<Row> = refresh_tokens::table
        .inner_join(sessions::table.inner_join(users::table))
        .filter(refresh_tokens::hash.eq(&hash))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(stored(now)))
        .filter(users::disabled.eq(false))
        .select((
            sessions::id,
            sessions::user_id,
            sessions::expires_at,
            refresh_tokens::rotated_at,
            refresh_tokens::salt,
        ))
        .first(conn)
        .optional()?;
    let Some((id, user, expires_at, rotated_at, used_salt)) = row else { return Ok(Rotation::Unknown) };
    let session: SessionId = id.parse().map_err(|error| Error::Other(Box::new(error)))?;
    let user: UserId = user.parse().map_err(|error| Error::Other(Box::new(error)))?;
    let expires_at = loaded(expires_at);
    if won {
        insert(conn, &id, next, now)?;
        return Ok(Rotation::Rotated { session, user, expires_at });
    }
    let recent = rotated_at.is_some_and(|then| now.duration_since(loaded(then)) < REPEAT);
    if let Some(salt) = used_salt.as_deref().and_then(from_hex).filter(|_| recent) {
        return Ok(Rotation::Repeated { session, user, expires_at, salt });
    }
    settings::bump_policy_version(conn)?;
    revoke(conn, session, now)?;
    Ok(Rotation::Reused { session, user })
}

/// Ends a session.
#[allow(clippy::missing_errors_doc)]
pub fn revoke(conn: &mut Conn, session: SessionId, now: Timestamp) -> Result<()> {
    let live = sessions::table.filter(sessions::id.eq(session.to_string())).filter(sessions::revoked_at.is_null());
    diesel::update(live).set(sessions::revoked_at.eq(stored(now))).execute(conn)?;
    Ok(())
}

/// Ends all sessions of a user but one; how many.
#[allow(clippy::missing_errors_doc)]
pub fn revoke_of_user(conn: &mut Conn, user: UserId, except: Option<SessionId>, now: Timestamp) -> Result<usize> {
    let except = except.map_or_else(String::new, |session| session.to_string());
    let live = sessions::table
        .filter(sessions::user_id.eq(user.to_string()))
        .filter(sessions::id.ne(except))
        .filter(sessions::revoked_at.is_null());
    Ok(diesel::update(live).set(sessions::revoked_at.eq(stored(now))).execute(conn)?)
}

/// Removes the sessions that have expired; how many.
#[allow(clippy::missing_errors_doc)]
pub fn delete_expired(conn: &mut Conn, now: Timestamp) -> Result<usize> {
    Ok(diesel::delete(sessions::table.filter(sessions::expires_at.le(stored(now)))).execute(conn)?)
}

fn to_hex(salt: &[u8; 32]) -> String {
    salt.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut salt = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (i, byte) in salt.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(salt)
}
