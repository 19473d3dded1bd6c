//! Clients that ask all the time while central is killed again and again: nothing is missing from the log afterwards.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mk8s::model::audit::{AuditOutcome, AuditRecord};
use mk8s::tls::{Alpn, Connector, Trust};
use rand::Rng as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::database;
use crate::support::postgres::Database;
use crate::support::{Agent, Central, Namespace, PATIENCE, kubernetes, run, wait_for};

/// How long a request may take, whatever dies meanwhile.
const STUCK: Duration = Duration::from_secs(30);

/// What the client ends with when central's database does not answer just now.
const UNAVAILABLE: i32 = 6;

/// What is done, how long and by how many.
struct Plan {
    clients: usize,
    kills: usize,
    /// How long central lives, in milliseconds.
    life: std::ops::Range<u64>,
}

impl Plan {
    /// `MK8S_TEST_KILLS` kills, every 2 to 10 s, beside 50 clients; 4 in quick succession beside 8 without it.
    fn of_environment() -> Self {
        match std::env::var("MK8S_TEST_KILLS") {
            Ok(text) => {
                let kills = text.parse().expect("MK8S_TEST_KILLS is a number");
                Self { clients: 50, kills, life: 2_000..10_000 }
            }
            Err(_) => Self { clients: 8, kills: 4, life: 500..2_000 },
        }
    }
}

/// What a client saw of one request.
struct Answer {
    id: String,
    status: u16,
    /// What was said of a failure.
    why: Option<String>,
}

impl Answer {
    /// Whether it says that the request was not made because it could not be recorded: the one kind of answer that may
    /// have no row. That such a request did not reach the cluster is looked for in the cluster's own log.
    fn is_refused_unrecorded(&self) -> bool {
        let why = self.why.as_deref().unwrap_or_default();
        self.status == 503 && why.contains("could not be recorded in the audit log") && why.contains("was not made")
    }
}

/// What all clients saw.
type Seen = Mutex<Vec<Answer>>;

#[test]
fn nothing_is_lost_on_sqlite() {
    let central = strict(Central::start());
    let token = Central::token().to_owned();
    let central = torture(central, &token);
    // The checker finds what is missing.
    let one = all(&central, &token).expect("records").into_iter().next().expect("a record").id;
    central.sql(&format!("DELETE FROM audit_logs WHERE id = '{one}'"));
    assert_ne!(run(central.mk8s().args(["audit", "verify"]), b"").code, 0);
    assert_eq!(
        missing(&[Answer { id: one, status: 200, why: None }], &all(&central, &token).expect("records")).len(),
        1
    );
}

#[test]
fn nothing_is_lost_on_postgres() {
    let database = Database::create();
    let central = strict(database::start(database.url()));
    let access = central.admin().text("access_token");
    let token = central.post("/tokens", &access, &json!({ "name": "torture" })).expect(201).text("token");
    torture(central, &token);
}

/// The same central, which records plain reads before they go on.
fn strict(central: Central) -> Central {
    let file = central.dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read");
    fs::write(&file, config + "audit: {reads: strict}\n").expect("write");
    restart(central)
}

/// Kills it, and starts it again at the same address; its public URL may be another one.
fn restart(central: Central) -> Central {
    let url = central.url.clone();
    Central { url, ..central.restart() }
}

fn torture(central: Central, token: &str) -> Central {
    let plan = Plan::of_environment();
    let _agent = Agent::start(&central);
    wait_for("the agent", PATIENCE, || (central.get("/clusters/dev", token).body["status"] == "online").then_some(()));
    let namespace = Namespace::called("torture");
    let mut reached = Reached::new(&namespace.0);
    let (seen, stop) = (Seen::default(), AtomicBool::new(false));
    let client = Client {
        connector: Connector::new(&Trust::CaFile(central.ca_file())).expect("trust"),
        url: central.url.clone(),
        token: token.to_owned(),
        namespace: namespace.0.clone(),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let central = std::thread::scope(|scope| {
        // Also when something fails, or the clients would never end.
        let _stop = Raise(&stop);
        for number in 0..plan.clients {
            let (client, seen, stop, handle) = (&client, &seen, &stop, runtime.handle());
            scope.spawn(move || handle.block_on(client.ask_until(number, seen, stop)));
        }
        let mut central = central;
        for _ in 0..plan.kills {
            std::thread::sleep(Duration::from_millis(rand::rng().random_range(plan.life.clone())));
            central = restart(central);
            reached.gather();
        }
        central
    });
    reached.gather();
    let seen = seen.into_inner().expect("lock");
    let good = seen.iter().filter(|answer| answer.status < 400).count();
    assert!(good > plan.clients, "the load was none: {good} of {} answers were good", seen.len());
    let refused = seen.iter().filter(|answer| answer.is_refused_unrecorded()).count();
    println!("{} kills, {} answers, {good} of them good, {refused} refused unrecorded", plan.kills, seen.len());
    check(&central, token, &seen, &reached.ids);
    central
}

/// Fails when anything is missing from the log, or is in it twice, or has no end.
fn check(central: &Central, token: &str, seen: &[Answer], reached: &HashSet<String>) {
    let (mut records, mut lost) = (Vec::new(), Vec::new());
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        records = all(central, token).unwrap_or_default();
        lost = missing(seen, &records);
        if lost.is_empty() && records.iter().all(|record| record.outcome.is_some()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(lost.is_empty(), "{} requests that were answered are not in the log: {:#?}", lost.len(), summary(&lost));
    assert!(records.iter().all(|record| record.outcome.is_some()), "requests have no end");
    let ids: HashSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(ids.len(), records.len(), "an id is in the log twice");
    let unfinished = records.iter().filter(|record| record.outcome == Some(AuditOutcome::Unfinished)).count();
    println!(
        "{} records, {unfinished} of them unfinished; {} requests reached the API server",
        records.len(),
        reached.len()
    );
    let unrecorded: Vec<&String> = reached.iter().filter(|id| !ids.contains(id.as_str())).collect();
    assert!(!reached.is_empty() && unrecorded.is_empty(), "requests reached the cluster unrecorded: {unrecorded:#?}");
    run(central.client().env("MK8S_TOKEN", token).args(["audit", "verify"]), b"").expect(0);
}

/// What was answered, how often, and to which request for example.
fn summary<'a>(answers: &[&'a Answer]) -> HashMap<(u16, &'a str), (usize, &'a str)> {
    let mut kinds = HashMap::new();
    for Answer { id, status, why } in answers {
        // The id of the request is at the end.
        let why = why.as_deref().and_then(|why| why.split(",\"request_id\"").next()).unwrap_or_default();
        kinds.entry((*status, why)).or_insert((0, id.as_str())).0 += 1;
    }
    kinds
}

/// All records, unless the database is too busy just now.
fn all(central: &Central, token: &str) -> Option<Vec<AuditRecord>> {
    let export = ["audit", "--output", "json"];
    let output = run(central.client().env("MK8S_TOKEN", token).args(export), b"");
    if output.code == UNAVAILABLE {
        return None;
    }
    Some(output.expect(0).out().lines().map(|line| serde_json::from_str(line).expect("a record")).collect())
}

/// The answers that clients have seen and that no record has, or one that says something else.
fn missing<'a>(seen: &'a [Answer], records: &[AuditRecord]) -> Vec<&'a Answer> {
    let known: HashMap<&str, Option<i32>> = records.iter().map(|record| (record.id.as_str(), record.status)).collect();
    let is_missing = |answer: &&Answer| match known.get(answer.id.as_str()) {
        None => !answer.is_refused_unrecorded(),
        // Central may have died after the answer and before it had written how the request ended.
        Some(recorded) => recorded.is_some_and(|recorded| recorded != i32::from(answer.status)),
    };
    seen.iter().filter(is_missing).collect()
}

/// The ids of the requests of the admin of mk8s that the API server has seen in a namespace. They are gathered while they
/// come: the log of the API server begins anew when it is long, and what was before is soon gone.
struct Reached {
    namespace: String,
    log: BufReader<File>,
    /// The beginning of a line whose end is not written yet.
    begun: Vec<u8>,
    ids: HashSet<String>,
}

impl Reached {
    fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), log: open_log(), begun: Vec::new(), ids: HashSet::new() }
    }

    /// Reads what was written since the last time, to the end of the file that is written now.
    fn gather(&mut self) {
        loop {
            let open = self.log.get_ref().metadata().expect("metadata").ino();
            // The file is away for a moment when another takes its place.
            let is_another = fs::metadata(kubernetes().audit_log()).is_ok_and(|now| now.ino() != open);
            while self.log.read_until(b'\n', &mut self.begun).expect("read") > 0 && self.begun.ends_with(b"\n") {
                let line = std::mem::take(&mut self.begun);
                self.ids.extend(self.id(&line));
            }
            if !is_another {
                return;
            }
            self.log = open_log();
        }
    }

    fn id(&self, line: &[u8]) -> Option<String> {
        let line = std::str::from_utf8(line).expect("UTF-8");
        if !line.contains(&self.namespace) {
            return None;
        }
        let event: Value = serde_json::from_str(line).ok()?;
        (event["impersonatedUser"]["username"] == "admin@localhost")
            .then(|| event["auditID"].as_str().map(str::to_owned))
            .flatten()
    }
}

fn open_log() -> BufReader<File> {
    BufReader::new(File::open(kubernetes().audit_log()).expect("audit log"))
}

/// What all clients share.
struct Client {
    connector: Connector,
    url: String,
    token: String,
    namespace: String,
}

impl Client {
    async fn ask_until(&self, number: usize, seen: &Seen, stop: &AtomicBool) {
        for round in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            match tokio::time::timeout(STUCK, self.ask(number, round)).await.expect("a request that hangs") {
                Some(answer) => seen.lock().expect("lock").push(answer),
                // Central is away.
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// One request, and its answer if there was one.
    async fn ask(&self, number: usize, round: usize) -> Option<Answer> {
        let maps = format!("/clusters/dev/k8s/api/v1/namespaces/{}/configmaps", self.namespace);
        let name = format!("map-{number}");
        let (method, target, body) = match round % 4 {
            0 => ("POST", maps, json!({ "metadata": { "name": name } }).to_string()),
            1 => ("GET", maps, String::new()),
            2 => ("DELETE", format!("{maps}/{name}"), String::new()),
            _ => {
                let command = json!({ "command": ["get", "configmaps", "--namespace", self.namespace] });
                ("POST", "/clusters/dev/exec".to_owned(), command.to_string())
            }
        };
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: mk8s\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.token,
            body.len()
        );
        let mut stream = self.connector.connect(&self.url.parse().ok()?, Alpn::Http1).await.ok()?;
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
        let mut answer = Vec::new();
        // What came before central died counts.
        let _ = stream.read_to_end(&mut answer).await;
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: "))?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { id: id.to_owned(), status, why: (status >= 500).then(|| body.to_owned()) })
    }
}

/// Sets a flag when dropped.
struct Raise<'a>(&'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
