//! Secrets of every kind in every place where people put them: none of them is kept anywhere.

use std::fmt::Debug;
use std::fs;
use std::process::Command;

use serde_json::json;

use crate::support::canary::reveals;
use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Agent, Central, Namespace, PATIENCE, Stack, Terminal, run, wait_for};

/// Command lines with a secret in the place of `{}`; `|` is what keeps their words apart.
const LINES: &[&str] = &[
    "create|secret|generic|control-a|--from-literal=k={}",
    "create|secret|generic|control-b|--from-literal|k={}",
    "create|secret|docker-registry|control-e|--docker-username=u|--docker-server=r|--docker-password={}",
    "create|secret|docker-registry|control-f|--docker-username=u|--docker-server=r|--docker-password|{}",
    "run|pod-a|--image=shell|--env=A={}",
    "run|pod-b|--image=shell|--env|A={}",
    "run|pod-c|--image=shell|--annotations=password={}",
    r#"run|pod-d|--image=shell|--overrides={"metadata":{"annotations":{"a":"{}"}}}"#,
    r#"expose|deployment|front|--port=80|--overrides|{"metadata":{"annotations":{"a":"{}"}}}"#,
    "set|env|deployment/front|A={}",
    "set|env|deployment/front|-e|B={}",
    "set|env|deployment/front|--env=C={}",
    r#"patch|configmap|map|-p|{"data":{"k":"{}"}}"#,
    r#"patch|configmap|map|-p={"data":{"k":"{}"}}"#,
    r#"patch|configmap|map|--type=merge|--patch|{"data":{"k":"{}"}}"#,
    "annotate|configmap|map|--overwrite|token={}",
    "get|--raw|/api/v1/namespaces?limit=1&token={}",
    "exec|front|--|env|PASSWORD={}|true",
    "exec|front|--|env|MYSQL_PWD={}|true",
    "exec|front|--|echo|--password|{}",
    "exec|front|--|echo|-H|Authorization: Bearer {}",
    "exec|front|--|echo|https://ann:{}@example.com/",
    "exec|front|--|echo|https://example.com/?a=b&token={}",
    r#"exec|front|--|echo|{"user": "ann", "password": "{}"}"#,
    "exec|front|--|sh|-c|export API_TOKEN={}; true",
    "exec|front|--|sh|-c|PASSWORD='two {}' true",
    r#"exec|front|--|sh|-c|PASSWORD="two words {}"; true"#,
    "exec|front|--|sh|-c|echo -H 'Authorization: Bearer {}' https://example.com",
];

/// Command lines that are refused, or that show another credential.
const REFUSED: &[&str] = &[
    "get|pods|--token={}",
    "get|pods|--token|{}",
    "get|pods|--username=u|--password={}",
    "get|pods|--no-such-flag={}",
    "{}|get|pods",
    "create|secret|generic|control-g|--from-file={}",
    "exec|front|env|PASSWORD={}",
    "create|configmap|control-d|--from-literal|{}",
    "create|secret|generic|control-c|--from-literal={}",
];

/// Whose kubectl runs a command line.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// One's own, through the gateway.
    Native,
    /// That of the agent.
    Remote,
}

impl Way {
    fn kubectl(self, central: &Central, namespace: &str) -> Command {
        match self {
            Self::Native => central.through(Some(namespace)),
            Self::Remote => {
                let mut command = central.mk8s();
                command.args(["kubectl", "-n", namespace]);
                command
            }
        }
    }
}

/// The secrets of a test, and where each was.
#[derive(Default)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    /// A new one for this place.
    fn new_for(&mut self, way: impl Debug, place: &str) -> String {
        let secret = format!("canary{:032x}", rand::random::<u128>());
        self.0.push((format!("{way:?} {place}"), secret.clone()));
        secret
    }

    /// A command line with a new one.
    fn fill(&mut self, way: Way, line: &str) -> Vec<String> {
        let secret = self.new_for(way, line);
        line.split('|').map(|word| word.replace("{}", &secret)).collect()
    }
}

#[test]
fn no_secret_is_kept() {
    let dir = Central::prepared();
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read");
    fs::write(&file, config + "audit: {export_file: audit.jsonl}\n").expect("write");
    let central = Central::start_in(dir, &[]);
    let agent = Agent::start(&central);
    central.wait_until(true, PATIENCE);
    let (stack, mut secrets) = (Stack { agent, central }, Secrets::default());
    let central = &stack.central;
    for way in [Way::Native, Way::Remote] {
        let namespace = Namespace::create();
        namespace.pod("front", "exec sleep 100000");
        namespace.kubectl(&["create", "deployment", "front", "--image=shell"], "");
        namespace.kubectl(&["create", "configmap", "map"], "");
        let kubectl = || way.kubectl(central, &namespace.0);
        for line in LINES {
            run(kubectl().args(secrets.fill(way, line)), b"").expect(0);
        }
        for line in REFUSED {
            assert_ne!(run(kubectl().args(secrets.fill(way, line)), b"").code, 0, "{line}");
        }
        through_standard_input(way, kubectl, &mut secrets);
        in_requests(central, &namespace.0, &mut secrets);
    }
    in_administration(central, &mut secrets);
    nowhere(&stack, &secrets);
}

/// Manifests, and what is typed at a terminal.
fn through_standard_input(way: Way, kubectl: impl Fn() -> Command, secrets: &mut Secrets) {
    let data = json!({ "password": secrets.new_for(way, "a manifest") });
    let manifest =
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "applied" }, "stringData": data });
    run(kubectl().args(["apply", "-f", "-"]), manifest.to_string().as_bytes()).expect(0);
    let mut command = kubectl();
    command.args(secrets.fill(way, "exec|-it|front|--|sh|-c|PASSWORD={}; echo ready; read -r word; echo done"));
    let mut terminal = Terminal::start(&command);
    terminal.expect("ready").enter(&secrets.new_for(way, "typed")).expect("done");
    terminal.end(0);
}

/// Headers and queries.
fn in_requests(central: &Central, ns: &str, secrets: &mut Secrets) {
    let maps = format!("{}/api/v1/namespaces/{ns}/configmaps", central.gateway("dev"));
    for target in ["?token={}", "/x?access_token={}", "?limit=x&token={}", "/%zz?token={}"] {
        let secret = secrets.new_for("", target);
        run(central.curl().arg(format!("{maps}{}", target.replace("{}", &secret))), b"").expect(0);
    }
    let headers = [
        "Cookie: session={}",
        "X-Token: {}",
        "Proxy-Authorization: Basic {}",
        "Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.{}",
        "Impersonate-Extra-Token: {}",
        "Authorization: Bearer {}",
        "Content-Type: {}",
        "Accept: {}",
    ];
    for header in headers {
        let header = header.replace("{}", &secrets.new_for("", header));
        run(central.curl().args(["--header", &header, &maps]), b"").expect(0);
        run(central.anonymous_curl().args(["--header", &header, &maps]), b"").expect(0);
        run(central.curl().args(["--request", "POST", "--header", &header, &maps]), b"{}").expect(0);
    }
    let basic = format!("ann:{}", secrets.new_for("", "Basic"));
    run(central.anonymous_curl().args(["--user", &basic, &maps]), b"").expect(0);
}

/// Logins, users and tokens.
fn in_administration(central: &Central, secrets: &mut Secrets) {
    central.login("admin@localhost", &secrets.new_for("", "a wrong password")).expect(401);
    let misplaced = secrets.new_for("", "a password for an address");
    central.login(&misplaced, &misplaced).expect(401);
    central.post("/auth/login", "", &json!({ secrets.new_for("", "a password for a field"): "x" })).expect(400);
    secrets.0.push(("the password of the admin".into(), ADMIN_PASSWORD.into()));
    let session = central.admin().text("access_token");
    let first = secrets.new_for("", "the password of a new user");
    let user = json!({ "email": "ann@example.com", "password": first, "roles": ["viewer"] });
    central.post("/admin/users", &session, &user).expect(201);
    let anns = central.login("ann@example.com", &first).expect(200).text("access_token");
    let change = |old: &str, new: &str| json!({ "current_password": old, "new_password": new });
    let second = secrets.new_for("", "a changed password");
    central.post("/auth/password", &anns, &change(&secrets.new_for("", "no current password"), &second));
    central.post("/auth/password", &anns, &change(&first, &second)).expect(204);
    let third = json!({ "password": secrets.new_for("", "a password that was set") });
    central.api("PATCH", "/admin/users/ann@example.com", &session, Some(&third)).expect(200);
    let wrong = json!({ "email": secrets.new_for("", "an address that is none"), "password": "long enough for all" });
    central.post("/admin/users", &session, &wrong).expect(400);
    central.post("/admin/users", &session, &json!({ secrets.new_for("", "a field") : 1 })).expect(400);
    let query = secrets.new_for("", "a query");
    central.post(&format!("/admin/clusters?token={query}"), &session, &json!({ "name": "other" })).expect(201);

    let of_agent = central.post("/admin/clusters/dev/tokens", &session, &json!({})).expect(201).text("token");
    let own = central.post("/tokens", &session, &json!({ "name": "control-token" })).expect(201).text("token");
    // Somebody takes the token for its id.
    central.api("DELETE", &format!("/admin/clusters/dev/tokens/{of_agent}"), &session, None);
    central.api("DELETE", &format!("/tokens/{own}"), &session, None);
    central.api("DELETE", &format!("/tokens/{session}"), &session, None);
    secrets.0.push(("the token of an agent".into(), of_agent));
    secrets.0.push(("an API token".into(), own));
    secrets.0.push(("an access token".into(), session));
}

/// Looks at all that central and the agent have kept.
fn nowhere(stack: &Stack, secrets: &Secrets) {
    let central = &stack.central;
    let records = wait_for("all ends", PATIENCE, || {
        let lines = run(central.mk8s().env_remove("MK8S_CLUSTER").args(["audit", "-o", "json"]), b"").expect(0).out();
        lines.lines().all(|line| line.contains(r#""outcome":"#)).then_some(lines)
    });
    // The database is read while its log is there, and again in its own words.
    let mut database = Vec::new();
    for file in ["mk8s.db", "mk8s.db-wal"] {
        database.extend(fs::read(central.dir.path().join("data").join(file)).expect(file));
    }
    let mut dump = Command::new("python3");
    dump.args(["-c", "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).iterdump())"]).arg(central.database());
    let read = |file: &str| fs::read_to_string(central.dir.path().join(file)).expect("read");
    let places = [
        ("the records", records, ["control-a", "/admin/users/ann@example.com"]),
        ("the export file", read("audit.jsonl"), ["control-a", "/admin/users/ann@example.com"]),
        (
            "the database's files",
            String::from_utf8_lossy(&database).into_owned(),
            ["control-a", "/admin/users/ann@example.com"],
        ),
        ("the database", run(&mut dump, b"").expect(0).out(), ["control-a", "control-token"]),
        ("central's log", central.process.stderr().join("\n"), ["/admin/users/ann@example.com", "logged in"]),
        ("the agent's log", stack.agent.process.stderr().join("\n"), ["dev", "INFO"]),
    ];
    let mut found = Vec::new();
    for (place, text, controls) in &places {
        controls.iter().for_each(|control| assert!(text.contains(control), "{place} without {control}"));
        for (kind, secret) in &secrets.0 {
            if text.contains(secret.as_str()) || secret.len() >= 38 && reveals(text, secret) {
                let at = text.find(secret.as_str()).unwrap_or_default();
                let around: String = text[..at].chars().rev().take(150).collect::<Vec<_>>().into_iter().rev().collect();
                found.push(format!("{kind}, in {place}: {around}"));
            }
        }
    }
    assert!(found.is_empty(), "{} secrets were kept: {found:#?}", found.len());
}
