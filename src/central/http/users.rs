//! `/admin/users`, and their API tokens and sessions.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;

use super::auth::{Secret, secret};
use super::json::Strict;
use crate::access::Caller;
use crate::central::live_sessions::no_such_session;
use crate::central::state::Central;
use crate::central::tokens::no_such_token;
use crate::central::users::UserRef;
use crate::model::session::SessionList;
use crate::model::token::ApiTokenList;
use crate::model::user::{CreatedUser, NewUser, UserChange, UserList, UserRoles};
use crate::model::{Failure, User};

type InPath = Result<Path<String>, PathRejection>;

fn user(id: InPath) -> Result<UserRef, Failure> {
    UserRef::parse(&id.map(|Path(id)| id).unwrap_or_default())
}

/// All users.
pub async fn list(State(central): State<Arc<Central>>) -> Result<Json<UserList>, Failure> {
    Ok(Json(UserList { users: central.users().await? }))
}

/// One user.
pub async fn show(State(central): State<Arc<Central>>, id: InPath) -> Result<Json<User>, Failure> {
    central.user(user(id)?).await.map(Json)
}

/// Another user.
pub async fn create(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    Strict(new): Strict<NewUser>,
) -> Result<(StatusCode, Secret<CreatedUser>), Failure> {
    Ok((StatusCode::CREATED, secret(central.create_user(&admin, new).await?)))
}

/// Disables, enables, resets the password.
pub async fn change(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    id: InPath,
    Strict(change): Strict<UserChange>,
) -> Result<Json<User>, Failure> {
    central.change_user(&admin, user(id)?, change).await.map(Json)
}

/// Other roles.
pub async fn set_roles(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    id: InPath,
    Strict(wanted): Strict<UserRoles>,
) -> Result<Json<User>, Failure> {
    central.set_roles(&admin, user(id)?, wanted.roles).await.map(Json)
}

/// One user less.
pub async fn delete(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    id: InPath,
) -> Result<StatusCode, Failure> {
    central.delete_user(&admin, user(id)?).await.map(|()| StatusCode::NO_CONTENT)
}

/// The valid API tokens of a user.
pub async fn tokens(State(central): State<Arc<Central>>, id: InPath) -> Result<Json<ApiTokenList>, Failure> {
    Ok(Json(ApiTokenList { tokens: central.api_tokens_of(user(id)?).await? }))
}

/// One token less.
pub async fn revoke_token(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let Ok(Path((id, token))) = path else { return Err(no_such_token()) };
    let token = token.parse().map_err(|_| no_such_token())?;
    central.revoke_api_token_of(&admin, UserRef::parse(&id)?, token).await.map(|()| StatusCode::NO_CONTENT)
}

/// The sessions of a user that have not ended.
pub async fn sessions(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    id: InPath,
) -> Result<Json<SessionList>, Failure> {
    Ok(Json(SessionList { sessions: central.sessions_of(&admin, user(id)?).await? }))
}

/// One session less.
pub async fn revoke_session(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let Ok(Path((id, session))) = path else { return Err(no_such_session()) };
    let session = session.parse().map_err(|_| no_such_session())?;
    central.end_session_of(&admin, UserRef::parse(&id)?, session).await.map(|()| StatusCode::NO_CONTENT)
}
