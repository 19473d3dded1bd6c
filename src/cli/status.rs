//! `mk8s status`: which central, user and cluster are in use, and whether they answer.

use jiff::Timestamp;
use serde::Serialize;

use super::exit::{self, Exit};
use super::output::{self, OutputArgs};
use super::session::{Session, SessionArgs, TOKEN_VARIABLE};
use crate::client::{ClientError, Health};
use crate::config::paths;
use crate::model::session::Me;
use crate::model::version::VERSION;
use crate::model::{Cluster, ClusterStatus, Email, ErrorCode, RoleName};

#[derive(Serialize)]
struct Status {
    client_version: &'static str,
    config_file: String,
    server: String,
    server_version: String,
    /// When the certificate of the server ends.
    certificate_not_after: Option<Timestamp>,
    logged_in: bool,
    /// `session` or `api_token`.
    credential: Option<&'static str>,
    user: Option<Email>,
    roles: Vec<RoleName>,
    /// When the session or the API token ends.
    expires_at: Option<Timestamp>,
    cluster: Option<String>,
    cluster_status: Option<&'static str>,
    clusters: Option<usize>,
    clusters_online: Option<usize>,
}

/// Asks central. Fails as any other command does when it does not answer, but not when nobody is logged in.
pub async fn run(session: &SessionArgs, args: OutputArgs) -> anyhow::Result<Exit> {
    let session = session.resolve()?;
    let health = session.anonymous()?.health().await?;
    let (me, clusters) = match ask(&session).await {
        Ok((me, clusters)) => (Some(me), clusters),
        // A script that sets MK8S_TOKEN wants to know that it is refused.
        Err(error) if exit::of(&error) == Exit::NOT_LOGGED_IN && !session.uses_api_token() => (None, None),
        Err(error) => return Err(error),
    };
    let status = status(&session, health, me, clusters.as_deref());
    args.print(&status, &status.server, describe)
}

/// Who is asking, and the clusters; a user without any role may not see those.
async fn ask(session: &Session) -> anyhow::Result<(Me, Option<Vec<Cluster>>)> {
    let client = session.client().await?;
    let me = client.me().await?;
    match client.clusters().await {
        Ok(clusters) => Ok((me, Some(clusters))),
        Err(ClientError::Problem(problem)) if problem.code == ErrorCode::Forbidden => Ok((me, None)),
        Err(error) => Err(error.into()),
    }
}

fn status(session: &Session, health: Health, me: Option<Me>, clusters: Option<&[Cluster]>) -> Status {
    let current = |name: &String| {
        let found = clusters?.iter().find(|c| c.name.as_str() == name);
        Some(found.map_or("unknown", |c| c.status.as_str()))
    };
    let expires_at = me.as_ref().map(|me| match session.stored() {
        Some(stored) if me.api_token.is_none() => stored.refresh_expires_at,
        _ => me.expires_at,
    });
    Status {
        client_version: VERSION,
        config_file: paths::client_state().display().to_string(),
        server: session.server.clone(),
        server_version: health.version,
        certificate_not_after: health.certificate_not_after,
        logged_in: me.is_some(),
        credential: me.as_ref().map(|_| if session.uses_api_token() { "api_token" } else { "session" }),
        user: me.as_ref().map(|me| me.user.email.clone()),
        roles: me.map(|me| me.user.roles).unwrap_or_default(),
        expires_at,
        cluster_status: session.cluster.as_ref().and_then(current),
        cluster: session.cluster.clone(),
        clusters: clusters.map(<[Cluster]>::len),
        clusters_online: clusters.map(|all| all.iter().filter(|c| c.status == ClusterStatus::Online).count()),
    }
}

fn describe(status: &Status) -> String {
    let user = match (&status.user, status.credential) {
        (Some(user), Some("api_token")) => format!("{user} (API token in {TOKEN_VARIABLE})"),
        (Some(user), _) => user.to_string(),
        (None, _) => format!("not logged in (mk8s login {})", status.server),
    };
    let cluster = match (&status.cluster, status.cluster_status) {
        (Some(name), Some(state)) => format!("{name} ({state})"),
        (Some(name), None) => name.clone(),
        (None, _) => "none (mk8s clusters use <name>)".into(),
    };
    let mut lines = vec![("Server", format!("{} (version {})", status.server, status.server_version)), ("User", user)];
    if let Some(not_after) = status.certificate_not_after {
        lines.insert(1, ("Certificate", format!("expires {}", output::until(not_after))));
    }
    if let Some(expires_at) = status.expires_at {
        lines.push(("Roles", output::roles(&status.roles)));
        lines.push(("Expires", output::until(expires_at)));
    }
    lines.push(("Cluster", cluster));
    if let (Some(online), Some(all)) = (status.clusters_online, status.clusters) {
        lines.push(("Clusters", format!("{online} of {all} online")));
    }
    lines.push(("Client", format!("version {}", status.client_version)));
    lines.push(("Config", status.config_file.clone()));
    output::fields(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_session_there_is_a_status_too() {
        let nobody = Status {
            client_version: "1",
            config_file: "/c.yaml".into(),
            server: "https://a".into(),
            server_version: "2".into(),
            certificate_not_after: None,
            logged_in: false,
            credential: None,
            user: None,
            roles: Vec::new(),
            expires_at: None,
            cluster: Some("dev".into()),
            cluster_status: None,
            clusters: None,
            clusters_online: None,
        };
        assert_eq!(
            describe(&nobody),
            "Server:   https://a (version 2)\nUser:     not logged in (mk8s login https://a)\nCluster:  dev\n\
             Client:   version 1\nConfig:   /c.yaml\n"
        );
        let ann = Status {
            logged_in: true,
            credential: Some("session"),
            user: Some("ann@b".parse().unwrap()),
            roles: vec!["admin".parse().unwrap()],
            expires_at: Some("2026-01-02T15:04:05Z".parse().unwrap()),
            cluster_status: Some("online"),
            clusters: Some(2),
            clusters_online: Some(1),
            certificate_not_after: Some("2026-03-04T15:04:05Z".parse().unwrap()),
            ..nobody
        };
        let text = describe(&ann);
        for line in [
            "Certificate:  expires 2026-03-04T15:04:05Z (",
            "User:         ann@b\n",
            "Roles:        admin\n",
            "Cluster:      dev (online)\n",
            "1 of 2 online\n",
            "2026-01-02T15:04:05Z",
        ] {
            assert!(text.contains(line), "no {line:?} in {text}");
        }
    }
}
