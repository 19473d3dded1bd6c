//! What was taken away is gone within five seconds, for requests and for streams that run: sessions, users, roles, tokens,
//! and what a role permits.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Central, Namespace, PATIENCE, Process, Stack, run, wait_for};

/// How long a right may outlive its end.
const LIMIT: Duration = Duration::from_secs(5);

/// What is taken away.
#[derive(Clone, Copy, Debug)]
enum Taken {
    Session,
    /// By its owner, from another one.
    OwnSession,
    SessionByAdmin,
    User,
    Roles,
    ApiToken,
}

/// A process whose output nobody reads; killed when dropped.
struct Unread(std::process::Child);

impl Unread {
    fn start(command: &mut std::process::Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("spawn"))
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A user's token, by a session or an API token, and its revocation.
fn token(central: &Central, taken: Taken) -> (String, impl Fn()) {
    let session = central.user("ann@example.com", &["developer"]);
    let made = central.post("/tokens", &session, &json!({ "name": "ci" })).expect(201);
    let token = if matches!(taken, Taken::ApiToken) { made.text("token") } else { session.clone() };
    let path = "/admin/users/ann@example.com";
    let other = central.login("ann@example.com", ADMIN_PASSWORD).expect(200).text("access_token");
    let sessions = central.get("/auth/sessions", &session).expect(200).body;
    let id = sessions["sessions"].as_array().expect("sessions").iter().find(|one| one["current"] == true);
    let id = id.and_then(|one| one["id"].as_str()).expect("an id").to_owned();
    let revoke = move || match taken {
        Taken::OwnSession => {
            drop(central.api("DELETE", &format!("/auth/sessions/{id}"), &other, None).expect(204));
        }
        Taken::SessionByAdmin => {
            drop(central.api("DELETE", &format!("{path}/sessions/{id}"), Central::token(), None).expect(204));
        }
        Taken::Session => drop(central.api("POST", "/auth/logout", &session, None).expect(204)),
        Taken::User => {
            drop(central.api("PATCH", path, Central::token(), Some(&json!({ "disabled": true }))).expect(200));
        }
        Taken::Roles => {
            let none = json!({ "roles": [] });
            drop(central.api("PUT", &format!("{path}/roles"), Central::token(), Some(&none)).expect(200));
        }
        Taken::ApiToken => {
            drop(central.api("DELETE", &format!("/tokens/{}", made.text("id")), &session, None).expect(204));
        }
    };
    (token, revoke)
}

#[test]
fn what_is_taken_away_ends_requests_and_streams() {
    let all = [Taken::Session, Taken::OwnSession, Taken::SessionByAdmin, Taken::User, Taken::Roles, Taken::ApiToken];
    for taken in all {
        let (stack, namespace) = (Stack::start(), Namespace::create());
        let central = &stack.central;
        namespace.pod("talk", "yes | head -c 100000000; exec sleep 100000");
        let (token, revoke) = token(central, taken);
        let url = format!("{}/clusters/dev/exec", central.url);
        let header = format!("Authorization: Bearer {token}");
        let ns = namespace.0.as_str();
        // A watch over a WebSocket, one over POST, and a stream whose reader has stalled.
        let mut watch = Process::start(
            central.client().env("MK8S_TOKEN", &token).args(["kubectl", "-n", ns, "get", "pods", "--watch"]),
        );
        let body = json!({ "command": ["-n", ns, "get", "pods", "--watch"] }).to_string();
        let mut post =
            Process::start(central.anonymous_curl().args(["--no-buffer", "--header", &header, "--data", &body, &url]));
        let body = json!({ "command": ["-n", ns, "logs", "-f", "talk"] }).to_string();
        let mut stalled = central.anonymous_curl();
        let stalled = Unread::start(stalled.args(["--header", &header, "--data", &body, &url]));
        wait_for("output of both", PATIENCE, || {
            (!watch.stdout().is_empty() && !post.stdout().is_empty()).then_some(())
        });
        wait_for("three commands", PATIENCE, || (stack.agent.children().len() == 3).then_some(()));

        revoke();
        wait_for(&format!("the end of all commands ({taken:?})"), LIMIT, || {
            stack.agent.children().is_empty().then_some(())
        });
        let status = if matches!(taken, Taken::Roles) { 404 } else { 401 };
        central.get("/clusters/dev", &token).expect(status);
        assert_eq!(watch.wait(LIMIT), 2);
        let said = watch.stderr().join("\n");
        assert!(said.contains("the command was ended: the "), "{taken:?}: {said}");
        assert_eq!(post.wait(LIMIT), 0);
        let said = String::from_utf8(post.stdout()).expect("text");
        assert!(said.contains("the command was ended: the ") && !said.contains("exit_code"), "{said}");
        drop(stalled);
    }
}

#[test]
fn a_revoked_agent_token_and_a_deleted_cluster_end_what_runs() {
    for path in ["/admin/clusters/dev/tokens/", "/admin/clusters/dev"] {
        let stack = Stack::start();
        let mut watch = Process::start(stack.central.mk8s().args(["kubectl", "get", "namespaces", "--watch"]));
        wait_for("a command", PATIENCE, || (!watch.stdout().is_empty()).then_some(()));
        let tokens = stack.central.get("/admin/clusters/dev/tokens", Central::token()).expect(200);
        let id = tokens.body["tokens"][0]["id"].as_str().expect("id").to_owned();
        let path = if path.ends_with('/') { format!("{path}{id}") } else { path.to_owned() };
        stack.central.api("DELETE", &path, Central::token(), None).expect(204);
        assert_eq!(watch.wait(LIMIT), 2);
        wait_for("no kubectl", LIMIT, || stack.agent.children().is_empty().then_some(()));
        let code = run(stack.central.mk8s().args(["kubectl", "get", "pods"]), b"").code;
        assert!(code == 5 || code == 6, "{code}");
    }
}

/// What is taken from a role, or from a user.
#[derive(Clone, Copy, Debug)]
enum Lost {
    /// The role loses verbs.
    Verbs,
    /// The user loses the role.
    Assignment,
    /// The role is removed.
    Role,
}

/// A role that permits these verbs on pods in a namespace.
fn permissions(namespace: &str, verbs: &[&str]) -> Value {
    json!([{ "clusters": ["dev"], "namespaces": [namespace], "resources": ["pods"], "verbs": verbs }])
}

/// The caller keeps another role, and what it permits goes on.
#[test]
fn what_a_role_no_longer_permits_ends_and_the_rest_goes_on() {
    for lost in [Lost::Verbs, Lost::Assignment, Lost::Role] {
        let (stack, namespace) = (Stack::start(), Namespace::create());
        let (central, ns) = (&stack.central, namespace.0.as_str());
        namespace.pod("talk", "while true; do echo line; sleep 0.1; done");
        let reading = ["get", "list"];
        for (role, verbs) in [("short", &["get", "list", "watch", "logs"][..]), ("everything", &reading)] {
            central.make_role(&json!({ "name": role, "permissions": permissions(ns, verbs) }));
        }
        // With the second role alone pods can be read, but neither watched nor their logs.
        let ann = central.user("ann@example.com", &["short", "everything"]);
        let bob = central.user("bob@example.com", &["viewer"]);
        let start = |token: &str, args: &[&str]| {
            let mut command = central.client();
            Process::start(command.env("MK8S_TOKEN", token).args(["kubectl", "-n", ns]).args(args))
        };
        let mut ending = [start(&ann, &["get", "pods", "--watch"]), start(&ann, &["logs", "-f", "talk"])];
        let mut going = [start(&bob, &["get", "pods", "--watch"]), start(&bob, &["logs", "-f", "talk"])];
        for process in ending.iter().chain(&going) {
            wait_for("output", PATIENCE, || (!process.stdout().is_empty()).then_some(()));
        }
        let roles = "/admin/users/ann@example.com/roles";
        match lost {
            Lost::Verbs => drop(central.change_role("short", &permissions(ns, &reading))),
            Lost::Assignment => {
                let left = json!({ "roles": ["everything"] });
                drop(central.api("PUT", roles, Central::token(), Some(&left)).expect(200));
            }
            Lost::Role => {
                let left = json!({ "roles": ["everything"] });
                drop(central.api("PUT", roles, Central::token(), Some(&left)).expect(200));
                drop(central.api("DELETE", "/admin/roles/short", Central::token(), None).expect(204));
            }
        }
        for process in &mut ending {
            assert_eq!(process.wait(LIMIT), 2, "{lost:?}");
            let said = process.stderr().join("\n");
            assert!(said.contains("the command was ended: "), "{lost:?}: {said}");
        }
        // Their own right has not changed, and what the caller still may do is done.
        let before = going[1].stdout().len();
        wait_for("more of the log", PATIENCE, || (going[1].stdout().len() > before).then_some(()));
        assert!(going.iter_mut().all(Process::is_running), "{lost:?}");
        let mut get = central.client();
        run(get.env("MK8S_TOKEN", &ann).args(["kubectl", "-n", ns, "get", "pods"]), b"").expect(0);
        let mut watch = central.client();
        let refused = run(watch.env("MK8S_TOKEN", &ann).args(["kubectl", "-n", ns, "get", "pods", "--watch"]), b"");
        assert_ne!(refused.code, 0, "{}", refused.err());
    }
}

/// One command of the caller is no longer permitted; another of the same caller is, and goes on.
#[test]
fn a_change_ends_only_what_it_forbids() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let (central, ns) = (&stack.central, namespace.0.as_str());
    namespace.pod("talk", "while true; do echo line; sleep 0.1; done");
    let all = ["get", "list", "watch", "logs"];
    central.make_role(&json!({ "name": "short", "permissions": permissions(ns, &all) }));
    let ann = central.user("ann@example.com", &["short"]);
    let start = |args: &[&str]| {
        let mut command = central.client();
        Process::start(command.env("MK8S_TOKEN", &ann).args(["kubectl", "-n", ns]).args(args))
    };
    let mut watch = start(&["get", "pods", "--watch"]);
    let mut logs = start(&["logs", "-f", "talk"]);
    for process in [&watch, &logs] {
        wait_for("output", PATIENCE, || (!process.stdout().is_empty()).then_some(()));
    }
    central.change_role("short", &permissions(ns, &["get", "list", "logs"]));
    assert_eq!(watch.wait(LIMIT), 2);
    let said = watch.stderr().join("\n");
    assert!(said.contains("the command was ended: ") && said.contains("watch"), "{said}");
    let before = logs.stdout().len();
    wait_for("more of the log", PATIENCE, || (logs.stdout().len() > before).then_some(()));
    assert!(logs.is_running());

    central.change_role("short", &permissions(ns, &["get", "list"]));
    assert_eq!(logs.wait(LIMIT), 2);
    let said = logs.stderr().join("\n");
    assert!(said.contains("the command was ended: ") && said.contains("log"), "{said}");
}
