//! How a server logs; the same for central and agent.

use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::Targets;

use super::error::{ConfigError, Origin};

/// The variable that sets the filter of every role, and of the client. A role's own variable wins, and so does a flag.
pub const VARIABLE: &str = "MK8S_LOG";

/// Logging, to standard error.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// The least level: `error`, `warn`, `info`, `debug` or `trace`, or a filter such as `info,mk8s::tunnel=debug`.
    pub level: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text }
    }
}

/// The filter that [`VARIABLE`] asks for; an empty one counts as not set.
///
/// # Errors
/// It is neither a level nor a filter.
pub fn from_environment() -> Result<Option<String>, ConfigError> {
    let at = |error: ConfigError| error.at(|_| Some(Origin::Variable(VARIABLE.to_owned())));
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else { return Ok(None) };
    let level = value.into_string().map_err(|_| at(ConfigError::value("log.level", "the value is not valid UTF-8")))?;
    let config = LogConfig { level, ..LogConfig::default() };
    config.validate().map_err(at)?;
    Ok(Some(config.level))
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl LogConfig {
    /// Checks the filter.
    ///
    /// # Errors
    /// `log.level` is neither a level nor a filter.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        // To the filter's parser a misspelt level is the name of a module, which would silence everything else.
        let is_level = |text: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text));
        let is_module = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_:-".contains(c));
        let is_directive = |text: &str| match text.split_once('=') {
            Some((module, level)) => is_module(module) && is_level(level),
            None => is_level(text),
        };
        match self.targets() {
            Some(_) if self.level.split(',').all(is_directive) => Ok(()),
            _ => Err(ConfigError::value(
                "log.level",
                format!(
                    "{:?} is no level or filter: use {} or a filter such as info,mk8s::tunnel=debug",
                    self.level,
                    LEVELS.join(", ")
                ),
            )),
        }
    }

    /// What of which module is logged; `None` if that was not validated and is no filter.
    pub fn targets(&self) -> Option<Targets> {
        self.level.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_level_or_a_filter() {
        let check = |level: &str| LogConfig { level: level.into(), format: LogFormat::Text }.validate();
        for good in ["info", "WARN", "off", "info,mk8s::tunnel=debug", "warn,mk8s=OFF"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "inof",
            "verbose",
            "mk8s=loud",
            "info,,",
            "info,mk8s",
            "warn, mk8s=debug",
            "=",
            "9",
            "mk8s[a]=info",
            "=info",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
