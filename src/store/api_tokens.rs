//! API tokens, of which only hashes are kept.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use jiff::Timestamp;

use super::conn::{Conn, each};
use super::error::{Error, Result};
use super::roles::name_of;
use super::schema::{api_token_roles, api_tokens};
use super::time::{loaded, stored};
use super::users::at_least_one;
use crate::access::TokenHash;
use crate::model::token::ApiToken;
use crate::model::{TokenId, UserId};

/// Makes a token.
///
/// # Errors
/// `Conflict("api_tokens.name")` when the user has a valid one of that name.
pub fn create(conn: &mut Conn, user: UserId, hash: &TokenHash, token: &ApiToken) -> Result<()> {
    let taken: i64 = api_tokens::table
        .filter(api_tokens::user_id.eq(user.to_string()))
        .filter(api_tokens::name.eq(&token.name))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(stored(token.created_at)))
        .count()
        .get_result(conn)?;
    if taken > 0 {
        return Err(Error::Conflict("api_tokens.name".into()));
    }
    let id = token.id.to_string();
    diesel::insert_into(api_tokens::table)
        .values((
            api_tokens::id.eq(&id),
            api_tokens::user_id.eq(user.to_string()),
            api_tokens::name.eq(&token.name),
            api_tokens::hash.eq(hash.to_hex()),
            api_tokens::created_at.eq(stored(token.created_at)),
            api_tokens::expires_at.eq(stored(token.expires_at)),
        ))
        .execute(conn)?;
    let roles: Vec<_> = token
        .roles
        .iter()
        .map(|role| (api_token_roles::token_id.eq(&id), api_token_roles::role.eq(role.as_str())))
        .collect();
    if !roles.is_empty() {
        each!(conn, |c| diesel::insert_into(api_token_roles::table).values(&roles).execute(c))?;
    }
    Ok(())
}

/// The valid tokens of a user, the oldest first.
#[allow(clippy::missing_errors_doc)]
pub fn list(conn: &mut Conn, user: UserId, now: Timestamp) -> Result<Vec<ApiToken>> {
    type Row = (String, String, NaiveDateTime, NaiveDateTime, Option<NaiveDateTime>);
    let rows: Vec<Row> = api_tokens::table
        .filter(api_tokens::user_id.eq(user.to_string()))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(stored(now)))
        .order((api_tokens::created_at, api_tokens::id))
        .select((
            api_tokens::id,
            api_tokens::name,
            api_tokens::created_at,
            api_tokens::expires_at,
            api_tokens::last_used_at,
        ))
        .load(conn)?;
    let mut tokens = Vec::with_capacity(rows.len());
    for (id, name, created_at, expires_at, last_used_at) in rows {
        let roles: Vec<String> = api_token_roles::table
            .filter(api_token_roles::token_id.eq(&id))
            .select(api_token_roles::role)
            .order(api_token_roles::role)
            .load(conn)?;
        tokens.push(ApiToken {
            id: id.parse().map_err(|e| Error::Other(Box::new(e)))?,
            name,
            roles: roles.into_iter().map(name_of).collect::<Result<_>>()?,
            created_at: loaded(created_at),
            expires_at: loaded(expires_at),
            last_used_at: last_used_at.map(loaded),
        });
    }
    Ok(tokens)
}

/// Ends a token of a user.
///
/// # Errors
/// `NotFound`, also for one that has ended already, or of another user.
pub fn revoke(conn: &mut Conn, user: UserId, token: TokenId, now: Timestamp) -> Result<()> {
    let valid = api_tokens::table
        .filter(api_tokens::id.eq(token.to_string()))
        .filter(api_tokens::user_id.eq(user.to_string()))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(stored(now)));
    at_least_one(diesel::update(valid).set(api_tokens::revoked_at.eq(stored(now))).execute(conn)?)
}

/// Notes that a token was used.
#[allow(clippy::missing_errors_doc)]
pub fn touch(conn: &mut Conn, token: TokenId, now: Timestamp) -> Result<()> {
    let used = api_tokens::table.filter(api_tokens::id.eq(token.to_string()));
    diesel::update(used).set(api_tokens::last_used_at.eq(stored(now))).execute(conn)?;
    Ok(())
}
