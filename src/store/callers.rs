//! Who stands behind a credential, as of now: one query for each request.

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{api_token_roles, api_tokens, sessions, user_roles, users};
use super::value::{Parsed, Time};
use super::{Conn, Result};
use crate::access::TokenHash;
use crate::model::{Email, RoleName, SessionId, TokenId, UserId};

/// A user in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCaller {
    /// Identifies it.
    pub user: UserId,
    /// Its address.
    pub email: Email,
    /// Its roles, in the order of their names.
    pub roles: Vec<RoleName>,
}

/// A program that shows an API token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCaller {
    /// Identifies the token.
    pub token: TokenId,
    /// Its owner.
    pub user: UserId,
    /// The owner's address.
    pub email: Email,
    /// Those of the token that its owner still has, in the order of their names.
    pub roles: Vec<RoleName>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// One for each role, or one without.
#[derive(Queryable)]
struct UserRow {
    user: Parsed<UserId>,
    email: Parsed<Email>,
    role: Option<Parsed<RoleName>>,
}

/// The user of a session; none when the session has ended or is unknown, or the user is kept out.
pub fn by_session(conn: &mut Conn, id: SessionId, now: Timestamp) -> Result<Option<SessionCaller>> {
    let rows: Vec<UserRow> = sessions::table
        .inner_join(users::table)
        .left_join(user_roles::table.on(user_roles::user_id.eq(users::id)))
        .filter(sessions::id.eq(id.to_string()))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(Time::from(now)))
        .filter(users::disabled.eq(false))
        .select((users::id, users::email, user_roles::role.nullable()))
        .order(user_roles::role)
        .load(conn)?;
    let mut caller = None;
    for row in rows {
        let new = || SessionCaller { user: row.user.0, email: row.email.0, roles: Vec::new() };
        caller.get_or_insert_with(new).roles.extend(row.role.map(|role| role.0));
    }
    Ok(caller)
}

/// One for each role, or one without.
#[derive(Queryable)]
struct TokenRow {
    token: Parsed<TokenId>,
    user: Parsed<UserId>,
    email: Parsed<Email>,
    expires_at: Time,
    last_used_at: Option<Time>,
    role: Option<Parsed<RoleName>>,
}

/// The owner of an API token; none when the token has ended or is unknown, or its owner is kept out.
pub fn by_api_token(conn: &mut Conn, hash: &TokenHash, now: Timestamp) -> Result<Option<TokenCaller>> {
    let still_held = user_roles::user_id.eq(users::id).and(user_roles::role.eq(api_token_roles::role));
    let rows: Vec<TokenRow> = api_tokens::table
        .inner_join(users::table)
        .left_join(api_token_roles::table.on(api_token_roles::token_id.eq(api_tokens::id)))
        .left_join(user_roles::table.on(still_held))
        .filter(api_tokens::hash.eq(hash.to_hex()))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(Time::from(now)))
        .filter(users::disabled.eq(false))
        .select((
            api_tokens::id,
            users::id,
            users::email,
            api_tokens::expires_at,
            api_tokens::last_used_at,
            user_roles::role.nullable(),
        ))
        .order(user_roles::role)
        .load(conn)?;
    let mut caller = None;
    for row in rows {
        let caller = caller.get_or_insert_with(|| TokenCaller {
            token: row.token.0,
            user: row.user.0,
            email: row.email.0,
            roles: Vec::new(),
            expires_at: row.expires_at.into(),
            last_used_at: row.last_used_at.map(Into::into),
        });
        caller.roles.extend(row.role.map(|role| role.0));
    }
    Ok(caller)
}
