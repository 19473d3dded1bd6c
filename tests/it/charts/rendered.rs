//! Each set of values in `deploy/charts/*/ci` makes a chart that helm, the API server and the program take, and pods that
//! the Pod Security Standard *restricted* lets in.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::setup::{CHARTS, Helm, objects, of_kind, value_sets};
use crate::support::process::MK8S;
use crate::support::stack::quiet;
use crate::support::{Namespace, kubernetes, run};

/// Kinds that the charts can make and that are no part of Kubernetes, as far as it matters here.
const DEFINITIONS: [(&str, &str, &str); 2] = [
    ("cert-manager.io", "Certificate", "certificates"),
    ("monitoring.coreos.com", "ServiceMonitor", "servicemonitors"),
];

/// Definitions of such kinds; removed at the end.
struct Definitions;

impl Definitions {
    fn create() -> Self {
        let spec = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definition = |(group, kind, plural): &(&str, &str, &str)| {
            json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": format!("{plural}.{group}")},
                "spec": {
                    "group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
                    "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                        "openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}
                    }}]
                }
            })
        };
        let items: Vec<Value> = DEFINITIONS.iter().map(definition).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        kubernetes().kubectl(&["apply", "-f", "-"], &list);
        let names: Vec<String> = Self::names().collect();
        let wait = ["wait", "crd", "--for=condition=Established", "--timeout=60s"];
        kubernetes().kubectl(&[&wait[..], &names.iter().map(String::as_str).collect::<Vec<_>>()].concat(), "");
        Self
    }

    fn names() -> impl Iterator<Item = String> {
        DEFINITIONS.iter().map(|(group, _, plural)| format!("{plural}.{group}"))
    }
}

impl Drop for Definitions {
    fn drop(&mut self) {
        let mut delete = kubernetes().direct(None);
        run(delete.args(["delete", "crd", "--ignore-not-found", "--wait=false"]).args(Self::names()), b"");
    }
}

#[test]
fn every_set_of_values_makes_what_helm_the_api_server_and_the_program_take() {
    let Some(helm) = Helm::find() else { return };
    let _definitions = Definitions::create();
    let namespace = Namespace::called("charts");
    kubernetes().kubectl(&["label", "namespace", &namespace.0, "pod-security.kubernetes.io/enforce=restricted"], "");
    let mut sets = 0;
    for (chart, role) in CHARTS {
        for file in value_sets(chart) {
            let values = file.to_str().expect("a path");
            let lint = run(
                helm.command().args(["lint", "--strict", "--values", values]).arg(super::setup::directory(chart)),
                b"",
            );
            assert_eq!(lint.code, 0, "{values}: {}{}", lint.out(), lint.err());
            let text = helm.template(chart, &namespace.0, &["--values", values]).expect(0).out();
            let objects = objects(&text);
            is_taken_by_the_api_server(&namespace, &objects, values);
            has_restricted_pods(&namespace, &objects, values);
            is_taken_by_the_program(&objects, role, values);
            sets += 1;
        }
    }
    assert!(sets >= 12, "{sets} sets of values");
    a_pod_that_is_not_restricted_is_refused(&namespace);
}

#[test]
fn central_can_be_mended_is_found_by_its_names_alone_and_sees_who_comes() {
    let Some(helm) = Helm::find() else { return };
    let template = |args: &[&str]| objects(&helm.template("mk8s-central", "mk8s-system", args).expect(0).out());
    let url = "config.public_url=https://mk8s.example.com";
    let default = template(&["--set", url]);
    // A pod that never becomes ready is replaced by an upgrade.
    let workload = of_kind(&default, &["StatefulSet"]).next().expect("a StatefulSet");
    assert_eq!(workload["spec"]["podManagementPolicy"], "Parallel");
    assert!(of_kind(&default, &["Service"]).all(|service| service["spec"]["externalTrafficPolicy"].is_null()));

    // No public issuer signs a name that is known in the cluster alone.
    let certificate = ["--set", url, "--set", "tls.certManager.enabled=true,tls.certManager.issuerRef.name=public"];
    let made = template(&certificate);
    let certificate = of_kind(&made, &["Certificate"]).next().expect("a Certificate");
    assert_eq!(certificate["spec"]["dnsNames"], json!(["mk8s.example.com"]));

    for (set, policy) in [
        ("service.type=LoadBalancer", "Local"),
        ("service.type=NodePort", "Cluster"),
        ("service.type=NodePort,service.externalTrafficPolicy=Local", "Local"),
    ] {
        let made = template(&["--set", set]);
        let service = of_kind(&made, &["Service"]).find(|service| service["metadata"]["name"] == "mk8s-central");
        assert_eq!(service.expect("the Service")["spec"]["externalTrafficPolicy"], policy, "{set}");
    }
}

/// The hooks of `helm test` need accounts that are not there in a dry run; their pods are looked at all the same.
fn is_taken_by_the_api_server(namespace: &Namespace, objects: &[Value], values: &str) {
    let items: Vec<&Value> = objects.iter().filter(|object| object["kind"] != "Pod").collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let mut apply = kubernetes().direct(Some(&namespace.0));
    let output = run(apply.args(["apply", "--dry-run=server", "-f", "-"]), list.as_bytes());
    assert_eq!(output.code, 0, "{values}: {}", output.err());
    // A field that it does not know, or a pod that the namespace will not let in, is a warning.
    assert!(!output.err().contains("Warning"), "{values}: {}", output.err());
    assert_eq!(output.out().matches("server dry run").count(), items.len(), "{values}: {}", output.out());
}

fn has_restricted_pods(namespace: &Namespace, objects: &[Value], values: &str) {
    let templates = of_kind(objects, &["Deployment", "StatefulSet"]).map(|object| with_claims(&object["spec"]));
    let hooks = of_kind(objects, &["Pod"]).map(|pod| pod["spec"].clone());
    let pods: Vec<Value> = templates.chain(hooks).enumerate().map(|(number, spec)| pod(number, spec)).collect();
    let output = dry_run(namespace, &pods);
    assert_eq!(output.code, 0, "{values}: {}", output.err());
}

/// The pod of a workload, with the volumes that a StatefulSet adds.
fn with_claims(workload: &Value) -> Value {
    let mut spec = workload["template"]["spec"].clone();
    for claim in workload["volumeClaimTemplates"].as_array().into_iter().flatten() {
        let name = &claim["metadata"]["name"];
        let volume = json!({"name": name, "persistentVolumeClaim": {"claimName": name}});
        spec["volumes"].as_array_mut().expect("volumes").push(volume);
    }
    spec
}

/// Proves that the namespace would refuse one.
fn a_pod_that_is_not_restricted_is_refused(namespace: &Namespace) {
    let plain = pod(0, json!({"containers": [{"name": "main", "image": "shell"}]}));
    let output = dry_run(namespace, &[plain]);
    assert!(output.code != 0 && output.err().contains("violates PodSecurity \"restricted"), "{}", output.err());
}

/// A pod of one's own account, as those of the charts are not there.
fn pod(number: usize, mut spec: Value) -> Value {
    spec["serviceAccountName"] = json!("default");
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("pod-{number}")}, "spec": spec})
}

fn dry_run(namespace: &Namespace, pods: &[Value]) -> crate::support::Output {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": pods}).to_string();
    let mut create = kubernetes().direct(Some(&namespace.0));
    run(create.args(["create", "--dry-run=server", "-f", "-"]), list.as_bytes())
}

fn is_taken_by_the_program(objects: &[Value], role: &str, values: &str) {
    let key = format!("{role}.yaml");
    let config = of_kind(objects, &["ConfigMap"]).find_map(|map| map["data"][&key].as_str());
    let config = config.unwrap_or_else(|| panic!("{values}: no {key}"));
    let dir = tempfile::tempdir().expect("temporary directory");
    let file = dir.path().join(key);
    fs::write(&file, config).expect("write");
    let mut check = std::process::Command::new(Path::new(MK8S));
    let output = run(quiet(check.args(["config", "check", role, "--config"]).arg(&file)), b"");
    assert_eq!(output.code, 0, "{values}: {}\n{config}", output.err());
}
