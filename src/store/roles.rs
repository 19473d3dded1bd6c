//! The roles that there are, and who holds them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use diesel::prelude::*;
use jiff::Timestamp;
use tracing::error;

use super::schema::roles::dsl;
use super::schema::{api_token_roles, api_tokens, roles, user_roles};
use super::value::{Parsed, Time, json};
use super::{Conn, Error, Result};
use crate::access::everything;
use crate::model::{Permission, Role, RoleName, RoleSpec};

/// Who would lose a role with its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// How many users have it.
    pub users: i64,
    /// How many valid API tokens have it.
    pub tokens: i64,
}

type Columns = (dsl::name, dsl::description, dsl::permissions, dsl::deny, dsl::built_in);
const ROLE: Columns = (dsl::name, dsl::description, dsl::permissions, dsl::deny, dsl::built_in);

#[derive(Queryable)]
struct Row {
    name: Parsed<RoleName>,
    description: String,
    permissions: String,
    deny: String,
    built_in: bool,
}

/// All roles, by name. The migrations make admin, developer and viewer.
pub fn list(conn: &mut Conn) -> Result<Vec<Role>> {
    let rows: Vec<Row> = dsl::roles.select(ROLE).order(dsl::name).load(conn)?;
    Ok(rows.into_iter().map(role).collect())
}

/// The role of this name.
pub fn by_name(conn: &mut Conn, name: &RoleName) -> Result<Option<Role>> {
    Ok(dsl::roles.find(name.as_str()).select(ROLE).first(conn).optional()?.map(role))
}

/// Makes a role. The name of another one is a conflict on `roles.name`.
pub fn create(conn: &mut Conn, role: &RoleSpec, now: Timestamp) -> Result<()> {
    let row = (
        dsl::name.eq(role.name.as_str()),
        dsl::description.eq(&role.description),
        dsl::permissions.eq(json(&role.permissions)?),
        dsl::deny.eq(json(&role.deny)?),
        dsl::built_in.eq(false),
        dsl::created_at.eq(Time::from(now)),
    );
    diesel::insert_into(roles::table).values(row).execute(conn)?;
    Ok(())
}

/// Gives the role of this name another content, or makes it.
pub fn put(conn: &mut Conn, role: &RoleSpec, now: Timestamp) -> Result<()> {
    let change = (
        dsl::description.eq(&role.description),
        dsl::permissions.eq(json(&role.permissions)?),
        dsl::deny.eq(json(&role.deny)?),
    );
    match diesel::update(dsl::roles.find(role.name.as_str())).set(change).execute(conn)? {
        0 => create(conn, role, now),
        _ => Ok(()),
    }
}

/// Removes a role. That it is built in is a conflict on `roles.built_in`, that somebody has it one on `user_roles.role`
/// or `api_token_roles.role`.
pub fn delete(conn: &mut Conn, name: &RoleName, now: Timestamp) -> Result<()> {
    let found: Option<bool> = dsl::roles.find(name.as_str()).select(dsl::built_in).first(conn).optional()?;
    match (found, holders(conn, name, now)?) {
        (None, _) => Err(Error::NotFound),
        (Some(true), _) => Err(Error::Conflict("roles.built_in".into())),
        (Some(false), Holders { users: 1.., .. }) => Err(Error::Conflict("user_roles.role".into())),
        (Some(false), Holders { tokens: 1.., .. }) => Err(Error::Conflict("api_token_roles.role".into())),
        (Some(false), _) => {
            diesel::delete(dsl::roles.find(name.as_str())).execute(conn)?;
            Ok(())
        }
    }
}

/// Who has a role: users, whether they may log in or not, and API tokens that are valid.
pub fn holders(conn: &mut Conn, name: &RoleName, now: Timestamp) -> Result<Holders> {
    let users = user_roles::table.filter(user_roles::role.eq(name.as_str())).count().get_result(conn)?;
    let tokens = api_token_roles::table
        .inner_join(api_tokens::table)
        .filter(api_token_roles::role.eq(name.as_str()))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(Time::from(now)))
        .count()
        .get_result(conn)?;
    Ok(Holders { users, tokens })
}

/// The names in order, each once; a conflict on `column` when there is no such role.
pub(super) fn known(conn: &mut Conn, roles: &[RoleName], column: &str) -> Result<Vec<String>> {
    let mut names: Vec<String> = roles.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    names.dedup();
    let found: i64 = dsl::roles.filter(dsl::name.eq_any(&names)).count().get_result(conn)?;
    match usize::try_from(found) == Ok(names.len()) {
        true => Ok(names),
        false => Err(Error::Conflict(column.into())),
    }
}

/// A role as it was written. What cannot be understood may have been a denial: such a role permits nothing and denies
/// everything, until it is written again.
fn role(row: Row) -> Role {
    let Row { name: Parsed(name), description, permissions, deny, built_in } = row;
    let (permissions, deny) = read(&permissions, &deny).unwrap_or_else(|problem| {
        log_once(&name, problem);
        (Vec::new(), vec![everything()])
    });
    Role { name, description, permissions, deny, built_in }
}

fn read(permissions: &str, deny: &str) -> Result<(Vec<Permission>, Vec<Permission>), String> {
    Ok((entries(permissions, "permissions")?, entries(deny, "deny")?))
}

fn entries(text: &str, column: &str) -> Result<Vec<Permission>, String> {
    serde_json::from_str(text).map_err(|error| format!("{column}: {error}"))
}

/// Says what is wrong with a role, once: central reads all roles each second.
fn log_once(role: &RoleName, problem: String) {
    static LOGGED: Mutex<BTreeSet<(RoleName, String)>> = Mutex::new(BTreeSet::new());
    let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    if logged.insert((role.clone(), problem.clone())) {
        error!(%role, problem, "a role in the database cannot be read: it permits nothing and denies everything");
    }
}
