//! What admins do with users. There is always one of them who can log in.

use jiff::Timestamp;
use tracing::info;

use super::sessions::{hashing, randomness};
use super::state::Central;
use crate::access::{Caller, check_new_password, generate_password};
use crate::model::user::{CreatedUser, NewUser, UserChange};
use crate::model::{Email, ErrorCode, Failure, Password, RoleName, User, UserId};
use crate::store::{self, Conn, api_tokens, roles, sessions, users};

/// How a request names a user: by identifier, or by address.
#[derive(Clone)]
pub enum UserRef {
    /// Its identifier.
    Id(UserId),
    /// Its address.
    Email(Email),
}

impl UserRef {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        text.parse().map(Self::Email).map_err(|_| {
            let detail = "a user is named by its id or its email address: `mk8s admin users list` shows both";
            Failure::new(ErrorCode::NotFound, detail)
        })
    }

    /// The user, if there is one.
    pub fn find(&self, c: &mut Conn) -> Result<User, Failure> {
        let found = match self {
            Self::Id(id) => users::by_id(c, *id)?,
            Self::Email(email) => users::by_email(c, email)?,
        };
        found.ok_or_else(|| {
            Failure::new(ErrorCode::NotFound, "there is no such user: `mk8s admin users list` shows those there are")
        })
    }
}

impl Central {
    /// All users.
    pub async fn users(&self) -> Result<Vec<User>, Failure> {
        Ok(self.store.read(users::list).await?)
    }

    /// One user.
    pub async fn user(&self, user: UserRef) -> Result<User, Failure> {
        self.store.read(move |c| user.find(c)).await
    }

    /// Makes a user.
    pub async fn create_user(&self, admin: &Caller, new: NewUser) -> Result<CreatedUser, Failure> {
        let (password, initial_password) = match new.password {
            Some(password) => (checked(password)?, None),
            None => {
                let made_up = generate_password().map_err(randomness)?;
                (made_up.clone(), Some(made_up))
            }
        };
        let place = self.hasher.place().map_err(hashing)?;
        let hash = self.hasher.hash(place, password).await.map_err(hashing)?;
        let (id, email, roles) = (UserId::generate(), new.email, new.roles);
        let user = self
            .change(move |c| {
                check_roles(c, &roles)?;
                users::create(c, id, &email, &hash, Timestamp::now()).map_err(|error| match error {
                    store::Error::Conflict(_) => {
                        Failure::new(ErrorCode::Conflict, format!("there is a user {email} already"))
                    }
                    error => error.into(),
                })?;
                users::set_roles(c, id, &roles)?;
                UserRef::Id(id).find(c)
            })
            .await?;
        info!(admin = %admin.user_id(), user = %user.id, "user created");
        Ok(CreatedUser { user, initial_password })
    }

    /// Disables, enables, or gives another password. Both ways out end the user's sessions and API tokens: whoever may
    /// have had the password may have made some.
    pub async fn change_user(&self, admin: &Caller, user: UserRef, change: UserChange) -> Result<User, Failure> {
        let hash = match change.password {
            Some(password) => {
                let (password, place) = (checked(password)?, self.hasher.place().map_err(hashing)?);
                Some(self.hasher.hash(place, password).await.map_err(hashing)?)
            }
            None => None,
        };
        let disabled = change.disabled;
        let user = self
            .change(move |c| {
                let (id, now) = (user.find(c)?.id, Timestamp::now());
                if let Some(hash) = &hash {
                    users::set_password(c, id, hash, now)?;
                }
                if let Some(disabled) = disabled {
                    users::set_disabled(c, id, disabled)?;
                }
                if hash.is_some() || disabled == Some(true) {
                    sessions::revoke_of_user(c, id, None, now)?;
                    api_tokens::revoke_of_user(c, id, now)?;
                }
                keep_an_admin(c)?;
                UserRef::Id(id).find(c)
            })
            .await?;
        info!(admin = %admin.user_id(), user = %user.id, disabled = user.disabled, "user changed");
        Ok(user)
    }

    /// Gives a user these roles and no others.
    pub async fn set_roles(&self, admin: &Caller, user: UserRef, roles: Vec<RoleName>) -> Result<User, Failure> {
        let user = self
            .change(move |c| {
                let id = user.find(c)?.id;
                check_roles(c, &roles)?;
                users::set_roles(c, id, &roles)?;
                keep_an_admin(c)?;
                UserRef::Id(id).find(c)
            })
            .await?;
        info!(admin = %admin.user_id(), user = %user.id, roles = ?user.roles, "roles changed");
        Ok(user)
    }

    /// Removes a user with all sessions and tokens.
    pub async fn delete_user(&self, admin: &Caller, user: UserRef) -> Result<(), Failure> {
        let id = self
            .change(move |c| {
                let id = user.find(c)?.id;
                users::delete(c, id)?;
                keep_an_admin(c)?;
                Ok(id)
            })
            .await?;
        info!(admin = %admin.user_id(), user = %id, "user deleted");
        Ok(())
    }
}

fn checked(password: Password) -> Result<Password, Failure> {
    check_new_password(&password).map_err(|e| Failure::new(ErrorCode::InvalidRequest, e.to_string()))?;
    Ok(password)
}

fn check_roles(c: &mut Conn, wanted: &[RoleName]) -> Result<(), Failure> {
    let known = roles::list(c)?;
    match wanted.iter().find(|name| !known.iter().any(|role| role.name == **name)) {
        None => Ok(()),
        Some(name) => {
            let known: Vec<_> = known.iter().map(|role| role.name.as_str()).collect();
            let detail = format!("there is no role {:?}: there are {}", name.as_str(), known.join(", "));
            Err(Failure::new(ErrorCode::InvalidRequest, detail))
        }
    }
}

/// Undoes the change that would leave nobody to administer central.
fn keep_an_admin(c: &mut Conn) -> Result<(), Failure> {
    if users::enabled_admins(c)? > 0 {
        return Ok(());
    }
    let detail = "this is the last admin who can log in: give another user the role admin first";
    Err(Failure::new(ErrorCode::Conflict, detail))
}
