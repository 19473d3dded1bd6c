//! Logging: one line an event on standard error, as text or JSON.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::ConfigError;
use crate::config::log::{self, LogConfig, LogFormat};

/// Starts logging for the whole process; a second call has no effect.
///
/// A level that cannot be parsed was refused by the configuration; should one come here, `info` is used.
pub fn start(config: &LogConfig) {
    let targets = config.targets().unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let builder = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(stderr).with_target(false);
    // They would be told on standard error too, which is what has failed.
    let builder = builder.log_internal_errors(false);
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // The only possible error is that a subscriber is there already, which is what was wanted.
    let _ = match config.format {
        LogFormat::Text => builder.with_ansi(colour).finish().with(targets).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().with(targets).try_init(),
    };
}

/// Starts logging for a command of the client if `MK8S_LOG` asks for it; without, a client writes what it is asked for and
/// no more.
///
/// # Errors
/// What it asks for is no filter.
pub fn start_client() -> Result<(), ConfigError> {
    if let Some(level) = log::from_environment()? {
        start(&LogConfig { level, ..LogConfig::default() });
    }
    Ok(())
}
