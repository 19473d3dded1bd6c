//! The second and the third wall: with a program that takes any command line as it is, the sandbox still keeps kubectl
//! from files, programs and addresses, and the gate from what its caller may not do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::json;

use crate::attacks::{Prey, lines};
use crate::support::attempt::{Way, words};
use crate::support::canary::reveals;
use crate::support::process::MK8S;
use crate::support::{Namespace, run};

/// The program without its parser. It is built here, as cargo does not for a single test.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let directory = Path::new(MK8S).parent().expect("a directory");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--locked", "--quiet", "--example", "unparsed", "--target-dir"]);
        cargo.arg(directory.parent().expect("the target directory")).current_dir(env!("CARGO_MANIFEST_DIR"));
        run(&mut cargo, b"").expect(0);
        directory.join("examples/unparsed")
    })
}

/// A stack of that program, whose agent says that it has a sandbox.
fn prey() -> Prey {
    let prey = Prey::of(program());
    let shown = prey.central.run(&["clusters", "show", "dev", "--output", "json"]).expect(0).out();
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert!(
        shown["sandbox"].as_str().is_some_and(|state| state.contains("files, network")),
        "these tests need Linux 6.7 or newer, with Landlock: {shown}"
    );
    prey
}

/// Tries all of them; fails with all that did harm.
fn harmless(prey: &Prey, lines: &[lines::Line]) {
    let problems: Vec<String> = lines
        .iter()
        .filter_map(|line| {
            let (attempt, harm) = prey.attempt(Way::Post, *line);
            (!harm.is_empty()).then(|| format!("kubectl {}: {harm:?}\n  {}", line.0, attempt.brief()))
        })
        .collect();
    assert!(problems.is_empty(), "{} of {} did harm\n{}", problems.len(), lines.len(), problems.join("\n"));
}

#[test]
fn files_stay_closed() {
    let prey = prey();
    harmless(&prey, lines::FILES);
    harmless(&prey, lines::WRITES);
    harmless(&prey, lines::ENVIRONMENT);
}

#[test]
fn programs_do_not_run() {
    let prey = prey();
    harmless(&prey, lines::KUBECONFIGS);
    harmless(&prey, lines::PROGRAMS);
    harmless(&prey, lines::EDITORS);
    harmless(&prey, lines::HARMLESS);
}

#[test]
fn nothing_is_connected_to_and_nothing_listens() {
    let prey = prey();
    harmless(&prey, lines::SERVERS);
    harmless(&prey, lines::ADDRESSES);
    harmless(&prey, lines::SOCKETS);
    harmless(&prey, lines::LISTENERS);
}

/// What the parser would have refused gives no right, neither to the admin nor to another.
#[test]
fn identities_give_nothing() {
    let prey = prey();
    for line in lines::IDENTITIES.iter().filter(|(line, _)| !line.contains("--user=") && !line.contains("--cluster=")) {
        let (attempt, harm) = prey.attempt(Way::Post, *line);
        assert!(harm.is_empty(), "kubectl {}: {harm:?}\n  {}", line.0, attempt.brief());
        // The one entry of the kubeconfig may be named: it is what is used anyhow.
        let same = line.0.contains("context");
        assert!(same || !attempt.succeeded, "kubectl {}: {}", line.0, attempt.brief());
    }
}

#[test]
fn the_gate_alone_keeps_a_namespace_closed() {
    let (prey, other) = (prey(), Namespace::create());
    let secret = &prey.canary.secret;
    other.kubectl(&["create", "secret", "generic", "s", &format!("--from-literal=key={secret}")], "");
    let role = json!({ "name": "app-1-only", "permissions": [
        { "clusters": ["*"], "namespaces": [prey.namespace.0], "resources": ["*"], "verbs": ["*"] }
    ]});
    prey.central.make_role(&role);
    let token = prey.central.user("ann@example.com", &["app-1-only"]);
    let own = words(&format!("get pods -n {}", prey.namespace.0));
    prey.central.attempt(Way::Post, &token, &own, "").expect_success();
    for line in [
        "get secret s -n {other} -o go-template={{.data.key|base64decode}}",
        "get secret s -n {other} -o go-template={{.data.key|base64decode}} --as=system:admin",
        "get secret s -n {other} -o go-template={{.data.key|base64decode}} --as=x --as-group=system:masters",
        "get secret s -n {other} -o go-template={{.data.key|base64decode}} --token=x",
        "get secrets -A -o go-template={{range.items}}{{range.data}}{{.|base64decode}}{{end}}{{end}}",
        "get --raw /api/v1/namespaces/{other}/secrets/s",
        "get --raw /api/v1/namespaces/{own}/../{other}/secrets/s",
        "get --raw /api/v1/namespaces/{own}%2f..%2f{other}/secrets/s",
        "delete secret s -n {other}",
    ] {
        let args = words(&line.replace("{other}", &other.0).replace("{own}", &prey.namespace.0));
        let attempt = prey.central.attempt(Way::Post, &token, &args, "");
        assert!(!attempt.succeeded && !reveals(&attempt.text(), secret), "{line}: {}", attempt.brief());
    }
    other.kubectl(&["get", "secret", "s"], "");
}
