//! Users, their passwords and their roles.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use jiff::Timestamp;

use super::conn::{Conn, each};
use super::error::{Error, Result};
use super::roles::name_of;
use super::schema::{user_roles, users};
use super::time::{loaded, stored};
use crate::model::{Email, RoleName, User, UserId};

/// What a login is checked against.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: UserId,
    /// The bcrypt hash of its password.
    pub password_hash: String,
    /// Whether it is kept out.
    pub disabled: bool,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// Makes a user without roles.
///
/// # Errors
/// `Conflict("users.email")` when the address is taken.
pub fn create(conn: &mut Conn, id: UserId, email: &Email, password_hash: &str, now: Timestamp) -> Result<()> {
    diesel::insert_into(users::table)
        .values((
            users::id.eq(id.to_string()),
            users::email.eq(email.as_str()),
            users::password_hash.eq(password_hash),
            users::password_changed_at.eq(stored(now)),
            users::disabled.eq(false),
            users::created_at.eq(stored(now)),
        ))
        .execute(conn)?;
    Ok(())
}

/// How many there are.
#[allow(clippy::missing_errors_doc)]
pub fn count(conn: &mut Conn) -> Result<i64> {
    Ok(users::table.count().get_result(conn)?)
}

type Row = (String, String, bool, NaiveDateTime, Option<NaiveDateTime>);

fn columns() -> (users::id, users::email, users::disabled, users::created_at, users::last_login_at) {
    (users::id, users::email, users::disabled, users::created_at, users::last_login_at)
}

fn user(row: Row, roles: Vec<RoleName>) -> Result<User> {
    let (id, email, disabled, created_at, last_login_at) = row;
    Ok(User {
        id: id.parse().map_err(|error| Error::Other(Box::new(error)))?,
        email: email_of(email)?,
        roles,
        disabled,
        created_at: loaded(created_at),
        last_login_at: last_login_at.map(loaded),
    })
}

/// An address as it was stored.
pub(super) fn email_of(email: String) -> Result<Email> {
    email.parse().map_err(|error| Error::Other(Box::new(error)))
}

/// All users, in the order of their addresses.
#[allow(clippy::missing_errors_doc)]
pub fn list(conn: &mut Conn) -> Result<Vec<User>> {
    let rows: Vec<Row> = users::table.select(columns()).order(users::email).load(conn)?;
    let mut roles: BTreeMap<String, Vec<RoleName>> = BTreeMap::new();
    for (id, role) in user_roles::table.order(user_roles::role).load::<(String, String)>(conn)? {
        roles.entry(id).or_default().push(name_of(role)?);
    }
    rows.into_iter()
        .map(|row| {
            let roles = roles.remove(&row.0).unwrap_or_default();
            user(row, roles)
        })
        .collect()
}

/// The user with this identifier.
#[allow(clippy::missing_errors_doc)]
pub fn by_id(conn: &mut Conn, id: UserId) -> Result<Option<User>> {
    let row: Option<Row> = users::table.find(id.to_string()).select(columns()).first(conn).optional()?;
    row.map(|row| {
        let roles = roles_of(conn, &row.0)?;
        user(row, roles)
    })
    .transpose()
}

/// The user with this address.
#[allow(clippy::missing_errors_doc)]
pub fn by_email(conn: &mut Conn, email: &Email) -> Result<Option<User>> {
    let row: Option<Row> =
        users::table.filter(users::email.eq(email.as_str())).select(columns()).first(conn).optional()?;
    row.map(|row| {
        let roles = roles_of(conn, &row.0)?;
        user(row, roles)
    })
    .transpose()
}

/// The roles of a user, in the order of their names.
pub(super) fn roles_of(conn: &mut Conn, id: &str) -> Result<Vec<RoleName>> {
    let names: Vec<String> = user_roles::table
        .filter(user_roles::user_id.eq(id))
        .select(user_roles::role)
        .order(user_roles::role)
        .load(conn)?;
    names.into_iter().map(name_of).collect()
}

fn found(row: Option<(String, String, bool)>) -> Result<Option<Credentials>> {
    row.map(|(id, password_hash, disabled)| {
        let user = id.parse().map_err(|error| Error::Other(Box::new(error)))?;
        Ok(Credentials { user, password_hash, disabled })
    })
    .transpose()
}

/// What the login of an address is checked against.
#[allow(clippy::missing_errors_doc)]
pub fn credentials(conn: &mut Conn, email: &Email) -> Result<Option<Credentials>> {
    let row = users::table
        .filter(users::email.eq(email.as_str()))
        .select((users::id, users::password_hash, users::disabled))
        .first(conn);
    found(row.optional()?)
}

/// What the password of a user is checked against.
#[allow(clippy::missing_errors_doc)]
pub fn credentials_of(conn: &mut Conn, id: UserId) -> Result<Option<Credentials>> {
    let row = users::table.find(id.to_string()).select((users::id, users::password_hash, users::disabled)).first(conn);
    found(row.optional()?)
}

/// Replaces a password.
///
/// # Errors
/// `NotFound`.
pub fn set_password(conn: &mut Conn, id: UserId, password_hash: &str, now: Timestamp) -> Result<()> {
    let changed = diesel::update(users::table.filter(users::id.eq(id.to_string())))
        .set((users::password_hash.eq(password_hash), users::password_changed_at.eq(stored(now))))
        .execute(conn)?;
    at_least_one(changed)
}

/// Keeps a user out, or lets it in.
///
/// # Errors
/// `NotFound`.
pub fn set_disabled(conn: &mut Conn, id: UserId, disabled: bool) -> Result<()> {
    let user = users::table.filter(users::id.eq(id.to_string()));
    at_least_one(diesel::update(user).set(users::disabled.eq(disabled)).execute(conn)?)
}

/// Gives a user these roles and no others.
///
/// # Errors
/// `NotFound` for the user, `Conflict` for a role that does not exist.
pub fn set_roles(conn: &mut Conn, id: UserId, roles: &[RoleName]) -> Result<()> {
    let id = id.to_string();
    users::table.find(&id).select(users::id).first::<String>(conn)?;
    diesel::delete(user_roles::table.filter(user_roles::user_id.eq(&id))).execute(conn)?;
    let roles: BTreeSet<&RoleName> = roles.iter().collect();
    let rows: Vec<_> =
        roles.iter().map(|role| (user_roles::user_id.eq(&id), user_roles::role.eq(role.as_str()))).collect();
    if !rows.is_empty() {
        each!(conn, |c| diesel::insert_into(user_roles::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// Removes a user with all that it has.
///
/// # Errors
/// `NotFound`.
pub fn delete(conn: &mut Conn, id: UserId) -> Result<()> {
    at_least_one(diesel::delete(users::table.filter(users::id.eq(id.to_string()))).execute(conn)?)
}

/// Notes a login.
#[allow(clippy::missing_errors_doc)]
pub fn logged_in(conn: &mut Conn, id: UserId, now: Timestamp) -> Result<()> {
    let user = users::table.filter(users::id.eq(id.to_string()));
    diesel::update(user).set(users::last_login_at.eq(stored(now))).execute(conn)?;
    Ok(())
}

/// How many users have the role `admin` and can log in.
#[allow(clippy::missing_errors_doc)]
pub fn enabled_admins(conn: &mut Conn) -> Result<i64> {
    let role = RoleName::admin();
    let admins = user_roles::table
        .inner_join(users::table)
        .filter(user_roles::role.eq(role.as_str()))
        .filter(users::disabled.eq(false));
    Ok(admins.count().get_result(conn)?)
}

/// An error when nothing was changed.
pub(super) fn at_least_one(changed: usize) -> Result<()> {
    if changed == 0 { Err(Error::NotFound) } else { Ok(()) }
}
