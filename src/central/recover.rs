//! The way back in for an operator of central's own machine: whoever can read the configuration and the database gets an
//! admin who can log in, whatever was forgotten, disabled, demoted or blocked.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::CentralError;
use super::bootstrap::{INITIAL_PASSWORD, replace_private};
use super::sessions::attempts_for;
use crate::access::{COST, HashError, Hasher, generate_password};
use crate::config::CentralConfig;
use crate::config::load::Role as _;
use crate::model::{Email, RoleName, UserId};
use crate::store::{Conn, Store, api_tokens, login_attempts, sessions, settings, users};

/// An admin who can log in again.
pub struct Recovered {
    /// Its address.
    pub email: Email,
    /// The file with its new password.
    pub password_file: PathBuf,
}

/// Gives the first admin (`bootstrap.admin_email`) a new password and the role `admin`, makes it if it is gone, and ends
/// its sessions and API tokens. Centrals that run notice it.
///
/// # Errors
/// When the configuration is wrong, or the database does not answer or was never made.
pub async fn recover(config: CentralConfig) -> Result<Recovered, CentralError> {
    config.validate()?;
    let url = config.database_url()?;
    if let Some(file) = url.expose_secret().strip_prefix("sqlite://").map(Path::new).filter(|file| !file.exists()) {
        return Err(CentralError::NoDatabase(file.to_owned()));
    }
    let store = Store::open(&url, config.database.connections.into())?;
    store.migrate().await?;
    let password = generate_password().map_err(|error| CentralError::Password(error.to_string()))?;
    let (hasher, failed) = (Hasher::new(COST), |error: HashError| CentralError::Password(error.to_string()));
    let hash = hasher.hash(hasher.place().map_err(failed)?, password.clone()).await.map_err(failed)?;
    let (email, password_file) = (config.bootstrap.admin_email, config.data_dir.join(INITIAL_PASSWORD));
    let recovered = Recovered { email: email.clone(), password_file: password_file.clone() };
    store
        .write(move |c| {
            settings::bump_policy_version(c)?;
            let id = let_in(c, &email, &hash)?;
            login_attempts::clear_prefix(c, &attempts_for(&email))?;
            let now = Timestamp::now();
            sessions::revoke_of_user(c, id, None, now)?;
            api_tokens::revoke_of_user(c, id, now)?;
            replace_private(&password_file, password.expose())
                .map_err(|source| CentralError::File { file: password_file, source })
        })
        .await?;
    store.close().await;
    Ok(recovered)
}

fn let_in(c: &mut Conn, email: &Email, hash: &str) -> Result<UserId, CentralError> {
    let now = Timestamp::now();
    let Some(user) = users::by_email(c, email)? else {
        let id = UserId::generate();
        users::create(c, id, email, hash, now)?;
        users::set_roles(c, id, &[RoleName::admin()])?;
        return Ok(id);
    };
    users::set_password(c, user.id, hash, now)?;
    users::set_disabled(c, user.id, false)?;
    let mut roles = user.roles;
    roles.push(RoleName::admin());
    users::set_roles(c, user.id, &roles)?;
    Ok(user.id)
}
