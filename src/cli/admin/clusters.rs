//! `mk8s admin clusters`: make and remove clusters.

use clap::Subcommand;

use super::labels::{self, Label, LabelArgs, to_set};
use super::tokens::{self, AgentTokenCommand};
use crate::cli::exit::{Exit, with_hint};
use crate::cli::output::{self, Columns, ListArgs, OutputArgs};
use crate::cli::prompt::confirm_deletion;
use crate::cli::session::SessionArgs;
use crate::client::ClientError;
use crate::model::token::{AdminCluster, NewAgentToken, NewCluster};
use crate::model::{ClusterName, ErrorCode, Labels};

/// What to do with clusters.
#[derive(Subcommand)]
pub enum AdminClustersCommand {
    /// List all clusters, and how many tokens their agents have
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Make a cluster, and the first token for its agents; standard output has the token alone
    Create {
        /// Its name
        name: ClusterName,
        /// Labels that it has from the start, KEY=VALUE, with commas between them
        #[arg(long, value_delimiter = ',', value_name = "LABEL")]
        labels: Vec<Label>,
    },
    /// Set and remove labels of a cluster, by which several are chosen at once
    Label(LabelArgs),
    /// Show one cluster
    Show {
        /// Its name
        name: ClusterName,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Remove a cluster from central, with the tokens and tunnels of its agents; the cluster itself stays as it is
    Delete {
        /// Its name
        name: ClusterName,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Make, list and end the tokens of a cluster's agents
    #[command(subcommand, visible_alias = "tokens")]
    Token(AgentTokenCommand),
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: AdminClustersCommand) -> anyhow::Result<Exit> {
    match command {
        AdminClustersCommand::List(args) => list(session, args).await,
        AdminClustersCommand::Create { name, labels } => create(session, name, to_set(labels)?).await,
        AdminClustersCommand::Label(args) => labels::run(session, args).await,
        AdminClustersCommand::Show { name, output } => {
            let cluster = session.resolve()?.client().await?.admin_cluster(&name).await.map_err(not_found)?;
            output.print(&cluster, &cluster.name, describe)
        }
        AdminClustersCommand::Delete { name, yes } => {
            confirm_deletion("cluster", name.as_str(), yes)?;
            session.resolve()?.client().await?.delete_cluster(&name).await.map_err(not_found)?;
            output::say(&format!("deleted cluster {:?}; its agents are cut off", name.as_str()));
            Ok(Exit::OK)
        }
        AdminClustersCommand::Token(command) => tokens::run(session, command).await,
    }
}

/// A cluster that does not exist, with the list that has the others.
pub fn not_found(error: ClientError) -> anyhow::Error {
    with_hint(error, ErrorCode::NotFound, "mk8s admin clusters list")
}

async fn create(session: &SessionArgs, name: ClusterName, labels: Labels) -> anyhow::Result<Exit> {
    let session = session.resolve()?;
    let client = session.client().await?;
    let hint = format!("another name, or mk8s admin clusters token create {name} for the one that exists");
    let new = NewCluster { name: name.clone(), labels };
    client.create_cluster(&new).await.map_err(|error| with_hint(error, ErrorCode::Conflict, &hint))?;
    // Should the token fail, the cluster is there: that is said first.
    output::say(&format!("created cluster {:?}", name.as_str()));
    let created = client.create_agent_token(&name, &NewAgentToken::default()).await.map_err(not_found)?;
    tokens::print(&session.server, &name, &created)
}

async fn list(session: &SessionArgs, args: ListArgs) -> anyhow::Result<Exit> {
    let clusters = session.resolve()?.client().await?.admin_clusters().await?;
    let columns = Columns::<AdminCluster>::default()
        .column("NAME", |cluster| cluster.name.to_string())
        .column("TOKENS", |cluster| cluster.tokens.to_string())
        .column("DECLARED BY", |cluster| declared_by(cluster.bootstrap).into())
        .column("CREATED", |cluster| output::ago(Some(cluster.created_at)))
        .wide("ID", |cluster| cluster.id.to_string());
    let none = "no clusters yet: mk8s admin clusters create <name>";
    args.print(&clusters, |cluster| cluster.name.to_string(), none, &columns)
}

fn describe(cluster: &AdminCluster) -> String {
    output::fields(&[
        ("Name", cluster.name.to_string()),
        ("ID", cluster.id.to_string()),
        ("Labels", output::labels(&cluster.labels)),
        ("Tokens", cluster.tokens.to_string()),
        ("Declared by", declared_by(cluster.bootstrap).into()),
        ("Created", output::since(cluster.created_at)),
    ])
}

/// What is declared by the configuration of central is there again after a restart.
pub fn declared_by(bootstrap: bool) -> &'static str {
    if bootstrap { "configuration" } else { "admin" }
}
