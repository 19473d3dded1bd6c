//! The roles that there are.

use diesel::prelude::*;

use super::schema::roles::dsl;
use super::value::Parsed;
use super::{Conn, Error, Result};
use crate::model::{Role, RoleName};

/// All roles, by name. The first migration makes admin, developer and viewer.
pub fn list(conn: &mut Conn) -> Result<Vec<Role>> {
    let rows: Vec<(Parsed<RoleName>, String)> =
        dsl::roles.select((dsl::name, dsl::description)).order(dsl::name).load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(name, description)| Role {
            name: name.0,
            description,
            permissions: Vec::new(),
            deny: Vec::new(),
            built_in: true,
        })
        .collect())
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
