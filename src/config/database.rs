//! Where central keeps what it has to remember: SQLite in the data directory, or PostgreSQL.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::error::ConfigError;
use super::secret::read_secret_file;

/// The database of central.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Which database. Default: SQLite in `mk8s.db` of the data directory.
    pub url: Option<DatabaseUrl>,
    /// The file that holds the URL, in place of `url`.
    pub url_file: Option<PathBuf>,
    /// How many connections there may be, 1 to 64.
    pub connections: u8,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: None, url_file: None, connections: 8 }
    }
}

/// `sqlite://` and the whole path of a file as it is, or `postgres://`.
///
/// The URL may hold a password: what is written and shown of it is redacted.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(SecretString);

/// Parameters of a PostgreSQL URL that are shown; what is unknown may be a secret.
const SHOWN: [&str; 7] =
    ["application_name", "connect_timeout", "dbname", "host", "port", "sslmode", "target_session_attrs"];

impl DatabaseUrl {
    /// Whether it is a PostgreSQL database.
    pub(super) fn is_postgres(&self) -> bool {
        self.postgres().is_some()
    }

    /// The text, for whoever connects.
    pub(super) fn into_secret(self) -> SecretString {
        self.0
    }

    /// What is wrong with it, without its text.
    fn problem(&self) -> Option<&'static str> {
        let text = self.0.expose_secret();
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Some("the URL holds white space or control characters: write %20 for a space");
        }
        match (text.strip_prefix("sqlite://"), self.postgres()) {
            (Some(path), _) if !path.starts_with('/') || path.ends_with('/') || path.contains('?') => {
                Some("give the whole path of the file, and no parameters, such as sqlite:///var/lib/mk8s/mk8s.db")
            }
            (None, None) => Some("the URL starts neither with sqlite:// nor with postgres://"),
            (_, Some("")) => Some("the URL names no database: write postgres://user@host/database"),
            _ => None,
        }
    }

    /// What follows the scheme of a PostgreSQL URL.
    fn postgres(&self) -> Option<&str> {
        let text = self.0.expose_secret();
        text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))
    }

    /// The URL without what may be a secret: the password, and parameters that are not known to be harmless.
    fn redacted(&self) -> String {
        let text = self.0.expose_secret();
        let Some(rest) = self.postgres() else {
            return if text.starts_with("sqlite://") { text.to_owned() } else { HIDDEN.to_owned() };
        };
        let scheme = &text[..text.len() - rest.len()];
        // The last @, since a password may contain one that should have been written as %40.
        let (user, place) = match rest.rsplit_once('@') {
            Some((login, place)) => match login.split_once(':') {
                Some((user, _)) => (format!("{user}:{HIDDEN}@"), place),
                None => (format!("{login}@"), place),
            },
            None => (String::new(), rest),
        };
        match place.split_once('?') {
            Some((place, parameters)) => {
                let parameters: Vec<_> = parameters.split('&').map(redacted_parameter).collect();
                format!("{scheme}{user}{place}?{}", parameters.join("&"))
            }
            None => format!("{scheme}{user}{place}"),
        }
    }
}

/// What stands for a secret.
const HIDDEN: &str = "***";

fn redacted_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if SHOWN.contains(&name) => parameter.to_owned(),
        Some((name, _)) => format!("{name}={HIDDEN}"),
        None => HIDDEN.to_owned(),
    }
}

impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.redacted())
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

impl DatabaseConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.url.is_some() && self.url_file.is_some() {
            return Err(ConfigError::value("database.url_file", "database.url is set too: keep one of the two"));
        }
        if let Some(problem) = self.url.as_ref().and_then(DatabaseUrl::problem) {
            return Err(ConfigError::value("database.url", problem));
        }
        if !(1..=64).contains(&self.connections) {
            let problem = format!("{} is not a whole number from 1 to 64", self.connections);
            return Err(ConfigError::value("database.connections", problem));
        }
        Ok(())
    }

    /// The URL that takes effect, read from its file if it is in one.
    pub(super) fn resolve(&self, data_dir: &Path) -> Result<DatabaseUrl, ConfigError> {
        match (&self.url, &self.url_file) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(file)) => {
                let url = DatabaseUrl(read_secret_file(file)?);
                match url.problem() {
                    Some(problem) => Err(ConfigError::file(file, problem)),
                    None => Ok(url),
                }
            }
            (None, None) => {
                let file = std::path::absolute(data_dir).map_err(|e| ConfigError::read(data_dir, e))?.join("mk8s.db");
                let not_text = || ConfigError::value("data_dir", "the path is not valid UTF-8: use another directory");
                Ok(DatabaseUrl::from(format!("sqlite://{}", file.to_str().ok_or_else(not_text)?)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> DatabaseUrl {
        DatabaseUrl::from(text.to_owned())
    }

    #[test]
    fn a_url_is_of_one_of_two_databases() {
        for good in [
            "sqlite:///var/lib/mk8s/mk8s.db",
            "postgres://mk8s@db/mk8s",
            "postgresql://mk8s:p%40ss@[::1]:5432/mk8s?sslmode=verify-full",
            "postgres:///mk8s?host=/run/postgresql",
        ] {
            assert_eq!(url(good).problem(), None, "{good}");
        }
        for bad in [
            "hunter2",
            "mysql://u:hunter2@h/d",
            "sqlite://relative.db",
            "sqlite://",
            "sqlite:///",
            "sqlite::memory:",
            "sqlite:///a?mode=hunter2",
            "postgres://",
            "postgres://u:hunter 2@h",
            "postgres://u:hunter2\n@h",
            "Postgres://u:hunter2@h",
        ] {
            let problem = url(bad).problem().unwrap_or_else(|| panic!("{bad:?} is accepted"));
            assert!(!problem.contains("hunter"), "{problem}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for (text, shown) in [
            ("sqlite:///var/lib/mk8s.db", "sqlite:///var/lib/mk8s.db"),
            ("postgres://db/mk8s", "postgres://db/mk8s"),
            ("postgres://mk8s@db/mk8s", "postgres://mk8s@db/mk8s"),
            ("postgres://mk8s:hunter2@db:5432/mk8s", "postgres://mk8s:***@db:5432/mk8s"),
            ("postgresql://mk8s:hunter2@db", "postgresql://mk8s:***@db"),
            ("postgres://mk8s:hun@ter2/hunter2?hunter2:@db/mk8s", "postgres://mk8s:***@db/mk8s"),
            ("postgres://:hunter2@db", "postgres://:***@db"),
            (
                "postgres://db/mk8s?password=hunter2&sslmode=require&sslpassword=hunter2&hunter2",
                "postgres://db/mk8s?password=***&sslmode=require&sslpassword=***&***",
            ),
            ("postgres://u:hunter2@db?p%61ssword=hunter2", "postgres://u:***@db?p%61ssword=***"),
            ("hunter2", "***"),
            ("mysql://u:hunter2@db", "***"),
        ] {
            assert_eq!(url(text).redacted(), shown, "{text}");
            assert_eq!(format!("{:?}", url(text)), format!("DatabaseUrl({shown})"));
            assert_eq!(serde_json::to_string(&url(text)).unwrap(), format!("{shown:?}"));
        }
    }
}
