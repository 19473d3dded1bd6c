//! `/admin/roles`, and one's own roles at `/auth/roles`.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;

use super::json::Strict;
use crate::access::Caller;
use crate::central::roles::no_such_role;
use crate::central::state::Central;
use crate::model::role::RoleList;
use crate::model::{ErrorCode, Failure, Role, RoleName, RoleSpec};

type InPath = Result<Path<String>, PathRejection>;

fn named(name: InPath) -> Result<RoleName, Failure> {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    name.parse().map_err(|_| no_such_role(&name.chars().take(64).collect::<String>()))
}

/// All roles.
pub async fn list(State(central): State<Arc<Central>>) -> Result<Json<RoleList>, Failure> {
    Ok(Json(RoleList { roles: central.roles().await? }))
}

/// One role.
pub async fn show(State(central): State<Arc<Central>>, name: InPath) -> Result<Json<Role>, Failure> {
    central.role(named(name)?).await.map(Json)
}

/// Another role.
pub async fn create(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    Strict(role): Strict<RoleSpec>,
) -> Result<(StatusCode, Json<Role>), Failure> {
    Ok((StatusCode::CREATED, Json(central.create_role(&admin, role).await?)))
}

/// Another content of a role, which is made if it does not exist.
pub async fn put(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    name: InPath,
    Strict(role): Strict<RoleSpec>,
) -> Result<Json<Role>, Failure> {
    let name = named(name)?;
    if role.name != name {
        let detail = format!("name: the path names the role {:?}, the body {:?}", name.as_str(), role.name.as_str());
        return Err(Failure::new(ErrorCode::InvalidRequest, detail));
    }
    central.put_role(&admin, role).await.map(Json)
}

/// One role less.
pub async fn delete(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    name: InPath,
) -> Result<StatusCode, Failure> {
    central.delete_role(&admin, named(name)?).await.map(|()| StatusCode::NO_CONTENT)
}

/// The roles of the caller.
pub async fn mine(
    State(central): State<Arc<Central>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<RoleList>, Failure> {
    let book = central.role_book().await?;
    Ok(Json(RoleList { roles: book.named(caller.roles()).cloned().collect() }))
}
