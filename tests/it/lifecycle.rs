//! What is left when the client, the agent or central dies or leaves: nothing that runs, nobody who waits, and a
//! message that names what was lost.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal::{SIGCONT, SIGINT, SIGKILL, SIGSTOP, SIGTERM};

use crate::support::stack::is_alive;
use crate::support::{Agent, Central, Namespace, PATIENCE, Process, Stack, wait_for};

/// How soon nothing of a command may be left once whoever wanted it, or ran it, has gone.
const PROMISE: Duration = Duration::from_secs(1);

/// The commands that run while something dies: one that writes, one whose input nobody reads, one without the CLI.
struct Commands {
    logs: Process,
    stuffed: Process,
    curl: Process,
    /// The kubectl processes that they became.
    kubectl: Vec<i32>,
}

impl Commands {
    #[track_caller]
    fn start(stack: &Stack, namespace: &Namespace) -> Self {
        namespace.pod("talk", "echo ready; exec sleep 100000");
        let in_pod = |args: &[&str]| {
            Process::start(stack.central.mk8s().args(["kubectl", "--namespace", &namespace.0]).args(args))
        };
        let logs = in_pod(&["logs", "-f", "talk"]);
        let mut stuffed = in_pod(&["exec", "-i", "talk", "--", "sleep", "100000"]);
        stuff(&mut stuffed);
        let body = serde_json::json!({"command": ["logs", "-f", "talk"], "namespace": namespace.0});
        let url = format!("{}/clusters/dev/exec", stack.central.url);
        let curl = Process::start(stack.central.curl().args(["--no-buffer", "--data", &body.to_string(), &url]));
        wait_for("output of the commands", PATIENCE, || {
            (logs.stdout() == b"ready\n" && curl.stdout().starts_with(b"{\"stdout\":\"ready")).then_some(())
        });
        let kubectl = stack.agent.children();
        assert_eq!(kubectl.len(), 3, "one kubectl for each command");
        Self { logs, stuffed, curl, kubectl }
    }

    /// Waits for the promised time until no kubectl is left.
    #[track_caller]
    fn leave_nothing(&self) {
        gone(&self.kubectl);
    }

    /// Both clients must end, and name what was lost.
    #[track_caller]
    fn blame(&mut self, culprit: &str) {
        for client in [&mut self.logs, &mut self.stuffed] {
            assert_eq!(client.wait(PATIENCE), 2);
            let line = client.wait_for_line("error: ", PATIENCE);
            assert!(line.starts_with(&format!("error: the connection to {culprit} was lost")), "{line}");
        }
    }
}

/// Writes into the client until nothing goes in any more, for the command does not read.
fn stuff(client: &mut Process) {
    let mut stdin = client.take_stdin();
    let written = Arc::new(AtomicUsize::new(0));
    thread::spawn({
        let written = written.clone();
        move || {
            while stdin.write_all(&[b'x'; 8 << 10]).is_ok() {
                written.fetch_add(8 << 10, Ordering::Relaxed);
            }
        }
    });
    let mut last = (0, Instant::now());
    wait_for("a client whose input is held up", PATIENCE, || {
        let now = written.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        (now > 1 << 20 && last.1.elapsed() > Duration::from_millis(300)).then_some(())
    });
}

/// Waits for the promised time until none of the processes is left.
#[track_caller]
fn gone(kubectl: &[i32]) {
    wait_for("no kubectl is left", PROMISE, || (!kubectl.iter().any(|pid| is_alive(*pid))).then_some(()));
}

/// `exec -i cat` in a pod: it has answered once, and ends when its input does.
fn cat(stack: &Stack, namespace: &Namespace) -> Process {
    namespace.pod("talk", "exec sleep 100000");
    let args = ["kubectl", "--namespace", &namespace.0, "exec", "-i", "talk", "--", "cat"];
    let mut client = Process::start(stack.central.mk8s().args(args));
    client.write(b"before\n");
    wait_for("the echo", PATIENCE, || (client.stdout() == b"before\n").then_some(()));
    client
}

/// The rest of [`cat`], which must be as if nothing had happened.
#[track_caller]
fn finish(mut client: Process) {
    client.write(b"after\n");
    client.close_stdin();
    assert_eq!(client.wait(PATIENCE), 0, "{:#?}", client.stderr());
    wait_for("the whole output", PATIENCE, || (client.stdout() == b"before\nafter\n").then_some(()));
}

#[test]
fn a_killed_client_leaves_no_kubectl() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let commands = Commands::start(&stack, &namespace);
    for client in [&commands.logs, &commands.stuffed, &commands.curl] {
        client.signal(SIGKILL);
    }
    commands.leave_nothing();
    wait_for("three cancelled commands in the log of central", PATIENCE, || {
        let lines = stack.central.process.stderr();
        (lines.iter().filter(|line| line.contains("\"outcome\":\"gone\"")).count() == 3).then_some(())
    });
    stack.run(&["kubectl", "get", "namespaces"]).expect(0);
}

#[test]
fn an_interrupted_client_leaves_no_kubectl() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let mut commands = Commands::start(&stack, &namespace);
    for (client, signal, code) in [(&mut commands.logs, SIGINT, 130), (&mut commands.stuffed, SIGTERM, 143)] {
        client.signal(signal);
        assert_eq!(client.wait(PROMISE), code);
    }
    commands.curl.signal(SIGINT);
    commands.leave_nothing();
}

#[test]
fn a_killed_agent_leaves_no_kubectl_and_is_named() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let mut commands = Commands::start(&stack, &namespace);
    stack.agent.process.signal(SIGKILL);
    commands.leave_nothing();
    commands.blame("the agent");
    assert_eq!(commands.curl.wait(PATIENCE), 0, "the answer is complete: it says that the command is not");
    wait_for("the result of the request", PATIENCE, || {
        let text = String::from_utf8(commands.curl.stdout()).expect("text");
        text.lines().last()?.starts_with(r#"{"error":"the connection to the agent was lost"#).then_some(())
    });
    stack.central.wait_until(false, PROMISE);
    let agent = Agent::start(&stack.central);
    stack.central.wait_until(true, PATIENCE);
    stack.run(&["kubectl", "get", "namespaces"]).expect(0);
    drop(agent);
}

#[test]
fn a_killed_central_leaves_no_kubectl_and_is_named() {
    let (Stack { agent, central }, namespace) = (Stack::start(), Namespace::create());
    let stack = Stack { agent, central };
    let mut commands = Commands::start(&stack, &namespace);
    stack.central.process.signal(SIGKILL);
    commands.leave_nothing();
    commands.blame("central");
    assert_ne!(commands.curl.wait(PATIENCE), 0, "an answer that was cut is no success");
    let Stack { agent, central } = stack;
    let central = central.restart();
    central.wait_until(true, PATIENCE);
    central.run(&["kubectl", "get", "namespaces"]).expect(0);
    drop(agent);
}

#[test]
fn a_central_that_leaves_lets_commands_finish_and_agents_return() {
    let (mut stack, namespace) = (Stack::start(), Namespace::create());
    let client = cat(&stack, &namespace);
    stack.central.process.signal(SIGTERM);
    stack.central.process.wait_for_line("central is stopping", PATIENCE);
    let refused = stack.run(&["clusters", "list"]).expect(1);
    assert!(refused.err().contains("cannot connect to"), "{}", refused.err());
    finish(client);
    assert_eq!(
        stack.central.process.wait(Duration::from_secs(4)),
        0,
        "it does not wait for the end of the grace period"
    );

    let Stack { agent, central } = stack;
    let central = central.restart();
    wait_for("the cluster in the list", PATIENCE, || {
        let list = central.run(&["clusters", "list"]).expect(0).out();
        list.lines().any(|line| line.contains("dev") && line.contains("online")).then_some(())
    });
    drop(agent);
}

#[test]
fn a_central_that_leaves_cuts_what_outlasts_the_grace_period() {
    let (mut stack, namespace) = (Stack::start(), Namespace::create());
    let mut commands = Commands::start(&stack, &namespace);
    stack.central.process.signal(SIGTERM);
    assert_eq!(stack.central.process.wait(Duration::from_secs(15)), 0);
    commands.leave_nothing();
    commands.blame("central");
    assert_ne!(commands.curl.wait(PATIENCE), 0);
}

#[test]
fn an_agent_that_leaves_lets_commands_finish() {
    let (mut stack, namespace) = (Stack::start(), Namespace::create());
    let client = cat(&stack, &namespace);
    stack.agent.process.signal(SIGTERM);
    stack.agent.process.wait_for_line("agent is stopping", PATIENCE);
    stack.central.wait_until(false, PROMISE);
    let refused = stack.run(&["kubectl", "get", "namespaces"]).expect(6);
    assert!(refused.err().contains(r#"cluster "dev" is offline, last seen"#), "{}", refused.err());
    finish(client);
    assert_eq!(stack.agent.process.wait(Duration::from_secs(4)), 0);
    assert_eq!(std::fs::read_dir(stack.agent.dir.path().join("work")).expect("work").count(), 0, "nothing is left");
}

#[test]
fn an_agent_that_leaves_ends_what_outlasts_the_grace_period() {
    let (mut stack, namespace) = (Stack::start(), Namespace::create());
    let mut commands = Commands::start(&stack, &namespace);
    stack.agent.process.signal(SIGTERM);
    assert_eq!(stack.agent.process.wait(Duration::from_secs(15)), 0);
    commands.leave_nothing();
    for client in [&mut commands.logs, &mut commands.stuffed] {
        assert_eq!(client.wait(PATIENCE), 2);
        client.wait_for_line("agent", PATIENCE);
    }
}

/// A peer that hangs keeps its connections: only pings show that it is gone (20 s, and 10 s to answer).
#[test]
fn a_hanging_agent_is_offline_within_35_seconds() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let mut commands = Commands::start(&stack, &namespace);
    stack.agent.process.signal(SIGSTOP);
    stack.central.wait_until(false, Duration::from_secs(35));
    commands.blame("the agent");
    stack.agent.process.signal(SIGCONT);
    commands.leave_nothing();
    stack.central.wait_until(true, PATIENCE);
    stack.run(&["kubectl", "get", "namespaces"]).expect(0);
}

/// Half of a manifest can be a whole one: an end of input that nobody declared must not look like the end of it.
#[test]
fn input_that_is_cut_is_never_applied() {
    for victim in ["client", "central", "agent"] {
        let (stack, namespace) = (Stack::start(), Namespace::create());
        let mut client = Process::start(stack.central.mk8s().args(["kubectl", "-n", &namespace.0, "apply", "-f", "-"]));
        let object = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n");
        let padding = format!("# {}\n", "x".repeat(76)).repeat(10_000);
        client.write(format!("{}---\n{padding}{}", object("first"), object("second")).as_bytes());
        let kubectl = wait_for("a kubectl that has read the input", PATIENCE, || {
            stack.agent.children().into_iter().find(|pid| bytes_read(*pid) > padding.len())
        });
        match victim {
            "client" => client.signal(SIGKILL),
            "central" => stack.central.process.signal(SIGKILL),
            _ => stack.agent.process.signal(SIGKILL),
        }
        gone(&[kubectl]);
        let names = namespace.kubectl(&["get", "configmaps", "--output=name", "--ignore-not-found"], "");
        assert!(!names.contains("first") && !names.contains("second"), "{victim}: {names}");
    }
}

/// The bytes that a process has read so far, by /proc.
fn bytes_read(pid: i32) -> usize {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok()).unwrap_or(0)
}

/// The same is applied when the client does say that the input has ended.
#[test]
fn input_that_ends_is_applied() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let manifest = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"first"}}"#;
    let mut apply = stack.central.mk8s();
    apply.args(["kubectl", "-n", &namespace.0, "apply", "-f", "-"]);
    crate::support::run(&mut apply, manifest.as_bytes()).expect(0);
    assert!(namespace.kubectl(&["get", "configmaps", "--output=name"], "").contains("configmap/first"));
}

/// A central that is stopped while nobody is connected, or while clients say nothing, does not wait for them.
#[test]
fn a_central_stops_at_once_when_nothing_runs() {
    let mut central = Central::start();
    let idle = std::net::TcpStream::connect(("127.0.0.1", central.port())).expect("connect");
    central.process.signal(SIGTERM);
    assert_eq!(central.process.wait(Duration::from_secs(4)), 0);
    drop(idle);
}
