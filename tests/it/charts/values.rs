//! Values, their explanations, their schema and the configuration of the program belong together.
//!
//! `MK8S_TEST_UPDATE=1` writes the tables of the READMEs anew.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::setup::{CHARTS, directory, leaves, yaml};
use crate::support::process::MK8S;
use crate::support::run;
use crate::support::stack::quiet;

/// What begins an explanation in a values.yaml.
const EXPLANATION: &str = "# -- ";

/// The heading before the table of a README.
const HEADING: &str = "| Value | Default | Meaning |\n|---|---|---|\n";

/// Keys of the configuration that a chart decides itself.
const DECIDED: [(&str, &[&str]); 2] = [
    (
        "central",
        &[
            "listen",
            "data_dir",
            "tls.mode",
            "tls.cert_file",
            "tls.key_file",
            "tls.client_ca",
            "tls.terminated_by_proxy",
            "agents.listen",
            "database.url",
            "database.url_file",
            "auth.signing_key_file",
            "auth.accepted_key_files",
            "bootstrap.admin_password_file",
            "bootstrap.clusters",
            "metrics.listen",
        ],
    ),
    (
        "agent",
        &[
            "central",
            "token_file",
            "tls.ca_file",
            "tls.ca_pin",
            "tls.client_cert_file",
            "tls.client_key_file",
            "tls.server_name",
            "kubeconfig",
            "context",
            "kubernetes.namespace",
            "work_dir",
            "metrics.listen",
        ],
    ),
];

fn text(chart: &str) -> String {
    fs::read_to_string(directory(chart).join("values.yaml")).expect("read")
}

/// The explanations in a values.yaml, each with its value, in their order: each is one line above its key.
fn explanations(text: &str) -> Vec<(String, String)> {
    let (mut found, mut path, mut above) = (Vec::new(), Vec::<(usize, &str)>::new(), None);
    for line in text.lines() {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        let is_key = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match content.split_once(':').filter(|(key, _)| is_key(key)) {
            Some((key, _)) => {
                path.retain(|(outer, _)| *outer < indent);
                path.push((indent, key));
                if let Some(explanation) = above.take() {
                    let name: Vec<&str> = path.iter().map(|(_, key)| *key).collect();
                    found.push((name.join("."), explanation));
                }
            }
            None => above = content.strip_prefix(EXPLANATION).map(str::to_owned),
        }
    }
    found
}

/// The table of a README: each value that is explained, whole.
fn table(values: &Value, explanations: &[(String, String)]) -> String {
    let row = |(path, text): &(String, String)| {
        let value = path.split('.').try_fold(values, |value, key| value.get(key));
        let value = value.unwrap_or_else(|| panic!("an explanation of nothing: {path}"));
        let default = serde_json::to_string(value).expect("JSON");
        format!("| `{path}` | `{}` | {} |\n", default.replace('|', "\\|"), text.replace('|', "\\|"))
    };
    HEADING.to_owned() + &explanations.iter().map(row).collect::<String>()
}

#[test]
fn the_readme_has_every_value() {
    for (chart, _) in CHARTS {
        let text = text(chart);
        let (values, explanations) = (yaml(&text), explanations(&text));
        for (leaf, _) in leaves(&values, "") {
            let is_explained = |(path, _): &(String, String)| leaf == *path || leaf.starts_with(&format!("{path}."));
            assert!(explanations.iter().any(is_explained), "{chart}: {leaf} has no explanation, {EXPLANATION}");
        }
        let file = directory(chart).join("README.md");
        let readme = fs::read_to_string(&file).expect("read");
        let before = readme.split_once("\n| Value |").map_or(readme.trim_end(), |(before, _)| before.trim_end());
        let wanted = format!("{before}\n\n{}", table(&values, &explanations));
        if std::env::var_os("MK8S_TEST_UPDATE").is_some() {
            fs::write(&file, &wanted).expect("write");
        }
        let readme = fs::read_to_string(&file).expect("read");
        assert!(readme == wanted, "{} is stale: run with MK8S_TEST_UPDATE=1", file.display());
    }
}

#[test]
fn the_charts_have_the_version_of_the_program() {
    for (chart, _) in CHARTS {
        let text = fs::read_to_string(directory(chart).join("Chart.yaml")).expect("read");
        let chart = yaml(&text);
        for key in ["version", "appVersion"] {
            assert_eq!(chart[key], env!("CARGO_PKG_VERSION"), "{key} of {}", chart["name"]);
        }
    }
}

/// What a schema says of a key.
fn property<'a>(schema: &'a Value, of: &'a Value, key: &str) -> Option<&'a Value> {
    let found = of["properties"].get(key)?;
    let name = found["$ref"].as_str().and_then(|name| name.strip_prefix("#/definitions/"));
    Some(name.map_or(found, |name| &schema["definitions"][name]))
}

/// Every key of the values is in the schema and the other way round, as far as the schema names keys.
fn agree(schema: &Value, of: &Value, values: &Value, path: &str) {
    let Some(properties) = of["properties"].as_object() else { return };
    let Some(values) = values.as_object() else { return };
    assert_eq!(of["additionalProperties"], false, "{path} takes any key");
    // What is optional in a probe and in resources is not in the values.
    let is_kubernetes = path.ends_with("Probe") || path == "resources";
    for key in properties.keys().filter(|key| *key != "global" && !is_kubernetes) {
        assert!(values.contains_key(key), "{path}.{key} is in the schema alone");
    }
    for (key, value) in values {
        let found = property(schema, of, key).unwrap_or_else(|| panic!("{path}.{key} is not in the schema"));
        agree(schema, found, value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") });
    }
}

#[test]
fn the_schema_has_every_value_and_no_other() {
    for (chart, _) in CHARTS {
        let schema = fs::read_to_string(directory(chart).join("values.schema.json")).expect("read");
        let schema: Value = serde_json::from_str(&schema).expect("JSON");
        agree(&schema, &schema, &yaml(&text(chart)), "");
    }
}

/// The keys of a configuration, which `config init` shows, those with a default behind a `#`.
fn keys(role: &str) -> BTreeSet<String> {
    let mut init = std::process::Command::new(MK8S);
    let template = run(quiet(init.args(["config", "init", role])), b"").expect(0).out();
    let line = |line: &str| {
        let content = line.trim_start();
        let indent = &line[..line.len() - content.len()];
        match content.strip_prefix('#').filter(|key| key.starts_with(|c: char| c.is_ascii_lowercase())) {
            Some(key) => format!("{indent}{key}\n"),
            None => format!("{line}\n"),
        }
    };
    let template: String = template.lines().map(line).collect();
    leaves(&yaml(&template), "").into_iter().map(|(key, _)| key).collect()
}

#[test]
fn every_key_of_the_configuration_is_a_value_or_decided_by_the_chart() {
    for ((chart, role), (_, decided)) in CHARTS.into_iter().zip(DECIDED) {
        let values = leaves(&yaml(&text(chart))["config"], "").into_iter().map(|(key, _)| key);
        let values: BTreeSet<String> = values.collect();
        let decided: BTreeSet<String> = decided.iter().map(|key| (*key).to_owned()).collect();
        assert!(values.is_disjoint(&decided), "{chart}");
        assert_eq!(values.union(&decided).cloned().collect::<BTreeSet<_>>(), keys(role), "{chart}");
    }
}
