//! The forms in which the client shows things: the same for every command that lists or shows any.

use serde_json::Value;

use crate::support::{Central, Output, run};

/// Commands that list something; whether the list stays as it is from one command to the next.
const LISTS: [(&[&str], bool); 10] = [
    (&["clusters", "list"], true),
    (&["tokens", "list"], true),
    (&["sessions", "list"], true),
    (&["auth", "roles"], true),
    (&["admin", "users", "list"], true),
    (&["admin", "users", "session", "list", "admin@localhost"], true),
    (&["admin", "roles", "list"], true),
    (&["admin", "clusters", "list"], true),
    (&["admin", "clusters", "token", "list", "dev"], true),
    (&["audit", "verify"], false),
];

/// Commands that show one thing, and its name.
const SHOWS: [(&[&str], &str); 6] = [
    (&["clusters", "show", "dev"], "dev"),
    (&["status"], "{url}"),
    (&["version"], "mk8s {version}"),
    (&["admin", "users", "show", "admin@localhost"], "admin@localhost"),
    (&["admin", "roles", "show", "viewer"], "viewer"),
    (&["admin", "clusters", "show", "dev"], "dev"),
];

fn central() -> Central {
    let central = Central::start();
    central.log_in();
    central
}

#[track_caller]
fn shown(central: &Central, command: &[&str], args: &[&str]) -> Output {
    let output = run(central.client().args(command).args(args), b"").expect(0);
    assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{command:?} {args:?}: {output:?}");
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", output.out()))
}

fn yaml(output: &Output) -> Value {
    serde_saphyr::from_str(&output.out()).unwrap_or_else(|e| panic!("{e}: {}", output.out()))
}

/// The words of the rows.
fn words(text: &str) -> Vec<Vec<String>> {
    text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn every_list_has_every_form() {
    let central = central();
    for (command, stays) in LISTS {
        let items = json(&shown(&central, command, &["-o", "json"]));
        let items = items.as_array().unwrap_or_else(|| panic!("{command:?}: a list, not {items}"));
        assert!(!items.is_empty(), "{command:?}");
        let as_yaml = yaml(&shown(&central, command, &["--output=yaml"]));
        let names = shown(&central, command, &["-o", "name"]).out();
        assert!(names.lines().all(|name| !name.is_empty() && !name.contains([' ', '\t'])), "{command:?}: {names}");
        let table = words(&shown(&central, command, &[]).out());
        let wide = words(&shown(&central, command, &["-o", "wide"]).out());
        let bare = words(&shown(&central, command, &["--no-headers"]).out());
        assert!(table.len() > 1 && wide[0].starts_with(&table[0]), "{command:?}: {:?} {:?}", table[0], wide[0]);
        assert_eq!((wide.len(), bare.len() + 1), (table.len(), table.len()), "{command:?}");
        if stays {
            assert_eq!(as_yaml.as_array(), Some(items), "{command:?}");
            assert_eq!(names.lines().count(), items.len(), "{command:?}");
            // Ages may be a second older.
            assert_eq!(bare[0][0], table[1][0], "{command:?}");
        }
    }
    let wide = shown(&central, &["clusters", "list"], &["-o", "wide"]).out();
    assert!(["TUNNELS", "KUBECTL", "SANDBOX"].iter().all(|column| wide.contains(column)), "{wide}");
    assert!(!shown(&central, &["clusters", "list"], &[]).out().contains("TUNNELS"));
}

#[test]
fn everything_that_is_shown_has_every_form() {
    let central = central();
    for (command, name) in SHOWS {
        let value = json(&shown(&central, command, &["-o", "json"]));
        assert!(value.is_object(), "{command:?}: {value}");
        assert_eq!(yaml(&shown(&central, command, &["-o", "yaml"])), value, "{command:?}");
        let people = shown(&central, command, &[]).out();
        assert_eq!(shown(&central, command, &["-o", "wide"]).out().len(), people.len(), "{command:?}");
        let expected = name.replace("{url}", &central.url);
        let found = shown(&central, command, &["-o", "name"]).out();
        match expected.strip_suffix("{version}") {
            Some(start) => assert!(found.starts_with(start) && found.lines().count() == 1, "{found}"),
            None => assert_eq!(found, format!("{expected}\n"), "{command:?}"),
        }
    }
    let role = shown(&central, &["admin", "roles", "show", "viewer"], &[]).out();
    assert_eq!(role, shown(&central, &["admin", "roles", "show", "viewer"], &["-o", "yaml"]).out());
    let variable = run(central.client().args(["clusters", "list"]).env("MK8S_OUTPUT", "name"), b"").expect(0);
    assert_eq!(variable.out(), "dev\nghost\n");
}

#[test]
fn records_come_one_by_one_in_each_form() {
    let central = central();
    let audit = |args: &[&str]| shown(&central, &["audit", "--kind=login"], args).out();
    let mut all = central.client();
    all.env_remove("MK8S_CLUSTER").args(["audit", "--kind=login", "-o"]);
    let first = run(all.arg("json"), b"").expect(0).out();
    let record: Value = serde_json::from_str(first.lines().next().expect("a record")).expect("JSON");
    let in_form = |form: &str| {
        let mut command = central.client();
        run(command.env_remove("MK8S_CLUSTER").args(["audit", "--kind=login", "-o", form]), b"").expect(0).out()
    };
    let documents: Vec<Value> = serde_saphyr::from_multiple(&in_form("yaml")).expect("YAML");
    assert_eq!(documents.first(), Some(&record), "{}", in_form("yaml"));
    assert_eq!(in_form("name").lines().next(), record["id"].as_str());
    let wide = in_form("wide");
    assert!(
        wide.starts_with("TIME ") && wide.contains("  RULE  ") && wide.contains(record["id"].as_str().expect("id"))
    );
    assert!(!in_form("table").contains("RULE"));
    assert_eq!(audit(&["--no-headers"]), "", "none is about the cluster");
}
