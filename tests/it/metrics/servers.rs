//! The listener: what it serves and to whom, and what it says of a server that cannot serve.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::database;
use crate::metrics::scrape::{Listener, Site, add, agent, files};
use crate::support::postgres::Server;
use crate::support::process::{MK8S, Process, run};
use crate::support::stack::quiet;
use crate::support::{Central, PATIENCE, wait_for};

#[test]
fn it_serves_three_paths_over_tls_and_nothing_else() {
    let site = Site::start();
    for listener in [site.of_central, site.of_agent] {
        for path in [
            "/clusters",
            "/openapi.json",
            "/agents/tunnel",
            "/metrics/",
            "/metrics/x",
            "/",
            "/clusters/dev/k8s/version",
        ] {
            assert_eq!(listener.ask(path, &[]).0, 404, "{path}");
        }
        for path in ["/metrics", "/health", "/ready"] {
            for args in [&["--http1.1"][..], &["--http2"], &["--head"]] {
                assert_eq!(listener.ask(path, args).0, 200, "{path} {args:?}");
            }
            for _ in 0..10 {
                assert_eq!(listener.ask(path, &["--data-binary", "x"]).0, 405, "{path}");
            }
        }
        assert_eq!(listener.ask("/health", &[]).1.trim(), "ok");
        let open = ["--header", "Accept: application/openmetrics-text; version=1.0.0"];
        let (_, text) = listener.ask("/metrics", &open);
        assert!(text.trim_end().ends_with("# EOF") && text.contains("# TYPE mk8s_build_info gauge"), "{text}");
        let plain = format!("http://localhost:{}/metrics", listener.0);
        assert_ne!(run(Command::new("curl").args(["--silent", "--fail", &plain]), b"").code, 0);
    }
    // Central shows the certificate that it shows to users.
    let mut curl = site.central.anonymous_curl();
    run(curl.arg(format!("https://localhost:{}/metrics", site.of_central.0)), b"").expect(0);
    assert_eq!(site.central.get("/metrics", Central::token()).status, 404);
    assert_eq!(site.central.get("/ready", "").expect(200).body["status"], "ready");
}

#[test]
fn without_encryption_of_central_it_has_none_either() {
    let dir = files("tls: {mode: 'off'}\n");
    let mut central = Central::start_in(dir, &[]);
    let plain = format!("http://localhost:{}/metrics", Listener::of(&mut central.process).0);
    let text = run(Command::new("curl").args(["--silent", "--fail", &plain]), b"").expect(0).out();
    assert!(text.contains("mk8s_ready 1") && !text.contains("certificate_not_after"), "{text}");
}

/// Any pod may ask, and none may keep the probes out.
#[test]
fn one_address_has_a_few_connections_and_silence_ends_them() {
    let mut central = Central::start_in(files("tls: {mode: 'off'}\n"), &[]);
    let port = Listener::of(&mut central.process).0;
    let connect = || {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
        stream.set_read_timeout(Some(Duration::from_secs(15))).expect("timeout");
        stream
    };
    let mut silent: Vec<_> = (0..8).map(|_| connect()).collect();
    for stream in &mut silent[..4] {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("write");
    }
    let since = Instant::now();
    let ended = |mut stream: TcpStream| stream.read_to_end(&mut Vec::new()).is_ok();
    assert!(ended(connect()) && since.elapsed() < Duration::from_secs(5), "one more is closed at once");
    for stream in silent {
        assert!(ended(stream), "a connection on which nothing is asked stays");
    }
    let plain = format!("http://localhost:{port}/health");
    run(Command::new("curl").args(["--silent", "--fail", &plain]), b"").expect(0);
}

#[test]
fn there_is_none_unless_it_is_asked_for() {
    let central = Central::start();
    assert!(!central.process.stderr().join("\n").contains("listening for metrics"));
}

#[test]
fn a_central_whose_database_is_away_is_not_ready() {
    let mut server = Server::start();
    let dir = database::files(&server.url("postgres"));
    add(&dir, "");
    let mut central = database::start_in(dir);
    let listener = Listener::of(&mut central.process);
    assert_eq!(listener.ready(), (200, "ready".into()));
    central.get("/ready", "").expect(200);
    server.signal("KILL");
    wait_for("not ready", PATIENCE, || (listener.ready().0 == 503).then_some(()));
    assert_eq!(listener.ready().1, "not ready: the database does not answer");
    let refused = central.get("/ready", "").expect(503);
    assert_eq!(
        (refused.text("code").as_str(), refused.text("detail").as_str()),
        ("unavailable", "the database does not answer")
    );
    let scrape = listener.wait_for("the audit log", |s| s.sum("mk8s_audit_write_failures_total", &[]) > 0.0);
    assert_eq!((scrape.sum("mk8s_ready", &[]), scrape.sum("mk8s_database_up", &[])), (0.0, 0.0));
    assert_eq!(listener.ask("/health", &[]).0, 200, "it lives");
    assert_eq!(central.get("/health", "").expect(200).body["status"], "ok");

    server.restart();
    wait_for("ready again", PATIENCE, || (listener.ready().0 == 200).then_some(()));
    let scrape = listener.scrape();
    assert_eq!((scrape.sum("mk8s_ready", &[]), scrape.sum("mk8s_database_up", &[])), (1.0, 1.0));
    assert_eq!(scrape.sum("mk8s_database_connections_max", &["pool=all"]), 8.0);
}

#[test]
fn a_central_whose_file_is_destroyed_is_not_ready() {
    let mut central = Central::start_in(files(""), &[]);
    let listener = Listener::of(&mut central.process);
    assert_eq!(listener.ready().0, 200);
    let scrape = listener.scrape();
    let most = |pool: &str| scrape.sum("mk8s_database_connections_max", &[&format!("pool={pool}")]);
    assert_eq!((most("read"), most("write")), (8.0, 1.0));
    // In place, as a disk that fails does it.
    for file in ["mk8s.db", "mk8s.db-wal", "mk8s.db-shm"] {
        let file = central.dir.path().join("data").join(file);
        let length = fs::metadata(&file).expect("metadata").len();
        let mut file = fs::OpenOptions::new().write(true).open(file).expect("open");
        file.write_all(&vec![0x55; usize::try_from(length).expect("length")]).expect("write");
    }
    wait_for("not ready", PATIENCE, || (listener.ready().0 == 503).then_some(()));
    central.get("/ready", "").expect(503);
    assert_eq!(listener.scrape().sum("mk8s_database_up", &[]), 0.0);
}

#[test]
fn a_central_that_stops_is_not_ready_and_is_seen_to_the_end() {
    let mut site = Site::start();
    let mut watch = Process::start(site.central.mk8s().args(["kubectl", "get", "namespaces", "--watch"]));
    wait_for("output", PATIENCE, || (!watch.stdout().is_empty()).then_some(()));
    site.central.process.signal(Signal::SIGTERM);
    site.central.process.wait_for_line("central is stopping", PATIENCE);
    assert_eq!(site.of_central.ready(), (503, "not ready: central is stopping".into()));
    let scrape = site.of_central.scrape();
    assert_eq!((scrape.sum("mk8s_ready", &[]), scrape.sum("mk8s_open_streams", &["kind=command"])), (0.0, 1.0));
    assert_eq!(site.central.process.wait(PATIENCE), 0);
    assert_ne!(watch.wait(PATIENCE), 0);
}

#[test]
fn an_agent_is_ready_while_it_has_a_tunnel() {
    let central = Central::start();
    let mut agent = agent(&central, &[("MK8S_AGENT_CENTRAL", "https://localhost:1")]);
    let listener = Listener::of(&mut agent.process);
    assert_eq!(listener.ready(), (503, "not ready: there is no tunnel to central".into()));
    assert_eq!(listener.ask("/health", &[]).0, 200, "it lives");
    drop(agent);

    let mut site = Site::start();
    assert_eq!(site.of_agent.scrape().sum("mk8s_ready", &[]), 1.0);
    site.central = site.central.restart();
    let again = site.of_agent.wait_for("another tunnel", |s| s.sum("mk8s_agent_tunnels_opened_total", &[]) >= 2.0);
    assert!(again.sum("mk8s_agent_tunnel_failures_total", &[]) >= 1.0);
    wait_for("ready again", PATIENCE, || (site.of_agent.ready().0 == 200).then_some(()));
    drop(site.central.process);
    wait_for("not ready", PATIENCE, || (site.of_agent.ready().0 == 503).then_some(()));
}

#[test]
fn addresses_that_cannot_be_had_are_named() {
    let check = |metrics: &str| {
        let mut command = Command::new(MK8S);
        quiet(&mut command).args(["config", "check", "central"]).env("MK8S_CENTRAL_METRICS__LISTEN", metrics);
        run(&mut command, b"")
    };
    check("127.0.0.1:9090").expect(0);
    let same = check("127.0.0.1:8443").expect(2).err();
    let said = "metrics.listen in the environment variable MK8S_CENTRAL_METRICS__LISTEN: the address is that of listen";
    assert!(same.contains(said), "{same}");
    let no_address = check("9090").expect(2).err();
    assert!(no_address.contains("\"9090\" is not an IP address with a port, such as 127.0.0.1:9090"), "{no_address}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = taken.local_addr().expect("address").to_string();
    let dir = files("");
    let mut serve = Command::new(MK8S);
    quiet(&mut serve).args(["serve", "central", "--config"]).arg(dir.path().join("central.yaml"));
    let said = run(serve.env("MK8S_CENTRAL_METRICS__LISTEN", &address), b"").expect(1).err();
    assert!(said.contains(&format!("cannot listen on {address}")) && said.contains("`metrics.listen`"), "{said}");
    let central = Central::start();
    let mut agent = agent(&central, &[("MK8S_AGENT_METRICS__LISTEN", &address)]);
    assert_eq!(agent.process.wait(PATIENCE), 1);
    let said = agent.process.stderr().join("\n");
    assert!(said.contains(&format!("cannot listen on {address}")) && said.contains("`metrics.listen`"), "{said}");
}

#[test]
fn an_audit_log_that_cannot_be_written_is_seen_to_lag() {
    let mut server = Server::start();
    let dir = database::files(&server.url("postgres"));
    add(&dir, "");
    let mut central = database::start_in(dir);
    let listener = Listener::of(&mut central.process);
    let token = central.admin().text("access_token");
    let _agent = agent(&central, &[]);
    wait_for("the agent", PATIENCE, || (central.get("/clusters/dev", &token).body["status"] == "online").then_some(()));
    let (lag, length) = ("mk8s_audit_lag_seconds", "mk8s_audit_queue_length");
    let read = || central.get("/clusters/dev/k8s/version", &token).status;
    assert_eq!(read(), 200);
    listener.wait_for("all is written", |s| s.sum(length, &[]) == 0.0 && s.sum(lag, &[]) == 0.0);
    server.signal("KILL");
    // For a moment callers are known without the database, and plain reads do not wait until they are recorded.
    wait_for("a refusal", PATIENCE, || (read() == 503).then_some(()));
    let scrape = listener.wait_for("rows that wait", |s| s.sum(lag, &[]) > 2.0);
    assert!(scrape.sum(length, &[]) > 0.0, "{}", scrape.text);
    server.restart();
    let scrape = listener.wait_for("all is written", |s| s.sum(length, &[]) == 0.0 && s.sum(lag, &[]) == 0.0);
    assert!(scrape.sum("mk8s_audit_write_failures_total", &[]) > 0.0);
    assert_eq!(scrape.sum("mk8s_audit_rows_lost_total", &[]), 0.0);
}
