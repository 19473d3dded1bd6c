//! The API tokens of a user: made for one purpose, with no more roles than their owner has. Admins see and end them.

use jiff::{SignedDuration, Timestamp};
use tracing::info;

use super::sessions::randomness;
use super::state::Central;
use super::users::UserRef;
use crate::access::{Caller, TokenHash, generate_api_token};
use crate::model::token::{ApiToken, CreatedApiToken, DEFAULT_API_TOKEN_DAYS, MAX_API_TOKEN_DAYS, NewApiToken};
use crate::model::{ErrorCode, Failure, RoleName, TokenId, UserId};
use crate::store::{self, Conn, api_tokens};

/// The longest name, in characters.
const MAX_NAME: usize = 64;

impl Central {
    /// The valid tokens of the caller.
    pub async fn api_tokens(&self, caller: &Caller) -> Result<Vec<ApiToken>, Failure> {
        let user = caller.user_id();
        Ok(self.store.read(move |c| api_tokens::list(c, user, Timestamp::now())).await?)
    }

    /// Makes a token for the caller.
    pub async fn create_api_token(&self, caller: &Caller, new: NewApiToken) -> Result<CreatedApiToken, Failure> {
        let invalid = |detail: String| Failure::new(ErrorCode::InvalidRequest, detail);
        let length = new.name.chars().count();
        if !(1..=MAX_NAME).contains(&length) || new.name.contains(char::is_control) || new.name.trim() != new.name {
            let detail = format!("\"name\" must be 1 to {MAX_NAME} characters, without spaces at its ends");
            return Err(invalid(detail));
        }
        let days = new.expires_in_days.unwrap_or(DEFAULT_API_TOKEN_DAYS);
        if !(1..=MAX_API_TOKEN_DAYS).contains(&days) {
            return Err(invalid(format!("\"expires_in_days\" must be from 1 to {MAX_API_TOKEN_DAYS}")));
        }
        let roles = granted(caller, new.roles)?;
        let token = generate_api_token().map_err(randomness)?;
        let now = Timestamp::now();
        let info = ApiToken {
            id: TokenId::generate(),
            name: new.name,
            roles,
            created_at: now,
            expires_at: now + SignedDuration::from_hours(24 * i64::from(days)),
            last_used_at: None,
        };
        let (user, hash, row) = (caller.user_id(), TokenHash::of(token.expose()), info.clone());
        self.change(move |c| {
            api_tokens::create(c, user, &hash, &row).map_err(|error| match error {
                store::Error::Conflict(_) => Failure::new(
                    ErrorCode::Conflict,
                    format!("there is a token {:?} already: revoke it first, or choose another name", row.name),
                ),
                error => error.into(),
            })
        })
        .await?;
        info!(user = %caller.user_id(), token = %info.id, "API token created");
        Ok(CreatedApiToken { token, info })
    }

    /// Ends a token of the caller.
    pub async fn revoke_api_token(&self, caller: &Caller, token: TokenId) -> Result<(), Failure> {
        let user = caller.user_id();
        self.change(move |c| revoke(c, user, token)).await?;
        info!(%user, %token, "API token revoked");
        Ok(())
    }

    /// The valid tokens of a user.
    pub async fn api_tokens_of(&self, user: UserRef) -> Result<Vec<ApiToken>, Failure> {
        self.store
            .read(move |c| {
                let id = user.find(c)?.id;
                Ok(api_tokens::list(c, id, Timestamp::now())?)
            })
            .await
    }

    /// Ends a token of a user.
    pub async fn revoke_api_token_of(&self, admin: &Caller, user: UserRef, token: TokenId) -> Result<(), Failure> {
        let user = self
            .change(move |c| {
                let id = user.find(c)?.id;
                revoke(c, id, token).map(|()| id)
            })
            .await?;
        info!(admin = %admin.user_id(), %user, %token, "API token revoked");
        Ok(())
    }
}

fn revoke(c: &mut Conn, user: UserId, token: TokenId) -> Result<(), Failure> {
    api_tokens::revoke(c, user, token, Timestamp::now()).map_err(|error| match error {
        store::Error::NotFound => no_such_token(),
        error => error.into(),
    })
}

/// The roles of a new token, which its owner must have.
fn granted(caller: &Caller, wanted: Option<Vec<RoleName>>) -> Result<Vec<RoleName>, Failure> {
    let Some(mut wanted) = wanted else { return Ok(caller.roles().to_vec()) };
    wanted.sort();
    wanted.dedup();
    match wanted.iter().find(|role| !caller.roles().contains(role)) {
        None => Ok(wanted),
        Some(role) => {
            let detail = format!("you do not have the role {:?}, so a token of yours cannot have it", role.as_str());
            Err(Failure::new(ErrorCode::Forbidden, detail))
        }
    }
}

/// The answer to a token that is not there.
pub fn no_such_token() -> Failure {
    Failure::new(ErrorCode::NotFound, "there is no such token, or it is revoked or has expired already")
}
