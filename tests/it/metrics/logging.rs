//! The log: one variable for all roles, and fields that are documented.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::metrics::scrape::{agent, files};
use crate::support::process::{MK8S, run};
use crate::support::stack::quiet;
use crate::support::{Central, PATIENCE};

/// A central that logs what `MK8S_LOG` says.
fn central(filter: &str) -> Central {
    let dir = files("");
    let mut command = Command::new(MK8S);
    command.args(["serve", "central", "--config"]).arg(dir.path().join("central.yaml"));
    quiet(&mut command).env("MK8S_LOG", filter);
    // `start_command` would take it away.
    let mut process = crate::support::Process::start(&mut command);
    let line = process.wait_for_line("central is listening", PATIENCE);
    let line: Value = serde_json::from_str(&line).expect("JSON");
    Central { process, url: line["url"].as_str().expect("url").to_owned(), dir }
}

/// The fields of log lines, but for those that every line has.
fn fields(lines: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in lines {
        let Ok(Value::Object(line)) = serde_json::from_str(line) else { panic!("not JSON: {line}") };
        found.extend(line.keys().cloned());
    }
    found
}

#[test]
fn one_variable_sets_the_log_of_central_and_agents() {
    let mut central = central("info,mk8s=debug");
    let quiet = agent(&central, &[("MK8S_LOG", "error")]);
    central.wait_until(true, PATIENCE);
    assert!(!quiet.process.stderr().join("\n").contains("\"INFO\""), "{:#?}", quiet.process.stderr());
    drop(quiet);
    central.wait_until(false, PATIENCE);
    let agent = agent(&central, &[("MK8S_LOG", "mk8s=debug")]);
    central.wait_until(true, PATIENCE);
    run(central.mk8s().args(["kubectl", "get", "namespaces"]), b"").expect(0);
    central.login("admin@localhost", "wrong password").expect(401);
    central.get("/clusters/dev/k8s/version", Central::token());
    // A request has its line when it is over, which its caller may see before.
    let line = central.process.wait_for_line("\"message\":\"gateway\"", PATIENCE);
    assert!(line.contains("\"DEBUG\""), "{line}");
    let lines = [central.process.stderr(), agent.process.stderr()].concat();

    let documentation =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).expect("read");
    let section = documentation.split_once("\n## Log\n").expect("the section").1;
    // The names of lists are in one cell.
    for field in fields(&lines) {
        assert!(section.contains(&format!("`{field}`")), "docs/metrics.md does not explain the field {field}");
    }
}

#[test]
fn the_client_logs_when_it_is_asked_to() {
    let central = Central::start();
    let said = run(central.mk8s().args(["clusters", "list"]), b"").expect(0).err();
    assert!(!said.contains("central has answered"), "{said}");
    let output =
        run(central.mk8s().args(["clusters", "list", "--output", "json"]).env("MK8S_LOG", "debug"), b"").expect(0);
    assert!(output.err().contains("central has answered") && output.err().contains("/clusters"), "{}", output.err());
    assert!(!output.err().contains(Central::token()));
    serde_json::from_slice::<Value>(&output.stdout).expect("the output is what it was");
}

#[test]
fn a_filter_that_is_none_is_an_error_in_every_role() {
    let said = "log.level in the environment variable MK8S_LOG: \"verbose\" is no level or filter: use off, error";
    for args in [&["serve", "central"][..], &["clusters", "list"], &["config", "check", "central"], &["demo"]] {
        let mut command = Command::new(MK8S);
        let dir = tempfile::tempdir().expect("temporary directory");
        quiet(&mut command).args(args).env("MK8S_LOG", "verbose").env("HOME", dir.path());
        let output = run(&mut command, b"").expect(2);
        assert!(output.err().contains(said), "{args:?}: {}", output.err());
    }
    // The variable of the role is the stronger one.
    let mut command = Command::new(MK8S);
    quiet(&mut command).args(["config", "show", "central"]).env("MK8S_LOG", "debug");
    let shown = run(&mut command, b"").expect(0).out();
    assert!(shown.lines().any(|line| line.contains("level") && line.contains("# MK8S_LOG")), "{shown}");
    let shown = run(command.env("MK8S_CENTRAL_LOG__LEVEL", "warn"), b"").expect(0).out();
    assert!(shown.lines().any(|line| line.contains("level") && line.contains("# MK8S_CENTRAL_LOG__LEVEL")), "{shown}");
}
