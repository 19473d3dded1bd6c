//! Numbers that all centrals share.

use diesel::prelude::*;

use super::conn::Conn;
use super::error::Result;
use super::schema::settings::dsl::{key, settings, value};

/// The key of the number that every change of rights raises.
const POLICY_VERSION: &str = "policy_version";

/// The policy version.
#[allow(clippy::missing_errors_doc)]
pub fn policy_version(conn: &mut Conn) -> Result<i64> {
    Ok(settings.find(POLICY_VERSION).select(value).first(conn)?)
}

/// Raises the policy version, first in a transaction that changes rights: the lock of its row makes such transactions
/// wait for each other.
#[allow(clippy::missing_errors_doc)]
pub fn bump_policy_version(conn: &mut Conn) -> Result<i64> {
    diesel::update(settings.filter(key.eq(POLICY_VERSION))).set(value.eq(value + 1)).execute(conn)?;
    policy_version(conn)
}
