//! What the records say.

use std::fs;
use std::time::{Duration, Instant};

use mk8s::model::audit::{AuditDecision, AuditFilter, AuditKind, AuditOutcome};
use serde_json::{Value, json};

use crate::support::{Central, Namespace, PATIENCE, Process, Stack, kubernetes, run, wait_for};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_request_through_the_gateway_is_recorded() {
    let stack = Stack::start();
    let (central, namespace) = (&stack.central, Namespace::create());
    let ns = namespace.0.as_str();
    run(central.through(Some(ns)).args(["create", "configmap", "map", "--from-literal=k=hunter2"]), b"").expect(0);
    run(central.through(Some(ns)).args(["get", "configmaps"]), b"").expect(0);
    let made = central.recorded("the creation", |record| {
        record.verb.as_deref() == Some("create") && record.namespace.as_deref() == Some(ns)
    });
    assert_eq!((made.kind, made.decision), (Some(AuditKind::Gateway), Some(AuditDecision::Allowed)));
    assert_eq!((made.user.as_deref(), made.cluster.as_deref()), (Some("admin@localhost"), Some("dev")));
    assert_eq!((made.resource.as_deref(), made.group.as_deref()), (Some("configmaps"), None));
    assert_eq!((made.status, made.outcome), (Some(201), Some(AuditOutcome::Complete)));
    assert_eq!((made.rule.as_deref(), made.source_ip.as_deref()), (Some("admin"), Some("127.0.0.1")));
    assert!(made.credential.is_some_and(|credential| credential.starts_with("token:")));
    assert!(made.user_agent.is_some_and(|agent| agent.starts_with("kubectl/")));
    assert!(made.bytes_in > Some(50) && made.bytes_out > Some(50) && made.duration_micros > Some(0));
    let listed = central.recorded("the list", |record| {
        record.verb.as_deref() == Some("list") && record.namespace.as_deref() == Some(ns)
    });
    assert_eq!(listed.status, Some(200));
    // The same id is in the log of the cluster.
    let audit = std::fs::read_to_string(kubernetes().audit_log()).expect("audit log");
    for id in [&made.id, &listed.id] {
        assert!(audit.contains(id.as_str()), "{id} is not in the audit log of the API server");
    }
}

#[test]
fn a_command_is_recorded_with_what_it_asked_for() {
    let stack = Stack::start();
    let central = &stack.central;
    let namespace = Namespace::create();
    let args = ["kubectl", "-n", &namespace.0, "create", "secret", "generic", "s", "--from-literal=k=hunter2"];
    stack.run(&args).expect(0);
    let command = central.recorded("the command", |record| record.kind == Some(AuditKind::Exec));
    let expected = format!("create secret generic --namespace={} --from-literal=k=<redacted> s", namespace.0);
    assert_eq!(command.command.as_deref(), Some(expected.as_str()));
    assert_eq!((command.exit_code, command.outcome), (Some(0), Some(AuditOutcome::Complete)));
    let of = AuditFilter { parent: some(&command.id), ..AuditFilter::default() };
    let calls = wait_for("its requests", PATIENCE, || Some(central.audit(&of)).filter(|calls| !calls.is_empty()));
    let post = calls.iter().find(|call| call.verb.as_deref() == Some("create")).unwrap_or_else(|| panic!("{calls:#?}"));
    assert_eq!((post.resource.as_deref(), post.namespace.as_deref()), (Some("secrets"), Some(namespace.0.as_str())));
    assert_eq!((post.kind, post.status), (Some(AuditKind::ApiCall), Some(201)));
    let audit = std::fs::read_to_string(kubernetes().audit_log()).expect("audit log");
    let line = audit.lines().find(|line| line.contains(&command.id)).expect("the command in the log of the cluster");
    assert!(line.contains("/secrets"), "{line}");
    // What cannot be read is recorded without its words.
    stack.run(&["kubectl", "get", "pods", "--kubeconfig=hunter2"]).expect(2);
    let refused = central.recorded("the refusal", |record| record.outcome == Some(AuditOutcome::Refused));
    assert_eq!((refused.command.as_deref(), refused.verb.as_deref()), (None, Some("get")));
    assert!(!serde_json::to_string(&central.audit(&AuditFilter::default())).expect("JSON").contains("hunter2"));
}

#[test]
fn both_ends_of_an_upgrade_are_recorded() {
    let stack = Stack::start();
    let (central, namespace) = (&stack.central, Namespace::create());
    namespace.pod("web", "exec sleep 100000");
    let ns = namespace.0.as_str();
    let line = ["exec", "web", "--", "sh", "-c", "echo started; export TOKEN=hunter2; exec sleep 1000"];
    let command = Process::start(central.through(Some(ns)).args(line));
    wait_for("output", PATIENCE, || (!command.stdout().is_empty()).then_some(()));
    let is_exec = |record: &mk8s::model::audit::AuditRecord| record.subresource.as_deref() == Some("exec");
    let running =
        central.audit(&AuditFilter::default()).into_iter().find(is_exec).expect("it is recorded while it runs");
    assert_eq!((running.outcome, running.status), (None, None));
    assert_eq!(
        running.command.as_deref(),
        Some("exec web -- sh -c 'echo started; export TOKEN=<redacted> exec sleep 1000'")
    );
    command.signal(nix::sys::signal::Signal::SIGKILL);
    let ended = central.recorded("its end", is_exec);
    assert_eq!((ended.id, ended.status), (running.id, Some(101)));
    assert!(ended.bytes_out > Some(0));
    let mut forward = Process::start(central.through(Some(ns)).args(["port-forward", "web", ":80"]));
    wait_for("the port", PATIENCE, || (!forward.stdout().is_empty()).then_some(()));
    forward.signal(nix::sys::signal::Signal::SIGINT);
    forward.wait(PATIENCE);
    let forwarded = central.recorded("the port-forward", |record| record.subresource.as_deref() == Some("portforward"));
    assert!(forwarded.command.is_some_and(|command| command.starts_with("port-forward web")));
}

#[test]
fn what_is_denied_is_recorded_with_the_reason() {
    let stack = Stack::start();
    let central = &stack.central;
    let viewer = central.user("viewer@example.com", &["viewer"]);
    run(central.through_as(&viewer, Some("default")).args(["delete", "pod", "web"]), b"").expect(1);
    let denied = central.recorded("the refusal", |record| record.decision == Some(AuditDecision::Denied));
    assert_eq!((denied.user.as_deref(), denied.status), (Some("viewer@example.com"), Some(403)));
    assert_eq!((denied.verb.as_deref(), denied.name.as_deref()), (Some("delete"), Some("web")));
    assert!(denied.rule.is_some_and(|rule| rule.contains("viewer")));
    // Administration, too.
    central.api("POST", "/admin/clusters", &viewer, Some(&json!({ "name": "x" }))).expect(403);
    let denied =
        central.recorded("the refusal", |record| record.kind == Some(AuditKind::Admin) && record.status == Some(403));
    assert_eq!((denied.target.as_deref(), denied.decision), (Some("/admin/clusters"), Some(AuditDecision::Denied)));
    let filter = AuditFilter { decision: Some(AuditDecision::Denied), ..AuditFilter::default() };
    assert!(central.audit(&filter).len() >= 2);
    central.get("/admin/audit", &viewer).expect(403);
}

#[test]
fn logins_and_changes_are_recorded_and_no_password() {
    let central = Central::start();
    central.login("admin@localhost", "wrong hunter2").expect(401);
    central.login("hunter2", "hunter2").expect(401);
    central.admin();
    let logins = AuditFilter { kind: Some(AuditKind::Login), ..AuditFilter::default() };
    let logins = wait_for("logins", PATIENCE, || Some(central.audit(&logins)).filter(|logins| logins.len() >= 3));
    let seen: Vec<(Option<&str>, Option<AuditDecision>)> =
        logins.iter().take(3).map(|login| (login.user.as_deref(), login.decision)).collect();
    let admin = Some("admin@localhost");
    assert_eq!(
        seen,
        [
            (admin, Some(AuditDecision::Allowed)),
            (None, Some(AuditDecision::Denied)),
            (admin, Some(AuditDecision::Denied))
        ]
    );
    let new = json!({ "email": "ann@example.com", "password": "hunter2 is long enough", "roles": ["viewer"] });
    central.api("POST", "/admin/users", Central::token(), Some(&new)).expect(201);
    let made = central.recorded("the new user", |record| record.target.as_deref() == Some("/admin/users"));
    assert_eq!(made.detail.as_deref(), Some("user ann@example.com with roles viewer"));
    assert_eq!((made.kind, made.status), (Some(AuditKind::Admin), Some(201)));
    assert!(!serde_json::to_string(&central.audit(&AuditFilter::default())).expect("JSON").contains("hunter2"));
}

#[test]
fn the_command_shows_exports_and_follows() {
    let stack = Stack::start();
    let central = &stack.central;
    let audit = |args: &[&str]| run(central.mk8s().arg("audit").args(args), b"").expect(0).out();
    stack.run(&["kubectl", "get", "namespaces"]).expect(0);
    stack.run(&["kubectl", "get", "nodes"]).expect(0);
    let table = wait_for("the table", PATIENCE, || {
        Some(audit(&["--kind", "exec"])).filter(|table| table.lines().count() == 3 && !table.contains("running"))
    });
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("TIME") && lines[0].contains("WHAT"), "{table}");
    assert!(lines[1].contains("get namespaces") && lines[2].contains("get nodes"), "{table}");
    assert!(lines[2].contains("exit 0") && lines[2].contains("admin@localhost"), "{table}");
    assert_eq!(audit(&["--kind", "exec", "--since", "1h", "--limit", "1"]).lines().count(), 2);
    assert_eq!(audit(&["--kind", "exec", "--until", "1h"]).lines().count(), 1, "only the header");
    assert_eq!(audit(&["--user", "eve@example.com", "-o", "json"]), "");
    let exported = audit(&["--kind", "exec", "-o", "json"]);
    let first: Value = serde_json::from_str(exported.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["command"], exported.lines().count()), (&json!("get nodes"), 2));
    let mut follow = Process::start(central.mk8s().args(["audit", "--follow", "--kind", "exec"]));
    wait_for("the header", PATIENCE, || (!follow.stdout().is_empty()).then_some(()));
    stack.run(&["kubectl", "get", "pods", "-A"]).expect(0);
    wait_for("the line", PATIENCE, || {
        String::from_utf8_lossy(&follow.stdout()).contains("get --all-namespaces=true pods").then_some(())
    });
    // What runs for longer than is looked back has its end too.
    let mut long = Process::start(central.mk8s().args(["kubectl", "get", "pods", "-n", "default", "--watch"]));
    let count = |text: &str| String::from_utf8_lossy(&follow.stdout()).matches(text).count();
    wait_for("a request that runs", PATIENCE, || (count("running") == 1).then_some(()));
    let since = Instant::now();
    wait_for("ten seconds and more", PATIENCE, || (since.elapsed() > Duration::from_secs(12)).then_some(()));
    long.signal(nix::sys::signal::Signal::SIGINT);
    long.wait(PATIENCE);
    wait_for("its end", PATIENCE, || (count("--watch") == 2).then_some(()));
    assert!(follow.is_running());
    let limited = run(central.mk8s().args(["audit", "--follow", "--limit", "1"]), b"").expect(2);
    assert!(limited.err().contains("'--limit <N>'"), "{}", limited.err());
    let wrong = run(central.mk8s().args(["audit", "--since", "yesterday"]), b"").expect(2);
    assert!(wrong.err().contains("how long ago, such as 2h"), "{}", wrong.err());
}

/// The shortest tokens are renewed for each request.
#[test]
fn what_is_followed_goes_on_with_new_tokens() {
    let dir = Central::prepared();
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read") + "auth: {access_token_seconds: 60}\n";
    fs::write(&file, config).expect("write");
    let central = Central::start_in(dir, &[]);
    central.log_in();
    let state = || fs::read_to_string(central.dir.path().join("client.yaml")).expect("the state");
    let mut follow = Process::start(central.client().env_remove("MK8S_CLUSTER").args(["audit", "-f"]));
    wait_for("the header", PATIENCE, || (!follow.stdout().is_empty()).then_some(()));
    let first = state();
    wait_for("another token", PATIENCE, || (state() != first).then_some(()));
    central.run(&["admin", "clusters", "create", "later"]).expect(0);
    wait_for("the line", PATIENCE, || {
        String::from_utf8_lossy(&follow.stdout()).contains("/admin/clusters").then_some(())
    });
    assert!(follow.is_running());
}
