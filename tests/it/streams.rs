//! Streams: what a command writes arrives complete, in order, apart and at once; what it does not read stays unread; and
//! a stream that was cut never looks like a success.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal::{SIGINT, SIGKILL};
use serde_json::{Value, json};

use crate::support::process::MK8S;
use crate::support::stack::is_alive;
use crate::support::{Namespace, PATIENCE, Process, Stack, run, wait_for};

/// A stack, and a namespace with the pod `web`, which does nothing and in which commands can be run.
struct Scene {
    stack: Stack,
    namespace: Namespace,
}

impl Scene {
    fn start() -> Self {
        let scene = Self { stack: Stack::start(), namespace: Namespace::create() };
        scene.namespace.pod("web", "exec sleep 100000");
        scene
    }

    /// `mk8s kubectl` with these arguments, in the namespace.
    fn kubectl(&self, args: &[&str]) -> Command {
        let mut command = self.stack.central.mk8s();
        command.args(["kubectl", "--namespace", &self.namespace.0]).args(args);
        command
    }

    /// A shell in which `$kubectl` is `mk8s kubectl` in the namespace.
    fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).env("kubectl", format!("{MK8S} kubectl --namespace {}", self.namespace.0));
        for (name, value) in self.stack.central.mk8s().get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
    }

    /// curl, posting this request for an exec in the pod.
    fn curl(&self, flags: &[&str], words: &[&str], stdin: Option<&str>) -> Command {
        let interactive: &[&str] = if stdin.is_some() { &["-i"] } else { &[] };
        let command = [&["exec", "--namespace", &self.namespace.0], interactive, &["web", "--"], words].concat();
        let request =
            stdin.map_or_else(|| json!({"command": command}), |stdin| json!({"command": command, "stdin": stdin}));
        let mut curl = self.stack.central.curl();
        curl.arg("--no-buffer").args(flags).arg("--data").arg(request.to_string());
        curl.arg(format!("{}/clusters/dev/exec", self.stack.central.url));
        curl
    }

    /// Runs a shell script in the pod, directly.
    fn in_pod(&self, script: &str) {
        self.namespace.kubectl(&["exec", "web", "--", "sh", "-c", script], "");
    }

    /// The pid of the one kubectl that the agent runs, as soon as it runs.
    fn remote_kubectl(&self) -> i32 {
        wait_for("kubectl at the agent", PATIENCE, || self.stack.agent.children().first().copied())
    }

    /// Waits until the agent runs no kubectl.
    #[track_caller]
    fn wait_until_idle(&self) {
        wait_for("the end of kubectl at the agent", STUCK, || self.stack.agent.children().is_empty().then_some(()));
    }
}

/// What should take milliseconds is stuck after this. The promised times are measured by the benchmark.
const STUCK: Duration = Duration::from_secs(5);

/// Writes `one`, waits for the file `go`, writes `two`.
const ONE_GO_TWO: [&str; 3] =
    ["sh", "-c", "echo one; echo warning >&2; while ! test -e go; do sleep 0.02; done; echo two; exit 7"];

/// The lines that a process writes, each with the time of its arrival; the process is killed at the end.
struct Lines(Child, Receiver<(SystemTime, String)>);

impl Lines {
    fn of(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("spawn");
        let stdout = child.stdout.take().expect("stdout");
        let (sender, receiver) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send((SystemTime::now(), line));
            }
        });
        Self(child, receiver)
    }

    #[track_caller]
    fn next(&self) -> (SystemTime, String) {
        self.1.recv_timeout(PATIENCE).expect("a line in time")
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn log_lines_arrive_while_the_pod_runs() {
    let scene = Scene { stack: Stack::start(), namespace: Namespace::create() };
    let script = "echo ready; while ! test -e go; do sleep 0.02; done; \
                  for i in $(seq 200); do echo $i $(date +%s%N); sleep 0.02; done; exec sleep 100000";
    scene.namespace.pod("web", script);
    let lines = Lines::of(scene.kubectl(&["logs", "-f", "web"]));
    assert_eq!(lines.next().1, "ready");
    scene.in_pod("touch go");
    let mut delays: Vec<Duration> = (1..=200)
        .map(|number| {
            let (arrived, line) = lines.next();
            let (index, written) = line.split_once(' ').expect("two words");
            assert_eq!(index, number.to_string(), "in order and complete");
            let written = UNIX_EPOCH + Duration::from_nanos(written.parse().expect("nanoseconds"));
            arrived.duration_since(written).unwrap_or_default()
        })
        .collect();
    delays.sort();
    eprintln!("from the pod to the client: p50 {:?}, p99 {:?}, max {:?}", delays[99], delays[197], delays[199]);
    assert!(delays[197] < Duration::from_secs(2), "the lines were held back: p99 {:?}", delays[197]);
}

#[test]
fn much_output_and_much_input_arrive_complete() {
    let scene = Scene::start();
    let output = run(&mut scene.kubectl(&["exec", "web", "--", "head", "-c", "67108864", "/dev/zero"]), b"").expect(0);
    assert!(output.stdout.len() == 64 << 20 && output.stdout.iter().all(|byte| *byte == 0));

    let input: Vec<u8> = (0..32u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let hash = run(&mut Command::new("sha256sum"), &input).expect(0).out();
    let output = run(&mut scene.kubectl(&["exec", "-i", "web", "--", "sha256sum"]), &input).expect(0);
    assert_eq!(output.out(), hash);
}

#[test]
fn stdout_and_stderr_stay_apart() {
    let scene = Scene::start();
    let script = "for i in $(seq 1000); do echo out $i; echo err $i >&2; done";
    let output = run(&mut scene.kubectl(&["exec", "web", "--", "sh", "-c", script]), b"").expect(0);
    let lines = |word: &str| (1..=1000).map(|i| format!("{word} {i}\n")).collect::<String>();
    assert_eq!((output.out(), output.err()), (lines("out"), lines("err")));
}

#[test]
fn a_closed_stdout_ends_the_command() {
    let scene = Scene::start();
    let mut shell = Process::start(&mut scene.shell("$kubectl exec web -- yes | head -1"));
    assert_eq!(shell.wait(PATIENCE), 0);
    assert_eq!(shell.stdout(), b"y\n");
    scene.wait_until_idle();
}

#[test]
fn commands_that_read_no_input_leave_it_alone() {
    let scene = Scene::start();
    let script = r#"while read -r line; do $kubectl get pods -o name; echo "$line"; done"#;
    let output = run(&mut scene.shell(script), b"a\nb\nc\n").expect(0);
    assert_eq!(output.out(), "pod/web\na\npod/web\nb\npod/web\nc\n", "{}", output.err());
}

#[test]
fn an_interrupt_ends_the_remote_kubectl() {
    let scene = Scene::start();
    let mut client = Process::start(&mut scene.kubectl(&["exec", "web", "--", "sh", "-c", "echo on; sleep 100000"]));
    wait_for("output", PATIENCE, || (client.stdout() == b"on\n").then_some(()));
    let kubectl = scene.remote_kubectl();
    let since = Instant::now();
    client.signal(SIGINT);
    scene.wait_until_idle();
    eprintln!("from Ctrl-C to the end of kubectl: {:?}", since.elapsed());
    assert_eq!(client.wait(STUCK), 130);
    assert!(!is_alive(kubectl));
    assert_eq!(client.stderr(), [""; 0]);
}

#[test]
fn curl_gets_json_lines_while_the_command_runs() {
    let scene = Scene::start();
    let lines = Lines::of(scene.curl(&[], &ONE_GO_TWO, None));
    let next = || serde_json::from_str::<Value>(&lines.next().1).expect("a line of JSON");
    let first = [next(), next()];
    assert!(
        first.contains(&json!({"stdout": "one\n"})) && first.contains(&json!({"stderr": "warning\n"})),
        "{first:?}"
    );
    scene.in_pod("touch go");
    let rest = [next(), next()];
    assert!(rest.contains(&json!({"stdout": "two\n"})), "{rest:?}");
    assert_eq!(next(), json!({"exit_code": 7}));
    drop(lines);

    let bytes = run(&mut scene.curl(&[], &["printf", r"\377"], None), b"").expect(0);
    assert_eq!(bytes.out(), "{\"stdout_base64\":\"/w==\"}\n{\"exit_code\":0}\n");
    let input = run(&mut scene.curl(&[], &["cat"], Some("ein Wört\n")), b"").expect(0);
    assert_eq!(input.out(), "{\"stdout\":\"ein Wört\\n\"}\n{\"exit_code\":0}\n");
}

#[test]
fn curl_gets_raw_bytes_and_the_exit_code_in_the_trailer() {
    let scene = Scene::start();
    for version in ["--http1.1", "--http2"] {
        // --dump-header writes headers and trailers to standard error, apart from the body.
        let flags =
            [version, "--dump-header", "/dev/stderr", "--header", "Accept: text/plain", "--header", "TE: trailers"];
        let output = run(&mut scene.curl(&flags, &["sh", "-c", r"printf '\377\n'; exit 7"], None), b"").expect(0);
        let (body, headers) = (&output.stdout, output.err().to_lowercase());
        // Its two streams have no order between them.
        let mut lines: Vec<&[u8]> = body.split_inclusive(|byte| *byte == b'\n').collect();
        lines.sort_by_key(|line| line.len());
        assert_eq!(lines, [&b"\xff\n"[..], b"command terminated with exit code 7\n"], "{version}: {}", output.out());
        assert!(headers.contains("mk8s-exit-code: 7\r\n"), "{version}: {headers}");
    }
    scene.in_pod("rm -f go");
    let lines = Lines::of(scene.curl(&["--header", "Accept: text/plain"], &ONE_GO_TWO, None));
    let first = [lines.next().1, lines.next().1];
    assert!(first.contains(&"one".to_owned()), "raw bytes come while the command runs: {first:?}");
}

/// Which process is killed while commands run.
enum Victim {
    Agent,
    Central,
}

/// The clients of a stream that is cut in its middle: mk8s, curl with JSON lines, curl with raw bytes.
fn cut(victim: &Victim) -> [(i32, Process); 3] {
    let mut scene = Scene::start();
    let words = ["sh", "-c", "echo on; sleep 100000"];
    let raw = ["--header", "Accept: text/plain"];
    let mut clients = [
        Process::start(&mut scene.kubectl(&[&["exec", "web", "--"], &words[..]].concat())),
        Process::start(&mut scene.curl(&[], &words, None)),
        Process::start(&mut scene.curl(&raw, &words, None)),
    ];
    for client in &clients {
        wait_for("output", PATIENCE, || String::from_utf8_lossy(&client.stdout()).contains("on").then_some(()));
    }
    let children = scene.stack.agent.children();
    assert_eq!(children.len(), 3);
    match victim {
        Victim::Agent => scene.stack.agent.process.signal(SIGKILL),
        Victim::Central => scene.stack.central.process.signal(SIGKILL),
    }
    let codes = clients.each_mut().map(|client| client.wait(PATIENCE));
    wait_for("the end of every kubectl", STUCK, || (!children.iter().any(|pid| is_alive(*pid))).then_some(()));
    assert!(scene.stack.agent.process.is_running() == matches!(victim, Victim::Central));
    let mut codes = codes.into_iter();
    clients.map(|client| (codes.next().expect("code"), client))
}

#[test]
fn a_stream_that_loses_its_agent_is_a_failure() {
    let [(code, mk8s), (_, json), (raw_code, raw)] = cut(&Victim::Agent);
    assert!(code > 1, "exit code {code}");
    assert!(mk8s.stderr().concat().contains("agent"), "{:?}", mk8s.stderr());
    let json = String::from_utf8_lossy(&json.stdout()).into_owned();
    let last: Value = serde_json::from_str(json.lines().last().expect("a line")).expect("JSON");
    assert!(last["error"].as_str().is_some_and(|e| e.contains("agent")) && !json.contains("exit_code"), "{json}");
    assert!(raw_code != 0, "curl ended with 0: {:?}", raw.stderr());
}

#[test]
fn a_stream_that_loses_central_is_a_failure() {
    let [(code, mk8s), (json_code, json), (raw_code, raw)] = cut(&Victim::Central);
    assert!(code > 1, "exit code {code}");
    assert!(mk8s.stderr().concat().contains("central"), "{:?}", mk8s.stderr());
    assert!(json_code != 0 && !String::from_utf8_lossy(&json.stdout()).contains("exit_code"));
    assert!(raw_code != 0, "curl ended with 0: {:?}", raw.stderr());
}
