//! `mk8s clusters`: show the clusters, choose the current one.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::exit::{CliError, Exit};
use super::output::{self, Format, OutputArgs};
use super::session::{Session, SessionArgs};
use crate::config::{ClientState, StateLock, paths};
use crate::kubernetes::label_selector::LabelSelector;
use crate::model::age::age;
use crate::model::{Cluster, ClusterName};

/// What to do with clusters.
#[derive(Subcommand)]
pub enum ClustersCommand {
    /// List all clusters; the current one has a star
    #[command(visible_alias = "ls")]
    List(ListArgs),
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
pub struct ListArgs {
    /// Only those with these labels, in the form of kubectl: env=prod,tier!=web
    #[arg(short = 'l', long)]
    selector: Option<String>,
    /// Show the labels as well
    #[arg(long)]
    show_labels: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: ClustersCommand) -> anyhow::Result<Exit> {
    match command {
        ClustersCommand::List(args) => list(session, args).await,
        ClustersCommand::Show { name, output } => show(session, name, output.output).await,
        ClustersCommand::Use { name } => choose(session, name).await,
    }
}

async fn list(session: &SessionArgs, args: ListArgs) -> anyhow::Result<Exit> {
    let selector = args.selector.unwrap_or_default();
    let selector = LabelSelector::parse(selector.as_bytes()).map_err(|error| {
        CliError::usage(format!("--selector {selector:?}: {error}"), "mk8s clusters list --show-labels")
    })?;
    let session = session.resolve()?;
    let mut clusters = session.client().await?.clusters().await?;
    let any = !clusters.is_empty();
    clusters.retain(|cluster| selector.matches(&cluster.labels));
    let text = match args.output.output {
        Format::Json => output::json(&clusters)?,
        Format::Name => clusters.iter().map(|c| format!("{}\n", c.name)).collect(),
        Format::Table if clusters.is_empty() => {
            eprintln!(
                "{}",
                if any { "no cluster has these labels" } else { "no clusters yet: mk8s admin clusters create <name>" }
            );
            String::new()
        }
        Format::Table => {
            let current = session.cluster.as_deref();
            let mut header = vec!["", "NAME", "STATUS", "KUBERNETES", "NODES", "AGENT", "LAST SEEN"];
            let mut rows: Vec<_> = clusters.iter().map(|cluster| row(cluster, current)).collect();
            if args.show_labels {
                header.push("LABELS");
                rows.iter_mut().zip(&clusters).for_each(|(row, cluster)| row.push(output::labels(&cluster.labels)));
            }
            output::table(&header, rows)
        }
    };
    output::print(&text)
}

fn row(cluster: &Cluster, current: Option<&str>) -> Vec<String> {
    let mark = if current == Some(cluster.name.as_str()) { "*" } else { "" };
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    vec![
        mark.into(),
        cluster.name.to_string(),
        cluster.status.as_str().into(),
        or_dash(cluster.facts.kubernetes_version.clone()),
        or_dash(cluster.facts.node_count.map(|n| n.to_string())),
        or_dash(cluster.agent_version.clone()),
        output::ago(cluster.last_seen),
    ]
}

async fn show(session: &SessionArgs, name: Option<ClusterName>, format: Format) -> anyhow::Result<Exit> {
    let session = session.resolve()?;
    let name = name.map_or_else(|| session.cluster(), Ok)?;
    let cluster = session.client().await?.cluster(&name).await?;
    let text = match format {
        Format::Json => output::json(&cluster)?,
        Format::Name => format!("{}\n", cluster.name),
        Format::Table => describe(&cluster),
    };
    output::print(&text)
}

fn describe(cluster: &Cluster) -> String {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let facts = &cluster.facts;
    let lines = [
        ("Name", cluster.name.to_string()),
        ("Labels", output::labels(&cluster.labels)),
        ("Status", cluster.status.as_str().into()),
        (
            "Last seen",
            cluster.last_seen.map_or_else(|| "never".into(), |t| format!("{t:.0} ({} ago)", age(t, Timestamp::now()))),
        ),
        ("Tunnels", cluster.tunnels.to_string()),
        ("Agent", or_dash(cluster.agent_version.clone())),
        ("Kubernetes", or_dash(facts.kubernetes_version.clone())),
        ("kubectl", or_dash(facts.kubectl_version.clone())),
        ("Sandbox", or_dash(facts.sandbox.clone())),
        ("Nodes", or_dash(facts.node_count.map(|n| n.to_string()))),
    ];
    output::fields(&lines)
}

async fn choose(session: &SessionArgs, name: ClusterName) -> anyhow::Result<Exit> {
    let resolved = session.resolve()?;
    resolved.client().await?.cluster(&name).await?;
    let path = paths::client_state();
    let _lock = StateLock::take(&path).await?;
    let state = ClientState::load(&path)?;
    let Session { server, authority, .. } = resolved;
    // The state is read from any directory.
    authority
        .remember(ClientState {
            server: Some(server),
            cluster: Some(name.clone()),
            session: state.session,
            ..ClientState::default()
        })?
        .save(&path)?;
    eprintln!("now using cluster {:?}", name.as_str());
    Ok(Exit::OK)
}
