//! One command in many clusters: checked for all before it begins, and what its options do. All clusters are the one of
//! the tests, with an agent each.

mod fleet;
mod forms;
mod terminal;

use std::fs;
use std::process::Command;

use mk8s::model::audit::{AuditDecision, AuditFilter, AuditKind, AuditRecord};
use nix::sys::signal::Signal::{SIGINT, SIGTERM};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};

use crate::cli::Client;
use crate::support::process::run_within;
use crate::support::stack::TOKEN;
use crate::support::{Agent, Central, Namespace, Output, PATIENCE, Process, kubernetes, run, wait_for};

/// The clusters that have agents.
const ONLINE: [&str; 3] = ["prod-a", "prod-b", "prod-long"];

/// One whose agent never comes. It is the first of all by its name.
const OFFLINE: &str = "off";

const MAP: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: map}, data: {key: value}}\n";

/// A central with these clusters besides its own.
fn central_with(names: &[String]) -> Central {
    let dir = Central::prepared();
    let mut entries = String::new();
    for name in names {
        fs::write(dir.path().join(format!("token-{name}")), token(name)).expect("write");
        entries += &format!("{{name: {name}, token_file: token-{name}}}, ");
    }
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read");
    fs::write(&file, config.replace("clusters: [", &format!("clusters: [{entries}"))).expect("write");
    Central::start_in(dir, &[])
}

/// The token of a cluster's agents.
fn token(name: &str) -> String {
    format!("{TOKEN}-{name}")
}

/// Waits until so many clusters whose names begin like this are online.
fn wait_online(central: &Central, prefix: &str, count: usize) {
    wait_for("clusters online", PATIENCE, || {
        let all: Value = serde_json::from_slice(&central.run(&["clusters", "list", "-o", "json"]).stdout).ok()?;
        let is_there = |cluster: &&Value| {
            cluster["status"] == "online" && cluster["name"].as_str().is_some_and(|name| name.starts_with(prefix))
        };
        (all.as_array()?.iter().filter(is_there).count() == count).then_some(())
    });
}

/// A central, the agents, and a namespace that all clusters have, since they are one.
struct Scene {
    agents: Vec<Agent>,
    central: Central,
    namespace: Namespace,
}

impl Scene {
    fn start() -> Self {
        let names: Vec<String> = ONLINE.iter().chain([&OFFLINE]).map(|name| (*name).to_owned()).collect();
        let central = central_with(&names);
        let agent = |name: &&str| Agent::start_with(&central, &token(name), &["--cluster", name]);
        let agents = ONLINE.iter().map(agent).collect();
        wait_online(&central, "prod-", ONLINE.len());
        Self { agents, central, namespace: Namespace::create() }
    }

    /// The same with the object of [`MAP`].
    fn with_map() -> Self {
        let scene = Self::start();
        scene.namespace.kubectl(&["apply", "-f", "-"], MAP);
        scene
    }

    /// `mk8s kubectl` with these options, and a command in the namespace.
    fn command(&self, options: &[&str], line: &[&str]) -> Command {
        let mut command = self.central.mk8s();
        command.arg("kubectl").args(options).args(["--", "--namespace", &self.namespace.0]).args(line);
        command
    }

    fn run(&self, options: &[&str], line: &[&str]) -> Output {
        run_within(&mut self.command(options, line), "", 2 * PATIENCE)
    }

    /// What the audit log has of a kind, the first first.
    fn audit(&self, kind: AuditKind) -> Vec<AuditRecord> {
        let mut records = self.central.audit(&AuditFilter { kind: Some(kind), ..AuditFilter::default() });
        records.sort_by(|one, other| one.id.cmp(&other.id));
        records
    }

    /// How many kubectls all agents run.
    fn children(&self) -> usize {
        self.agents.iter().map(|agent| agent.children().len()).sum()
    }

    #[track_caller]
    fn wait_for_children(&self, count: usize) {
        wait_for("kubectls at the agents", PATIENCE, || (self.children() == count).then_some(()));
    }
}

/// A command that goes on until it is ended.
const ENDLESS: [&str; 4] = ["wait", "--for=jsonpath={.data.key}=never", "--timeout=1h", "configmap/map"];

/// Lines in their order.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// A pipe is read before central is asked, and may have no end.
#[test]
fn a_pipe_that_is_read_can_be_interrupted() {
    let client = Client::new();
    let pipe = client.0.path().join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
    for (signal, code) in [(SIGINT, 130), (SIGTERM, 143)] {
        let mut command = client.command();
        let mut process = Process::start(command.args(["kubectl", "--clusters", "a", "--", "apply", "-f", "pipe"]));
        // It cannot be opened before somebody reads it.
        let _writer = fs::OpenOptions::new().write(true).open(&pipe).expect("a reader");
        process.signal(signal);
        assert_eq!(process.wait(PATIENCE), code);
    }
}

#[test]
fn a_command_is_one_operation_in_the_audit_log() {
    let scene = Scene::with_map();
    scene.run(&["--clusters", "prod-a,prod-long"], &["get", "configmap", "map"]).expect(0);
    let operations = scene.audit(AuditKind::Operation);
    let [operation] = &operations[..] else { panic!("{operations:#?}") };
    assert_eq!(operation.decision, Some(AuditDecision::Allowed));
    assert!(operation.command.as_deref().is_some_and(|line| line.starts_with("get ")), "{operation:?}");
    let commands = scene.audit(AuditKind::Exec);
    let mut clusters: Vec<_> = commands.iter().filter_map(|command| command.cluster.as_deref()).collect();
    clusters.sort_unstable();
    assert_eq!(clusters, ["prod-a", "prod-long"]);
    assert!(commands.iter().all(|command| command.parent.as_ref() == Some(&operation.id)), "{commands:#?}");
}

#[test]
fn nothing_begins_unless_all_is_allowed() {
    let scene = Scene::with_map();
    let (central, namespace) = (&scene.central, scene.namespace.0.as_str());
    central.make_role(&json!({"name": "short", "permissions": [
        {"clusters": ["prod-*"], "namespaces": [namespace], "resources": ["configmaps"], "verbs": ["get"]},
        {"clusters": ["prod-a", "prod-b"], "namespaces": [namespace], "resources": ["configmaps"], "verbs": ["delete"]},
    ]}));
    let token = central.user("short@example.com", &["short"]);
    let before = kubernetes().audited();
    let delete = |clusters: &str| {
        let mut command = scene.command(&["--clusters", clusters], &["delete", "configmap", "map", "--wait=false"]);
        run(command.env("MK8S_TOKEN", &token), b"")
    };
    let refused = delete("prod-*").expect(3);
    assert!(refused.err().contains("prod-long") && refused.err().contains("delete"), "{}", refused.err());
    assert_eq!(refused.out(), "");
    assert!(scene.audit(AuditKind::Exec).is_empty(), "{:#?}", scene.audit(AuditKind::Exec));
    let operations = scene.audit(AuditKind::Operation);
    assert_eq!(operations.iter().map(|row| row.decision).collect::<Vec<_>>(), [Some(AuditDecision::Denied)]);
    assert_eq!(kubernetes().ended_since(before, &["\"delete\"", namespace]), None);
    // In the clusters where it is allowed, it is.
    assert!(delete("prod-a").expect(0).out().contains("prod-a | configmap \"map\" deleted"));
    // What nobody may see is not there.
    delete("off").expect(5);
}

#[test]
fn a_cluster_that_is_offline_fails_and_the_others_go_on() {
    let scene = Scene::with_map();
    let output = scene.run(&["--clusters", "prod-*,off"], &["get", "configmap", "map", "-o", "name"]).expect(6);
    assert_eq!(
        sorted(&output.out()),
        ["prod-a    | configmap/map", "prod-b    | configmap/map", "prod-long | configmap/map"]
    );
    let said = output.err();
    assert!(said.contains("off       | error: cluster \"off\" is offline"), "{said}");
    assert!(said.contains("error: failed in 1 of 4 clusters: off\n  3 succeeded, 1 failed\n"), "{said}");
    let operation = scene.audit(AuditKind::Operation).pop().expect("an operation");
    assert!(said.contains(&format!("  operation: {}\n", operation.id)), "{said}");
}

#[test]
fn the_highest_exit_code_is_that_of_all() {
    let scene = Scene::with_map();
    scene.run(&["--clusters", "prod-*"], &["get", "configmap", "map"]).expect(0);
    scene.run(&["--clusters", "prod-*"], &["get", "configmap", "nosuch"]).expect(1);
    scene.run(&["--clusters", "prod-*,off"], &["get", "configmap", "nosuch"]).expect(6);
    scene.run(&["--clusters", "nosuch-*"], &["get", "configmap", "map"]).expect(5);
}

#[test]
fn clusters_are_chosen_by_their_labels() {
    let scene = Scene::with_map();
    for (name, labels) in [("prod-a", json!({"env": "prod", "tier": "web"})), ("prod-b", json!({"env": "prod"}))] {
        let path = format!("/admin/clusters/{name}");
        scene.central.api("PATCH", &path, Central::token(), Some(&json!({ "labels": labels }))).expect(200);
    }
    let get = ["get", "configmap", "map", "-o", "name"];
    let output = scene.run(&["--cluster-selector", "env=prod"], &get).expect(0);
    assert_eq!(sorted(&output.out()), ["prod-a | configmap/map", "prod-b | configmap/map"]);
    let output = scene.run(&["--cluster-selector", "tier!=web", "--clusters", "prod-a,prod-b"], &get).expect(0);
    assert_eq!(output.out(), "prod-b | configmap/map\n");
    scene.run(&["--cluster-selector", "env=dev"], &get).expect(5);
    scene.run(&["--cluster-selector", "env in prod"], &get).expect(2);
}

#[test]
fn fail_fast_ends_the_others_and_starts_no_more() {
    let scene = Scene::with_map();
    let options = ["--clusters", "off,prod-*", "--fail-fast"];
    let output = scene.run(&[&options[..], &["--concurrency", "1"]].concat(), &["get", "configmap", "map"]).expect(6);
    assert_eq!(output.out(), "");
    assert!(output.err().contains("  1 failed, 3 skipped\n"), "{}", output.err());
    // Without it all others run.
    let output = scene.run(&["--clusters", "off,prod-*", "--concurrency", "1"], &["get", "configmap", "map"]).expect(6);
    assert_eq!(output.out().lines().count(), 4);

    let output = scene.run(&options, &ENDLESS).expect(6);
    assert!(output.err().contains("  1 failed, 3 stopped\n"), "{}", output.err());
    scene.wait_for_children(0);
}

#[test]
fn canaries_go_first_and_decide() {
    let scene = Scene::with_map();
    let get = ["get", "configmap", "map", "-o", "name"];
    let output = scene.run(&["--clusters", "off,prod-*", "--canary", "1"], &get).expect(6);
    assert_eq!(output.out(), "");
    assert!(output.err().contains("  1 failed, 3 skipped\n"), "{}", output.err());
    assert_eq!(scene.children(), 0);

    let output = scene.run(&["--clusters", "prod-*", "--canary", "2"], &get).expect(0);
    assert_eq!(output.out().lines().count(), 3);
    let commands: Vec<AuditRecord> = wait_for("the ends of three commands", PATIENCE, || {
        let all = scene.audit(AuditKind::Exec);
        let ended: Vec<_> = all.into_iter().filter(|command| command.duration_micros.is_some()).collect();
        (ended.iter().filter(|command| command.cluster.as_deref() != Some(OFFLINE)).count() == 3).then_some(ended)
    });
    let of = |name: &str| commands.iter().find(|command| command.cluster.as_deref() == Some(name)).expect("a command");
    for canary in ["prod-a", "prod-b"] {
        assert!(of(canary).time < of("prod-long").time, "{commands:#?}");
    }
    // More canaries than clusters are all of them.
    scene.run(&["--clusters", "prod-*", "--canary", "9"], &get).expect(0);
}

#[test]
fn files_and_standard_input_go_to_each_cluster() {
    let scene = Scene::start();
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::write(dir.path().join("map.yaml"), MAP).expect("write");
    // They are one cluster, so that one after the other has to ask.
    let options = ["--clusters", "prod-*", "--concurrency", "1"];
    let mut apply = scene.command(&options, &["apply", "-f", "map.yaml"]);
    let output = run(apply.current_dir(dir.path()), b"").expect(0);
    let expected =
        "prod-a    | configmap/map created\nprod-b    | configmap/map unchanged\nprod-long | configmap/map unchanged\n";
    assert_eq!(output.out(), expected);

    let other = MAP.replace("name: map", "name: other");
    let output = run(&mut scene.command(&options, &["apply", "-f", "-"]), other.as_bytes()).expect(0);
    assert_eq!(output.out(), expected.replace("map ", "other "));
    assert_eq!(scene.namespace.kubectl(&["get", "configmap", "other", "-o", "jsonpath={.data.key}"], ""), "value");

    // One piece more than is held; nothing begins.
    let large = vec![b' '; (64 << 20) + 1];
    let output = run(&mut scene.command(&options, &["apply", "-f", "-"]), &large).expect(2);
    assert!(output.err().contains("more than the 64 MiB"), "{}", output.err());
    assert_eq!(scene.audit(AuditKind::Operation).len(), 2);
}

#[test]
fn an_interrupt_ends_it_everywhere() {
    let scene = Scene::with_map();
    let mut client = Process::start(&mut scene.command(&["--clusters", "prod-*"], &ENDLESS));
    scene.wait_for_children(3);
    client.signal(SIGINT);
    assert_eq!(client.wait(PATIENCE), 130);
    scene.wait_for_children(0);
    let said = client.stderr();
    assert_eq!(said[..2], ["not finished in 3 clusters", "  3 stopped"], "{said:?}");
}

#[test]
fn what_is_for_one_cluster_is_refused() {
    let scene = Scene::start();
    for (line, said) in [
        (&["cp", "a", "web:b"][..], "kubectl cp is about your machine"),
        (&["port-forward", "web", ":80"], "kubectl port-forward is about your machine"),
        (&["proxy"], "kubectl proxy is about your machine"),
        (&["edit", "configmap", "map"], "kubectl edit is about your machine"),
        (&["exec", "-it", "web", "--", "sh"], "a terminal (-it)"),
        (&["get", "pods", "--cluster", "x"], "choose the cluster with"),
    ] {
        let output = scene.run(&["--clusters", "prod-*"], line).expect(2);
        assert!(output.err().contains(said), "{line:?}: {}", output.err());
    }
    let output = run(scene.central.mk8s().args(["kubectl", "--clusters", "prod-*", "get", "nodes"]), b"").expect(2);
    assert!(output.err().contains("  try: mk8s kubectl --clusters 'prod-*' -- get nodes\n"), "{}", output.err());
    let help = run(scene.central.mk8s().args(["help", "kubectl"]), b"").expect(0).out();
    for option in ["--clusters", "--cluster-selector", "--fail-fast", "--canary", "--concurrency"] {
        assert!(help.contains(option), "{help}");
    }
    assert!(scene.audit(AuditKind::Exec).is_empty(), "{:#?}", scene.audit(AuditKind::Exec));
}
