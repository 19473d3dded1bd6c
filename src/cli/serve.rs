//! `mk8s serve`: the servers. The only file of the command line that names central and agent.

use clap::Subcommand;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::exit::{self, Exit};
use super::output;
use super::runtime;
use crate::agent::AgentError;
use crate::central::CentralError;
use crate::config::{AgentConfig, AgentFlags, CentralConfig, CentralFlags};
use crate::{agent, central, telemetry};

/// Which server.
#[derive(Subcommand)]
pub enum ServeCommand {
    /// The hub that users and agents connect to
    Central(CentralFlags),
    /// The connector in a cluster
    Agent(AgentFlags),
}

/// Runs a server until SIGTERM or SIGINT.
pub fn run(command: ServeCommand) -> anyhow::Result<Exit> {
    match command {
        ServeCommand::Central(flags) => {
            let config = CentralConfig::load(None, &flags)?;
            telemetry::start(&config.log);
            runtime::central(async {
                let stop = stop_on_signal()?;
                bind_central(config).await?.serve(stop).await;
                Ok(Exit::OK)
            })
        }
        ServeCommand::Agent(flags) => {
            let config = AgentConfig::load(None, &flags)?;
            telemetry::start(&config.log);
            runtime::agent(async {
                run_agent(config, stop_on_signal()?).await?;
                Ok(Exit::OK)
            })
        }
    }
}

/// A central that listens.
pub async fn bind_central(config: CentralConfig) -> anyhow::Result<central::Bound> {
    central::bind(config).await.map_err(|error| match error {
        CentralError::Config(error) => error.into(),
        error => error.into(),
    })
}

/// Lets the first admin in again, past a central that may run or not.
pub async fn recover_admin(flags: &CentralFlags) -> anyhow::Result<Exit> {
    let config = CentralConfig::load(None, flags)?;
    let recovered = central::recover(config).await.map_err(|error| match error {
        CentralError::Config(error) => anyhow::Error::from(error),
        error => error.into(),
    })?;
    output::say(&format!("{} has a new password, in {}", recovered.email, recovered.password_file.display()));
    output::say("  next: mk8s login, mk8s passwd, and delete the file");
    Ok(Exit::OK)
}

/// Runs an agent.
pub async fn run_agent(config: AgentConfig, stop: CancellationToken) -> anyhow::Result<()> {
    agent::run(config, stop).await.map_err(|error| match error {
        AgentError::Config(error) => error.into(),
        error => {
            let (is_untrusted, code) = (error.is_untrusted(), error.code());
            exit::of_agent(error, is_untrusted, code)
        }
    })
}

/// Cancelled by the first SIGTERM or SIGINT; the second one ends the process at once.
pub fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn({
        let stop = stop.clone();
        async move {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            stop.cancel();
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            std::process::exit(Exit::INTERRUPTED.0.into());
        }
    });
    Ok(stop)
}
