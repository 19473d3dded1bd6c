//! kubectl of several versions, with WebSocket and with SPDY: the same results through the gateway as directly.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::{fs, thread};

use nix::sys::signal::Signal::SIGINT;

use super::setup::{Way, client, number};
use crate::same_as_direct::normalise;
use crate::support::attempt::words;
use crate::support::{Output, PATIENCE, Process, Stack, Terminal, kubernetes, run, wait_for};

/// The exit code that kubectl must give, the command line, and its standard input; in this order.
const COMMANDS: &[(i32, &str, &str)] = &[
    (0, "get pods", ""),
    (0, "get pods,configmaps -o name", ""),
    (0, "get pod web -o jsonpath={.status.phase}", ""),
    (1, "get pod nosuch", ""),
    (1, "get nosuch", ""),
    (0, "describe configmap kube-root-ca.crt", ""),
    (0, "api-resources -o name", ""),
    (0, "api-versions", ""),
    (0, "explain deployment.spec.strategy", ""),
    (0, "apply -f -", MAP),
    (0, "apply -f -", CHANGED_MAP),
    (1, "apply -f -", WRONG_MAP),
    (0, "apply --server-side --force-conflicts -f - -o yaml", MAP),
    (0, "diff -f -", MAP),
    (1, "diff -f -", CHANGED_MAP),
    (0, r#"patch configmap map -p '{"data": {"a": "c"}}'"#, ""),
    (0, r#"patch configmap map --type=merge -p '{"data": {"a": "d"}}'"#, ""),
    (0, r#"patch configmap map --type=json -p '[{"op": "remove", "path": "/data/a"}]'"#, ""),
    (1, "patch configmap map -p '{'", ""),
    (0, "get configmap map -o yaml", ""),
    (0, "create deployment app --image=shell -- sleep 100000", ""),
    (0, "scale deployment app --replicas=2", ""),
    (0, "wait --for=jsonpath={.status.availableReplicas}=2 deployment/app --timeout=60s", ""),
    // Before that it would tell the steps that it happens to see.
    (0, "rollout status deployment/app", ""),
    (0, "debug web -c helper --image=shell -- echo helped", ""),
    (0, "logs web", ""),
    (0, "logs web --tail=1", ""),
    (0, "exec web -- echo hello", ""),
    (7, "exec web -- sh -c 'echo out; echo err >&2; exit 7'", ""),
    (0, "exec -i web -- cat", "one\ntwo without an end"),
    (0, "exec -i web -- cat", ""),
    (1, "exec nosuch -- true", ""),
    (1, "exec web -c nosuch -- true", ""),
    (0, "auth can-i create pods", ""),
    (0, "auth can-i '*' '*'", ""),
    (0, "delete configmap map", ""),
    (1, "delete configmap map", ""),
    (0, "delete deployment app", ""),
];

// In the block style: kubectl 1.27 takes a text that begins with a brace for JSON.
const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {key: value}\n";
const CHANGED_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {key: changed}\n";
const WRONG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndtaa: {}\n";

/// A pod that has said something, and one that says more when it finds the file `go`.
const WEB: &str = "for i in $(seq 20); do echo line $i; done; exec sleep 100000";
const TALKER: &str = "echo first; while [ ! -e go ]; do sleep 0.1; done; echo second; exec sleep 0.2";

/// Which protocol is asked for; a kubectl that does not know the variable ignores it.
const PROTOCOLS: [(&str, &str); 2] = [("WebSocket", "true"), ("SPDY", "false")];

#[test]
fn this_kubectl() {
    compare("kubectl of the test cluster", &kubernetes().kubectl);
}

#[test]
fn kubectl_1_27() {
    older("kubectl-1.27");
}

#[test]
fn kubectl_1_30() {
    older("kubectl-1.30");
}

#[test]
fn kubectl_1_33() {
    older("kubectl-1.33");
}

fn older(name: &str) {
    if let Some(program) = client(name) {
        compare(name, &program);
    }
}

/// One kubectl at one way to the cluster.
struct Kubectl<'a> {
    program: &'a PathBuf,
    way: &'a Way,
    web_socket: &'static str,
}

/// Does everything both ways, and fails with all that differs.
#[track_caller]
fn compare(name: &str, program: &PathBuf) {
    let stack = Stack::start();
    let ways = [Way::direct(), Way::through(&stack.central)];
    assert_eq!(ways[0].namespace.0.len(), ways[1].namespace.0.len(), "columns have the same widths");
    for way in &ways {
        way.namespace.pod("web", WEB);
    }
    let mut problems = both(&ways, |way| Kubectl { program, way, web_socket: "true" }.run_commands());
    for (protocol, web_socket) in PROTOCOLS {
        for way in &ways {
            way.namespace.pod(&format!("talker-{web_socket}"), TALKER);
        }
        let found = both(&ways, |way| Kubectl { program, way, web_socket }.run_streams());
        problems.extend(found.into_iter().map(|problem| format!("with {protocol}: {problem}")));
    }
    assert!(problems.is_empty(), "{name}: {} differ\n\n{}", problems.len(), problems.join("\n"));
}

/// Does the same both ways at the same time; what differs.
fn both(ways: &[Way; 2], does: impl Fn(&Way) -> Vec<(String, String)> + Sync) -> Vec<String> {
    let (expected, found) = thread::scope(|scope| {
        let direct = scope.spawn(|| does(&ways[0]));
        let through = does(&ways[1]);
        (direct.join().expect("directly"), through)
    });
    let pairs = expected.into_iter().zip(found).filter(|(expected, found)| expected != found);
    pairs.map(|((what, a), (_, b))| format!("{what}\n  directly: {a}\n  through mk8s: {b}\n")).collect()
}

impl Kubectl<'_> {
    fn command(&self, line: &str) -> Command {
        let mut command = self.way.command(self.program);
        command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", self.web_socket);
        command.env("KUBECTL_PORT_FORWARD_WEBSOCKETS", self.web_socket);
        command.args(words(line));
        command
    }

    /// Runs the table; what each command gave.
    fn run_commands(&self) -> Vec<(String, String)> {
        let run_one = |(code, line, stdin): &(i32, &str, &str)| {
            let output = run(&mut self.command(line), stdin.as_bytes());
            let wrong = if output.code == *code { "" } else { "WRONG " };
            ((*line).to_owned(), format!("{wrong}{}", self.text(&output)))
        };
        let all: Vec<_> = COMMANDS.iter().map(run_one).collect();
        let wrong: Vec<_> = all.iter().filter(|(_, text)| text.starts_with("WRONG")).collect();
        assert!(wrong.is_empty() || self.way.name != "directly", "kubectl itself: {wrong:#?}");
        all
    }

    /// What lasts and what is upgraded.
    fn run_streams(&self) -> Vec<(String, String)> {
        let named = |name: &str, text: String| (name.to_owned(), text);
        vec![
            named("get --watch", self.watch()),
            named("logs --follow", self.follow()),
            named("exec -it", self.shell()),
            named("cp", self.copy()),
            named("port-forward", self.forward()),
        ]
    }

    /// The exit code and the two streams.
    fn text(&self, output: &Output) -> String {
        let normalise = |stream: &[u8]| normalise(stream, &self.way.namespace.0);
        format!("{} {:?} {:?}", output.code, normalise(&output.stdout), normalise(&output.stderr))
    }

    /// A change is seen by a watch that has been there before.
    fn watch(&self) -> String {
        let name = format!("seen-{}", self.web_socket);
        self.way.namespace.kubectl(&["create", "configmap", &name, "--from-literal=n=1"], "");
        let line = format!(r#"get configmap {name} --watch -o 'jsonpath={{.data.n}}{{"\n"}}'"#);
        let mut watch = Process::start(&mut self.command(&line));
        wait_for_output(&watch, "1\n");
        self.way.namespace.kubectl(&["patch", "configmap", &name, r#"--patch={"data": {"n": "2"}}"#], "");
        wait_for_output(&watch, "1\n2\n");
        watch.signal(SIGINT);
        format!("{} {:?}", watch.wait(PATIENCE), String::from_utf8_lossy(&watch.stdout()))
    }

    /// A log is shown as it is written, and ends with its container.
    fn follow(&self) -> String {
        let pod = format!("talker-{}", self.web_socket);
        let mut logs = Process::start(&mut self.command(&format!("logs --follow {pod}")));
        wait_for_output(&logs, "first\n");
        self.way.namespace.kubectl(&["exec", &pod, "--", "touch", "go"], "");
        wait_for_output(&logs, "first\nsecond\n");
        format!("{} {:?}", logs.wait(PATIENCE), String::from_utf8_lossy(&logs.stdout()))
    }

    /// A person at a terminal: a command, Ctrl-C, and an exit code.
    fn shell(&self) -> String {
        let mut terminal = Terminal::start(&self.command("exec -it web -- sh"));
        terminal.enter("echo a$((1+1))b").expect("a2b");
        terminal.enter("echo sleeps; sleep 1000; echo no").expect("sleeps\r\n").control('c');
        terminal.enter("echo c$((2+2))d").expect("c4d");
        terminal.enter("exit 7").end(7);
        "7".into()
    }

    /// A file of 5 MiB, or 50 with the slow tests, comes back as it went.
    fn copy(&self) -> String {
        let size = number("MK8S_TEST_CLIENTS", 0).min(1) * 45 + 5;
        let bytes: Vec<u8> = (0..size << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        fs::write(self.way.dir().join("file"), &bytes).expect("write");
        let there = run(&mut self.command("cp file web:copied"), b"");
        let back = run(&mut self.command("cp web:copied back"), b"");
        let came = fs::read(self.way.dir().join("back")).unwrap_or_default();
        fs::remove_file(self.way.dir().join("back")).expect("a file that has come back");
        assert!(came == bytes, "{} bytes of {} came back {}", came.len(), bytes.len(), self.way.name);
        format!("{} {}", self.text(&there), self.text(&back))
    }

    /// Several connections at once through one forwarded port, each with a mebibyte that comes back.
    fn forward(&self) -> String {
        let echo = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = echo.local_addr().expect("address").port();
        thread::spawn(move || {
            for stream in echo.incoming().take(4).map_while(Result::ok) {
                thread::spawn(move || std::io::copy(&mut &stream, &mut &stream).and(stream.shutdown(Shutdown::Write)));
            }
        });
        let mut forward = Process::start(&mut self.command(&format!("port-forward pod/web :{port}")));
        let local = wait_for("a forwarded port", PATIENCE, || {
            let text = String::from_utf8_lossy(&forward.stdout()).into_owned();
            text.strip_prefix("Forwarding from ")?.split(" -> ").next().map(str::to_owned)
        });
        let returned: Vec<bool> = thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(|| comes_back(&local))).collect();
            all.into_iter().map(|one| one.join().expect("a connection")).collect()
        });
        forward.signal(SIGINT);
        format!("{} {returned:?}", forward.wait(PATIENCE))
    }
}

/// Whether a mebibyte comes back from an address.
fn comes_back(address: &str) -> bool {
    let stream = TcpStream::connect(address).expect("connect");
    let bytes: Vec<u8> = (0..1u32 << 20).map(|i| (i >> 8) as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            (&stream).write_all(&bytes).expect("write");
            stream.shutdown(Shutdown::Write).expect("shutdown");
        });
        let mut back = vec![0; bytes.len()];
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        (&stream).read_exact(&mut back).is_ok() && back == bytes
    })
}

/// Waits until standard output is this text.
#[track_caller]
fn wait_for_output(process: &Process, text: &str) {
    wait_for(&format!("{text:?}"), PATIENCE, || (process.stdout() == text.as_bytes()).then_some(()));
}
