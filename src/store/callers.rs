//! Who shows an access token or an API token, as the database knows it now.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use jiff::Timestamp;

use super::conn::Conn;
use super::error::{Error, Result};
use super::roles::name_of;
use super::schema::{api_token_roles, api_tokens, sessions, user_roles, users};
use super::time::{loaded, stored};
use super::users::{email_of, roles_of};
use crate::access::TokenHash;
use crate::model::{Email, RoleName, SessionId, TokenId, UserId};

/// The user of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCaller {
    /// Identifies it.
    pub user: UserId,
    /// Its address.
    pub email: Email,
    /// Its roles.
    pub roles: Vec<RoleName>,
}

/// The owner of an API token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCaller {
    /// The token.
    pub token: TokenId,
    /// Its owner.
    pub user: UserId,
    /// The owner's address.
    pub email: Email,
    /// The roles that the token has and its owner still has.
    pub roles: Vec<RoleName>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// The user of a session that lives; `None` too when the user is disabled.
#[allow(clippy::missing_errors_doc)]
pub fn by_session(conn: &mut Conn, session: SessionId, now: Timestamp) -> Result<Option<SessionCaller>> {
    let row: Option<(String, String)> = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(session.to_string()))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(stored(now)))
        .filter(users::disabled.eq(false))
        .select((users::id, users::email))
        .first(conn)
        .optional()?;
    let Some((id, email)) = row else { return Ok(None) };
    let roles = roles_of(conn, &id)?;
    Ok(Some(SessionCaller { user: id.parse().map_err(|e| Error::Other(Box::new(e)))?, email: email_of(email)?, roles }))
}

/// The owner of an API token that is valid; `None` too when the owner is disabled.
#[allow(clippy::missing_errors_doc)]
pub fn by_api_token(conn: &mut Conn, shown: &TokenHash, now: Timestamp) -> Result<Option<TokenCaller>> {
    type Row = (String, String, String, NaiveDateTime, Option<NaiveDateTime>);
    let row: Option<Row> = api_tokens::table
        .inner_join(users::table)
        .filter(api_tokens::hash.eq(shown.to_hex()))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(stored(now)))
        .filter(users::disabled.eq(false))
        .select((api_tokens::id, users::id, users::email, api_tokens::expires_at, api_tokens::last_used_at))
        .first(conn)
        .optional()?;
    let Some((token, user, email, expires_at, last_used_at)) = row else { return Ok(None) };
    let roles: Vec<String> = api_token_roles::table
        .filter(api_token_roles::token_id.eq(&token))
        .filter(
            api_token_roles::role
                .eq_any(user_roles::table.filter(user_roles::user_id.eq(&user)).select(user_roles::role)),
        )
        .select(api_token_roles::role)
        .order(api_token_roles::role)
        .load(conn)?;
    Ok(Some(TokenCaller {
        token: token.parse().map_err(|e| Error::Other(Box::new(e)))?,
        user: user.parse().map_err(|e| Error::Other(Box::new(e)))?,
        email: email_of(email)?,
        roles: roles.into_iter().map(name_of).collect::<Result<_>>()?,
        expires_at: loaded(expires_at),
        last_used_at: last_used_at.map(loaded),
    }))
}
