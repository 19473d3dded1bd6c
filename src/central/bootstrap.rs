//! The first start: the first admin, the key that signs access tokens, and the clusters that the configuration declares.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tracing::{info, warn};

use super::CentralError;
use crate::access::{
    HashError, Hasher, KeyRing, SigningKey, TokenHash, VerifyingKey, check_new_password, generate_password,
    generate_signing_key_pem,
};
use crate::config::secret::{read_password_file, read_secret_file};
use crate::config::{CentralConfig, ConfigError};
use crate::model::{Password, RoleName, UserId};
use crate::store::{self, Conn, Store, agent_tokens, settings, users};

/// The audience of access tokens.
const AUDIENCE: &str = "mk8s";

/// The file with the password of the first admin, when central made it up.
pub const INITIAL_PASSWORD: &str = "initial-admin-password";

/// The keys that sign and verify access tokens.
pub fn keys(config: &CentralConfig, postgres: bool) -> Result<KeyRing, CentralError> {
    let file = config.signing_key_file();
    let made_here = config.auth.signing_key_file.is_none();
    if made_here && postgres {
        return Err(ConfigError::value(
            "auth.signing_key_file",
            "is needed with PostgreSQL, as all centrals of one database must sign with the same key: make one with \
             `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`, readable by central alone",
        )
        .into());
    }
    if made_here && !file.exists() {
        let pem = generate_signing_key_pem().map_err(|error| CentralError::Key { file: file.clone(), error })?;
        write_new(&file, pem.expose_secret()).map_err(|source| CentralError::File { file: file.clone(), source })?;
        info!(file = %file.display(), "a key for access tokens was made");
    }
    let pem = read_key(&file)?;
    let signing = SigningKey::from_pem(&pem).map_err(|error| CentralError::Key { file, error })?;
    let mut accepted = Vec::new();
    for file in &config.auth.accepted_key_files {
        let pem = read_key(file)?;
        let key = VerifyingKey::from_pem(&pem);
        accepted.push(key.map_err(|error| CentralError::Key { file: file.clone(), error })?);
    }
    let issuer = config.public_url.clone().unwrap_or_else(|| AUDIENCE.to_owned());
    Ok(KeyRing::new(signing, accepted, issuer, AUDIENCE.to_owned()))
}

fn read_key(file: &Path) -> Result<SecretString, CentralError> {
    let text = fs::read_to_string(file).map_err(|source| CentralError::File { file: file.to_owned(), source })?;
    Ok(text.into())
}

/// What the configuration declares: clusters with the tokens of their agents.
pub async fn declare_clusters(config: &CentralConfig, store: &Store) -> Result<(), CentralError> {
    let mut declared = Vec::new();
    for cluster in &config.bootstrap.clusters {
        let token = read_secret_file(&cluster.token_file)?;
        declared.push((cluster.name.clone(), TokenHash::of(token.expose_secret())));
    }
    let declare = move |c: &mut Conn| agent_tokens::declare(c, &declared, Timestamp::now());
    store.write(declare).await.map_err(|error| match error {
        store::Error::Conflict(_) => CentralError::Config(ConfigError::value(
            "bootstrap.clusters",
            "a token is that of another cluster, or a cluster would have more than two valid tokens: revoke one with \
             `mk8s admin clusters token revoke`",
        )),
        error => error.into(),
    })
}

/// Makes the first admin, if there is no user.
pub async fn first_admin(config: &CentralConfig, store: &Store, hasher: &Hasher) -> Result<(), CentralError> {
    if store.read(users::count).await? > 0 {
        return Ok(());
    }
    let given = config.bootstrap.admin_password_file.as_deref().map(read_password_file).transpose()?;
    let made_up = given.is_none();
    let password = match given {
        Some(given) => Password::from(given.expose_secret().to_owned()),
        None => generate_password().map_err(|error| CentralError::Password(error.to_string()))?,
    };
    check_new_password(&password)
        .map_err(|error| ConfigError::value("bootstrap.admin_password_file", error.to_string()))?;
    let failed = |error: HashError| CentralError::Password(error.to_string());
    let hash = hasher.hash(hasher.place().map_err(failed)?, password.clone()).await.map_err(failed)?;
    let (email, file) = (config.bootstrap.admin_email.clone(), config.data_dir.join(INITIAL_PASSWORD));
    let shown = (email.clone(), file.clone());
    let made = store
        .write(move |c| {
            // Two centrals may start at once: the second one waits here, and finds the user of the first.
            settings::bump_policy_version(c)?;
            if users::count(c)? > 0 {
                return Ok::<_, CentralError>(false);
            }
            let id = UserId::generate();
            users::create(c, id, &email, &hash, Timestamp::now())?;
            users::set_roles(c, id, &[RoleName::admin()])?;
            if made_up {
                // Before the commit: a user whose password nobody knows would be of no use.
                replace_private(&file, password.expose()).map_err(|source| CentralError::File { file, source })?;
            }
            Ok(true)
        })
        .await?;
    let (email, file) = shown;
    match (made, made_up) {
        (true, true) => {
            warn!(%email, password_file = %file.display(), "the first admin was made: log in, change the password, delete the file");
        }
        (true, false) => info!(%email, "the first admin was made"),
        (false, _) => {}
    }
    Ok(())
}

/// Writes a file for its owner alone; one that exists stays as it is.
fn write_new(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(dir) = file.parent() {
        fs::create_dir_all(dir)?;
    }
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    match made {
        Ok(mut file) => {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        }
        // Another central of this directory was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes a file for its owner alone, in the place of one that may exist.
pub(super) fn replace_private(file: &Path, text: &str) -> std::io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write_new(file, &format!("{text}\n"))
}
