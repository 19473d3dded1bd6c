//! What becomes of the texts of kubeconfigs.

use super::*;

const HUB: &str = "https://c.example:8443";

fn hub() -> Hub {
    Hub { server: HUB.into(), prefix: "mk8s-".into() }
}

fn wanted(clusters: &[&str]) -> Wanted {
    let args = ["credential", "--server", HUB].map(str::to_owned).to_vec();
    Wanted {
        clusters: clusters.iter().map(ToString::to_string).collect(),
        authority: Some("QUJD".into()),
        server_name: None,
        plugin: Plugin { command: "mk8s".into(), args, env: Vec::new() },
        others_go: true,
        current: None,
    }
}

fn put(text: &str, wanted: &Wanted) -> Result<String, KubeconfigError> {
    edit(text, &hub().put(text, wanted)?)
}

fn remove(text: &str) -> String {
    edit(text, &hub().remove(text, None).unwrap()).unwrap()
}

#[track_caller]
fn names(text: &str, list: &str) -> Vec<String> {
    items(&parse(text).unwrap(), list).iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

const NEW: &str = "\
apiVersion: v1
kind: Config
clusters:
- name: mk8s-dev
  cluster:
    server: https://c.example:8443/clusters/dev/k8s
    certificate-authority-data: QUJD
contexts:
- name: mk8s-dev
  context:
    cluster: mk8s-dev
    user: mk8s@c.example:8443
users:
- name: mk8s@c.example:8443
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: mk8s
      args:
      - credential
      - --server
      - https://c.example:8443
      interactiveMode: Never
      provideClusterInfo: false
      installHint: \"the program mk8s is not where it was: install it, then run mk8s kubeconfig write again\"
";

#[test]
fn an_empty_file_becomes_a_kubeconfig() {
    assert_eq!(put("", &wanted(&["dev"])).unwrap(), NEW);
    assert_eq!(put("# mine\n", &wanted(&["dev"])).unwrap(), format!("# mine\n{NEW}"));
    let current = Wanted { current: Some("dev".into()), ..wanted(&["dev"]) };
    assert_eq!(put("", &current).unwrap(), format!("{NEW}current-context: \"mk8s-dev\"\n"));
    assert!(!put("", &Wanted { authority: None, ..wanted(&["dev"]) }).unwrap().contains("authority"));
    let named = put("", &Wanted { server_name: Some("central.internal".into()), ..wanted(&["dev"]) }).unwrap();
    assert!(named.contains("    certificate-authority-data: QUJD\n    tls-server-name: central.internal\n"), "{named}");
}

#[test]
fn a_long_authority_stays_in_one_line() {
    let long = "QUJD".repeat(1_000);
    let text = put("", &Wanted { authority: Some(long.clone()), ..wanted(&["dev"]) }).unwrap();
    assert!(text.contains(&format!("certificate-authority-data: {long}\n")), "{text}");
}

/// Files of other people, with what is theirs on lines with the word `theirs`.
const FILES: [&str; 12] = [
    // As kubectl writes it.
    "apiVersion: v1\nclusters:\n- cluster:\n    server: https://theirs\n  name: theirs\ncontexts:\n- context:\n    cluster: theirs\n    user: theirs\n  name: theirs\ncurrent-context: theirs\nkind: Config\npreferences: {}\nusers:\n- name: theirs\n  user:\n    token: theirs\n",
    // Indented, with comments, unknown keys and no newline at the end.
    "# theirs\nkind: Config   # theirs\napiVersion: v1\nclusters: # theirs\n  # theirs, above\n  - name: theirs\n    cluster: {server: https://theirs}   # theirs\n    theirs: [1, 2]\n\n  # theirs, below\n\ncontexts:\n    - name: theirs\n      context:\n          cluster: theirs\nusers:\n  - name: theirs",
    // All forms of nothing.
    "kind: Config\nclusters: []\ncontexts: null # theirs\nusers: ~\ncurrent-context: \"\"\n",
    "clusters:\ncontexts:\n\nusers:\n# theirs\n",
    "theirs: {a: b}\n",
    "---\n# theirs\nkind: Config\n",
    // Literal texts with lines like items and comments.
    "users:\n- name: theirs\n  user:\n    theirs: |\n      - name: theirs\n      # theirs\n    more: \"a\n      b\"\nclusters: []\n",
    "clusters:\n-\n  name: theirs\n-   name: theirs2\n    cluster: {}\n",
    // Anchors outside of our items.
    "theirs: &theirs {token: theirs}\nusers:\n- name: theirs\n  user: *theirs\n",
    "kind: Config\r\nclusters:\r\n- name: theirs\r\n  cluster: {}\r\n# theirs\r\nusers: []\r\n",
    "clusters:\n- {name: theirs, cluster: {server: \"https://theirs\"}}\n",
    "users:\n- name: theirs\n  user: {}\n\n\n# theirs\n",
];

#[test]
fn what_is_theirs_stays_as_it_is() {
    for file in FILES {
        let text = put(file, &wanted(&["dev", "prod"])).unwrap_or_else(|e| panic!("{e}: {file}"));
        for (list, ours) in [("clusters", 2), ("contexts", 2), ("users", 1)] {
            let (before, after) = (names(file, list), names(&text, list));
            assert_eq!(after.len(), before.len() + ours, "{text}");
            assert!(after.starts_with(&before), "{text}");
        }
        // The line of a list that was empty has to change.
        let kept = |line: &&str| line.contains("theirs") && !line.starts_with("contexts:");
        let (before, after): (Vec<_>, Vec<_>) =
            (file.lines().filter(kept).collect(), text.lines().filter(kept).collect());
        assert_eq!(before, after, "{text}");
        assert_eq!(text.contains("contexts: # theirs\n"), file.contains("contexts: null # theirs"), "{text}");
        assert_eq!(parse(file).unwrap()[CURRENT], parse(&text).unwrap()[CURRENT]);
        // Again, there is nothing to do, and in the end it is as before but for lists that are written as empty ones.
        assert_eq!(put(&text, &wanted(&["dev", "prod"])).unwrap(), text);
        let end = remove(&text);
        if FILES[0] == file || FILES[1] == file {
            assert_eq!(end.trim_end(), file.trim_end());
        }
        assert!(!end.contains("mk8s"), "{end}");
        assert_eq!(end.lines().filter(kept).collect::<Vec<_>>(), before, "{end}");
        assert_eq!(text.contains("\r\n"), file.contains("\r\n"));
        assert_eq!(text.matches('\n').count() == text.matches("\r\n").count(), file.contains("\r\n"));
    }
}

#[test]
fn what_cannot_be_edited_line_by_line_is_refused() {
    for file in [
        "{\"clusters\": [], \"contexts\": [], \"users\": []}",
        "clusters: [{name: theirs}]\n",
        "clusters: &theirs\n- name: a\n",
        "clusters:\n\t- name: a\n",
        "clusters:\n- name: a\n...\n",
        "\u{feff}clusters:\n- name: a\n",
        "\"clusters\":\n- name: a\n",
        "clusters: !!seq\n- name: a\n",
        "clusters:\n  [{name: a}]\n",
        "clusters:\n- name: a\n  x: |+\n    keep\n\n",
        "current-context: >\n  folded\n",
        // Not YAML, or not a kubeconfig.
        "a: [",
        "- a",
        "clusters: x\n",
        "clusters: []\nclusters: []\n",
        "a: 1\n---\nb: 1\n",
    ] {
        let current = Wanted { current: Some("dev".into()), ..wanted(&["dev"]) };
        let error = put(file, &current).expect_err(file);
        assert!(!matches!(error, KubeconfigError::Taken { .. }), "{error}");
    }
    let error = put("users:\n- user: {token: s3cret\n", &wanted(&["dev"])).unwrap_err().to_string();
    assert!(error.contains("line ") && !error.contains("s3cret"), "{error}");
}

#[test]
fn clusters_come_and_go_and_a_namespace_stays() {
    let text = put(FILES[0], &wanted(&["a", "b", "c"])).unwrap();
    let text = text.replace("    cluster: mk8s-c\n", "    cluster: mk8s-c\n    namespace: mine\n");
    let next = put(&text, &wanted(&["c", "d"])).unwrap();
    assert_eq!(names(&next, "clusters"), ["theirs", "mk8s-c", "mk8s-d"]);
    assert_eq!(names(&next, "contexts"), ["theirs", "mk8s-c", "mk8s-d"]);
    assert!(next.contains("namespace: mine"));
    // With names, nothing else goes.
    let more = put(&next, &Wanted { others_go: false, ..wanted(&["e"]) }).unwrap();
    assert_eq!(names(&more, "clusters"), ["theirs", "mk8s-c", "mk8s-d", "mk8s-e"]);
    let less = edit(&more, &hub().remove(&more, Some(&["c".into(), "nosuch".into()])).unwrap()).unwrap();
    assert_eq!(names(&less, "clusters"), ["theirs", "mk8s-d", "mk8s-e"]);
    assert_eq!(names(&less, "users"), ["theirs", "mk8s@c.example:8443"]);
    assert_eq!(remove(&less), FILES[0]);
}

#[test]
fn what_has_changed_is_replaced_in_its_place() {
    let text = put(FILES[0], &wanted(&["a", "b"])).unwrap();
    let other = Wanted { authority: Some("REVG".into()), ..wanted(&["a", "b"]) };
    assert_eq!(put(&text, &other).unwrap(), text.replace("QUJD", "REVG"));
    // As kubectl writes ours.
    let nulls = text.replace("      interactiveMode", "      env: null\n      interactiveMode");
    assert_eq!(put(&nulls, &wanted(&["a", "b"])).unwrap(), nulls);
}

#[test]
fn entries_of_others_with_our_names_are_not_touched() {
    let other = Hub { server: "https://other".into(), ..hub() };
    let text = edit("", &other.put("", &wanted(&["dev", "x"])).unwrap()).unwrap();
    let error = put(&text, &wanted(&["dev"])).unwrap_err();
    assert!(error.to_string().contains("mk8s-dev") && error.to_string().contains(HUB), "{error}");
    assert_eq!(remove(&text), text);
    // Two centrals share a file when their names differ.
    let prefixed = Hub { prefix: "two-".into(), ..hub() };
    let both = edit(&text, &prefixed.put(&text, &wanted(&["dev"])).unwrap()).unwrap();
    assert_eq!(names(&both, "contexts"), ["mk8s-dev", "mk8s-x", "two-dev"]);
    assert_eq!(names(&both, "users"), ["mk8s@other", "two-user@c.example:8443"]);
    assert_eq!(edit(&both, &prefixed.remove(&both, None).unwrap()).unwrap(), text);
    // A context of theirs that uses our user keeps it, and one that has our name is in the way.
    let text = put("", &wanted(&["dev"])).unwrap();
    let more = text
        .replace("contexts:\n", "contexts:\n- name: theirs\n  context: {cluster: x, user: \"mk8s@c.example:8443\"}\n");
    assert_eq!(names(&remove(&more), "users"), ["mk8s@c.example:8443"]);
    let taken = "contexts:\n- name: mk8s-dev\n  context: {cluster: x, user: y}\n";
    assert!(matches!(put(taken, &wanted(&["dev"])), Err(KubeconfigError::Taken { kind: "context", .. })));
}

#[test]
fn two_accounts_with_one_central_are_two_users() {
    let text = put("", &wanted(&["dev"])).unwrap();
    let admin = Hub { prefix: "admin-".into(), ..hub() };
    let mut other = wanted(&["dev"]);
    other.plugin.env.push(("MK8S_CONFIG".into(), "/admin.yaml".into()));
    let both = edit(&text, &admin.put(&text, &other).unwrap()).unwrap();
    assert_eq!(names(&both, "users"), ["mk8s@c.example:8443", "admin-user@c.example:8443"]);
    let file = parse(&both).unwrap();
    assert_eq!(file["users"][0], parse(&text).unwrap()["users"][0], "what was there acts as before");
    let user_of = |context: &str| find(&file, CONTEXTS, context).unwrap()["context"]["user"].clone();
    assert_eq!((user_of("mk8s-dev"), user_of("admin-dev")), (hub().user().into(), admin.user().into()));
    assert_eq!(put(&both, &wanted(&["dev"])).unwrap(), both);
    assert_eq!(edit(&both, &admin.remove(&both, None).unwrap()).unwrap(), text);
}

#[test]
fn the_current_context_changes_only_when_that_is_wanted() {
    let current = Wanted { current: Some("dev".into()), ..wanted(&["dev"]) };
    let text = put("current-context: theirs # why\nkind: Config\n", &current).unwrap();
    assert!(text.starts_with("current-context: \"mk8s-dev\" # why\nkind: Config\n"), "{text}");
    let removed = remove(&text);
    assert!(removed.contains("mk8s-dev") && names(&removed, "contexts").is_empty(), "{removed}");
}

#[test]
fn what_a_file_has_of_a_central_is_found_by_its_url() {
    let found = |text: &str| hub().found(text).unwrap();
    assert_eq!(found(""), Found::default());
    assert_eq!(found(NEW), Found { clusters: 1, plugin: Some("mk8s".into()) });
    assert_eq!(found(&NEW.replace("mk8s-dev", "other")).clusters, 1, "whatever it is called");
    assert_eq!(found(&NEW.replace("c.example:8443", "c.example:84")), Found::default());
    assert_eq!(found(&NEW.replace("/k8s", "/k8s/x")).clusters, 0);
    assert!(hub().found("a: [").is_err());
}
