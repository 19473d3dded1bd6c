//! The chosen cluster: what central knows of it, and requests that go all the way to its API server.

use super::report::{Finding, Report, timed};
use super::requests;
use super::server::Reached;
use super::skew;
use crate::cli::exit::with_hint;
use crate::cli::output;
use crate::cli::session::Session;
use crate::client::Client;
use crate::model::{Cluster, ClusterName, ClusterStatus, ErrorCode};

pub(super) const GROUP: &str = "cluster";

/// What is known without asking the cluster.
const FACTS: [&str; 3] = ["agent-version", "kubectl-version", "sandbox"];

/// What is asked of the cluster.
const REQUESTS: [&str; 4] = ["gateway", "exec", "websocket", "spdy"];

/// Looks at all of it.
pub async fn check(
    report: &mut Report,
    session: Option<&Session>,
    reached: Option<&Reached>,
    caller: Option<Client>,
    namespace: &str,
) {
    let skip = |report: &mut Report, from: &[&[&'static str]], why: &str| {
        from.iter().for_each(|checks| report.skip(GROUP, checks, why));
    };
    let chosen = session.map(chosen).unwrap_or_else(|| (Finding::skipped("not checked: server failed", None), None));
    report.note(GROUP, "chosen", chosen.0);
    let Some(name) = chosen.1 else {
        return skip(report, &[&["visible", "online"], &FACTS, &REQUESTS], "no cluster is chosen");
    };
    let (Some(reached), Some(caller)) = (reached, caller) else {
        return skip(report, &[&["visible", "online"], &FACTS, &REQUESTS], "nobody is logged in");
    };
    let (done, cluster) = timed("visible", visible(&caller, &name)).await;
    report.add(GROUP, done);
    let Some(cluster) = cluster else {
        return skip(report, &[&["online"], &FACTS, &REQUESTS], "visible failed");
    };
    if !report.note(GROUP, "online", online(&cluster)) {
        return skip(report, &[&FACTS, &REQUESTS], "online failed");
    }
    report.note(GROUP, "agent-version", agent(&cluster, &reached.version));
    report.note(GROUP, "kubectl-version", kubectl(&cluster));
    report.note(GROUP, "sandbox", sandbox(cluster.facts.sandbox.as_deref()));
    requests::check(report, &caller, &name, namespace).await;
}

fn chosen(session: &Session) -> (Finding, Option<ClusterName>) {
    let Some(name) = &session.cluster else {
        let hint = "mk8s clusters use NAME, or mk8s doctor --cluster NAME";
        return (Finding::skipped("no cluster is chosen", Some(hint)), None);
    };
    match name.parse() {
        Ok(parsed) => (Finding::ok(name.clone()), Some(parsed)),
        Err(error) => (Finding::failed(format!("{error}"), "mk8s clusters list"), None),
    }
}

async fn visible(caller: &Client, name: &ClusterName) -> (Finding, Option<Cluster>) {
    match caller.cluster(name).await {
        Ok(cluster) => (Finding::ok("yes"), Some(cluster)),
        Err(error) => {
            let error = with_hint(error, ErrorCode::NotFound, "mk8s clusters list shows those that you may see");
            (Finding::error(&error, "mk8s clusters list"), None)
        }
    }
}

fn online(cluster: &Cluster) -> Finding {
    let seen = output::ago(cluster.last_seen);
    match cluster.status {
        ClusterStatus::Online => {
            let tunnels = if cluster.tunnels == 1 { "tunnel" } else { "tunnels" };
            Finding::ok(format!("{} {tunnels}, last seen {seen}", cluster.tunnels))
        }
        ClusterStatus::Offline => Finding::failed(
            format!("offline, last seen {seen}: no agent is connected"),
            "look at the log of the agent in that cluster: it says why it does not reach central",
        ),
    }
}

fn agent(cluster: &Cluster, central: &str) -> Finding {
    match &cluster.agent_version {
        Some(version) => skew::versions(("agent", version), ("central", central)),
        None => Finding::skipped("not checked: the agent has not told its version", None),
    }
}

fn kubectl(cluster: &Cluster) -> Finding {
    match (&cluster.facts.kubectl_version, &cluster.facts.kubernetes_version) {
        (Some(kubectl), Some(kubernetes)) => skew::versions(("kubectl", kubectl), ("Kubernetes", kubernetes)),
        _ => Finding::skipped("not checked: the API server has not answered the agent yet", None),
    }
}

fn sandbox(state: Option<&str>) -> Finding {
    match state {
        Some(state) if state.starts_with("enforced") => Finding::ok(state),
        Some(state) => {
            Finding::warning(state, "docs/architecture.md, \"The sandbox\": what it takes, and what it keeps out")
        }
        None => Finding::skipped("not checked: the agent has not told it", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(status: &str, kubectl: &str) -> Cluster {
        serde_json::from_value(serde_json::json!({
            "name": "dev", "status": status, "tunnels": 1, "agent_version": "0.1.0",
            "kubernetes_version": "v1.36.3", "kubectl_version": kubectl, "sandbox": "enforced (files)",
        }))
        .unwrap()
    }

    #[test]
    fn what_is_known_of_a_cluster_is_judged() {
        let said = |finding: &Finding| format!("{finding:?}");
        let dev = cluster("online", "v1.36.3");
        assert!(said(&online(&dev)).contains("1 tunnel, last seen never"));
        assert!(said(&online(&cluster("offline", "v1.36.3"))).contains("the log of the agent"));
        assert!(said(&agent(&dev, "0.2.0")).contains("Ok") && said(&agent(&dev, "0.3.0")).contains("newer agent"));
        assert!(said(&kubectl(&dev)).contains("Ok"));
        assert!(said(&kubectl(&cluster("online", "v1.34.0"))).contains("newer kubectl"));
        assert!(said(&sandbox(Some("enforced (files)"))).contains("Ok"));
        assert!(said(&sandbox(Some("off (it is switched off)"))).contains("Warning"));
        assert!(said(&sandbox(None)).contains("Skipped"));
    }
}
