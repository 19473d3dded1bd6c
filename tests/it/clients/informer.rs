//! A shared informer of client-go, the heart of every controller, through restarts of central and of the agent.

mod crowd;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal::SIGKILL;

use super::setup::Way;
use crate::support::{Agent, Namespace, PATIENCE, Process, Stack, number, wait_for};

/// How long it may take until the cache is right again: after some failures client-go waits up to a minute between
/// attempts, half of that by chance.
const RECOVERY: Duration = Duration::from_secs(120);

/// How many ConfigMaps there are at most.
const MAPS: usize = 20;

/// `MK8S_TEST_MINUTES` of changes; 12 seconds without it.
#[test]
fn a_cache_survives_restarts_of_central_and_of_the_agent() {
    let minutes = number("MK8S_TEST_MINUTES", 0);
    let span = if minutes == 0 { Duration::from_secs(12) } else { Duration::from_secs(60 * minutes) };
    let Stack { mut agent, central } = Stack::start();
    let way = Way::through(&central);
    let mut informer = Informer::start(&way, &[]);
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
    println!("{span:?}: {}", informer.summary());
    // Two breaks may each cost a list or two; a client that is turned away lists again and again.
    assert!(informer.count("list") <= 10, "{:#?}", informer.0.stderr());
    informer.end();
    drop((agent, central));
}

/// The program of `tests/kubernetes/informer`; the first time it is built, which takes a minute.
fn program() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubernetes/build-tool");
    let output = Command::new(script).arg("informer").stderr(Stdio::inherit()).output().expect("run build-tool");
    assert!(output.status.success(), "tests/kubernetes/build-tool failed");
    String::from_utf8(output.stdout).expect("a path").trim().to_owned()
}

/// What may answer a client while central or its agent is away, and what it takes for a reason to come back: a place in
/// the past that is no more, too many at once, and nobody there. Everything else is an error that somebody has to look at.
const PASSING: [&str; 3] = ["410", "429", "503"];

/// The running program.
struct Informer(Process);

impl Informer {
    /// Starts it; it has all that there is.
    fn start(way: &Way, arguments: &[&str]) -> Self {
        let mut command = way.command(Path::new(&program()));
        command.arg(&way.kubeconfig).arg(&way.namespace.0).args(arguments);
        let mut this = Self(Process::start(&mut command));
        this.0.wait_for_line("synced", PATIENCE);
        this
    }

    /// How many lines begin with this word.
    fn count(&self, word: &str) -> usize {
        self.0.stderr().iter().filter(|line| line.starts_with(word)).count()
    }

    /// What it has done, and what went wrong, with its number: without what differs from one time to the next. Lines of
    /// client-go begin with W or E.
    fn summary(&self) -> String {
        let varying = regex_lite::Regex::new(r"\d{4,}|\d+m\d+s|\d+\.\d+m?s|(part%3D|ID |Version=)\d+|Seconds=\d+")
            .expect("pattern");
        let mut wrong = BTreeMap::<String, usize>::new();
        let words = ["answer: ", "event: ", "cut: ", "error: ", "W", "E"];
        for line in self.0.stderr().iter().filter(|line| words.iter().any(|word| line.starts_with(word))) {
            *wrong.entry(varying.replace_all(line, "${1}N").into_owned()).or_default() += 1;
        }
        format!("{} lists, {} watches; {wrong:#?}", self.count("list"), self.count("watch"))
    }

    /// Ends it. No answer and no event was one that does not pass by itself.
    #[track_caller]
    fn end(mut self) {
        let code = |line: &str| line.strip_prefix("answer: ").or(line.strip_prefix("event: ")).map(str::to_owned);
        let answers: Vec<String> = self.0.stderr().iter().filter_map(|line| code(line)).collect();
        let lasting: Vec<_> =
            answers.iter().filter(|line| !PASSING.iter().any(|code| line.starts_with(code))).collect();
        assert!(lasting.is_empty(), "{lasting:#?}");
        self.0.close_stdin();
        assert_eq!(self.0.wait(PATIENCE), 0);
    }

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
        self.wait_until_right_with(namespace, "");
    }

    /// The same of the objects with a label.
    #[track_caller]
    fn wait_until_right_with(&mut self, namespace: &Namespace, label: &str) {
        let deadline = Instant::now() + RECOVERY;
        loop {
            let (cache, truth) = (self.cache(), truth(namespace, label));
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

/// The ConfigMaps that the cluster has and that have this label, in the form of a cache.
fn truth(namespace: &Namespace, label: &str) -> String {
    let form = r#"jsonpath={range .items[*]}{.metadata.name}={.metadata.resourceVersion}{"\n"}{end}"#;
    let text = namespace.kubectl(&["get", "configmaps", "--selector", label, "--output", form], "");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
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
