//! `/tokens`: the caller's API tokens.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;

use super::auth::{Secret, secret};
use super::json::Strict;
use crate::access::Caller;
use crate::central::state::Central;
use crate::central::tokens::no_such_token;
use crate::model::token::{ApiTokenList, CreatedApiToken, NewApiToken};
use crate::model::{Failure, TokenId};

/// Those that are valid.
pub async fn list(
    State(central): State<Arc<Central>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<ApiTokenList>, Failure> {
    Ok(Json(ApiTokenList { tokens: central.api_tokens(&caller).await? }))
}

/// Another one.
pub async fn create(
    State(central): State<Arc<Central>>,
    Extension(caller): Extension<Caller>,
    Strict(new): Strict<NewApiToken>,
) -> Result<(StatusCode, Secret<CreatedApiToken>), Failure> {
    Ok((StatusCode::CREATED, secret(central.create_api_token(&caller, new).await?)))
}

/// One less.
pub async fn revoke(
    State(central): State<Arc<Central>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let id: TokenId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(no_such_token)?;
    central.revoke_api_token(&caller, id).await.map(|()| StatusCode::NO_CONTENT)
}
