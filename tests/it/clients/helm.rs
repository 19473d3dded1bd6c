//! The life of a Helm release: a chart with a custom resource definition, hooks, and `--wait`.

use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde_json::{Value, json};

use super::setup::{Way, client};
use crate::support::{Stack, kubernetes, run};

/// The templates of the chart, by file.
const TEMPLATES: [(&str, &str); 5] = [
    (
        "settings.yaml",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {message: {{ .Values.message }}}}\n",
    ),
    ("before.yaml", BEFORE),
    ("app.yaml", APP),
    (
        "widget.yaml",
        "{apiVersion: GROUP/v1, kind: Widget, metadata: {name: one}, spec: {size: {{ .Values.replicas }}}}\n",
    ),
    ("test.yaml", TEST),
];

/// A hook: a Job that must have succeeded before anything else is made.
const BEFORE: &str = r#"
apiVersion: batch/v1
kind: Job
metadata:
  name: before
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: shell, command: [sh, -c, "sleep 1; echo before {{ .Values.message }}"]}]
"#;

/// What `--wait` waits for: it is ready a second after its start.
const APP: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}, annotations: {message: "{{ .Values.message }}"}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: main
        image: shell
        command: [sh, -c, "rm -f ready; sleep 1; touch ready; exec sleep 100000"]
        readinessProbe: {exec: {command: [test, -e, ready]}, periodSeconds: 1}
"#;

/// What `helm test` runs, and whose log it shows.
const TEST: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: probe-test, annotations: {helm.sh/hook: test, helm.sh/hook-delete-policy: before-hook-creation}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: shell, command: [echo, "tested with {{ .Values.message }}"]}]
"#;

/// The commands, and what the cluster has to show after each: the message, the available replicas and the widget's size.
const COMMANDS: &[(&str, Option<(&str, u64)>)] = &[
    ("install probe CHART --wait --timeout=90s", Some(("one", 1))),
    ("test probe --logs --timeout=60s", Some(("one", 1))),
    ("upgrade probe CHART --set=message=two,replicas=2 --wait --timeout=90s", Some(("two", 2))),
    ("list --output=json", Some(("two", 2))),
    ("get values probe", Some(("two", 2))),
    ("get manifest probe", Some(("two", 2))),
    ("rollback probe 1 --wait --timeout=90s", Some(("one", 1))),
    ("history probe --output=json", Some(("one", 1))),
    ("uninstall probe --wait --timeout=90s", None),
    ("list --output=json", None),
];

#[test]
fn helm_installs_upgrades_rolls_back_and_uninstalls() {
    let Some(helm) = client("helm") else { return };
    let stack = Stack::start();
    let (direct, through) = (Way::direct(), Way::through(&stack.central));
    let (expected, found) = std::thread::scope(|scope| {
        let direct = scope.spawn(|| life(&helm, &direct));
        let through = life(&helm, &through);
        (direct.join().expect("helm"), through)
    });
    for ((command, expected), (_, found)) in expected.iter().zip(&found) {
        assert_eq!(expected, found, "helm {command}: directly, and through mk8s");
    }
}

/// Runs all commands and looks at the cluster after each; what helm said.
fn life(helm: &Path, way: &Way) -> Vec<(&'static str, String)> {
    let group = format!("{}.test.mk8s.dev", way.namespace.0);
    let _definition = Definition(format!("widgets.{group}"));
    let chart = chart(way, &group);
    COMMANDS
        .iter()
        .map(|(line, state)| {
            let arguments = line.replace("CHART", chart.to_str().expect("a path"));
            let output = run(way.command(helm).args(arguments.split(' ')), b"");
            assert_eq!(output.code, 0, "helm {line} {}: {}{}", way.name, output.out(), output.err());
            assert_eq!(
                shown(way),
                state.map(|(message, size)| (message.to_owned(), size, size)),
                "helm {line} {}",
                way.name
            );
            (*line, normalise(&(output.out() + &output.err()), way))
        })
        .collect()
}

/// Removed at the end: helm leaves definitions alone.
struct Definition(String);

impl Drop for Definition {
    fn drop(&mut self) {
        run(kubernetes().direct(None).args(["delete", "crd", "--ignore-not-found", "--wait=false", &self.0]), b"");
    }
}

/// Writes the chart, whose definition has this group; its directory.
fn chart(way: &Way, group: &str) -> PathBuf {
    let chart = way.dir().join("chart");
    let write = |file: &str, text: &str| {
        let path = chart.join(file);
        fs::create_dir_all(path.parent().expect("a directory")).expect("mkdir");
        fs::write(path, text.replace("GROUP", group)).expect("write");
    };
    write("Chart.yaml", "{apiVersion: v2, name: chart, version: 0.1.0}\n");
    write("values.yaml", "{message: one, replicas: 1}\n");
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {"size": {"type": "integer"}}}
    }});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]
        }
    });
    write("crds/widgets.yaml", &definition.to_string());
    for (file, text) in TEMPLATES {
        write(&format!("templates/{file}"), text);
    }
    chart
}

/// What the release shows in the cluster: the message, the available replicas, the widget's size; `None` without it.
fn shown(way: &Way) -> Option<(String, u64, u64)> {
    let kinds = format!("configmap/settings,deployment/app,widget.{}.test.mk8s.dev/one", way.namespace.0);
    let items: Vec<Value> = kinds
        .split(',')
        .filter_map(|object| {
            let text = way.namespace.kubectl(&["get", object, "--output=json", "--ignore-not-found"], "");
            serde_json::from_str(&text).ok()
        })
        .collect();
    let [settings, app, widget] = items.as_slice() else {
        assert!(items.is_empty(), "a part of the release: {items:#?}");
        return None;
    };
    let message = settings["data"]["message"].as_str()?.to_owned();
    Some((message, app["status"]["availableReplicas"].as_u64()?, widget["spec"]["size"].as_u64()?))
}

/// The text without what differs between two runs.
fn normalise(text: &str, way: &Way) -> String {
    let rules = [
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| ?[+-]\d\d:?\d\d)?( UTC)?", "TIME"),
        (r"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d \d{4}", "TIME"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID"),
        // What it cuts off itself when it has waited long enough.
        (r"(?m)^[EI]\d{4} .*context canceled.*\n", ""),
    ];
    let text = text.replace(&way.namespace.0, "NAMESPACE").replace(way.dir().to_str().expect("a path"), "DIRECTORY");
    rules.iter().fold(text, |text, (pattern, with)| {
        Regex::new(pattern).expect("pattern").replace_all(&text, *with).into_owned()
    })
}
