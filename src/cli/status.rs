//! `mk8s status`: which central and cluster are in use, and whether they answer.

use serde::Serialize;

use super::exit::Exit;
use super::output::{self, Format, OutputArgs};
use super::session::SessionArgs;
use crate::config::paths;
use crate::model::ClusterStatus;
use crate::model::version::VERSION;

#[derive(Serialize)]
struct Status {
    client_version: &'static str,
    config_file: String,
    server: String,
    server_version: String,
    cluster: Option<String>,
    cluster_status: Option<&'static str>,
    clusters: usize,
    clusters_online: usize,
}

/// Asks central. Fails as any other command does when it does not answer.
pub async fn run(session: &SessionArgs, args: OutputArgs) -> anyhow::Result<Exit> {
    let session = session.resolve()?;
    let client = session.client()?;
    let health = client.health().await?;
    let clusters = client.clusters().await?;
    let current = session.cluster.as_deref().and_then(|name| clusters.iter().find(|c| c.name.as_str() == name));
    let status = Status {
        client_version: VERSION,
        config_file: paths::client_state().display().to_string(),
        server: session.server.clone(),
        server_version: health.version,
        cluster_status: session.cluster.as_ref().map(|_| current.map_or("unknown", |c| c.status.as_str())),
        cluster: session.cluster,
        clusters: clusters.len(),
        clusters_online: clusters.iter().filter(|c| c.status == ClusterStatus::Online).count(),
    };
    let text = match args.output {
        Format::Json => output::json(&status)?,
        Format::Name => format!("{}\n", status.server),
        Format::Table => describe(&status),
    };
    output::print(&text)
}

fn describe(status: &Status) -> String {
    let cluster = match (&status.cluster, status.cluster_status) {
        (Some(name), Some(state)) => format!("{name} ({state})"),
        _ => "none (mk8s clusters use <name>)".into(),
    };
    let lines = [
        ("Server", format!("{} (version {})", status.server, status.server_version)),
        ("Cluster", cluster),
        ("Clusters", format!("{} of {} online", status.clusters_online, status.clusters)),
        ("Client", format!("version {}", status.client_version)),
        ("Config", status.config_file.clone()),
    ];
    lines.iter().map(|(name, value)| format!("{:<10}{value}\n", format!("{name}:"))).collect()
}
