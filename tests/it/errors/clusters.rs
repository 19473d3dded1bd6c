//! Clusters, and what is in them.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::symlink;

use super::{Problems, User};
use crate::support::{Namespace, Stack};

#[test]
fn remote_commands() {
    let stack = Stack::start();
    let central = &stack.central;
    let (user, mut problems) = (User::of(central), Problems::default());
    user.write("base/kustomization.yaml", "resources: []\n");
    user.write("overlay/kustomization.yaml", "resources: [../base]\n");
    user.write("bad.yaml", "a: [\n");
    user.write("names.env", "HOME\n");
    File::create(user.dir.path().join("large.yaml")).and_then(|file| file.set_len(65 << 20)).expect("a large file");
    user.write("objects/a.yaml", "");
    symlink("nosuch.yaml", user.dir.path().join("objects/b.yaml")).expect("symlink");
    for (name, line) in [
        ("cluster-unknown", "clusters show nowhere"),
        ("cluster-mistyped", "clusters show dve"),
        ("cluster-mistyped-for-kubectl", "--cluster dve kubectl get pods"),
        ("cluster-no-name", "--cluster Dev_1 kubectl get pods"),
        ("cluster-offline", "--cluster ghost kubectl get pods"),
        ("kubectl-typo", "kubectl gte pods"),
        ("kubectl-typo-in-a-group", "kubectl rollout restrat deploy/x"),
        ("kubectl-flag-typo", "kubectl get pods --namspace x"),
        ("kubectl-flag-without-a-value", "kubectl get pods --namespace"),
        ("kubectl-config", "kubectl config view"),
        ("kubectl-context", "kubectl --context x get pods"),
        ("kubectl-as", "kubectl get pods --as admin"),
        ("kubectl-format", "kubectl get pods -o tabel"),
        ("kubectl-missing-by-kubectl", "kubectl get pod nosuch"),
        ("kubectl-selector-by-kubectl", "kubectl get pods -l 'a in ('"),
        ("kubectl-type-by-kubectl", "kubectl get nosuch"),
        ("file-missing-by-kubectl", "kubectl apply -f nosuch.yaml"),
        ("file-invalid-by-kubectl", "kubectl apply -f bad.yaml"),
        ("file-too-large", "kubectl apply -f large.yaml"),
        ("file-unreadable", "kubectl apply -f objects"),
        ("file-url", "kubectl apply -f https://example.com/x.yaml"),
        ("file-of-variables", "kubectl create cm x --from-env-file names.env"),
        ("kustomization-outside", "kubectl apply -k overlay"),
        ("kustomization-url", "kubectl apply -k https://example.com/x"),
        ("edit-form", "kubectl edit cm/x -o name"),
        ("edit-missing-by-kubectl", "kubectl edit cm/nosuch"),
        ("can-i-mistyped-cluster", "--cluster dve auth can-i get pods"),
    ] {
        user.check(&mut problems, name, &mut user.at(central, line));
    }
    user.check(&mut problems, "cluster-not-chosen", user.at(central, "kubectl get pods").env_remove("MK8S_CLUSTER"));
    problems.expect_none();
}

#[test]
fn ports_and_files() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let central = &stack.central;
    let (mut user, mut problems) = (User::of(central), Problems::default());
    namespace.pod("web", "exec sleep 100000");
    user.write("file", "text");
    let service = serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    namespace.kubectl(&["apply", "-f", "-"], &service.to_string());
    let taken = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = taken.local_addr().expect("address").port();
    user.masks.push((port.to_string(), "BUSY"));
    let name = &namespace.0;
    for (case, line) in [
        ("port-forward-missing-pod", format!("port-forward -n {name} nosuch :80")),
        ("port-forward-no-target", format!("port-forward -n {name} node/x :80")),
        ("port-forward-no-port", format!("port-forward -n {name} svc/web :81")),
        ("port-forward-busy-port", format!("port-forward -n {name} --address 127.0.0.1 web {port}:80")),
        ("port-forward-offline", format!("--cluster ghost port-forward -n {name} web :80")),
        ("proxy-busy-port", format!("proxy --port {port}")),
        ("proxy-address", "proxy --address 0.0.0.0".to_owned()),
        ("cp-missing-there", format!("cp -n {name} web:nosuch x")),
        ("cp-missing-here", format!("cp -n {name} nosuch web:x")),
        ("cp-missing-pod", format!("cp -n {name} nosuch:x x")),
        ("cp-missing-container", format!("cp -n {name} web:x x -c nosuch")),
        ("cp-both-here", "cp a b".to_owned()),
        ("cp-flag-of-kubectl", "kubectl cp --kubeconfig x a:b c".to_owned()),
    ] {
        user.check(&mut problems, case, &mut user.at(central, &line));
    }
    problems.expect_none();
}
