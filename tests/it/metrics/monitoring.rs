//! `deploy/monitoring`: dashboards and alerts ask for metrics and labels that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::metrics::reference::all;
use crate::metrics::scrape::base;

/// Labels that a scrape adds, and that of buckets.
const ADDED: [&str; 5] = ["job", "instance", "namespace", "pod", "le"];

/// Words of the query language that look like labels where they stand.
const FUNCTIONS: [&str; 1] = ["__name__"];

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/monitoring").join(file);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The names in a query that are metrics of ours or of the process, and the labels that it names.
fn names(query: &str) -> (Vec<String>, Vec<String>) {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let metric = |word: &&str| word.starts_with("mk8s_") || word.starts_with("process_");
    let metrics = query.split(|c| !word(c)).filter(metric).map(str::to_owned).collect();
    let matcher = regex_lite::Regex::new(r#"([a-z_]+)\s*(?:=~|!~|!=|=)\s*""#).expect("a pattern");
    let grouping =
        regex_lite::Regex::new(r"(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)").expect("a pattern");
    let matched = matcher.captures_iter(query).map(|found| found[1].to_owned());
    let grouped = grouping.captures_iter(query).flat_map(|found| {
        found[1].split(',').map(|label| label.trim().to_owned()).filter(|l| !l.is_empty()).collect::<Vec<_>>()
    });
    (metrics, matched.chain(grouped).collect())
}

/// Fails if a query asks for what there is not; the metrics that it asks for.
#[track_caller]
fn check(query: &str) -> Vec<String> {
    let known = all();
    let (metrics, labels) = names(query);
    assert!(!metrics.is_empty() || query.contains("up{"), "no metric of ours: {query}");
    let mut of_these: BTreeSet<&str> = ADDED.into_iter().chain(FUNCTIONS).collect();
    let mut bases = Vec::new();
    for name in metrics {
        let is_histogram = |name: &str| known.get(name).is_some_and(|m| m.kind == "histogram");
        let base = base(&name, is_histogram);
        let found = known.get(&base).unwrap_or_else(|| panic!("there is no metric {name}: {query}"));
        assert_eq!(found.kind == "histogram", base != name, "a histogram has buckets, a sum and a count: {query}");
        of_these.extend(found.labels.iter().map(String::as_str));
        bases.push(base);
    }
    for label in labels {
        assert!(of_these.contains(label.as_str()), "no such label, {label}: {query}");
    }
    bases
}

/// All values of a key, wherever it is.
fn find<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == key {
                    found.push(value);
                }
                find(value, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| find(item, key, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).expect("JSON");
    assert!(dashboard["title"].is_string() && dashboard["uid"].is_string());
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{}", panel["title"]);
        assert!(panel["gridPos"]["w"].as_u64().is_some_and(|width| width <= 24), "{}", panel["title"]);
    }
    let mut queries = Vec::new();
    find(&dashboard["panels"], "expr", &mut queries);
    assert!(queries.len() > 15, "{}", queries.len());
    let asked: BTreeSet<String> = queries.iter().flat_map(|query| check(query.as_str().expect("a text"))).collect();
    for query in &queries {
        // Variables of the dashboard, and no others.
        for variable in query.as_str().unwrap_or_default().split('$').skip(1) {
            let known = ["datasource", "cluster", "__rate_interval"];
            assert!(known.iter().any(|name| variable.starts_with(name)), "${variable}");
        }
    }
    for important in
        ["mk8s_tunnels", "mk8s_audit_lag_seconds", "mk8s_cluster_requests_total", "mk8s_agent_requests_total"]
    {
        assert!(asked.contains(important), "{important}");
    }
    let mut definitions = Vec::new();
    find(&dashboard["templating"], "query", &mut definitions);
    assert!(definitions.iter().any(|query| query.to_string().contains("label_values(mk8s_tunnels, cluster)")));
}

#[test]
fn the_alerts_ask_for_what_there_is() {
    let rules: Value = serde_saphyr::from_str(&read("alerts.yaml")).expect("YAML");
    let mut names = BTreeSet::new();
    for group in rules["groups"].as_array().expect("groups") {
        assert!(group["name"].is_string());
        for rule in group["rules"].as_array().expect("rules") {
            let name = rule["alert"].as_str().expect("a name");
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            check(rule["expr"].as_str().expect("a query"));
            assert!(
                ["critical", "warning"].contains(&rule["labels"]["severity"].as_str().expect("a severity")),
                "{name}"
            );
            for text in ["summary", "description"] {
                let text = rule["annotations"][text].as_str().unwrap_or_else(|| panic!("{name}: {text}"));
                assert!(!text.trim().is_empty());
                for label in text.split("$labels.").skip(1) {
                    let label: String = label.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                    let known = ADDED.contains(&label.as_str()) || all().values().any(|m| m.labels.contains(&label));
                    assert!(known, "{name}: {label}");
                }
            }
        }
    }
    for wanted in ["Tunnel", "Audit", "Database", "Certificate", "Denied", "Errors"] {
        assert!(names.iter().any(|name| name.contains(wanted)), "no alert for {wanted}: {names:?}");
    }
    let documentation =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).expect("read");
    for name in &names {
        assert!(documentation.contains(&format!("`{name}`")), "docs/metrics.md does not explain {name}");
    }
}

#[test]
fn the_checks_can_fail() {
    let fails = |query: &'static str| std::panic::catch_unwind(|| check(query)).is_err();
    assert!(!fails(r#"sum by (cluster) (rate(mk8s_cluster_requests_total{code=~"5.."}[5m]))"#));
    assert!(fails("mk8s_tunnel_count"));
    assert!(fails(r#"mk8s_tunnels{user="x"}"#));
    assert!(fails("sum by (verb) (mk8s_tunnels)"));
    assert!(fails("rate(mk8s_audit_write_duration_seconds[5m])"), "a histogram without its ending");
}
