//! API tokens: what a user's programs show. What their owner loses, they lose too.

use std::collections::HashMap;

use diesel::prelude::*;
use jiff::Timestamp;

use super::conn::each;
use super::schema::{api_token_roles, api_tokens};
use super::value::{Parsed, Time};
use super::{Conn, Error, Result, roles, users};
use crate::access::TokenHash;
use crate::model::token::ApiToken;
use crate::model::{RoleName, TokenId, UserId};

/// Makes a token. When the user has a valid one of that name, it is a conflict on `api_tokens.name`; a role that does
/// not exist is one on `api_token_roles.role`.
pub fn create(conn: &mut Conn, user: UserId, hash: &TokenHash, token: &ApiToken) -> Result<()> {
    users::lock(conn, user)?;
    let same = api_tokens::table
        .filter(api_tokens::user_id.eq(user.to_string()))
        .filter(api_tokens::name.eq(&token.name))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(Time::from(token.created_at)));
    if same.count().get_result::<i64>(conn)? > 0 {
        return Err(Error::Conflict("api_tokens.name".into()));
    }
    let names = roles::known(conn, &token.roles, "api_token_roles.role")?;
    let id = token.id.to_string();
    let row = (
        api_tokens::id.eq(&id),
        api_tokens::user_id.eq(user.to_string()),
        api_tokens::name.eq(&token.name),
        api_tokens::hash.eq(hash.to_hex()),
        api_tokens::created_at.eq(Time::from(token.created_at)),
        api_tokens::expires_at.eq(Time::from(token.expires_at)),
        api_tokens::last_used_at.eq(token.last_used_at.map(Time::from)),
    );
    diesel::insert_into(api_tokens::table).values(row).execute(conn)?;
    let rows: Vec<_> =
        names.iter().map(|role| (api_token_roles::token_id.eq(&id), api_token_roles::role.eq(role))).collect();
    each!(conn, |c| diesel::insert_into(api_token_roles::table).values(rows).execute(c))?;
    Ok(())
}

#[derive(Queryable)]
struct Row {
    id: Parsed<TokenId>,
    name: String,
    created_at: Time,
    expires_at: Time,
    last_used_at: Option<Time>,
}

/// The valid tokens of a user, the oldest first, each with the roles that it was made with.
pub fn list(conn: &mut Conn, user: UserId, now: Timestamp) -> Result<Vec<ApiToken>> {
    let rows: Vec<Row> = api_tokens::table
        .filter(api_tokens::user_id.eq(user.to_string()))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(Time::from(now)))
        .select((
            api_tokens::id,
            api_tokens::name,
            api_tokens::created_at,
            api_tokens::expires_at,
            api_tokens::last_used_at,
        ))
        .order((api_tokens::created_at, api_tokens::id))
        .load(conn)?;
    let held: Vec<(Parsed<TokenId>, Parsed<RoleName>)> = api_token_roles::table
        .inner_join(api_tokens::table)
        .filter(api_tokens::user_id.eq(user.to_string()))
        .select((api_token_roles::token_id, api_token_roles::role))
        .order(api_token_roles::role)
        .load(conn)?;
    let mut roles: HashMap<TokenId, Vec<RoleName>> = HashMap::new();
    for (token, role) in held {
        roles.entry(token.0).or_default().push(role.0);
    }
    let token = |row: Row| ApiToken {
        id: row.id.0,
        name: row.name,
        roles: roles.remove(&row.id.0).unwrap_or_default(),
        created_at: row.created_at.into(),
        expires_at: row.expires_at.into(),
        last_used_at: row.last_used_at.map(Into::into),
    };
    Ok(rows.into_iter().map(token).collect())
}

/// Ends a token of this user. One that has been ended already is not found.
pub fn revoke(conn: &mut Conn, user: UserId, id: TokenId, now: Timestamp) -> Result<()> {
    let live = api_tokens::table
        .find(id.to_string())
        .filter(api_tokens::user_id.eq(user.to_string()))
        .filter(api_tokens::revoked_at.is_null());
    match diesel::update(live).set(api_tokens::revoked_at.eq(Some(Time::from(now)))).execute(conn)? {
        0 => Err(Error::NotFound),
        _ => Ok(()),
    }
}

/// Ends all tokens of a user, and returns how many.
pub fn revoke_of_user(conn: &mut Conn, user: UserId, now: Timestamp) -> Result<usize> {
    let live = api_tokens::table
        .filter(api_tokens::user_id.eq(user.to_string()))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(Time::from(now)));
    Ok(diesel::update(live).set(api_tokens::revoked_at.eq(Some(Time::from(now)))).execute(conn)?)
}

/// Remembers that a token was used.
pub fn touch(conn: &mut Conn, id: TokenId, now: Timestamp) -> Result<()> {
    let change = api_tokens::last_used_at.eq(Some(Time::from(now)));
    diesel::update(api_tokens::table.find(id.to_string())).set(change).execute(conn)?;
    Ok(())
}
