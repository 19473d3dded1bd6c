//! The kubectl of a command, as a process: what it sees, where it runs, and how it is ended.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal::SIGKILL;
use serde_json::json;

use crate::agents::changed;
use crate::support::stack::is_alive;
use crate::support::{Agent, Central, PATIENCE, Process, wait_for};

/// An agent whose kubectl is a shell script; it is given its arguments, after it could tell its version.
fn scripted(central: &Central, script: &str) -> Agent {
    let (mut command, dir) = changed(central, |_| {});
    let program = dir.path().join("kubectl");
    let version = r#"{"clientVersion":{"gitVersion":"v1.36.0"}}"#;
    // Only what a caller asks for runs the script.
    let own = format!("case $1 in version) echo '{version}'; exit;; api-resources) exit 1;; esac");
    let text = format!("#!/bin/sh\n{own}\n{script}\n");
    fs::write(&program, text).expect("write");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("chmod");
    command.arg("--kubectl").arg(&program);
    // None of this is for kubectl.
    command.envs([
        ("CANARY", "1"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("GODEBUG", "x"),
    ]);
    let agent = Agent { process: Process::start(&mut command), dir };
    central.wait_until(true, PATIENCE);
    agent
}

/// A client that runs `mk8s kubectl` with these arguments.
fn client(central: &Central, args: &[&str]) -> Process {
    Process::start(central.mk8s().arg("kubectl").args(args))
}

/// Waits until the script has written a line with a process id; that id.
#[track_caller]
fn pid_from(client: &Process) -> i32 {
    wait_for("a process id", PATIENCE, || String::from_utf8(client.stdout()).ok()?.strip_suffix('\n')?.parse().ok())
}

#[test]
fn kubectl_sees_nothing_of_the_agents_surroundings() {
    let central = Central::start();
    let agent = scripted(&central, "echo $$; read line");
    let mut client = client(&central, &["exec", "-i", "x"]);
    let pid = pid_from(&client);
    let proc = |file: &str| PathBuf::from(format!("/proc/{pid}/{file}"));

    let environment = String::from_utf8(fs::read(proc("environ")).expect("read")).expect("text");
    let environment: BTreeMap<&str, &str> =
        environment.split_terminator('\0').filter_map(|pair| pair.split_once('=')).collect();
    let names: Vec<&str> = environment.keys().copied().collect();
    let allowed = [
        "HOME",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "KUBECACHEDIR",
        "KUBECONFIG",
        "KUBECTL_KUBERC",
        "KUBERC",
        "LANG",
        "NO_PROXY",
        "PATH",
        "TERM",
        "TMPDIR",
    ];
    assert_eq!(names, allowed);
    assert_eq!(environment["HTTPS_PROXY"], "http://127.0.0.1:0", "not the agent's own, but one that is not there");

    let directory = fs::read_link(proc("cwd")).expect("cwd");
    let work = fs::canonicalize(agent.dir.path().join("work")).expect("work");
    assert!(directory.starts_with(&work), "{}", directory.display());
    for path in [directory.as_path(), directory.parent().expect("parent")] {
        assert_eq!(fs::metadata(path).expect("metadata").permissions().mode() & 0o777, 0o700, "{}", path.display());
    }
    assert_eq!(fs::canonicalize(environment["HOME"]).expect("home"), directory);
    let programs = fs::read_dir(environment["PATH"]).expect("PATH").flatten().map(|entry| entry.file_name());
    assert!(programs.into_iter().all(|name| name == "diff"), "diff is the only program that kubectl may find");
    assert_eq!(group_of(pid), pid, "a process group of its own");
    let open = fs::read_dir(proc("fd")).expect("fd").flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
    let foreign: Vec<PathBuf> = open.filter(|to| !is_of_the_script(to, &agent)).collect();
    assert!(foreign.is_empty(), "no file of the agent is open in kubectl: {foreign:?}");

    client.write(b"\n");
    assert_eq!(client.wait(PATIENCE), 0);
    wait_for("the removal of the directory", PATIENCE, || (!directory.exists()).then_some(()));
}

fn is_of_the_script(to: &Path, agent: &Agent) -> bool {
    let pipe = to.to_string_lossy().starts_with("pipe:") || to == Path::new("/dev/null");
    pipe || to == agent.dir.path().join("kubectl")
}

fn group_of(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(2)?.parse().ok()).expect("group")
}

/// What kubectl has started ends with it, and so does what does not want to.
#[test]
fn a_cancelled_command_ends_with_all_that_it_started() {
    let central = Central::start();
    let scripts = [
        "sleep 100000 & echo $!; wait",
        "trap '' TERM; sleep 100000 & echo $!; while :; do wait; done",
        "(trap '' TERM; exec sleep 100000) & echo $!; wait",
    ];
    for script in scripts.map(|script| script.replace("sleep", "/bin/sleep")) {
        let agent = scripted(&central, &script);
        let client = client(&central, &["get", "pods"]);
        let grandchild = pid_from(&client);
        let kubectl = agent.children();
        client.signal(SIGKILL);
        wait_for(&format!("the end of {script:?}"), Duration::from_secs(1), || {
            (!is_alive(grandchild) && !kubectl.iter().any(|pid| is_alive(*pid))).then_some(())
        });
        drop(agent);
        central.wait_until(false, PATIENCE);
    }
}

/// A command has ended when kubectl has, even if something that it started holds its output open.
#[test]
fn what_kubectl_leaves_behind_does_not_keep_the_command() {
    let central = Central::start();
    let agent = scripted(&central, "/bin/sleep 100000 & echo $!; exit 7");
    let mut client = client(&central, &["get", "pods"]);
    let left = pid_from(&client);
    assert_eq!(client.wait(Duration::from_secs(10)), 7);
    wait_for("the end of what was left", Duration::from_secs(1), || (!is_alive(left)).then_some(()));
    drop(agent);
}

#[test]
fn exit_codes_and_signals_are_those_of_kubectl() {
    let central = Central::start();
    let agent = scripted(&central, "case $1 in get) exit $2;; *) kill -$2 $$;; esac");
    for (args, code) in [
        (["get", "0"], 0),
        (["get", "1"], 1),
        (["get", "255"], 255),
        (["describe", "9"], 137),
        (["describe", "15"], 143),
    ] {
        assert_eq!(client(&central, &args).wait(PATIENCE), code, "{args:?}");
    }
    let url = format!("{}/clusters/dev/exec", central.url);
    let body = json!({"command": ["describe", "9"]}).to_string();
    let output = crate::support::run(central.curl().args(["--data", &body, &url]), b"").expect(0).out();
    assert_eq!(output, "{\"signal\":9}\n");
    drop(agent);
}
