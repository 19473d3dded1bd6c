//! How users prove who they are: the keys of access tokens, and how long what they are given lives.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::ConfigError;

/// Logins of users.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// The RSA key that signs access tokens, PEM. Default: one in the data directory, made at the first start; with
    /// PostgreSQL there is no default, since all replicas must have the same key.
    pub signing_key_file: Option<PathBuf>,
    /// Keys whose access tokens are accepted besides: the previous or the next key of a rotation.
    pub accepted_key_files: Vec<PathBuf>,
    /// How long an access token lives, in seconds, 60 to 3600. It cannot be called back, so the shorter, the better.
    pub access_token_seconds: u32,
    /// How long a session lives, in days, 1 to 365.
    pub session_days: u16,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self { signing_key_file: None, accepted_key_files: Vec::new(), access_token_seconds: 600, session_days: 30 }
    }
}

impl AuthConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(60..=3600).contains(&self.access_token_seconds) {
            let problem = format!("{} is not a whole number of seconds from 60 to 3600", self.access_token_seconds);
            return Err(ConfigError::value("auth.access_token_seconds", problem));
        }
        if !(1..=365).contains(&self.session_days) {
            let problem = format!("{} is not a whole number of days from 1 to 365", self.session_days);
            return Err(ConfigError::value("auth.session_days", problem));
        }
        Ok(())
    }
}
