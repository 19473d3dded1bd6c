//! What the output of many clusters looks like.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Scene, sorted};
use crate::support::run;

/// The clusters with agents, and the one without.
const ALL: [&str; 2] = ["--clusters", "prod-*,off"];

#[test]
fn tables_are_one_table() {
    let scene = Scene::with_map();
    let line = ["get", "configmap", "map", "--no-headers=false", "-L", "app"];
    let output = scene.run(&["--clusters", "prod-*"], &line).expect(0);
    assert_eq!(output.err(), "");
    let table = output.out();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["CLUSTER", "NAME", "DATA", "AGE", "APP"]);
    let at = lines[0].find("NAME").expect("a column");
    assert_eq!(at, "prod-long   ".len());
    for (line, cluster) in lines[1..].iter().zip(["prod-a", "prod-b", "prod-long"]) {
        assert_eq!((line[..at].trim_end(), line[at..].starts_with("map    1      ")), (cluster, true), "{table}");
    }
    assert_eq!(lines.len(), 4);

    // Each kind has its own columns, and its own table.
    let output = scene.run(&["--clusters", "prod-a,prod-b"], &["get", "configmap/map", "namespace/default"]).expect(0);
    let table = output.out();
    let (maps, namespaces) = table.split_once("\n\n").expect("two tables");
    assert!(maps.contains("\nprod-b    configmap/map   1      "), "{table}");
    assert!(namespaces.contains("\nprod-b    namespace/default   Active   "), "{table}");
}

#[test]
fn what_kubectl_says_has_the_name_of_its_cluster() {
    let scene = Scene::start();
    let output = scene.run(&["--clusters", "prod-*"], &["get", "secrets"]).expect(0);
    let nothing = format!("No resources found in {} namespace.", scene.namespace.0);
    let expected = ["prod-a    | ", "prod-b    | ", "prod-long | "].map(|prefix| format!("{prefix}{nothing}"));
    assert_eq!((output.out().as_str(), sorted(&output.err())), ("", expected.iter().map(String::as_str).collect()));
}

#[test]
fn lines_come_as_they_are_with_the_name_before_them() {
    let scene = Scene::start();
    scene.namespace.pod("web", "exec sleep 100000");
    let script = r"printf 'one\n\n  two'; printf 'three\n' >&2; exit 7";
    let output = scene.run(&["--clusters", "prod-a,prod-b"], &["exec", "web", "--", "sh", "-c", script]).expect(7);
    let of = |text: &str, name: &str| {
        let prefix = format!("{name} | ");
        text.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect::<Vec<_>>()
    };
    for name in ["prod-a", "prod-b"] {
        assert_eq!(of(&output.out(), name), ["one", "", "  two"]);
        assert_eq!(of(&output.err(), name), ["three", "command terminated with exit code 7"]);
    }
    assert!(output.out().ends_with('\n'));
    assert!(output.err().contains("error: failed in 2 of 2 clusters: prod-a, prod-b\n"), "{}", output.err());

    // Much of it, from all at once, and in lines that stay whole.
    let script = "for i in $(seq 20000); do echo $i-abcdefghijklmnopqrstuvwxyz; done";
    let output = scene.run(&["--clusters", "prod-*"], &["exec", "web", "--", "sh", "-c", script]).expect(0);
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for line in output.out().lines() {
        let (name, text) = line.split_once(" | ").unwrap_or_else(|| panic!("{line:?}"));
        let number = seen.entry(name.trim_end().to_owned()).or_default();
        *number += 1;
        assert_eq!(text, format!("{number}-abcdefghijklmnopqrstuvwxyz"));
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        ["prod-a", "prod-b", "prod-long"].map(|name| (name.into(), 20_000))
    );
}

#[test]
fn input_is_read_once_and_sent_to_each() {
    let scene = Scene::start();
    scene.namespace.pod("web", "exec sleep 100000");
    let input: Vec<u8> = (0..3u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let hash = run(&mut std::process::Command::new("sha256sum"), &input).expect(0).out();
    let mut command = scene.command(&["--clusters", "prod-a,prod-b"], &["exec", "-i", "web", "--", "sha256sum"]);
    let output = run(&mut command, &input).expect(0);
    assert_eq!(
        sorted(&output.out()),
        [format!("prod-a | {}", hash.trim_end()), format!("prod-b | {}", hash.trim_end())]
    );
}

/// The objects of JSON lines, by their clusters.
fn objects(text: &str) -> BTreeMap<String, Value> {
    let object = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        (value["cluster"].as_str().expect("a cluster").to_owned(), value)
    };
    text.lines().map(object).collect()
}

#[test]
fn json_is_an_object_for_each_cluster() {
    let scene = Scene::with_map();
    let output = scene.run(&ALL, &["get", "configmap", "map", "-o", "json"]).expect(6);
    assert_eq!(output.out().lines().count(), 4);
    let all = objects(&output.out());
    for name in ["prod-a", "prod-b", "prod-long"] {
        assert_eq!(all[name]["exit_code"], 0);
        assert_eq!(all[name]["result"]["data"]["key"], "value");
        assert!(all[name].get("error").is_none() && all[name].get("stderr").is_none());
    }
    let error = &all["off"]["error"];
    assert_eq!(error["code"], "unavailable");
    assert!(error["what"].as_str().is_some_and(|what| what.starts_with("cluster \"off\" is offline")), "{error}");

    let output = scene.run(&["--clusters", "prod-a"], &["get", "configmap", "nosuch", "-o", "json"]).expect(1);
    let all = objects(&output.out());
    assert_eq!(all["prod-a"]["exit_code"], 1);
    let said = all["prod-a"]["stderr"].as_str().expect("stderr");
    assert!(said.contains("\"nosuch\" not found") && said.ends_with('\n'), "{said:?}");

    let line = ["get", "configmap", "map", "-o", "json"];
    let output = scene.run(&["--clusters", "off,prod-*", "--canary", "1"], &line).expect(6);
    assert_eq!(objects(&output.out())["prod-b"]["error"]["code"], "skipped");
}

#[test]
fn no_escape_codes_come_without_a_terminal() {
    let scene = Scene::with_map();
    let wait = ["wait", "--for=jsonpath={.data.key}=never", "--timeout=3s", "configmap/map"];
    let mut command = scene.command(&["--clusters", "prod-*"], &wait);
    let output = run(command.env("TERM", "xterm"), b"").expect(1);
    assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{output:?}");
    assert!(!output.err().contains(" done"), "{}", output.err());
}
