//! What admins do with roles.

use jiff::Timestamp;
use tracing::info;

use super::state::Central;
use crate::access::{Caller, check_role};
use crate::model::{ErrorCode, Failure, Role, RoleName, RoleSpec};
use crate::store::roles::{self, Holders};
use crate::store::{self, Conn};

impl Central {
    /// All roles, as the database has them now.
    pub async fn roles(&self) -> Result<Vec<Role>, Failure> {
        Ok(self.store.read(roles::list).await?)
    }

    /// One role.
    pub async fn role(&self, name: RoleName) -> Result<Role, Failure> {
        self.store.read(move |c| find(c, &name)).await
    }

    /// Makes a role.
    pub async fn create_role(&self, admin: &Caller, role: RoleSpec) -> Result<Role, Failure> {
        checked(&role)?;
        let role = self
            .change(move |c| {
                roles::create(c, &role, Timestamp::now()).map_err(|error| match error {
                    store::Error::Conflict(_) => {
                        let name = role.name.as_str();
                        let detail =
                            format!("there is a role {name:?} already: change it with PUT /admin/roles/{name}");
                        Failure::new(ErrorCode::Conflict, detail)
                    }
                    error => error.into(),
                })?;
                find(c, &role.name)
            })
            .await?;
        info!(admin = %admin.user_id(), role = %role.name, "role created");
        Ok(role)
    }

    /// Gives a role another content, or makes it.
    pub async fn put_role(&self, admin: &Caller, role: RoleSpec) -> Result<Role, Failure> {
        checked(&role)?;
        let role = self
            .change(move |c| {
                roles::put(c, &role, Timestamp::now())?;
                find(c, &role.name)
            })
            .await?;
        info!(admin = %admin.user_id(), role = %role.name, "role changed");
        Ok(role)
    }

    /// Removes a role that nobody has.
    pub async fn delete_role(&self, admin: &Caller, name: RoleName) -> Result<(), Failure> {
        let deleted = name.clone();
        self.change(move |c| {
            let now = Timestamp::now();
            roles::delete(c, &name, now).map_err(|error| match error {
                store::Error::NotFound => no_such_role(name.as_str()),
                store::Error::Conflict(on) if on == "roles.built_in" => {
                    let detail = format!("the role {:?} is built in: it can be changed, not deleted", name.as_str());
                    Failure::new(ErrorCode::Conflict, detail)
                }
                store::Error::Conflict(_) => held(c, &name, now),
                error => error.into(),
            })
        })
        .await?;
        info!(admin = %admin.user_id(), role = %deleted, "role deleted");
        Ok(())
    }
}

fn checked(role: &RoleSpec) -> Result<(), Failure> {
    check_role(role).map_err(|error| Failure::new(ErrorCode::InvalidRequest, error.to_string()))
}

fn find(c: &mut Conn, name: &RoleName) -> Result<Role, Failure> {
    roles::by_name(c, name)?.ok_or_else(|| no_such_role(name.as_str()))
}

/// The answer to the end of a role that somebody has.
fn held(c: &mut Conn, name: &RoleName, now: Timestamp) -> Failure {
    let Holders { users, tokens } = match roles::holders(c, name, now) {
        Ok(holders) => holders,
        Err(error) => return error.into(),
    };
    let detail = format!(
        "the role {:?} is held by {} and {}: take it from them first",
        name.as_str(),
        counted(users, "user"),
        counted(tokens, "API token"),
    );
    Failure::new(ErrorCode::Conflict, detail)
}

fn counted(count: i64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The answer to a name that no role has.
pub fn no_such_role(name: &str) -> Failure {
    let detail = format!("there is no role {name:?}: `mk8s admin roles list` shows those there are");
    Failure::new(ErrorCode::NotFound, detail)
}
