//! A client that takes nothing is cut after five minutes, and not before: its stream is not open for ever.

use std::io;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use mk8s::model::audit::{AuditFilter, AuditOutcome};

use super::setup::Way;
use crate::support::process::code;
use crate::support::{PATIENCE, Stack, kubernetes, number, wait_for};

/// The promise, and how much earlier or later than that it may come.
const STALLED: Duration = Duration::from_secs(300);
const TOLERANCE: Duration = Duration::from_secs(30);

/// More than fits between a client and the API server; in long lines, each of which costs the test cluster memory.
const TALK: &str = r#"yes "$(head -c 50000 /dev/zero | tr '\0' x)" | head -c 100000000; exec sleep 100000"#;

/// A stream of each kind: the pod, the command, and whether WebSocket is asked for.
const STREAMS: [(&str, &[&str], &str); 3] = [
    ("log", &["logs", "--follow", "log"], "true"),
    ("web-socket", &["exec", "web-socket", "--", "yes"], "true"),
    ("spdy", &["exec", "spdy", "--", "yes"], "false"),
];

/// Only with `MK8S_TEST_MINUTES` of at least 6.
#[test]
fn a_client_that_takes_nothing_is_cut() {
    if number("MK8S_TEST_MINUTES", 0) < 6 {
        return println!("not tested without MK8S_TEST_MINUTES=6");
    }
    let stack = Stack::start();
    let way = Way::through(&stack.central);
    let start = |(pod, args, web_socket): (&'static str, &[&str], &str)| {
        way.namespace.pod(pod, if pod == "log" { TALK } else { "exec sleep 100000" });
        let mut command = way.command(&kubernetes().kubectl);
        command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", web_socket).args(args);
        // Nobody reads the pipe: as at a terminal that is held with Ctrl-S.
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        (pod, child.expect("spawn"))
    };
    let (begun, before) = (Timestamp::now(), kubernetes().audited());
    let mut clients = STREAMS.map(start);
    thread::sleep(STALLED + 2 * TOLERANCE);
    let records = stack.central.audit(&AuditFilter::default());
    for (pod, client) in &mut clients {
        let after = if *pod == "log" {
            // The record of an answer ends when the client's connection does, or takes the end of the answer.
            let end = kubernetes().ended_since(before, &[&way.namespace.0, "/pods/log/log?"]);
            end.expect("the end of the log").duration_since(begun).unsigned_abs()
        } else {
            // The API server tells of the end of a WebSocket only when the command in the pod has ended.
            let record = records.iter().find(|record| record.name.as_deref() == Some(pod)).expect("a record");
            assert_eq!(record.outcome, Some(AuditOutcome::Cut), "{record:?}");
            Duration::from_micros(record.duration_micros.and_then(|micros| micros.try_into().ok()).expect("a time"))
        };
        println!("{pod}: cut after {after:.1?}");
        assert!(after.abs_diff(STALLED) <= TOLERANCE, "{pod} was cut after {after:?}");
        let (code, said) = end_of(client);
        println!("{pod}: {code} {said:?}");
        // kubectl takes every end of SPDY for the end of the command.
        assert!(code != 0 || *pod == "spdy", "{pod}: an answer that was cut is no success");
    }
}

/// What it has not read yet is read, and then it sees that there is no more; the exit code, and what it says.
fn end_of(client: &mut Child) -> (i32, String) {
    let mut out = client.stdout.take().expect("stdout");
    let reader = thread::spawn(move || io::copy(&mut out, &mut io::sink()));
    let status = wait_for("the end of a client", PATIENCE, || client.try_wait().expect("wait"));
    reader.join().expect("reader").expect("read");
    let said = io::read_to_string(client.stderr.take().expect("stderr")).expect("read");
    (code(status), said.trim_end().to_owned())
}
