//! How requests through the gateway end: with their client, with the right to them, with the agent, after a refusal.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use nix::sys::signal::Signal::{SIGINT, SIGKILL};
use serde_json::json;

use super::Scene;
use crate::support::{Central, PATIENCE, Process, Stack, kubernetes, number, wait_for};

/// How long a right may outlive its end.
const LIMIT: Duration = Duration::from_secs(5);

/// How soon the API server hears that a client has gone; the promise is a second.
const SOON: Duration = Duration::from_secs(2);

/// More than fits between a client and the API server; in long lines, each of which costs the test cluster memory.
const TALK: &str = r#"yes "$(head -c 50000 /dev/zero | tr '\0' x)" | head -c 100000000; exec sleep 100000"#;

#[test]
fn what_a_client_leaves_ends_at_the_api_server() {
    let scene = Scene::start();
    scene.namespace.pod("talk", TALK);
    // Without `--raw` there would be a list first, and what is shown would not say that the watch has begun.
    let watch = format!("/api/v1/namespaces/{}/pods?watch=1", scene.namespace.0);
    for (args, request) in [
        (&["logs", "--follow", "web"][..], "/pods/web/log?"),
        (&["get", "--raw", &watch], "watch=1"),
        (&["exec", "web", "--", "sh", "-c", "echo started; exec sleep 1000"], "/pods/web/exec?"),
        (&["logs", "--follow", "talk"], "/pods/talk/log?"),
    ] {
        let mut took: Vec<_> = (0..number("MK8S_TEST_ENDS", 1)).map(|_| scene.leave(args, request)).collect();
        took.sort_unstable();
        let (median, most) = (took[took.len() / 2], took[took.len() - 1]);
        println!("Ctrl-C of kubectl {args:?} is known to the API server after {median:.1?}, at most {most:.1?}");
    }
}

impl Scene {
    /// Starts kubectl, and ends it with Ctrl-C while it shows something; how long after that the API server has ended the
    /// request, by its own audit log.
    fn leave(&self, args: &[&str], request: &str) -> Duration {
        let mut client = self.kubectl(args);
        let mut client =
            client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("spawn");
        client.stdout.as_mut().expect("stdout").read_exact(&mut [0; 8]).expect("output");
        let before = kubernetes().audited();
        let left = Timestamp::now();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(client.id().cast_signed()), SIGINT).expect("signal");
        let ended = wait_for(&format!("the end of {args:?}"), SOON, || {
            kubernetes().ended_since(before, &[&self.namespace.0, request])
        });
        client.wait().expect("wait");
        ended.duration_since(left).unsigned_abs()
    }
}

#[test]
fn a_lost_right_ends_what_runs() {
    let scene = Scene::start();
    let (central, ns) = (&scene.stack.central, scene.namespace.0.as_str());
    let permissions = |verbs: &[&str]| {
        json!([
            { "clusters": ["dev"], "namespaces": [ns], "resources": ["pods"], "verbs": verbs },
        ])
    };
    let all = ["get", "list", "watch", "logs", "exec"];
    central.make_role(&json!({ "name": "short", "permissions": permissions(&all) }));
    let ann = central.user("ann@example.com", &["short"]);
    let start = |args: &[&str]| Process::start(central.through_as(&ann, Some(ns)).args(args));
    let mut ending = [
        start(&["get", "--raw", &format!("/api/v1/namespaces/{ns}/pods?watch=1")]),
        start(&["exec", "web", "--", "sh", "-c", "echo started; exec sleep 1000"]),
    ];
    let mut logs = start(&["logs", "--follow", "web"]);
    for process in ending.iter().chain([&logs]) {
        wait_for("output", PATIENCE, || (!process.stdout().is_empty()).then_some(()));
    }
    central.change_role("short", &permissions(&["get", "list", "logs"]));
    for process in &mut ending {
        assert_ne!(process.wait(LIMIT), 0, "a stream that is cut is no success");
    }
    let lines = logs.stdout().len();
    wait_for("more of the log", PATIENCE, || (logs.stdout().len() > lines).then_some(()));
    assert!(logs.is_running());
    central
        .api("PATCH", "/admin/users/ann@example.com", Central::token(), Some(&json!({ "disabled": true })))
        .expect(200);
    assert_ne!(logs.wait(LIMIT), 0);
}

#[test]
fn a_client_hears_that_the_agent_has_gone() {
    let scene = Scene::start();
    let start = |args: &[&str]| Process::start(&mut scene.kubectl(args));
    let raw = format!("/api/v1/namespaces/{}/pods?watch=1", scene.namespace.0);
    let mut streams = [start(&["get", "--raw", &raw]), start(&["logs", "--follow", "web"])];
    for process in &streams {
        wait_for("output", PATIENCE, || (!process.stdout().is_empty()).then_some(()));
    }
    scene.stack.agent.process.signal(SIGKILL);
    for process in &mut streams {
        assert_eq!(process.wait(LIMIT), 1, "{:?}", process.stderr());
    }
}

/// What follows a refused upgrade on its connection reaches nobody.
#[test]
fn a_refused_upgrade_ends_its_connection() {
    let scene = Scene::start();
    let (central, ns) = (&scene.stack.central, &scene.namespace.0);
    let head = |target: &str, more: &str| {
        format!(
            "GET /clusters/dev/k8s{target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{more}\r\n",
            Central::token()
        )
    };
    let upgrade =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n";
    let targets = [
        // No such pod: 404. Not an upgrade at all: 200.
        format!("/api/v1/namespaces/{ns}/pods/nosuch/exec?command=id&stdout=1"),
        "/version".to_owned(),
        format!("/api/v1/namespaces/{ns}/pods//exec"),
    ];
    for (target, waits) in targets.iter().flat_map(|target| [(target, true), (target, false)]) {
        let mut client = Process::start(
            std::process::Command::new("openssl")
                .args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{}", central.port())])
                .arg("-CAfile")
                .arg(central.ca_file()),
        );
        let mut stdin = client.take_stdin();
        stdin.write_all(head(target, upgrade).as_bytes()).expect("write");
        if waits {
            wait_for("the answer", PATIENCE, || (!client.stdout().is_empty()).then_some(()));
        }
        // The connection may be closed already.
        let _ = stdin.write_all(head("/api/v1/namespaces/smuggled", "").as_bytes());
        drop(stdin);
        client.wait(PATIENCE);
        let said = String::from_utf8_lossy(&client.stdout()).into_owned();
        if !waits && said.is_empty() {
            // What was not read has reset the connection, with the answer.
            continue;
        }
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{target}: {said}");
        assert!(said.to_ascii_lowercase().contains("connection: close") && !said.contains(" 101 "), "{target}: {said}");
    }
    let audit = fs::read_to_string(kubernetes().audit_log()).expect("audit log");
    assert!(!audit.contains("namespaces/smuggled"));
}

/// The id of a request is the same in the answer, in central's log and in the audit log of the API server.
#[test]
fn a_request_has_one_id_everywhere() {
    let Stack { agent: _agent, central } = &Stack::start();
    let url = format!("{}/api/v1/namespaces/nosuch-{}", central.gateway("dev"), std::process::id());
    let output = crate::support::run(central.curl().args(["--include", "--request", "DELETE", &url]), b"").out();
    let header = |name: &str| {
        let of_name = |line: &str| line.to_ascii_lowercase().strip_prefix(name).map(|id| id.trim().to_owned());
        output.lines().find_map(of_name).unwrap_or_else(|| panic!("{name} {output}"))
    };
    let id = header("x-request-id:");
    assert_eq!(header("audit-id:"), id);
    wait_for("the audit log", PATIENCE, || {
        let audit = fs::read_to_string(kubernetes().audit_log()).expect("audit log");
        audit.lines().any(|line| line.contains(&id) && line.contains("\"username\":\"admin@localhost\"")).then_some(())
    });
    let logged = || central.process.stderr().into_iter().find(|line| line.contains("\"gateway\""));
    let line = wait_for("a log line", PATIENCE, logged);
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&line["request_id"], &line["verb"], &line["status"]), (&json!(id), &json!("delete"), &json!(404)));
}
