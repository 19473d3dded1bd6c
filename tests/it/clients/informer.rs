//! A shared informer of client-go, the heart of every controller, through restarts of central and of the agent.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal::SIGKILL;

use super::setup::{Way, number};
use crate::support::{Agent, Namespace, PATIENCE, Process, Stack, wait_for};

/// How long it may take until the cache is right again: client-go waits up to 30 s between attempts, and more by chance.
const RECOVERY: Duration = Duration::from_secs(60);

/// How many ConfigMaps there are at most.
const MAPS: usize = 20;

/// `MK8S_TEST_MINUTES` of changes; 12 seconds without it.
#[test]
fn a_cache_survives_restarts_of_central_and_of_the_agent() {
    let minutes = number("MK8S_TEST_MINUTES", 0);
    let span = if minutes == 0 { Duration::from_secs(12) } else { Duration::from_secs(60 * minutes) };
    let Stack { mut agent, central } = Stack::start();
    let way = Way::through(&central);
    let mut informer =
        Informer(Process::start(way.command(Path::new(&program())).arg(&way.kubeconfig).arg(&way.namespace.0)));
    informer.0.wait_for_line("synced", PATIENCE);
    informer.wait_until_right(&way.namespace);

    let stop = AtomicBool::new(false);
    // It lives on: a closure that restarts it owns it.
    let central = thread::scope(|scope| {
        // Also when a step fails, or the writer would never end.
        let _stop = Raise(&stop);
        scope.spawn(|| write(&way.namespace, &stop));
        thread::sleep(span / 3);
        let central = central.restart();
        informer.wait_for_news(&way.namespace, "central-is-back");
        thread::sleep(span / 3);
        agent.process.signal(SIGKILL);
        agent = Agent::start(&central);
        informer.wait_for_news(&way.namespace, "agent-is-back");
        thread::sleep(span / 3);
        central
    });
    informer.wait_until_right(&way.namespace);
    let lines = informer.0.stderr();
    let count = |word: &str| lines.iter().filter(|line| line.starts_with(word)).count();
    println!("{span:?}: {} lists, {} watches, {} errors", count("list"), count("watch"), count("error: "));
    // Two breaks may each cost a list or two; a client that is turned away lists again and again.
    assert!(count("list") <= 10, "{lines:#?}");
    informer.0.close_stdin();
    assert_eq!(informer.0.wait(PATIENCE), 0);
    drop((agent, central));
}

/// The program of `tests/kubernetes/informer`; the first time it is built, which takes a minute.
fn program() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubernetes/build-tool");
    let output = Command::new(script).arg("informer").stderr(Stdio::inherit()).output().expect("run build-tool");
    assert!(output.status.success(), "tests/kubernetes/build-tool failed");
    String::from_utf8(output.stdout).expect("a path").trim().to_owned()
}

/// The running program.
struct Informer(Process);

impl Informer {
    /// Its cache: sorted lines `name=resourceVersion`.
    fn cache(&mut self) -> String {
        let before = self.0.stdout().len();
        self.0.write(b"dump\n");
        wait_for("the cache", PATIENCE, || {
            let answer = String::from_utf8_lossy(&self.0.stdout()[before..]).into_owned();
            (answer == "\n" || answer.ends_with("\n\n")).then(|| answer.trim_end().to_owned())
        })
    }

    /// Waits until its cache is what the cluster has.
    #[track_caller]
    fn wait_until_right(&mut self, namespace: &Namespace) {
        let deadline = Instant::now() + RECOVERY;
        loop {
            let (cache, truth) = (self.cache(), truth(namespace));
            if cache == truth {
                return;
            }
            assert!(Instant::now() < deadline, "{:#?}\nthe cache:\n{cache}\n\nthe truth:\n{truth}", self.0.stderr());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Makes an object and waits until it is in the cache.
    #[track_caller]
    fn wait_for_news(&mut self, namespace: &Namespace, name: &str) {
        namespace.kubectl(&["create", "configmap", name], "");
        wait_for(name, RECOVERY, || self.cache().contains(&format!("{name}=")).then_some(()));
    }
}

/// The ConfigMaps that the cluster has, in the form of a cache.
fn truth(namespace: &Namespace) -> String {
    let form = r#"jsonpath={range .items[*]}{.metadata.name}={.metadata.resourceVersion}{"\n"}{end}"#;
    let mut lines: Vec<String> =
        namespace.kubectl(&["get", "configmaps", "--output", form], "").lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Makes, changes and deletes ConfigMaps until it is told to stop.
fn write(namespace: &Namespace, stop: &AtomicBool) {
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("map-{}", round % MAPS);
        match round / MAPS % 3 {
            0 => namespace.kubectl(&["create", "configmap", &name, "--from-literal=round=0"], ""),
            1 => namespace.kubectl(&["label", "configmap", &name, &format!("round={round}")], ""),
            _ => namespace.kubectl(&["delete", "configmap", &name], ""),
        };
    }
}

/// Sets a flag when dropped.
struct Raise<'a>(&'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
