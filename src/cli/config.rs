//! `mk8s config`: a file to start from, a check, and what takes effect.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::config::load::{Loaded, Role};
use crate::config::{
    AgentConfig, AgentFlags, CentralConfig, CentralFlags, ClientState, ConfigError, paths, private_file, template,
};

/// Write, check and show configurations.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a commented configuration file with every key and its default
    Init(InitArgs),
    /// Check a configuration: the file, the environment and the flags
    Check {
        #[command(subcommand)]
        target: Target,
    },
    /// Show the configuration that takes effect, and where each value came from
    Show {
        #[command(subcommand)]
        target: Target,
    },
}

#[derive(Debug, clap::Args)]
struct InitArgs {
    /// What to configure
    role: InitRole,
    /// The file to write, mode 0600 [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a file that exists
    #[arg(long, requires = "output")]
    force: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum InitRole {
    /// `mk8s serve central`
    Central,
    /// `mk8s serve agent`
    Agent,
    /// The client, on a user's machine
    Client,
}

#[derive(Debug, clap::Subcommand)]
enum Target {
    /// `mk8s serve central`, with its flags
    Central(CentralFlags),
    /// `mk8s serve agent`, with its flags
    Agent(AgentFlags),
    /// The client's state
    Client {
        /// The state file [default: $MK8S_CONFIG, or else ~/.mk8s/config.yaml]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Runs `mk8s config`.
///
/// # Errors
/// The configuration is not valid (a [`ConfigError`]), or standard output cannot be written.
pub fn run(args: ConfigArgs) -> anyhow::Result<()> {
    let text = match args.command {
        Command::Init(args) => match init(&args)? {
            Some(text) => text,
            None => return Ok(()),
        },
        Command::Check { target } => target.check()?,
        Command::Show { target } => target.show()?,
    };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("cannot write to standard output")
}

/// Writes the file, or returns what belongs on standard output.
fn init(args: &InitArgs) -> Result<Option<String>, ConfigError> {
    let text = match args.role {
        InitRole::Central => template::central(),
        InitRole::Agent => template::agent(),
        InitRole::Client => template::client(),
    };
    match &args.output {
        None => return Ok(Some(text)),
        Some(path) if args.force => private_file::replace(path, &text)?,
        Some(path) => private_file::create(path, &text)?,
    }
    Ok(None)
}

impl Target {
    fn check(&self) -> Result<String, ConfigError> {
        match self {
            Self::Central(flags) => CentralConfig::load_traced(None, flags).map(drop)?,
            Self::Agent(flags) => AgentConfig::load_traced(None, flags).map(drop)?,
            Self::Client { .. } => {
                ClientState::load(&self.file().unwrap_or_default())?;
            }
        }
        Ok(match self.file() {
            Some(path) if path.exists() => format!("ok: {}\n", path.display()),
            Some(path) => format!("ok: {} does not exist yet\n", path.display()),
            None => "ok: no file, the environment and the flags\n".into(),
        })
    }

    fn show(&self) -> Result<String, ConfigError> {
        fn yaml<T: Role>(file: Option<&Path>, loaded: Loaded<T>) -> Result<String, ConfigError> {
            let file = file.map(|path| format!("# file: {}\n", path.display())).unwrap_or_default();
            Ok(file + &loaded.to_yaml()?)
        }
        let file = self.file();
        let file = file.as_deref();
        match self {
            Self::Central(flags) => yaml(file, CentralConfig::load_traced(None, flags)?),
            Self::Agent(flags) => yaml(file, AgentConfig::load_traced(None, flags)?),
            Self::Client { .. } => yaml(file, ClientState::load_traced(file.unwrap_or(Path::new("")))?),
        }
    }

    fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Central(flags) => flags.config.clone(),
            Self::Agent(flags) => flags.config.clone(),
            Self::Client { config } => Some(config.clone().unwrap_or_else(paths::client_state)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_init_writes_passes_check_and_show() {
        let dir = tempfile::tempdir().unwrap();
        for (role, name) in [(InitRole::Central, "central"), (InitRole::Agent, "agent"), (InitRole::Client, "client")] {
            let path = dir.path().join(name);
            let args = |force| InitArgs { role, output: Some(path.clone()), force };
            assert_eq!(init(&args(false)).unwrap(), None);
            assert!(init(&args(false)).unwrap_err().to_string().contains("--force"));
            assert_eq!(init(&args(true)).unwrap(), None);
            let config = Some(path.clone());
            let target = match role {
                InitRole::Central => Target::Central(CentralFlags { config, ..CentralFlags::default() }),
                InitRole::Agent => Target::Agent(AgentFlags { config, ..AgentFlags::default() }),
                InitRole::Client => Target::Client { config },
            };
            assert_eq!(target.check().unwrap(), format!("ok: {}\n", path.display()));
            assert!(target.show().unwrap().starts_with(&format!("# file: {}\n", path.display())));
        }
        assert!(init(&InitArgs { role: InitRole::Agent, output: None, force: false }).unwrap().is_some());
    }
}
