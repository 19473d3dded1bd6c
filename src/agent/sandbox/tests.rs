//! A program in the sandbox tries what it must not do; the same program without a sandbox shows that it can try.

mod inside;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use super::*;
use crate::agent::AgentError;
use crate::agent::process::{Process, Spawner, Spec, Stdin, spawn};
use crate::agent::workdir::{WorkDir, find_program};
use crate::config::agent::SandboxMode;

/// What the program tried, and how each attempt ended; and what others saw of it meanwhile.
struct Seen {
    attempts: BTreeMap<String, String>,
    status: String,
    limits: String,
    files: Vec<PathBuf>,
    canary: PathBuf,
}

impl Seen {
    #[track_caller]
    fn ends(&self, outcome: &str, names: &[&str]) {
        for name in names {
            assert_eq!(self.attempts.get(*name).map(String::as_str), Some(outcome), "{name}: {:#?}", self.attempts);
        }
    }

    /// A value of `/proc/<pid>/status`.
    fn status(&self, name: &str) -> &str {
        let value = self.status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("no {name} in {}", self.status)).trim()
    }

    /// The limits of this name, soft and hard.
    fn limit(&self, name: &str) -> Vec<&str> {
        let line = self.limits.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}")).split_whitespace().take(2).collect()
    }
}

fn program() -> PathBuf {
    fs::canonicalize(std::env::current_exe().expect("this program")).expect("its file")
}

/// A directory of a command with the given files.
fn directory(files: &[&str]) -> TempDir {
    let directory = tempfile::tempdir().expect("directory");
    files.iter().for_each(|file| fs::write(directory.path().join(file), "x").expect("file"));
    directory
}

/// Runs the attempts.
async fn attempts(sandbox: &Sandbox) -> Seen {
    let (own, neighbour, cache) = (directory(&["own"]), directory(&["secret", "removable"]), directory(&["cached"]));
    let tool = own.path().join("tool");
    fs::copy(find_program(Path::new("true")).expect("true"), &tool).expect("tool");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("mode");
    let _local = UnixListener::bind(own.path().join("socket")).expect("local socket");
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listener");
    let (gate, other) = (listen(), listen());
    let port = |listener: &TcpListener| listener.local_addr().expect("address").port();
    // As if the agent had been started with it.
    let inherited = File::open(neighbour.path().join("secret")).expect("secret");
    fcntl(&inherited, FcntlArg::F_SETFD(FdFlag::empty())).expect("inherited");
    assert!(inherited.as_raw_fd() > 2);

    let program = program();
    let access =
        Access { program: &program, directory: own.path(), cache: cache.path(), port: Some(port(&gate)), diff: None };
    let spec = Spec {
        sandbox: sandbox.confine(&access).expect("rules"),
        program: program.clone(),
        args: [
            "--exact",
            "agent::sandbox::tests::inside::inside",
            "--include-ignored",
            "--nocapture",
            "--test-threads=1",
        ]
        .map(str::to_owned)
        .into(),
        env: vec![
            ("OWN", own.path().into()),
            ("NEIGHBOUR", neighbour.path().into()),
            ("CACHE", cache.path().into()),
            ("GATE", port(&gate).to_string().into()),
            ("OTHER", port(&other).to_string().into()),
        ],
        directory: own.path().into(),
        stdin: Stdin::Pipe,
    };
    let mut process = spawn(&spec).expect("start");
    let (_input, output, errors) = process.take_streams();
    let mut lines = BufReader::new(output.expect("output")).lines();
    let mut attempts = BTreeMap::new();
    loop {
        match lines.next_line().await.expect("output") {
            Some(line) if line == inside::DONE => break,
            Some(line) => {
                let told = line.strip_prefix(inside::MARK).and_then(|line| line.split_once(": "));
                attempts.extend(told.map(|(name, outcome)| (name.to_owned(), outcome.to_owned())));
            }
            None => panic!("it ended early: {}", text(errors.expect("errors")).await),
        }
    }
    let proc = PathBuf::from(format!("/proc/{}", attempts["pid"]));
    let files = fs::read_dir(proc.join("fd")).expect("descriptors").flatten();
    Seen {
        status: fs::read_to_string(proc.join("status")).expect("status"),
        limits: fs::read_to_string(proc.join("limits")).expect("limits"),
        files: files.filter_map(|file| fs::read_link(file.path()).ok()).collect(),
        canary: neighbour.path().join("secret"),
        attempts,
    }
}

async fn text(mut from: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).await.expect("text");
    text
}

/// The limits that do not depend on the kernel or the configuration.
fn assert_limits(seen: &Seen) {
    assert_eq!(seen.attempts["environment"], "CACHE GATE NEIGHBOUR OTHER OWN");
    assert_eq!(seen.status("NoNewPrivs"), "1");
    assert_eq!(seen.limit("Max core file size"), ["0", "0"]);
    assert_eq!(seen.limit("Max open files"), ["1024", "1024"]);
    assert_eq!(seen.limit("Max file size"), ["268435456", "268435456"]);
    assert!(!seen.files.contains(&seen.canary), "{:?}", seen.files);
}

const FORBIDDEN_FILES: &[&str] = &[
    "read users",
    "read environment of init",
    "read own environment",
    "read device",
    "read neighbour",
    "list root",
    "list neighbour",
    "write neighbour",
    "create in neighbour",
    "write cache",
    "create in cache",
    "remove in neighbour",
    "run shell",
    "run own",
];

const ALLOWED: &[&str] = &[
    "read null",
    "read cache",
    "read own",
    "list own",
    "write null",
    "write own",
    "rename own",
    "connect to the gate",
    "thread",
];

/// What the filter forbids, whatever Landlock the kernel has.
const FORBIDDEN_CALLS: &[&str] = &[
    "bind",
    "listen",
    "udp",
    "udp over ipv6",
    "connect to a local socket",
    "netlink",
    "raw",
    "packets",
    "other protocol",
    "pair",
    "connect by sending",
    "file in memory",
    "namespace",
];

#[tokio::test]
async fn a_command_reaches_its_directory_and_the_gate_only() {
    let sandbox = Sandbox::of_this_kernel(true);
    let abilities = Abilities::of_this_kernel(true);
    let seen = attempts(&sandbox).await;
    seen.ends("ok", ALLOWED);
    seen.ends("EPERM", FORBIDDEN_CALLS);
    assert_limits(&seen);
    assert_eq!(seen.status("Seccomp"), "2", "a filter");
    assert_eq!((seen.status("CapPrm"), seen.status("CapEff")), ("0000000000000000", "0000000000000000"));
    // Kernels that cannot do all of it say so.
    if abilities.files {
        seen.ends("EACCES", FORBIDDEN_FILES);
    } else {
        println!("this kernel has no Landlock: no file is confined");
        assert_eq!(sandbox.state(), "off (this kernel has no Landlock)");
    }
    if abilities.network {
        seen.ends("EACCES", &["connect elsewhere", "truncate neighbour"]);
    } else {
        assert!(abilities.files <= sandbox.state().contains("cannot confine: network"), "{}", sandbox.state());
    }
    if abilities.signals {
        seen.ends("EPERM", &["signal the agent"]);
        assert_eq!(sandbox.state(), "enforced (files, network, signals)");
    }
}

#[tokio::test]
async fn without_a_sandbox_the_limits_hold_and_the_attempts_succeed() {
    let seen = attempts(&Sandbox::off("for a test")).await;
    assert_limits(&seen);
    assert_eq!(seen.status("Seccomp"), "0");
    seen.ends("ok", ALLOWED);
    // The others need privileges, or what not every machine has.
    let anyone = [
        "read users",
        "read neighbour",
        "list root",
        "write neighbour",
        "truncate neighbour",
        "write cache",
        "run shell",
        "run own",
    ];
    seen.ends("ok", &anyone);
    let anyone = ["bind", "listen", "udp", "connect to a local socket", "netlink", "pair", "file in memory"];
    seen.ends("ok", &anyone);
    seen.ends("ok", &["connect elsewhere", "connect by sending", "signal the agent"]);
}

/// Starts `diff` in the sandbox, as a program that needs a loader and libraries.
fn diff(allowed: bool) -> io::Result<(Process, TempDir)> {
    let (directory, cache) = (directory(&["a", "b"]), directory(&[]));
    fs::write(directory.path().join("b"), "y")?;
    let diff = fs::canonicalize(find_program(Path::new("diff")).expect("diff"))?;
    let access = Access {
        program: &diff,
        directory: directory.path(),
        cache: cache.path(),
        port: None,
        diff: allowed.then(|| diff.clone()),
    };
    let spec = Spec {
        sandbox: Sandbox::of_this_kernel(false).confine(&access)?,
        program: diff.clone(),
        args: ["-u", "-N", "a", "b"].map(str::to_owned).into(),
        env: vec![],
        directory: directory.path().into(),
        stdin: Stdin::Null,
    };
    Ok((spawn(&spec)?, directory))
}

#[tokio::test]
async fn diff_starts_where_it_is_allowed() {
    if !Abilities::of_this_kernel(true).files {
        return println!("this kernel has no Landlock");
    }
    let (mut process, _directory) = diff(true).expect("start");
    let (_, output, _) = process.take_streams();
    let output = text(output.expect("output")).await;
    assert!(output.contains("\n-x\n") && output.contains("\n+y\n"), "{output}");
    assert_eq!(process.wait().await.expect("end").code(), Some(1));
    // Only for `kubectl diff` can a loader be executed.
    let refused = diff(false).map(drop).expect_err("no loader");
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
}

/// A kubectl that is a script: its shell cannot be executed in the sandbox.
async fn scripted(mode: SandboxMode, script: &str) -> Result<(Sandbox, String), AgentError> {
    let directory = tempfile::tempdir().expect("directory");
    let program = directory.path().join("kubectl");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("mode");
    let work_dir = WorkDir::create(Some(directory.path())).expect("work directory");
    start(mode, &program, &work_dir, &Spawner::start().expect("spawner")).await
}

#[tokio::test]
async fn a_kubectl_that_does_not_run_in_the_sandbox_is_found_at_the_start() {
    if !Abilities::of_this_kernel(true).suffice() {
        return println!("this kernel does not confine files and network");
    }
    let script = r#"echo '{"clientVersion":{"gitVersion":"v1.36.3"}}'"#;
    for (mode, state) in
        [(SandboxMode::Preferred, "off (kubectl does not run in it)"), (SandboxMode::Off, "off (by configuration)")]
    {
        let (sandbox, version) = scripted(mode, script).await.expect("a version");
        assert_eq!((sandbox.state(), version.as_str()), (state, "v1.36.3"));
    }
    let error = scripted(SandboxMode::Required, script).await.map(drop).expect_err("required");
    let error = error.to_string();
    assert!(error.starts_with("the sandbox is required, but ") && error.contains("Permission denied"), "{error}");

    let error = scripted(SandboxMode::Preferred, "exit 1").await.map(drop).expect_err("no version").to_string();
    assert!(error.ends_with("kubectl does not tell its version (`kubectl.path` names the program)"), "{error}");
}

#[test]
fn the_state_tells_what_is_missing() {
    let state = |files, network, signals| Abilities { files, network, signals }.to_string();
    assert_eq!(state(true, true, true), "enforced (files, network, signals)");
    assert_eq!(state(true, true, false), "partial (files, network; this kernel cannot confine: signals)");
    assert_eq!(state(true, false, false), "partial (files; this kernel cannot confine: network, signals)");
    assert_eq!(state(false, false, false), "off (this kernel has no Landlock)");
    let suffice = |files, network| Abilities { files, network, signals: false }.suffice();
    assert!(suffice(true, true) && !suffice(true, false) && !suffice(false, false));
}
