//! Sessions, and the refresh tokens that keep them going: each is shown once, and one shown twice ends the session.

use diesel::prelude::*;
use jiff::{SignedDuration, Timestamp};

use super::schema::{refresh_tokens, sessions, users};
use super::value::{Parsed, Time};
use super::{Conn, Error, Result, settings};
use crate::access::TokenHash;
use crate::model::session::Session;
use crate::model::{Email, SessionId, UserId};

/// How long a client may repeat its last refresh: it lost the answer, or two of its processes asked at once.
const REPEAT: SignedDuration = SignedDuration::from_secs(10);

/// A session that begins.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Identifies it.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// Its first refresh token.
    pub refresh: TokenHash,
    /// What the client said that it is.
    pub user_agent: String,
    /// From where the user logged in.
    pub source_ip: String,
    /// When it begins.
    pub now: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// What became of a refresh token that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It was valid, and has its successor now.
    Rotated {
        /// The session.
        session: SessionId,
        /// Whose it is.
        user: UserId,
        /// When it ends.
        expires_at: Timestamp,
    },
    /// It had its successor moments ago: the client gets the same one again.
    Repeated {
        /// The session.
        session: SessionId,
        /// Whose it is.
        user: UserId,
        /// When it ends.
        expires_at: Timestamp,
        /// With which the successor was derived.
        salt: [u8; 32],
    },
    /// It had its successor long ago, so that one of two has stolen it: the session was ended.
    Reused {
        /// The session.
        session: SessionId,
        /// Whose it is.
        user: UserId,
        /// The address of that user.
        email: Email,
    },
    /// There is no such token, or its session has ended, or its user is kept out.
    Unknown,
}

/// Begins a session.
pub fn create(conn: &mut Conn, session: &NewSession) -> Result<()> {
    let now = Time::from(session.now);
    let row = (
        sessions::id.eq(session.id.to_string()),
        sessions::user_id.eq(session.user.to_string()),
        sessions::user_agent.eq(&session.user_agent),
        sessions::source_ip.eq(&session.source_ip),
        sessions::created_at.eq(now),
        sessions::refreshed_at.eq(now),
        sessions::expires_at.eq(Time::from(session.expires_at)),
    );
    diesel::insert_into(sessions::table).values(row).execute(conn)?;
    add_token(conn, session.id, &session.refresh, now)
}

/// Whether a token is one of a session that lives, used or not.
pub fn knows(conn: &mut Conn, shown: &TokenHash, now: Timestamp) -> Result<bool> {
    Ok(find(conn, shown, now)?.is_some())
}

/// Replaces the token that was shown by `next`, which the caller has derived from it and `salt`: one that repeats its
/// request gets the salt of the first, and so the same successor, and no token is stored in plain.
pub fn rotate(
    conn: &mut Conn,
    shown: &TokenHash,
    salt: [u8; 32],
    next: &TokenHash,
    now: Timestamp,
) -> Result<Rotation> {
    let Some(token) = find(conn, shown, now)? else { return Ok(Rotation::Unknown) };
    let (session, user, expires_at) = (token.session.0, token.user.0, token.expires_at.into());
    if let Some(rotated_at) = token.rotated_at
        && now.duration_since(rotated_at.into()) >= REPEAT
    {
        // The policy first, as everywhere, so that no two transactions wait for each other.
        settings::bump_policy_version(conn)?;
        revoke(conn, session, now)?;
        return Ok(Rotation::Reused { session, user, email: token.email.0 });
    }
    // From here on others that show a token of this session wait; it may have ended since it was found.
    let live = sessions::table.find(session.to_string()).filter(sessions::revoked_at.is_null());
    if diesel::update(live).set(sessions::refreshed_at.eq(Time::from(now))).execute(conn)? == 0 {
        return Ok(Rotation::Unknown);
    }
    // Atomic: of all that show the same token at once, one changes this row.
    let unused = refresh_tokens::table.find(shown.to_hex()).filter(refresh_tokens::rotated_at.is_null());
    let change = (refresh_tokens::rotated_at.eq(Some(Time::from(now))), refresh_tokens::salt.eq(Some(to_hex(&salt))));
    if diesel::update(unused).set(change).execute(conn)? == 1 {
        add_token(conn, session, next, Time::from(now))?;
        return Ok(Rotation::Rotated { session, user, expires_at });
    }
    let salt: Option<String> = refresh_tokens::table.find(shown.to_hex()).select(refresh_tokens::salt).first(conn)?;
    Ok(Rotation::Repeated { session, user, expires_at, salt: from_hex(salt.as_deref().unwrap_or_default())? })
}

/// Ends a session.
pub fn revoke(conn: &mut Conn, id: SessionId, now: Timestamp) -> Result<()> {
    let live = sessions::table.find(id.to_string()).filter(sessions::revoked_at.is_null());
    diesel::update(live).set(sessions::revoked_at.eq(Some(Time::from(now)))).execute(conn)?;
    Ok(())
}

/// Ends a session of this user. One that has ended already is not found.
pub fn revoke_one_of_user(conn: &mut Conn, user: UserId, id: SessionId, now: Timestamp) -> Result<()> {
    let live = sessions::table
        .find(id.to_string())
        .filter(sessions::user_id.eq(user.to_string()))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(Time::from(now)));
    match diesel::update(live).set(sessions::revoked_at.eq(Some(Time::from(now)))).execute(conn)? {
        0 => Err(Error::NotFound),
        _ => Ok(()),
    }
}

/// Ends all sessions of a user, `except` one, and returns how many.
pub fn revoke_of_user(conn: &mut Conn, user: UserId, except: Option<SessionId>, now: Timestamp) -> Result<usize> {
    // No session has an empty id.
    let except = except.map(|id| id.to_string()).unwrap_or_default();
    let live = sessions::table
        .filter(sessions::user_id.eq(user.to_string()))
        .filter(sessions::id.ne(except))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(Time::from(now)));
    Ok(diesel::update(live).set(sessions::revoked_at.eq(Some(Time::from(now)))).execute(conn)?)
}

#[derive(Queryable)]
struct Row {
    id: Parsed<SessionId>,
    created_at: Time,
    refreshed_at: Time,
    expires_at: Time,
    source_ip: String,
    user_agent: String,
}

/// The sessions of a user that have not ended, the latest first; `current` is the one that asks.
pub fn list(conn: &mut Conn, user: UserId, current: Option<SessionId>, now: Timestamp) -> Result<Vec<Session>> {
    let rows: Vec<Row> = sessions::table
        .filter(sessions::user_id.eq(user.to_string()))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(Time::from(now)))
        .select((
            sessions::id,
            sessions::created_at,
            sessions::refreshed_at,
            sessions::expires_at,
            sessions::source_ip,
            sessions::user_agent,
        ))
        .order((sessions::created_at.desc(), sessions::id.desc()))
        .load(conn)?;
    let session = |row: Row| Session {
        id: row.id.0,
        created_at: row.created_at.into(),
        refreshed_at: row.refreshed_at.into(),
        expires_at: row.expires_at.into(),
        source_ip: row.source_ip,
        user_agent: row.user_agent,
        current: current == Some(row.id.0),
    };
    Ok(rows.into_iter().map(session).collect())
}

/// Forgets the sessions that have expired, with their tokens, and returns how many.
pub fn delete_expired(conn: &mut Conn, now: Timestamp) -> Result<usize> {
    Ok(diesel::delete(sessions::table.filter(sessions::expires_at.le(Time::from(now)))).execute(conn)?)
}

#[derive(Queryable)]
struct Found {
    session: Parsed<SessionId>,
    user: Parsed<UserId>,
    email: Parsed<Email>,
    expires_at: Time,
    rotated_at: Option<Time>,
}

/// The token, when its session is live.
fn find(conn: &mut Conn, token: &TokenHash, now: Timestamp) -> Result<Option<Found>> {
    let query = refresh_tokens::table
        .inner_join(sessions::table.inner_join(users::table))
        .filter(refresh_tokens::hash.eq(token.to_hex()))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(Time::from(now)))
        .filter(users::disabled.eq(false))
        .select((sessions::id, users::id, users::email, sessions::expires_at, refresh_tokens::rotated_at));
    Ok(query.first(conn).optional()?)
}

fn add_token(conn: &mut Conn, session: SessionId, token: &TokenHash, now: Time) -> Result<()> {
    let row = (
        refresh_tokens::hash.eq(token.to_hex()),
        refresh_tokens::session_id.eq(session.to_string()),
        refresh_tokens::created_at.eq(now),
    );
    diesel::insert_into(refresh_tokens::table).values(row).execute(conn)?;
    Ok(())
}

fn to_hex(salt: &[u8; 32]) -> String {
    salt.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Result<[u8; 32]> {
    let mut salt = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return Err(Error::Other("the salt of a refresh token is not 32 bytes".into()));
    }
    for (at, byte) in salt.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|e| Error::Other(e.into()))?;
    }
    Ok(salt)
}
