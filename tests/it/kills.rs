//! Agents that are killed again and again under load: everything works afterwards, and nothing grows.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use rand::Rng as _;

use crate::support::stack::{TOKEN, children_of, is_alive};
use crate::support::{Agent, Central, PATIENCE, Process, run, wait_for};

/// How many clients send commands all the time.
const CLIENTS: usize = 3;

/// How long a request may take, whatever dies meanwhile.
const STUCK: Duration = Duration::from_secs(20);

/// How much the memory of central may differ between the middle and the end.
const FLAT_KIB: i64 = 8 << 10;

/// What became of the requests of all clients.
#[derive(Default)]
struct Tally {
    /// The command ended with exit code 0.
    done: AtomicU32,
    /// The command was lost, and the stream says so.
    lost: AtomicU32,
    /// The cluster was offline.
    offline: AtomicU32,
}

/// `MK8S_TEST_KILLS` cycles, 25 without it.
#[test]
fn two_hundred_kills() {
    let kills = std::env::var("MK8S_TEST_KILLS").map_or(25, |text| text.parse().expect("MK8S_TEST_KILLS is a number"));
    let central = Central::start();
    let dir = tempfile::Builder::new().prefix("mk8s-kills-").tempdir().expect("temporary directory");
    let start = || Process::start(&mut Agent::command(&dir, &central, TOKEN));
    let (tally, stop) = (Tally::default(), AtomicBool::new(false));
    let mut middle = 0;
    thread::scope(|scope| {
        // Also when a cycle fails, or the clients would never end.
        let _stop = Raise(&stop);
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    request(&central, &tally);
                }
            });
        }
        for cycle in 1..=kills {
            cycle_once(start(), &central);
            if cycle == kills / 2 {
                middle = resident_kib(central.process.pid());
            }
        }
    });
    let end = resident_kib(central.process.pid());
    println!("{kills} kills, {tally:?}; central: {middle} KiB in the middle, {end} KiB at the end");
    assert!((end - middle).abs() <= FLAT_KIB, "central had {middle} KiB in the middle and {end} KiB at the end");
    assert!(tally.done.into_inner() > 0 && tally.lost.into_inner() > 0, "the load was none");

    let mut agent = start();
    central.wait_until(true, PATIENCE);
    central.run(&["kubectl", "get", "namespaces"]).expect(0);
    agent.signal(SIGTERM);
    assert_eq!(agent.wait(PATIENCE), 0);
    assert_eq!(processes_below(dir.path()), [0; 0], "no kubectl is left");
    let work = dir.path().join("work");
    assert_eq!(fs::read_dir(&work).expect("work").count(), 0, "the directories of killed agents are removed");
}

/// Kills the agent at some moment between its start and a second of service.
fn cycle_once(agent: Process, central: &Central) {
    let mut random = rand::rng();
    if random.random_bool(0.75) {
        central.wait_until(true, PATIENCE);
    }
    thread::sleep(Duration::from_millis(random.random_range(0..1000)));
    let kubectl = children_of(agent.pid());
    agent.signal(SIGKILL);
    drop(agent);
    wait_for("no kubectl is left", Duration::from_secs(1), || (!kubectl.iter().any(|p| is_alive(*p))).then_some(()));
}

/// One `POST exec`: it succeeds, or says clearly why it did not, and never hangs.
fn request(central: &Central, tally: &Tally) {
    let since = Instant::now();
    let url = format!("{}/clusters/dev/exec", central.url);
    let body = r#"{"command":["get","namespaces"]}"#;
    let mut curl = central.curl();
    curl.args(["--max-time", "20", "--write-out", "\n%{http_code}", "--data", body, &url]);
    let output = run(&mut curl, b"");
    assert_eq!(output.code, 0, "{}\n{:#?}", output.err(), central.process.stderr());
    assert!(since.elapsed() < STUCK, "stuck for {:?}", since.elapsed());
    let text = output.out();
    let (answer, status) = text.rsplit_once('\n').expect("a status");
    let last = answer.trim_end().lines().last().unwrap_or_default();
    let counter = match status {
        "200" if last == r#"{"exit_code":0}"# => &tally.done,
        "200" if last.starts_with(r#"{"error":"#) => &tally.lost,
        "503" if last.contains(r#""code":"unavailable""#) => &tally.offline,
        _ => panic!("HTTP {status}: {answer}"),
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Sets a flag when dropped.
struct Raise<'a>(&'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
        write!(f, "{} done, {} lost, {} offline", count(&self.done), count(&self.lost), count(&self.offline))
    }
}

/// The resident memory of a process, by /proc.
fn resident_kib(pid: i32) -> i64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The processes whose environment names a directory, as that of every kubectl names its own.
fn processes_below(dir: &Path) -> Vec<i32> {
    let dir = dir.to_str().expect("a path");
    let environment =
        |pid: i32| String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/environ")).unwrap_or_default()).into_owned();
    let pids =
        fs::read_dir("/proc").expect("proc").flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| is_alive(*pid) && environment(*pid).contains(dir)).collect()
}
