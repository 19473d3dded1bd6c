//! Roles. The built-in ones are made by the migration.

use diesel::prelude::*;

use super::conn::Conn;
use super::error::{Error, Result};
use super::schema::roles;
use crate::model::{Role, RoleName};

/// All roles, in the order of their names.
#[allow(clippy::missing_errors_doc)]
pub fn list(conn: &mut Conn) -> Result<Vec<Role>> {
    let rows: Vec<(String, String)> =
        roles::table.select((roles::name, roles::description)).order(roles::name).load(conn)?;
    rows.into_iter().map(|(name, description)| Ok(Role { name: name_of(name)?, description })).collect()
}

/// A role's name as it was stored.
pub(super) fn name_of(name: String) -> Result<RoleName> {
    name.parse().map_err(|error| Error::Other(Box::new(error)))
}
