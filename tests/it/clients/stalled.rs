//! A client that takes nothing is cut after five minutes, and not before: its stream is not open for ever.

use std::io;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use mk8s::model::audit::{AuditFilter, AuditKind, AuditOutcome, AuditRecord};
use mk8s::tls::{Alpn, Connector, Trust};

use super::setup::Way;
use crate::support::process::code;
use crate::support::{Central, PATIENCE, Stack, kubernetes, number, wait_for};

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
    way.namespace.pod("talk", TALK);
    let args = ["-n", &way.namespace.0, "logs", "--follow", "talk"];
    let body = serde_json::json!({ "command": args }).to_string();
    let mut remote = commands(&stack.central, &body, &args);
    let over_http2 = over_http2(&stack.central, body);
    thread::sleep(STALLED + 2 * TOLERANCE);
    let records = stack.central.audit(&AuditFilter::default());
    let cut_after = |record: &AuditRecord| {
        assert_eq!(record.outcome, Some(AuditOutcome::Cut), "{record:?}");
        Duration::from_micros(record.duration_micros.and_then(|micros| micros.try_into().ok()).expect("a time"))
    };
    for (pod, client) in &mut clients {
        let is_stream = |record: &&AuditRecord| {
            let subresource = record.subresource.as_deref().unwrap_or_default();
            record.kind == Some(AuditKind::Gateway) && record.name.as_deref() == Some(pod) && !subresource.is_empty()
        };
        let record = records.iter().find(is_stream).expect("a record");
        let mut after = vec![cut_after(record)];
        // The API server tells of the end of a WebSocket only when the command in the pod has ended.
        if *pod == "log" {
            let end = kubernetes().ended_since(before, &[&way.namespace.0, "/pods/log/log?"]);
            after.push(end.expect("the end of the log").duration_since(begun).unsigned_abs());
        }
        println!("{pod}: cut after {after:.1?}");
        assert!(after.iter().all(|after| after.abs_diff(STALLED) <= TOLERANCE), "{pod} was cut after {after:?}");
        let (code, said) = end_of(client);
        println!("{pod}: {code} {said:?}");
        // kubectl takes every end of SPDY for the end of the command.
        assert!(code != 0 || *pod == "spdy", "{pod}: an answer that was cut is no success");
    }
    let of_commands = records.iter().filter(|record| record.kind == Some(AuditKind::Exec));
    let after: Vec<Duration> = of_commands.map(cut_after).collect();
    println!("commands: cut after {after:.1?}");
    assert!(after.len() == 3 && after.iter().all(|after| after.abs_diff(STALLED) <= TOLERANCE), "{after:?}");
    assert!(stack.agent.children().is_empty(), "no kubectl is left");
    over_http2.join().expect("an answer");
    for command in &mut remote {
        let (code, said) = end_of(command);
        println!("command: {code} {said:?}");
    }
}

/// Commands whose output nobody reads, over a WebSocket and over HTTP/1.1.
fn commands(central: &Central, body: &str, args: &[&str]) -> [Child; 2] {
    let (mut web_socket, mut http1) = (central.mk8s(), central.curl());
    web_socket.arg("kubectl").args(args);
    http1.args(["--http1.1", "--data", body, &format!("{}/clusters/dev/exec", central.url)]);
    [web_socket, http1].map(|mut command| {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("spawn")
    })
}

/// The same over HTTP/2, by a client that answers pings meanwhile: one that does not is closed after 30 s.
fn over_http2(central: &Central, body: String) -> thread::JoinHandle<()> {
    let (trust, uri) = (Trust::CaFile(central.ca_file()), central.url.parse::<Uri>().expect("url"));
    let asking = async move {
        let connector = Connector::new(&trust).expect("trust");
        let io = TokioIo::new(connector.connect(&uri, Alpn::Http2).await.expect("connection"));
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.expect("handshake");
        tokio::spawn(connection);
        let request = Request::post(format!("{uri}clusters/dev/exec"))
            .header("authorization", format!("Bearer {}", Central::token()))
            .body(Full::new(Bytes::from(body)));
        let answer = sender.send_request(request.expect("request")).await.expect("answer");
        assert_eq!(answer.status(), 200);
        tokio::time::sleep(STALLED + 3 * TOLERANCE).await;
    };
    thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime").block_on(asking);
    })
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
