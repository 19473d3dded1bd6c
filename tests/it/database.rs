//! Central on PostgreSQL: several at once, and a database that goes away.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::postgres::{Database, Server};
use crate::support::{Agent, Central, PATIENCE, Process, wait_for};

/// The files of a central on this database; all of them sign with one key.
pub fn files(url: &str) -> tempfile::TempDir {
    let dir = Central::files();
    let template = Central::start();
    fs::copy(template.dir.path().join("data/keys/signing.pem"), dir.path().join("signing.pem")).expect("copy");
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read");
    let more = format!(
        "public_url: https://localhost:1\ndatabase: {{url: {url:?}}}\nauth: {{signing_key_file: signing.pem}}\n"
    );
    fs::write(&file, config + &more).expect("write");
    dir
}

/// A central listens at its own address, whatever its public URL.
pub fn start(url: &str) -> Central {
    start_in(files(url))
}

/// The same with files that were changed.
pub fn start_in(dir: tempfile::TempDir) -> Central {
    let mut central = Central::start_in(dir, &[]);
    let line = central.process.wait_for_line("central is listening", PATIENCE);
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let port = line["address"].as_str().and_then(|a| a.rsplit(':').next()).expect("a port").to_owned();
    central.url = format!("https://localhost:{port}");
    central
}

#[test]
fn two_centrals_start_on_an_empty_database_and_share_it() {
    let database = Database::create();
    let url = database.url();
    let centrals: Vec<Central> = thread::scope(|scope| {
        let starting: Vec<_> = (0..2).map(|_| scope.spawn(|| start(url))).collect();
        starting.into_iter().map(|central| central.join().expect("a central")).collect()
    });
    let [one, two] = &centrals[..] else { unreachable!() };
    let tokens = one.admin();
    let access = tokens.text("access_token");
    two.get("/auth/me", &access).expect(200);
    assert_eq!(two.get("/admin/users", &access).expect(200).body["users"].as_array().map(Vec::len), Some(1));

    // Two refreshes at once, on two centrals: both get the same successor, the session lives.
    let refresh = json!({ "refresh_token": tokens.text("refresh_token") });
    let next: Vec<String> = thread::scope(|scope| {
        let asking: Vec<_> = [one, two, one, two]
            .map(|central| {
                scope.spawn(|| central.post("/auth/refresh", "", &refresh).expect(200).text("refresh_token"))
            })
            .into();
        asking.into_iter().map(|answer| answer.join().expect("an answer")).collect()
    });
    assert!(next.iter().all(|token| *token == next[0]));
    let last = one.post("/auth/refresh", "", &json!({ "refresh_token": next[0] })).expect(200);

    // What ends on one ends on the other.
    let agent = Agent::start(two);
    wait_for("the agent", PATIENCE, || (two.get("/clusters/dev", &access).body["status"] == "online").then_some(()));
    let mut watch = Process::start(two.client().env("MK8S_TOKEN", last.text("access_token")).args([
        "kubectl",
        "get",
        "namespaces",
        "--watch",
    ]));
    wait_for("output", PATIENCE, || (!watch.stdout().is_empty()).then_some(()));
    one.api("POST", "/auth/logout", &last.text("access_token"), None).expect(204);
    wait_for("no kubectl", Duration::from_secs(5), || agent.children().is_empty().then_some(()));
    assert_eq!(watch.wait(Duration::from_secs(5)), 2);
    two.get("/clusters", &access).expect(401);
    // Throttling counts on both.
    for i in 0..4 {
        [one, two][i % 2].login("admin@localhost", "wrong password").expect(401);
    }
    assert_eq!(database.execute("SELECT attempts FROM login_attempts"), [["4"]]);
}

#[test]
fn a_database_that_restarts_is_a_503_and_then_forgotten() {
    let mut server = Server::start();
    let central = start(&server.url("postgres"));
    let token = central.admin().text("access_token");
    let agent = Agent::start(&central);
    wait_for("the agent", PATIENCE, || (central.get("/clusters/dev", &token).body["status"] == "online").then_some(()));
    let created = central.post("/tokens", &token, &json!({ "name": "load" })).expect(201).text("token");
    // What runs already goes on.
    let mut watch =
        Process::start(central.client().env("MK8S_TOKEN", &created).args(["kubectl", "get", "namespaces", "--watch"]));
    wait_for("output", PATIENCE, || (!watch.stdout().is_empty()).then_some(()));
    let (stop, slow, refused, fine) =
        (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let since = Instant::now();
                    let status = central.get("/admin/users", &created).status;
                    if since.elapsed() > Duration::from_secs(4) {
                        slow.fetch_add(1, Ordering::Relaxed);
                    }
                    match status {
                        200 => fine.fetch_add(1, Ordering::Relaxed),
                        503 => refused.fetch_add(1, Ordering::Relaxed),
                        other => panic!("{other}"),
                    };
                }
            });
        }
        let until = |what: &str, count: &AtomicUsize| {
            let before = count.load(Ordering::Relaxed);
            wait_for(what, PATIENCE, || (count.load(Ordering::Relaxed) > before + 8).then_some(()));
        };
        until("answers", &fine);
        for _ in 0..2 {
            server.signal("KILL");
            until("refusals while the database is away", &refused);
            central.login("admin@localhost", "wrong password").expect(503);
            assert_eq!(central.get("/health", "").expect(200).body["status"], "ok");
            server.restart();
            until("answers after its return", &fine);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(slow.load(Ordering::Relaxed), 0, "no request waited for long");
    assert!(watch.is_running() && agent.children().len() == 1);
    central.admin();
}

#[test]
fn what_a_postgres_central_needs_is_said() {
    let dir = files("postgres://nobody:hunter2@127.0.0.1:1/none?sslmode=disable");
    let mut command = std::process::Command::new(crate::support::process::MK8S);
    command.args(["serve", "central", "--config"]).arg(dir.path().join("central.yaml"));
    let said = crate::support::run(crate::support::stack::quiet(&mut command), b"").expect(1).err();
    assert!(said.contains("cannot use the database") && !said.contains("hunter2"), "{said}");
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read").replace("auth: {signing_key_file: signing.pem}\n", "");
    fs::write(&file, config).expect("write");
    let said = crate::support::run(&mut command, b"").expect(2).err();
    assert!(said.contains("auth.signing_key_file"), "{said}");
}
