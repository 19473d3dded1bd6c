//! One command for many clusters: which are chosen, that all are allowed before any begins, and what is recorded.

use mk8s::model::AuditRecord;
use mk8s::model::audit::{AuditDecision, AuditFilter, AuditKind, AuditOutcome};
use serde_json::{Value, json};

use crate::support::api::Answer;
use crate::support::{Central, Stack};

impl Central {
    fn operation(&self, token: &str, body: &Value) -> Answer {
        self.post("/operations", token, body)
    }

    /// Runs a command as a part of an operation.
    fn exec_of(&self, operation: &str, token: &str, cluster: &str, command: &[&str]) -> Answer {
        let body = json!({ "command": command, "operation": operation });
        self.post(&format!("/clusters/{cluster}/exec"), token, &body)
    }

    fn label(&self, cluster: &str, labels: &Value) -> Answer {
        let body = json!({ "labels": labels });
        self.api("PATCH", &format!("/admin/clusters/{cluster}"), Self::token(), Some(&body))
    }

    fn records(&self, kind: AuditKind) -> Vec<AuditRecord> {
        self.audit(&AuditFilter { kind: Some(kind), ..AuditFilter::default() })
    }
}

fn names(answer: &Answer) -> Vec<&str> {
    let clusters = answer.body["clusters"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    clusters.iter().map(|cluster| cluster["name"].as_str().expect("a name")).collect()
}

#[test]
fn clusters_are_chosen_by_names_patterns_and_labels() {
    let central = Central::start();
    for name in ["prod-eu", "prod-us"] {
        central
            .post("/admin/clusters", Central::token(), &json!({ "name": name, "labels": { "env": "prod" } }))
            .expect(201);
    }
    central.label("prod-us", &json!({ "tier": "web", "none": null })).expect(200);
    central.label("dev", &json!({ "env": "dev" })).expect(200);
    let choose = |body: Value| {
        let mut body = body;
        body["command"] = json!(["get", "nodes"]);
        central.operation(Central::token(), &body)
    };
    for (body, expected) in [
        (json!({ "clusters": ["prod-*"] }), &["prod-eu", "prod-us"][..]),
        (json!({ "clusters": ["prod-us", "dev", "d*"] }), &["dev", "prod-us"]),
        (json!({ "clusters": ["*"] }), &["dev", "ghost", "prod-eu", "prod-us"]),
        (json!({ "selector": "env=prod" }), &["prod-eu", "prod-us"]),
        (json!({ "selector": "env in (prod,dev),!tier" }), &["dev", "prod-eu"]),
        (json!({ "selector": "!env" }), &["ghost"]),
        (json!({ "clusters": ["*-us", "dev"], "selector": "env=prod" }), &["prod-us"]),
    ] {
        assert_eq!(names(&choose(body.clone()).expect(200)), expected, "{body}");
    }
    for (body, status, said) in [
        (json!({}), 400, "which clusters"),
        (json!({ "clusters": [] }), 400, "which clusters"),
        (json!({ "selector": "env=a b" }), 400, "selector"),
        (json!({ "clusters": ["*"], "selektor": "env" }), 400, "selektor"),
        (json!({ "clusters": vec!["*"; 501] }), 400, "500"),
        (json!({ "clusters": ["prod-*", "prot-*"] }), 404, "prot-*"),
        (json!({ "clusters": ["dev"], "selector": "env=prod" }), 404, "labels"),
    ] {
        let answer = choose(body.clone()).expect(status);
        assert!(answer.text("detail").contains(said), "{body}: {}", answer.body);
    }
    // Those of whom one may not know do not count, and are not named.
    let role = json!({ "name": "us", "permissions": [
        { "clusters": ["*-us"], "namespaces": ["*"], "resources": ["nodes"], "verbs": ["list", "get"] }
    ]});
    central.make_role(&role);
    let user = central.user("ann@example.com", &["us"]);
    let ask =
        |clusters: &[&str]| central.operation(&user, &json!({ "command": ["get", "nodes"], "clusters": clusters }));
    assert_eq!(names(&ask(&["*"]).expect(200)), ["prod-us"]);
    let hidden = ask(&["prod-eu"]).expect(404);
    assert_eq!(
        hidden.body["detail"].to_string().replace("prod-eu", "x"),
        ask(&["x"]).expect(404).body["detail"].to_string()
    );
}

#[test]
fn labels_are_kept_as_kubernetes_keeps_them() {
    let central = Central::start();
    let labels = |cluster: &str| {
        central.get(&format!("/clusters/{cluster}"), Central::token()).expect(200).body["labels"].clone()
    };
    assert_eq!(labels("dev"), json!({}));
    let answer = central.label("dev", &json!({ "a.b/env": "prod", "old": "" })).expect(200);
    assert_eq!(answer.body["labels"], json!({ "a.b/env": "prod", "old": "" }));
    central.label("dev", &json!({ "old": null, "new": "1" })).expect(200);
    let expected = json!({ "a.b/env": "prod", "new": "1" });
    assert_eq!(labels("dev"), expected);
    for bad in [json!({ "a b": "x" }), json!({ "a": "b c" }), json!({ "a b": null }), json!({ "a": 1 }), json!("x")] {
        central.label("dev", &bad).expect(400);
    }
    central.label("nosuch", &json!({ "a": "b" })).expect(404);
    assert_eq!(labels("dev"), expected, "what is refused changes nothing");
    let viewer = central.user("ann@example.com", &["viewer"]);
    central.api("PATCH", "/admin/clusters/dev", &viewer, Some(&json!({ "labels": { "a": "b" } }))).expect(403);
    let told = central
        .records(AuditKind::Admin)
        .into_iter()
        .find_map(|record| record.detail.filter(|d| d.contains("a.b/env")));
    assert_eq!(told.as_deref(), Some("labels a.b/env=prod old="));

    // The same by the program, in kubectl's words.
    central.log_in();
    let mk8s = |args: &[&str]| central.run(args);
    mk8s(&["admin", "clusters", "label", "dev", "tier=web", "new-"]).expect(0);
    assert_eq!(labels("dev"), json!({ "a.b/env": "prod", "tier": "web" }));
    let refused = mk8s(&["admin", "clusters", "label", "dev", "tier=db"]).expect(1).err();
    assert!(refused.contains("tier=web") && refused.contains("--overwrite"), "{refused}");
    mk8s(&["admin", "clusters", "label", "dev", "tier=db", "--overwrite"]).expect(0);
    mk8s(&["admin", "clusters", "create", "prod", "--labels", "env=prod,tier=db"]).expect(0);
    assert_eq!(labels("prod"), json!({ "env": "prod", "tier": "db" }));
    assert_eq!(mk8s(&["clusters", "list", "-o", "name", "-l", "tier=db,env"]).expect(0).out(), "prod\n");
    let table = mk8s(&["clusters", "list", "--show-labels", "--selector=tier in (db)"]).expect(0).out();
    assert!(table.contains("LABELS") && table.contains("a.b/env=prod,tier=db") && !table.contains("ghost"), "{table}");
    assert!(mk8s(&["clusters", "show", "prod"]).expect(0).out().contains("env=prod,tier=db"));
    let none = mk8s(&["clusters", "list", "-l", "env=none"]).expect(0);
    assert!(none.out().is_empty() && none.err().contains("no cluster has"), "{}", none.err());
    mk8s(&["clusters", "list", "-l", "a b"]).expect(2);
    for bad in [&["a b=c"][..], &["a"], &["a=1", "a=2"], &[]] {
        mk8s(&[&["admin", "clusters", "label", "dev"], bad].concat()).expect(2);
    }
}

#[test]
fn a_command_that_is_denied_somewhere_starts_nowhere_and_is_one_row() {
    let stack = Stack::start();
    let central = &stack.central;
    let role = json!({ "name": "dev-pods", "permissions": [
        { "clusters": ["dev"], "namespaces": ["*"], "resources": ["pods", "nodes"], "verbs": ["list", "get"] },
        { "clusters": ["ghost"], "namespaces": ["*"], "resources": ["pods"], "verbs": ["list", "get"] },
    ]});
    central.make_role(&role);
    let user = central.user("ann@example.com", &["dev-pods"]);
    let ask = |command: &[&str]| central.operation(&user, &json!({ "command": command, "clusters": ["*"] }));
    let denied = ask(&["get", "nodes"]).expect(403).text("detail");
    assert!(denied.contains("refused in ghost") && denied.contains("nodes"), "{denied}");
    let refused = ask(&["get", "pods", "--kubeconfig=hunter2"]).expect(400).text("detail");
    assert!(refused.contains("--kubeconfig"), "{refused}");
    let allowed = ask(&["get", "pods", "-l", "app"]).expect(200);
    assert_eq!(names(&allowed), ["dev", "ghost"]);
    assert_eq!(allowed.body["clusters"][1]["status"], "offline");

    assert!(central.records(AuditKind::Exec).is_empty(), "nothing was started");
    let rows = central.records(AuditKind::Operation);
    let [ok, unread, no] = &rows[..] else { panic!("{rows:#?}") };
    assert_eq!(
        (no.decision, no.outcome, no.status),
        (Some(AuditDecision::Denied), Some(AuditOutcome::Refused), Some(403))
    );
    assert_eq!((no.command.as_deref(), no.target.as_deref()), (Some("get nodes"), Some("dev,ghost")));
    assert_eq!((unread.status, unread.command.as_deref()), (Some(400), None));
    assert_eq!((ok.id.as_str(), ok.decision), (allowed.text("id").as_str(), Some(AuditDecision::Allowed)));
    assert_eq!((ok.outcome, ok.target.as_deref()), (Some(AuditOutcome::Complete), Some("dev,ghost")));
    assert_eq!((ok.user.as_deref(), ok.verb.as_deref()), (Some("ann@example.com"), Some("get")));
    let all = serde_json::to_string(&rows).expect("JSON");
    assert!(!all.contains("hunter2"), "{all}");
}

#[test]
fn the_commands_of_an_operation_are_linked_to_it_and_no_others_are() {
    let stack = Stack::start();
    let central = &stack.central;
    let admin = Central::token();
    let pods = ["get", "pods"];
    let begun = central.operation(admin, &json!({ "command": pods, "clusters": ["dev", "ghost"] })).expect(200);
    let id = begun.text("id");
    central.exec_of(&id, admin, "dev", &pods).expect(200);
    central.exec_of(&id, admin, "ghost", &pods).expect(503);
    let of = central.audit(&AuditFilter { parent: Some(id.clone()), ..AuditFilter::default() });
    let mut clusters: Vec<_> = of.iter().map(|record| (record.kind, record.cluster.as_deref())).collect();
    clusters.sort_by_key(|(_, cluster)| *cluster);
    assert_eq!(clusters, [(Some(AuditKind::Exec), Some("dev")), (Some(AuditKind::Exec), Some("ghost"))]);

    // Another command, another cluster, another user, no operation at all.
    let user = central.user("ann@example.com", &["viewer"]);
    let only_dev = central.operation(admin, &json!({ "command": pods, "clusters": ["dev"] })).expect(200).text("id");
    central.exec_of(&id, admin, "dev", &["get", "nodes"]).expect(400);
    central.exec_of(&only_dev, admin, "ghost", &pods).expect(400);
    central.exec_of(&id, &user, "dev", &pods).expect(404);
    let exec = of[0].id.as_str();
    for none in ["", "x", exec, "019a0000-0000-7000-8000-000000000000"] {
        central.exec_of(none, admin, "dev", &pods).expect(404);
    }
    assert_eq!(central.audit(&AuditFilter { parent: Some(id), ..AuditFilter::default() }).len(), 2);
}
