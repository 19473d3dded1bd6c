//! What happens when the log cannot be written, when central dies, and when somebody changes it.

use std::process::{Command, Stdio};

use mk8s::model::audit::{AuditFilter, AuditOutcome, AuditRecord};
use nix::sys::signal::Signal::SIGKILL;

use crate::support::{Central, Namespace, PATIENCE, Process, Stack, run, wait_for};

/// Holds the write lock of the database until it is dropped, as a full disk or another program would.
struct Lock(#[expect(dead_code, reason = "it lives as long as the lock")] Process);

impl Lock {
    fn take(central: &Central) -> Self {
        let program = "import sqlite3, sys\n\
                       c = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)\n\
                       c.execute('BEGIN IMMEDIATE')\n\
                       print('locked', flush=True)\n\
                       sys.stdin.read()\n";
        let mut command = Command::new("python3");
        let mut process = Process::start(command.args(["-c", program]).arg(central.database()).stdin(Stdio::piped()));
        wait_for("the lock", PATIENCE, || (!process.stdout().is_empty()).then_some(()));
        assert!(process.is_running());
        Self(process)
    }
}

#[test]
fn nothing_reaches_the_cluster_unrecorded() {
    let stack = Stack::start();
    let (central, namespace) = (&stack.central, Namespace::create());
    let ns = namespace.0.as_str();
    // Callers are known, and what they may do.
    run(central.through(Some(ns)).args(["get", "configmaps"]), b"").expect(0);
    let lock = Lock::take(central);
    let refused = run(central.through(Some(ns)).args(["create", "configmap", "lost"]), b"").expect(1).err();
    assert!(refused.contains("audit log") || refused.contains("unable to handle the request"), "{refused}");
    let command = stack.run(&["kubectl", "-n", ns, "create", "configmap", "lost"]).expect(6);
    assert!(command.err().contains("could not be recorded in the audit log"), "{}", command.err());
    run(central.through(Some(ns)).args(["get", "secrets"]), b"").expect(1);
    // What another protocol would carry is not known, even where it is asked for by a verb that reads.
    let mut upgrade = central.curl();
    upgrade.args(["--http1.1", "--header", "Connection: Upgrade", "--header", "Upgrade: websocket"]);
    upgrade.args(["--output", "/dev/null", "--write-out", "%{http_code}"]);
    let url = format!("{}/clusters/dev/k8s/api/v1/namespaces/{ns}/pods", central.url);
    assert_eq!(run(upgrade.arg(url), b"").expect(0).out(), "503");
    assert_eq!(namespace.kubectl(&["get", "configmap", "lost", "--ignore-not-found"], ""), "");
    // Plain reads go on, and are recorded when the database is back.
    run(central.through(Some(ns)).args(["get", "pods"]), b"").expect(0);
    drop(lock);
    wait_for("the database", PATIENCE, || {
        (run(central.through(Some(ns)).args(["create", "configmap", "made"]), b"").code == 0).then_some(())
    });
    central.recorded("the read", |record| {
        record.verb.as_deref() == Some("list") && record.resource.as_deref() == Some("pods")
    });
    // If a row of what was refused came late, it says that nothing was done.
    let of_lost = central.audit(&AuditFilter { verb: Some("create".into()), ..AuditFilter::default() });
    for AuditRecord { id, .. } in of_lost {
        let ended = central.recorded("the end of a creation", |record| record.id == id);
        assert!(ended.status == Some(201) || ended.outcome == Some(AuditOutcome::Refused), "{ended:?}");
    }
    run(central.mk8s().args(["audit", "verify"]), b"").expect(0);
}

/// Anyone may send a token that nobody knows: it takes no turn at writing from those who have one.
#[test]
fn a_refresh_token_that_nobody_knows_is_refused_without_writing() {
    let central = Central::start();
    let refresh =
        |token: &str| central.post("/auth/refresh", "", &serde_json::json!({ "refresh_token": token })).status;
    let known = central.admin().text("refresh_token");
    let lock = Lock::take(&central);
    assert_eq!(refresh("mk8s_refresh_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), 401);
    assert_eq!(refresh(&known), 503);
    drop(lock);
    wait_for("the database", PATIENCE, || (refresh(&known) == 200).then_some(()));
}

#[test]
fn what_a_killed_central_left_open_is_marked() {
    let Stack { agent: _agent, central } = Stack::start();
    let namespace = Namespace::create();
    namespace.pod("web", "exec sleep 100000");
    let line = ["exec", "web", "--", "sh", "-c", "echo started; exec sleep 1000"];
    let command = Process::start(central.through(Some(&namespace.0)).args(line));
    wait_for("output", PATIENCE, || (!command.stdout().is_empty()).then_some(()));
    central.process.signal(SIGKILL);
    let central = central.restart();
    let open = central.recorded("the end", |record| record.subresource.as_deref() == Some("exec"));
    assert_eq!((open.outcome, open.status), (Some(AuditOutcome::Unfinished), None));
    let verified = run(central.mk8s().args(["audit", "verify"]), b"").expect(0);
    assert!(verified.err().contains("runs of central are as they were written"), "{}", verified.err());
    assert!(verified.out().lines().count() >= 3, "{}", verified.out());
}

#[test]
fn a_central_that_stops_writes_all() {
    let Stack { agent: _agent, central } = Stack::start();
    for _ in 0..5 {
        run(central.through(None).args(["get", "namespaces"]), b"").expect(0);
    }
    let central = central.restart_gently();
    let lists = central.audit(&AuditFilter { verb: Some("list".into()), ..AuditFilter::default() });
    let complete = lists.iter().filter(|record| record.outcome == Some(AuditOutcome::Complete)).count();
    assert!(complete >= 5, "{lists:#?}");
}

#[test]
fn a_change_to_the_log_is_seen() {
    for (change, seen) in [
        ("UPDATE audit_logs SET user_email = 'eve@example.com' WHERE seq = 2", "row 2 of writer"),
        ("DELETE FROM audit_logs WHERE seq = 2", "after row 1 of writer"),
        ("DELETE FROM audit_logs WHERE seq = (SELECT max(seq) FROM audit_logs)", "must end with"),
        ("UPDATE audit_logs SET seq = seq + 1000 WHERE seq = 2", "after row 1 of writer"),
    ] {
        let central = Central::start();
        for _ in 0..4 {
            central
                .api("POST", "/admin/clusters", Central::token(), Some(&serde_json::json!({ "name": "-" })))
                .expect(400);
        }
        wait_for("rows with their ends", PATIENCE, || {
            let records = central.audit(&AuditFilter::default());
            (records.len() >= 4 && records.iter().all(|record| record.outcome.is_some())).then_some(())
        });
        run(central.mk8s().args(["audit", "verify"]), b"").expect(0);
        central.sql(change);
        let found = run(central.mk8s().args(["audit", "verify"]), b"");
        assert_ne!(found.code, 0, "{change}");
        assert!(found.err().contains(seen), "{change}: {}", found.err());
    }
}
