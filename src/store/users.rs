//! Users: who may log in, with which password, and what roles they have.

use std::collections::HashMap;
use std::fmt;

use diesel::prelude::*;
use jiff::Timestamp;

use super::conn::each;
use super::schema::{user_roles, users};
use super::value::{Parsed, Time};
use super::{Conn, Error, Result, roles};
use crate::model::{Email, RoleName, User, UserId};

/// What a login is checked against.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Whose they are.
    pub user: UserId,
    /// As the hashing library wrote it.
    pub password_hash: String,
    /// Whether the user is kept out.
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

/// Makes a user, without roles. The address of another one is a conflict on `users.email`.
pub fn create(conn: &mut Conn, id: UserId, email: &Email, password_hash: &str, now: Timestamp) -> Result<()> {
    let now = Time::from(now);
    let row = (
        users::id.eq(id.to_string()),
        users::email.eq(email.as_str()),
        users::password_hash.eq(password_hash),
        users::disabled.eq(false),
        users::created_at.eq(now),
        users::password_changed_at.eq(now),
    );
    diesel::insert_into(users::table).values(row).execute(conn)?;
    Ok(())
}

/// How many users there are.
pub fn count(conn: &mut Conn) -> Result<i64> {
    Ok(users::table.count().get_result(conn)?)
}

/// All users, by address.
pub fn list(conn: &mut Conn) -> Result<Vec<User>> {
    let rows: Vec<UserRow> = users::table.select(USER).order(users::email).load(conn)?;
    let held: Vec<(String, Parsed<RoleName>)> =
        user_roles::table.select((user_roles::user_id, user_roles::role)).order(user_roles::role).load(conn)?;
    let mut roles: HashMap<String, Vec<RoleName>> = HashMap::new();
    for (user, role) in held {
        roles.entry(user).or_default().push(role.0);
    }
    Ok(rows.into_iter().map(|row| row.with(&mut roles)).collect())
}

/// The user with this id.
pub fn by_id(conn: &mut Conn, id: UserId) -> Result<Option<User>> {
    let row = users::table.find(id.to_string()).select(USER).first(conn).optional()?;
    with_roles(conn, row)
}

/// The user with this address.
pub fn by_email(conn: &mut Conn, email: &Email) -> Result<Option<User>> {
    let row = users::table.filter(users::email.eq(email.as_str())).select(USER).first(conn).optional()?;
    with_roles(conn, row)
}

/// What a login with this address is checked against.
pub fn credentials(conn: &mut Conn, email: &Email) -> Result<Option<Credentials>> {
    let row = users::table.filter(users::email.eq(email.as_str())).select(CREDENTIALS).first(conn).optional()?;
    Ok(row.map(to_credentials))
}

/// What the password of this user is checked against.
pub fn credentials_of(conn: &mut Conn, id: UserId) -> Result<Option<Credentials>> {
    let row = users::table.find(id.to_string()).select(CREDENTIALS).first(conn).optional()?;
    Ok(row.map(to_credentials))
}

/// Changes the password.
pub fn set_password(conn: &mut Conn, id: UserId, password_hash: &str, now: Timestamp) -> Result<()> {
    let change = (users::password_hash.eq(password_hash), users::password_changed_at.eq(Time::from(now)));
    found(diesel::update(users::table.find(id.to_string())).set(change).execute(conn)?)
}

/// Keeps the user out, or lets it in again.
pub fn set_disabled(conn: &mut Conn, id: UserId, disabled: bool) -> Result<()> {
    found(diesel::update(users::table.find(id.to_string())).set(users::disabled.eq(disabled)).execute(conn)?)
}

/// Gives the user these roles and no others. A role that does not exist is a conflict on `user_roles.role`.
pub fn set_roles(conn: &mut Conn, id: UserId, roles: &[RoleName]) -> Result<()> {
    lock(conn, id)?;
    let names = roles::known(conn, roles, "user_roles.role")?;
    let id = id.to_string();
    diesel::delete(user_roles::table.filter(user_roles::user_id.eq(&id))).execute(conn)?;
    let rows: Vec<_> = names.iter().map(|role| (user_roles::user_id.eq(&id), user_roles::role.eq(role))).collect();
    each!(conn, |c| diesel::insert_into(user_roles::table).values(rows).execute(c))?;
    Ok(())
}

/// Removes the user, with its sessions and tokens.
pub fn delete(conn: &mut Conn, id: UserId) -> Result<()> {
    found(diesel::delete(users::table.find(id.to_string())).execute(conn)?)
}

/// Remembers that the user has logged in.
pub fn logged_in(conn: &mut Conn, id: UserId, now: Timestamp) -> Result<()> {
    let change = users::last_login_at.eq(Some(Time::from(now)));
    diesel::update(users::table.find(id.to_string())).set(change).execute(conn)?;
    Ok(())
}

/// How many users can use `/admin`: without any, nobody could ever change that again.
pub fn enabled_admins(conn: &mut Conn) -> Result<i64> {
    let admins = user_roles::table
        .inner_join(users::table)
        .filter(users::disabled.eq(false))
        .filter(user_roles::role.eq(RoleName::admin().as_str().to_owned()));
    Ok(admins.count().get_result(conn)?)
}

/// Makes others that change the user wait until the end of the transaction.
pub(super) fn lock(conn: &mut Conn, id: UserId) -> Result<()> {
    // `SELECT … FOR UPDATE`, which SQLite does not have.
    let row = users::table.find(id.to_string());
    found(diesel::update(row).set(users::disabled.eq(users::disabled)).execute(conn)?)
}

fn found(rows: usize) -> Result<()> {
    if rows == 0 { Err(Error::NotFound) } else { Ok(()) }
}

type UserColumns = (users::id, users::email, users::disabled, users::created_at, users::last_login_at);
const USER: UserColumns = (users::id, users::email, users::disabled, users::created_at, users::last_login_at);

#[derive(Queryable)]
struct UserRow {
    id: Parsed<UserId>,
    email: Parsed<Email>,
    disabled: bool,
    created_at: Time,
    last_login_at: Option<Time>,
}

impl UserRow {
    fn with(self, roles: &mut HashMap<String, Vec<RoleName>>) -> User {
        User {
            roles: roles.remove(&self.id.0.to_string()).unwrap_or_default(),
            id: self.id.0,
            email: self.email.0,
            disabled: self.disabled,
            created_at: self.created_at.into(),
            last_login_at: self.last_login_at.map(Into::into),
        }
    }
}

fn with_roles(conn: &mut Conn, row: Option<UserRow>) -> Result<Option<User>> {
    let Some(row) = row else { return Ok(None) };
    let id = row.id.0.to_string();
    let roles: Vec<Parsed<RoleName>> = user_roles::table
        .filter(user_roles::user_id.eq(&id))
        .select(user_roles::role)
        .order(user_roles::role)
        .load(conn)?;
    let mut roles = HashMap::from([(id, roles.into_iter().map(|role| role.0).collect())]);
    Ok(Some(row.with(&mut roles)))
}

type CredentialColumns = (users::id, users::password_hash, users::disabled);
const CREDENTIALS: CredentialColumns = (users::id, users::password_hash, users::disabled);

fn to_credentials((user, password_hash, disabled): (Parsed<UserId>, String, bool)) -> Credentials {
    Credentials { user: user.0, password_hash, disabled }
}
