//! `mk8s admin clusters token`: the tokens of a cluster's agents.

use clap::Subcommand;

use super::clusters::{declared_by, not_found};
use super::install::Install;
use crate::cli::exit::{Exit, with_hint};
use crate::cli::output::{self, Columns, ListArgs};
use crate::cli::session::SessionArgs;
use crate::model::token::{AgentToken, CreatedAgentToken, NewAgentToken};
use crate::model::{ClusterName, ErrorCode, TokenId};

/// What to do with the tokens of agents.
#[derive(Subcommand)]
pub enum AgentTokenCommand {
    /// Make a token and print it, this once; standard output has the token alone
    Create {
        /// The name of the cluster
        name: ClusterName,
        /// Its life in days, at most 3650 [default: without end]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
        expires_in_days: Option<u16>,
    },
    /// List the tokens of a cluster's agents
    #[command(visible_alias = "ls")]
    List {
        /// The name of the cluster
        name: ClusterName,
        #[command(flatten)]
        output: ListArgs,
    },
    /// End a token, and the tunnels of the agents that use it
    Revoke {
        /// The name of the cluster
        name: ClusterName,
        /// The identifier of the token
        id: TokenId,
    },
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: AgentTokenCommand) -> anyhow::Result<Exit> {
    let session = session.resolve()?;
    match command {
        AgentTokenCommand::Create { name, expires_in_days } => {
            let new = NewAgentToken { expires_in_days };
            let hint = format!("mk8s admin clusters token list {name}, then revoke the one that no agent uses");
            let created = session.client().await?.create_agent_token(&name, &new).await;
            let created = created.map_err(|error| match error.problem().map(|problem| problem.code) {
                Some(ErrorCode::Conflict) => with_hint(error, ErrorCode::Conflict, &hint),
                _ => not_found(error),
            })?;
            print(&session.server, &name, &created)
        }
        AgentTokenCommand::List { name, output } => {
            let tokens = session.client().await?.agent_tokens(&name).await.map_err(not_found)?;
            let columns = Columns::<AgentToken>::default()
                .column("ID", |token| token.id.to_string())
                .column("DECLARED BY", |token| declared_by(token.bootstrap).into())
                .column("CREATED", |token| output::ago(Some(token.created_at)))
                .column("EXPIRES", |token| token.expires_at.map_or_else(|| "never".into(), output::ahead))
                .column("LAST USED", |token| output::ago(token.last_used_at));
            let none = format!("no tokens: mk8s admin clusters token create {name}");
            output.print(&tokens, |token| token.id.to_string(), &none, &columns)
        }
        AgentTokenCommand::Revoke { name, id } => {
            let hint = format!("mk8s admin clusters token list {name}");
            let revoked = session.client().await?.revoke_agent_token(&name, id).await;
            revoked.map_err(|error| with_hint(error, ErrorCode::NotFound, &hint))?;
            output::say(&format!("revoked token {id} of cluster {:?}", name.as_str()));
            Ok(Exit::OK)
        }
    }
}

/// Prints a new token, and to standard error what to do with it.
pub fn print(server: &str, name: &ClusterName, created: &CreatedAgentToken) -> anyhow::Result<Exit> {
    let ends = created
        .info
        .expires_at
        .map_or_else(|| "valid until it is revoked".into(), |then| format!("valid until {}", output::until(then)));
    output::say(&format!("created token {} for the agents of cluster {:?}, {ends}", created.info.id, name.as_str()));
    output::say(&Install::new(name, created, server).instructions());
    output::print(&format!("{}\n", created.token.expose()))
}
