//! `docs/metrics.md` lists what the servers say: every metric with its type, its labels and its help, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::metrics::scrape::{Described, Scrape, Site};
use crate::support::Central;
use crate::support::process::run;

/// The metrics of one section of the reference: the rows of its table.
pub fn documented(section: &str) -> BTreeMap<String, Described> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = fs::read_to_string(file).expect("docs/metrics.md");
    let rest = text.split_once(&format!("\n### {section}\n")).expect("the section").1;
    let section = rest.split("\n##").next().unwrap_or_default();
    let code = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let ["", name, kind, labels, help, ""] = cells[..] else { panic!("four cells: {row}") };
        let labels = labels.split(',').map(code).filter(|label| !label.is_empty()).collect();
        (code(name), Described { kind: kind.trim().to_owned(), help: help.trim().to_owned(), labels })
    });
    rows.collect()
}

/// All metrics of all sections.
pub fn all() -> BTreeMap<String, Described> {
    ["Central", "Agent", "Both"].into_iter().flat_map(documented).collect()
}

fn compare(scrape: &Scrape, section: &str) {
    let mut expected = documented(section);
    expected.extend(documented("Both"));
    let names = |metrics: &BTreeMap<String, Described>| metrics.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&scrape.metrics), names(&expected), "docs/metrics.md, section {section}");
    for (name, described) in &scrape.metrics {
        assert_eq!(described, &expected[name], "docs/metrics.md, {name}");
    }
}

#[test]
fn the_reference_is_what_the_servers_say() {
    let template = Central::start();
    let tls = template.dir.path().join("data/tls");
    // Any pair: central asks for none.
    let pair = [tls.join("ca.crt"), tls.join("ca.key")].map(|file| file.to_str().expect("UTF-8").to_owned());
    let site = Site::start_with(&[
        ("MK8S_AGENT_TLS__CLIENT_CERT_FILE", &pair[0]),
        ("MK8S_AGENT_TLS__CLIENT_KEY_FILE", &pair[1]),
    ]);
    run(site.central.mk8s().args(["kubectl", "get", "namespaces"]), b"").expect(0);
    assert_eq!(site.through_the_gateway(Central::token(), "/api/v1/namespaces"), 200);
    // A command ends at central before the agent has counted it.
    let of_agent = site.of_agent.wait_for("the end", |s| s.sum("mk8s_agent_commands_total", &[]) == 1.0);
    compare(&of_agent, "Agent");
    compare(&site.of_central.scrape(), "Central");

    let in_a_year = |name: &str, scrape: &Scrape| {
        let now = jiff::Timestamp::now().as_second() as f64;
        let left = scrape.sum(name, &[]) - now;
        assert!(left > 86_400.0 * 300.0, "{name}: {left}");
    };
    in_a_year("mk8s_agent_client_certificate_not_after_timestamp_seconds", &of_agent);
    in_a_year("mk8s_certificate_not_after_timestamp_seconds", &site.of_central.scrape());
    let build = &["role=agent", &format!("version={}", env!("CARGO_PKG_VERSION"))];
    assert_eq!(of_agent.sum("mk8s_build_info", build), 1.0);
    assert_eq!(of_agent.sum("mk8s_agent_sandbox", &[]), 1.0, "one level");
    assert!(of_agent.has("process_resident_memory_bytes"));
}
