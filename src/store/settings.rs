//! Numbers of the whole installation: the version of its policy.

use diesel::prelude::*;

use super::schema::settings::dsl;
use super::{Conn, Result};

const POLICY_VERSION: &str = "policy_version";

/// Which version of users, roles, tokens and clusters is in force; it only grows.
pub fn policy_version(conn: &mut Conn) -> Result<i64> {
    Ok(dsl::settings.find(POLICY_VERSION).select(dsl::value).first(conn)?)
}

/// Counts a change of the policy, and returns its number. Callers do it first: until the end of the transaction others
/// that change something wait here, so that changes are made one after another, on PostgreSQL too.
pub fn bump_policy_version(conn: &mut Conn) -> Result<i64> {
    let setting = dsl::settings.find(POLICY_VERSION);
    Ok(diesel::update(setting).set(dsl::value.eq(dsl::value + 1)).returning(dsl::value).get_result(conn)?)
}

/// Waits for others that change the policy, as [`bump_policy_version`] does, without a change yet.
pub(super) fn lock_policy(conn: &mut Conn) -> Result<()> {
    diesel::update(dsl::settings.find(POLICY_VERSION)).set(dsl::value.eq(dsl::value)).execute(conn)?;
    Ok(())
}
