//! Both charts from the first command to the last: central on a volume, an agent by the commands that are printed, what
//! its account may do and what not, `helm test`, an upgrade, and the removal.

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::node::OWN;
use super::release::Installed;
use super::setup::{Helm, root};
use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Namespace, kubernetes, run};

/// A role of one's own that permits everything: the cluster is the only wall.
const WIDE: &str = r#"{"name": "wide", "permissions": [
    {"clusters": ["*"], "namespaces": ["*"], "resources": ["*"], "verbs": ["*"]}
]}"#;

#[test]
fn a_cluster_is_connected_by_what_is_printed_and_removed_again() {
    let Some(helm) = Helm::find() else { return };
    let central = Installed::new(helm, Namespace::called("charts"), &[], None);
    central.helm("test", &central.name).expect(0);

    // Objects of the cluster have the name of the release, which is not that of another test.
    let release = format!("mk8s-agent-{}", central.namespace.0);
    let said = central.mk8s(&["admin", "clusters", "create", "dev"]).expect(0);
    let dir = tempfile::tempdir().expect("temporary directory");
    symlink(root().join("deploy"), dir.path().join("deploy")).expect("symlink");
    for line in commands(&said.err()) {
        let line = line
            .replace("mk8s-system", &central.namespace.0)
            .replace("install mk8s-agent ", &format!("install {release} "));
        let line = if line.starts_with("helm ") { format!("{line} --wait --timeout=120s --set {OWN}") } else { line };
        // The namespace is there, since the node of this test is in it.
        if !line.starts_with("kubectl create namespace ") {
            let output = run(&mut central.shell(dir.path(), &line), &said.stdout);
            assert_eq!(output.code, 0, "{line}: {}{}", output.out(), output.err());
        }
    }
    // That `--wait` has ended means that both agents are connected.
    let shown: Value =
        serde_json::from_str(&central.mk8s(&["clusters", "show", "dev", "-o", "json"]).expect(0).out()).expect("JSON");
    assert_eq!(shown["status"], "online");
    central.mk8s(&["clusters", "use", "dev"]).expect(0);
    let pods = central.mk8s(&["kubectl", "get", "pods", "-n", "default"]).expect(0);
    assert!(pods.err().contains("No resources found in default namespace"), "{pods:?}");
    central.helm("test", &release).expect(0);

    has_exactly_its_rights(&central, &release);
    a_role_is_bound_by_an_upgrade(&central, &release);

    for release in [&release, &central.name] {
        central.helm("uninstall", release).expect(0);
    }
    // What was made by hand is left, and what central has kept.
    let left = ["persistentvolumeclaim/data-mk8s-central-0", "secret/admin", "secret/mk8s-agent-token"];
    crate::support::wait_for("nothing else is left", crate::support::PATIENCE, || {
        let mut objects = central.objects();
        objects.sort();
        (objects == left).then_some(())
    });
}

/// The commands that are printed for a cluster's own agent: the last paragraph, and how the token is kept.
fn commands(said: &str) -> Vec<String> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("    "));
    let wanted = ["(umask 077; cat > ", "kubectl ", "helm install "];
    let commands: Vec<String> =
        lines.filter(|line| wanted.iter().any(|start| line.starts_with(start))).map(str::to_owned).collect();
    assert_eq!(commands.len(), 4, "{said}");
    commands
}

/// The account of the agents may act for the roles of the chart, see nodes and the version, and nothing more.
fn has_exactly_its_rights(central: &Installed, account: &str) {
    let user = format!("--as=system:serviceaccount:{}:{account}", central.namespace.0);
    let may = |args: &[&str]| {
        let mut can_i = kubernetes().direct(None);
        run(can_i.args(["auth", "can-i", "--quiet", &user]).args(args), b"").code == 0
    };
    let allowed: &[&[&str]] = &[
        &["impersonate", "users"],
        &["impersonate", "groups/mk8s:admin"],
        &["impersonate", "groups/mk8s:viewer"],
        &["list", "nodes"],
        &["get", "/version"],
    ];
    let refused: &[&[&str]] = &[
        &["impersonate", "groups"],
        &["impersonate", "groups/system:masters"],
        &["impersonate", "groups/mk8s:wide"],
        &["impersonate", "serviceaccounts"],
        &["impersonate", "uids"],
        &["get", "pods", "--all-namespaces"],
        &["get", "secrets"],
        &["delete", "nodes"],
        &["create", "configmaps"],
        &["*", "*"],
    ];
    for args in allowed {
        assert!(may(args), "{args:?}");
    }
    for args in refused {
        assert!(!may(args), "{args:?}");
    }
}

/// A role of one's own has no access until the chart binds it, and then what its ClusterRole allows.
fn a_role_is_bound_by_an_upgrade(central: &Installed, release: &str) {
    let (ann, file) = ("ann@example.com", central.node_file("wide.json"));
    std::fs::write(&file, WIDE).expect("write");
    central.mk8s(&["admin", "roles", "apply", "-f", file.to_str().expect("a path")]).expect(0);
    let create = ["admin", "users", "create", ann, "--role", "wide", "--password-stdin"];
    central.mk8s_with(&create, ADMIN_PASSWORD).expect(0);
    central.log_in(ann, ADMIN_PASSWORD).expect(0);
    let kubectl = |args: &[&str]| central.mk8s(&[&["--cluster", "dev", "kubectl"], args].concat());
    // Not in the namespace of the agent, which is closed to roles that do not name it.
    let other = Namespace::create();
    let get = ["get", "serviceaccounts", "-n", &other.0, "-o", "name"];
    let refused = kubectl(&get).expect(1).err();
    assert!(refused.contains("cannot impersonate resource \"groups\""), "{refused}");

    let wide = json!({"wide": ["view"]}).to_string();
    let bindings = format!("rbac.bindings={wide}");
    let args = ["--reuse-values", "--set-json", &bindings, "--set", "config.log.level=debug"];
    central.apply("upgrade", release, "mk8s-agent", &args).expect(0);
    kubectl(&get).expect(0);
    let create = ["create", "configmap", "made", "-n", &other.0];
    let refused = kubectl(&create).expect(1).err();
    assert!(refused.contains("User \"ann@example.com\" cannot create resource \"configmaps\""), "{refused}");
    central.log_in("admin@localhost", ADMIN_PASSWORD).expect(0);
    kubectl(&create).expect(0);

    // Central too: a change of its configuration replaces its pod, and what it knows is still there.
    let args = ["--reuse-values", "--set", "config.audit.retention_days=30"];
    central.apply("upgrade", &central.name, "mk8s-central", &args).expect(0);
    assert!(central.mk8s(&["admin", "users", "list", "-o", "name"]).expect(0).out().contains(ann));
    central.helm("test", release).expect(0);
}

impl Installed {
    /// A file of the test.
    fn node_file(&self, name: &str) -> std::path::PathBuf {
        Path::new(&self.client.state_file()).with_file_name(name)
    }
}
