//! `mk8s clusters`: show the clusters, choose the current one.

use std::env;

use clap::{Args, Subcommand};

use super::exit::{CliError, Exit};
use super::output::{self, Columns, ListArgs, OutputArgs, or_dash};
use super::session::{Session, SessionArgs};
use crate::config::{ClientState, StateLock, paths};
use crate::kubernetes::label_selector::LabelSelector;
use crate::model::{Cluster, ClusterName};

/// What to do with clusters.
#[derive(Subcommand)]
pub enum ClustersCommand {
    /// List all clusters; the current one has a star
    #[command(visible_alias = "ls")]
    List(ClusterListArgs),
    /// Show one cluster, by default the current one
    Show {
        /// Its name
        name: Option<ClusterName>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Make a cluster the current one
    Use {
        /// Its name
        name: ClusterName,
    },
}

/// Which clusters to list, and how.
#[derive(Args)]
pub struct ClusterListArgs {
    /// Only those with these labels, in the form of kubectl: env=prod,tier!=web
    #[arg(short = 'l', long)]
    selector: Option<String>,
    /// Show the labels as well
    #[arg(long)]
    show_labels: bool,
    #[command(flatten)]
    output: ListArgs,
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: ClustersCommand) -> anyhow::Result<Exit> {
    match command {
        ClustersCommand::List(args) => list(session, args).await,
        ClustersCommand::Show { name, output } => show(session, name, output).await,
        ClustersCommand::Use { name } => choose(session, name).await,
    }
}

async fn list(session: &SessionArgs, args: ClusterListArgs) -> anyhow::Result<Exit> {
    let selector = args.selector.unwrap_or_default();
    let selector = LabelSelector::parse(selector.as_bytes()).map_err(|error| {
        CliError::usage(format!("--selector {selector:?}: {error}"), "mk8s clusters list --show-labels")
    })?;
    let session = session.resolve()?;
    let mut clusters = session.client().await?.clusters().await?;
    let none = match clusters.is_empty() {
        true => "no clusters yet: mk8s admin clusters create <name>",
        false => "no cluster has these labels",
    };
    clusters.retain(|cluster| selector.matches(&cluster.labels));
    let current = session.cluster.as_deref();
    let mark = |cluster: &Cluster| if current == Some(cluster.name.as_str()) { "*" } else { "" };
    let mut columns = Columns::<Cluster>::default()
        .column("", |cluster| mark(cluster).into())
        .column("NAME", |cluster| cluster.name.to_string())
        .column("STATUS", |cluster| cluster.status.as_str().into())
        .column("KUBERNETES", |cluster| or_dash(cluster.facts.kubernetes_version.as_ref()))
        .column("NODES", |cluster| or_dash(cluster.facts.node_count))
        .column("AGENT", |cluster| or_dash(cluster.agent_version.as_ref()))
        .column("LAST SEEN", |cluster| output::ago(cluster.last_seen))
        .wide("TUNNELS", |cluster| cluster.tunnels.to_string())
        .wide("KUBECTL", |cluster| or_dash(cluster.facts.kubectl_version.as_ref()))
        .wide("SANDBOX", |cluster| or_dash(cluster.facts.sandbox.as_ref()));
    if args.show_labels {
        columns = columns.column("LABELS", |cluster| output::labels(&cluster.labels));
    }
    args.output.print(&clusters, |cluster| cluster.name.to_string(), none, &columns)
}

async fn show(session: &SessionArgs, name: Option<ClusterName>, args: OutputArgs) -> anyhow::Result<Exit> {
    let session = session.resolve()?;
    let name = name.map_or_else(|| session.cluster(), Ok)?;
    args.print(&session.client().await?.cluster(&name).await?, &name, describe)
}

fn describe(cluster: &Cluster) -> String {
    let facts = &cluster.facts;
    output::fields(&[
        ("Name", cluster.name.to_string()),
        ("Labels", output::labels(&cluster.labels)),
        ("Status", cluster.status.as_str().into()),
        ("Last seen", cluster.last_seen.map_or_else(|| "never".into(), output::since)),
        ("Tunnels", cluster.tunnels.to_string()),
        ("Agent", or_dash(cluster.agent_version.as_ref())),
        ("Kubernetes", or_dash(facts.kubernetes_version.as_ref())),
        ("kubectl", or_dash(facts.kubectl_version.as_ref())),
        ("Sandbox", or_dash(facts.sandbox.as_ref())),
        ("Nodes", or_dash(facts.node_count)),
    ])
}

async fn choose(session: &SessionArgs, name: ClusterName) -> anyhow::Result<Exit> {
    let resolved = session.resolve()?;
    resolved.client().await?.cluster(&name).await?;
    let path = paths::client_state();
    let _lock = StateLock::take(&path).await?;
    let state = ClientState::load(&path)?;
    let Session { server, authority, .. } = resolved;
    if let Some(other) = state.server.as_ref().filter(|_| !state.is_for(&server)) {
        let what = format!("{other} is remembered, with how it is recognised; {server} is for this command alone");
        let hint = format!("mk8s login {server}, or --cluster {name} (MK8S_CLUSTER) with each command");
        return Err(CliError::usage(what, hint).into());
    }
    // The state is read from any directory.
    authority
        .remember(ClientState {
            server: Some(server),
            cluster: Some(name.clone()),
            session: state.session,
            ..ClientState::default()
        })?
        .save(&path)?;
    output::say(&format!("now using cluster {:?}", name.as_str()));
    if let Some(set) = env::var("MK8S_CLUSTER").ok().filter(|set| !set.is_empty() && set != name.as_str()) {
        output::say(&format!("  note: MK8S_CLUSTER is set to {set:?} and goes before it"));
    }
    Ok(Exit::OK)
}
