//! Each thing broken in turn: the check that is for it fails, with what to do, and what depends on it is skipped.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::{Duration, Instant};

use super::Diagnosis;
use crate::cli::Client;
use crate::support::Central;
use crate::support::{Stack, run};
use crate::tls::setup::{ONE_PORT, Site, localhost};

#[test]
fn a_central_that_is_gone() {
    let central = Central::start();
    let mut command = central.mk8s();
    let Central { process, dir: _dir, .. } = central;
    drop(process);
    let found = Diagnosis::of(&mut command);
    found.only_fails(&["tcp"]);
    found.is("tcp", "failed", &["127.0.0.1:", "refused", "check that central runs", "MK8S_SERVER"]);
    for check in ["tls", "health", "http2"] {
        found.is(check, "skipped", &["tcp failed"]);
    }
    found.is("login", "skipped", &["central does not answer"]);
    found.is("chosen", "ok", &["dev"]);
    found.is("spdy", "skipped", &[]);
}

#[test]
fn a_name_that_nobody_knows() {
    let client = Client::new();
    let found = Diagnosis::of(client.command().args(["--server", "https://no-such-host.invalid"]));
    found.only_fails(&["name"]);
    found.is("name", "failed", &["MK8S_SERVER"]);
    found.is("tcp", "skipped", &["name failed"]);

    let found = Diagnosis::of(&mut client.command());
    found.only_fails(&["server"]);
    found.is("server", "failed", &["no central is known", "mk8s login https://"]);
    let found = Diagnosis::of(client.command().args(["--server", "mk8s.example.com"]));
    found.is("server", "failed", &["does not start with https://"]);
    let found = Diagnosis::of(client.command().args(["--server", "https://ann:s3cret@mk8s.example.com"]));
    found.only_fails(&["server"]);
    assert!(!found.output.out().contains("s3cret"), "{}", found.output.out());
}

#[test]
fn an_authority_that_is_not_the_right_one() {
    let (central, other) = (Central::start(), Central::start());
    let pin = fs::read_to_string(central.ca_file()).map(|pem| crate::doctor::ways::pin(&pem)).expect("read");
    let found = Diagnosis::of(central.mk8s().env("MK8S_CA_FILE", other.ca_file()));
    found.only_fails(&["trust"]);
    found.is("trust", "failed", &["its authority is unknown here", &pin, "mk8s login --ca-pin"]);
    found.is("certificate", "skipped", &["trust failed"]);
    found.is("health", "skipped", &["trust failed"]);

    // The same with a pin that is remembered.
    let client = Client::new();
    let state = |pin: &str| format!("server: {}\nca_pin: {pin}\n", central.url);
    fs::write(client.state_file(), state(&format!("sha256:{}", "0a".repeat(32)))).expect("write");
    fs::set_permissions(client.state_file(), fs::Permissions::from_mode(0o600)).expect("chmod");
    let found = Diagnosis::of(client.command().env("MK8S_TOKEN", Central::token()));
    found.only_fails(&["trust"]);
    found.is("trust", "failed", &[&pin]);
    fs::write(client.state_file(), state(&pin)).expect("write");
    let found = Diagnosis::of(client.command().env("MK8S_TOKEN", Central::token()));
    found.only_fails(&[]);
    found.is("trust", "ok", &["by the pin", &pin]);

    let found = Diagnosis::of(central.mk8s().env("MK8S_CA_FILE", "/nonexistent/ca.crt"));
    found.only_fails(&["tls"]);
    found.is("tls", "failed", &["/nonexistent/ca.crt"]);
}

#[test]
fn a_certificate_that_ends_soon_is_a_warning() {
    let site = Site::start_with(&localhost().valid(-60, 10 * 86_400 + 3600), ONE_PORT);
    let mut command = site.central.mk8s();
    let found = Diagnosis::of(command.env_remove("MK8S_CLUSTER"));
    found.only_fails(&[]);
    found.is("certificate", "warning", &["for localhost, by CN=the authority of the tests", "(in 10d)", "renews"]);
    found.is("chosen", "skipped", &["mk8s clusters use NAME"]);
    found.is("gateway", "skipped", &["no cluster is chosen"]);
    assert_eq!((found.code, &found.report["result"]), (0, &"warning".into()));
}

#[test]
fn nobody_is_logged_in() {
    let central = Central::start();
    let found = Diagnosis::of(&mut central.client());
    found.only_fails(&["login"]);
    found.is("login", "failed", &["not logged in", &format!("mk8s login {}", central.url)]);
    found.is("expiry", "skipped", &["login failed"]);
    found.is("visible", "skipped", &["nobody is logged in"]);

    let refused = "mk8s_pat_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
    let found = Diagnosis::of(central.client().env("MK8S_TOKEN", refused));
    found.only_fails(&["login"]);
    found.is("login", "failed", &["MK8S_TOKEN", "mk8s tokens create"]);
    assert!(!found.output.out().contains(refused));
}

#[test]
fn a_cluster_that_is_offline_or_not_there() {
    let central = Central::start();
    let found = Diagnosis::of(central.mk8s().env("MK8S_CLUSTER", "ghost"));
    found.only_fails(&["online"]);
    found.is("online", "failed", &["last seen never", "the log of the agent"]);
    found.is("exec", "skipped", &["online failed"]);
    let found = Diagnosis::of(central.mk8s().env("MK8S_CLUSTER", "nosuch"));
    found.only_fails(&["visible"]);
    found.is("visible", "failed", &["mk8s clusters list"]);
    let found = Diagnosis::of(central.mk8s().env("MK8S_CLUSTER", "No Such"));
    found.only_fails(&["chosen"]);
}

#[test]
fn an_agent_that_has_gone_away() {
    let stack = Stack::start();
    let Stack { agent, central } = stack;
    drop(agent);
    central.wait_until(false, crate::support::PATIENCE);
    let found = Diagnosis::of(&mut central.mk8s());
    found.only_fails(&["online"]);
    found.is("online", "failed", &["offline, last seen"]);
}

#[test]
fn a_file_that_others_can_read() {
    let central = Central::start();
    central.log_in();
    let state = central.dir.path().join("client.yaml");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o644)).expect("chmod");
    let found = Diagnosis::of(central.client().env_remove("MK8S_CLUSTER"));
    found.only_fails(&["config-mode"]);
    found.is("config-mode", "failed", &["0644", &format!("chmod 600 {}", state.display())]);
    found.is("login", "ok", &["by a session"]);

    fs::set_permissions(&state, fs::Permissions::from_mode(0o600)).expect("chmod");
    fs::write(&state, "sever: https://a\n").expect("write");
    let found = Diagnosis::of(&mut central.client());
    found.only_fails(&["config"]);
    found.is("config", "failed", &["sever", "mk8s config check client"]);
    found.is("server", "skipped", &["config failed"]);
}

#[test]
fn a_program_that_kubectl_does_not_find() {
    let central = Central::start();
    let kubeconfig = central.dir.path().join("kubeconfig");
    let mut write = central.mk8s();
    run(write.env("KUBECONFIG", &kubeconfig).args(["kubeconfig", "write", "dev"]), b"").expect(0);
    let written = fs::read_to_string(&kubeconfig).expect("read");
    let program = crate::support::process::MK8S;
    assert!(written.contains(program), "{written}");
    for (command, result, words) in [
        (program, "ok", ["mk8s", ""]),
        ("/nonexistent/mk8s", "failed", ["/nonexistent/mk8s", "mk8s kubeconfig write"]),
        ("mk8s-of-nobody", "failed", ["not in PATH", "mk8s kubeconfig write"]),
    ] {
        fs::write(&kubeconfig, written.replace(program, command)).expect("write");
        let mut doctor = central.mk8s();
        let found = Diagnosis::of(doctor.env("KUBECONFIG", &kubeconfig).env_remove("MK8S_CLUSTER"));
        found.is("kubeconfig", "ok", &["1 cluster of this central"]);
        found.is("kubeconfig-plugin", result, &words);
    }
}

/// A server over plain HTTP that says this to all that is asked.
fn fake(date: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let length = body.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    // It ends with the process.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_clock_that_is_wrong() {
    let client = Client::new();
    let health = r#"{"version":"0.1.0","commit":"x"}"#;
    let at = |seconds: i64| {
        let time = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds);
        time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    for (seconds, result) in [(0, "ok"), (90, "warning"), (-90, "warning"), (1800, "failed"), (-1800, "failed")] {
        let url = fake(&at(seconds), health);
        let found = Diagnosis::of(client.command().args(["--server", &url]));
        found.is("clock", result, if seconds == 0 { &[] } else { &["central's", "NTP"] });
    }
    let found = Diagnosis::of(client.command().args(["--server", &fake(&at(0), "hello")]));
    found.is("health", "failed", &["is this the URL of a central?"]);
    found.is("clock", "skipped", &["health failed"]);
}

/// Whoever accepts and says nothing costs a few seconds, once.
#[test]
fn a_server_that_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("https://{}", listener.local_addr().expect("address"));
    thread::spawn(move || {
        let mut kept = Vec::new();
        kept.extend(listener.incoming());
    });
    let since = Instant::now();
    let found = Diagnosis::of(Client::new().command().args(["--server", &url]));
    found.only_fails(&["tls"]);
    found.is("tls", "failed", &["no answer within 5 s"]);
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
}
