//! Real traffic, and what the metrics say of it.

use crate::metrics::scrape::{Scrape, Site};
use crate::support::process::{Process, run};
use crate::support::stack::{ADMIN_PASSWORD, Central, TOKEN};
use crate::support::{PATIENCE, wait_for};

const PODS: &str = "/api/v1/namespaces/default/pods";

/// Says how much a value has grown.
struct Grown {
    before: Scrape,
    after: Scrape,
}

impl Grown {
    #[track_caller]
    fn by(&self, count: f64, name: &str, labels: &[&str]) {
        let grown = self.after.sum(name, labels) - self.before.sum(name, labels);
        assert!((grown - count).abs() < f64::EPSILON, "{name} {labels:?} has grown by {grown}, not {count}");
    }
}

#[test]
fn every_request_is_counted_once_where_it_belongs() {
    let site = Site::start();
    let viewer = site.central.user("viewer@example.com", &["viewer"]);
    run(site.central.mk8s().args(["kubectl", "get", "namespaces"]), b"").expect(0);
    let (before, agent_before) = (site.of_central.scrape(), site.of_agent.scrape());

    for _ in 0..3 {
        assert_eq!(site.through_the_gateway(Central::token(), PODS), 200);
    }
    assert_eq!(site.through_the_gateway(Central::token(), &format!("{PODS}/none")), 404);
    assert_eq!(site.through_the_gateway(&viewer, "/api/v1/secrets"), 403);
    assert_eq!(site.through_the_gateway("nonsense", PODS), 401);
    let made_up = site.central.get(&format!("/clusters/made-up/k8s{PODS}"), Central::token());
    assert_eq!(made_up.status, 404);
    assert_eq!(site.central.api("DELETE", "/nowhere", "", None).status, 404);
    run(site.central.mk8s().args(["kubectl", "get", "configmaps", "--namespace", "default"]), b"").expect(0);
    run(site.central.mk8s().args(["kubectl", "get", "pods", "none", "--namespace", "default"]), b"").expect(1);
    site.central.login("admin@localhost", "wrong password").expect(401);
    site.central.admin();

    let command = &["cluster=dev", "outcome=complete"];
    let after = site.of_central.wait_for("the commands", |scrape| {
        (scrape.sum("mk8s_commands_total", command) - before.sum("mk8s_commands_total", command)).abs() > 1.5
            && scrape.sum("mk8s_open_streams", &[]) == 0.0
    });
    let grown = Grown { before, after };
    let requests = "mk8s_cluster_requests_total";
    grown.by(3.0, requests, &["cluster=dev", "via=gateway", "verb=list", "code=200"]);
    grown.by(1.0, requests, &["cluster=dev", "via=gateway", "verb=get", "code=404"]);
    grown.by(1.0, requests, &["cluster=dev", "via=gateway", "verb=list", "code=403"]);
    grown.by(5.0, requests, &["cluster=dev", "via=gateway"]);
    grown.by(1.0, requests, &["cluster=", "via=gateway", "code=404"]);
    grown.by(1.0, requests, &["cluster=dev", "via=command", "verb=list", "code=200"]);
    grown.by(1.0, requests, &["cluster=dev", "via=command", "verb=get", "code=404"]);
    let latency = "mk8s_cluster_request_duration_seconds_count";
    grown.by(3.0, latency, &["cluster=dev", "via=gateway", "verb=list"]);
    grown.by(2.0, "mk8s_commands_total", command);
    grown.by(2.0, "mk8s_command_duration_seconds_count", &["cluster=dev"]);
    grown.by(1.0, "mk8s_denied_requests_total", &["cluster=dev", "kind=gateway"]);
    grown.by(1.0, "mk8s_denied_requests_total", &[]);
    grown.by(1.0, "mk8s_logins_total", &["result=success"]);
    grown.by(1.0, "mk8s_logins_total", &["result=refused"]);
    let http = "mk8s_http_requests_total";
    let gateway = "route=/clusters/{name}/k8s/{path}";
    grown.by(3.0, http, &[gateway, "method=GET", "code=200"]);
    grown.by(1.0, http, &[gateway, "code=401"]);
    grown.by(2.0, http, &[gateway, "code=404"]);
    grown.by(1.0, http, &["route=other", "method=DELETE", "code=404"]);
    grown.by(2.0, http, &["route=/auth/login"]);
    grown.by(2.0, "mk8s_http_request_duration_seconds_count", &["route=/auth/login"]);
    assert!(grown.after.sum("mk8s_cluster_bytes_total", &["cluster=dev", "direction=out"]) > 100.0);
    assert!(grown.after.sum("mk8s_audit_rows_total", &[]) > grown.before.sum("mk8s_audit_rows_total", &[]));

    let agent = Grown { before: agent_before, after: site.of_agent.scrape() };
    agent.by(3.0, "mk8s_agent_requests_total", &["via=gateway", "verb=list", "code=200"]);
    // What central has denied does not come here.
    agent.by(4.0, "mk8s_agent_requests_total", &["via=gateway"]);
    agent.by(1.0, "mk8s_agent_requests_total", &["via=command", "verb=list", "code=200"]);
    agent.by(3.0, "mk8s_agent_request_duration_seconds_count", &["via=gateway", "verb=list"]);
    agent.by(2.0, "mk8s_agent_commands_total", &["result=exited"]);

    for text in [&grown.after.text, &agent.after.text] {
        for secret in [Central::token(), TOKEN, ADMIN_PASSWORD, &viewer, "mk8s_pat_", "@", "made-up", "nowhere"] {
            assert!(!text.contains(secret), "{secret} is in the metrics:\n{text}");
        }
    }
}

#[test]
fn what_runs_is_seen_while_it_runs() {
    let site = Site::start();
    let streams = |kind: &str| {
        let scrape = site.of_central.scrape();
        scrape.sum("mk8s_open_streams", &["cluster=dev", &format!("kind={kind}")])
    };
    assert_eq!((streams("watch"), streams("command")), (0.0, 0.0));
    let mut curl = site.central.curl();
    let watch = format!("{}/clusters/dev/k8s/api/v1/namespaces?watch=1", site.central.url);
    let watching = Process::start(curl.args(["--no-buffer", &watch]));
    let command = Process::start(site.central.mk8s().args(["kubectl", "get", "namespaces", "--watch"]));
    wait_for("both", PATIENCE, || (streams("watch") == 1.0 && streams("command") == 1.0).then_some(()));
    let central = site.of_central.scrape();
    assert_eq!(central.sum("mk8s_tunnels", &["cluster=ghost"]), 0.0);
    assert!(central.sum("mk8s_tunnels", &["cluster=dev"]) >= 1.0 && central.sum("mk8s_tunnel_streams", &[]) >= 2.0);
    let agent = site.of_agent.wait_for("the command", |s| s.sum("mk8s_agent_commands_running", &[]) == 1.0);
    assert!(agent.sum("mk8s_agent_tunnels", &[]) >= 1.0 && agent.sum("mk8s_agent_tunnel_streams", &[]) >= 2.0);
    drop((watching, command));
    wait_for("the end of both", PATIENCE, || (streams("watch") + streams("command") == 0.0).then_some(()));
    let agent = site.of_agent.wait_for("the end here", |s| s.sum("mk8s_agent_commands_running", &[]) == 0.0);
    assert_eq!(agent.sum("mk8s_agent_commands_total", &[]), 1.0);
}

#[test]
fn a_cluster_that_is_deleted_has_no_metrics_any_more() {
    let site = Site::start();
    let has =
        |scrape: &Scrape| scrape.samples.iter().any(|sample| sample.labels.values().any(|value| value == "ghost"));
    assert!(has(&site.of_central.scrape()));
    site.central.api("DELETE", "/admin/clusters/ghost", Central::token(), None).expect(204);
    site.of_central.wait_for("no ghost", |scrape| !has(scrape));
}
