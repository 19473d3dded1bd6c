//! The command line: what each command prints, where it keeps its state, and how it ends.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal::SIGINT;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::process::MK8S;
use crate::support::stack::{ADMIN_PASSWORD, children_of, is_alive, quiet};
use crate::support::{Central, Output, PATIENCE, Process, Stack, kubernetes, run, wait_for};

/// A client that knows nothing but the file for its state.
pub struct Client(pub TempDir);

impl Client {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary directory"))
    }

    pub fn state_file(&self) -> PathBuf {
        self.0.path().join("config.yaml")
    }

    pub fn state(&self) -> String {
        fs::read_to_string(self.state_file()).expect("the state file")
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(MK8S);
        quiet(&mut command).env("MK8S_CONFIG", self.state_file()).current_dir(self.0.path());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        run(self.command().args(args), b"")
    }

    /// Logs in to a central, which must succeed.
    pub fn log_in(&self, central: &Central) {
        let mut login = self.command();
        login.args(["login", &central.url, "--email", "admin@localhost", "--password-stdin", "--ca-file"]);
        run(login.arg(central.ca_file()), ADMIN_PASSWORD.as_bytes()).expect(0);
    }
}

/// Standard output as JSON.
pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The output is a failure with this exit code, and its text has these words; nothing is on standard output.
#[track_caller]
pub fn assert_fails(output: &Output, code: i32, words: &[&str]) {
    assert_eq!((output.code, output.out().as_str()), (code, ""), "{}", output.err());
    for word in words {
        assert!(output.err().contains(word), "no {word:?} in: {}", output.err());
    }
}

#[test]
fn help_lists_all_commands() {
    let client = Client::new();
    let help = client.run(&["--help"]).expect(0).out();
    for command in [
        "login",
        "logout",
        "status",
        "passwd",
        "tokens",
        "sessions",
        "auth",
        "clusters",
        "kubectl",
        "port-forward",
        "cp",
        "proxy",
        "kubeconfig",
        "credential",
        "env",
        "shell",
        "admin",
        "serve",
        "demo",
        "config",
        "completion",
        "doctor",
        "version",
    ] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command} is not in: {help}");
        if command != "kubectl" {
            let own = client.run(&[command, "--help"]).expect(0).out();
            assert!(own.contains(&format!("Usage: mk8s {command}")), "{own}");
        }
    }
    assert!(help.contains("Exit codes:"), "{help}");
    assert_fails(&client.run(&["nosuch"]), 2, &["nosuch", "--help"]);
}

#[test]
fn version_is_told_as_text_and_json() {
    let client = Client::new();
    let version = json(&client.run(&["version", "--output", "json"]).expect(0));
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    let commit = version["commit"].as_str().expect("commit");
    let text = format!("{} (commit {commit}, protocol {})", env!("CARGO_PKG_VERSION"), version["protocol_version"]);
    assert_eq!(client.run(&["version"]).expect(0).out(), format!("mk8s {text}\n"));
    assert_eq!(client.run(&["--version"]).expect(0).out(), format!("mk8s {text}\n"));
}

#[test]
fn clusters_are_listed_shown_and_chosen() {
    let (stack, client) = (Stack::start(), Client::new());
    client.log_in(&stack.central);
    let table = client.run(&["clusters", "list"]).expect(0).out();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "STATUS", "KUBERNETES", "NODES", "AGENT", "LAST", "SEEN"]);
    assert_eq!(rows[1][..2], ["dev", "online"], "{table}");
    assert_eq!(rows[2], ["ghost", "offline", "-", "-", "-", "never"], "{table}");
    assert_eq!(client.run(&["clusters", "list", "-o", "name"]).expect(0).out(), "dev\nghost\n");
    let list = json(&client.run(&["clusters", "ls", "-o", "json"]).expect(0));
    assert_eq!((&list[0]["name"], &list[0]["status"]), (&"dev".into(), &"online".into()), "{list}");

    assert_fails(&client.run(&["kubectl", "get", "pods"]), 2, &["no cluster is chosen", "mk8s clusters use"]);
    let output = client.run(&["clusters", "use", "dev"]).expect(0);
    assert_eq!((output.out(), output.err()), (String::new(), "now using cluster \"dev\"\n".into()));
    assert_eq!(fs::metadata(client.state_file()).expect("state").permissions().mode() & 0o777, 0o600);
    let table = client.run(&["clusters", "list"]).expect(0).out();
    let stars: Vec<bool> = table.lines().map(|line| line.starts_with('*')).collect();
    assert_eq!(stars, [false, true, false], "{table}");
    assert_eq!(client.run(&["kubectl", "version", "--client"]).expect(0).err(), "");

    let shown = client.run(&["clusters", "show"]).expect(0).out();
    assert!(shown.contains("dev\n") && shown.contains("online\n"), "{shown}");
    let state = client.state();
    for command in ["show", "use"] {
        assert_fails(&client.run(&["clusters", command, "nosuch"]), 5, &["nosuch", "mk8s clusters list", "request: "]);
    }
    assert_eq!(client.state(), state, "a cluster that does not exist is not remembered");
    let output = run(client.command().args(["clusters", "use", "ghost"]).env("MK8S_CLUSTER", "dev"), b"").expect(0);
    assert!(output.err().ends_with("  note: MK8S_CLUSTER is set to \"dev\" and goes before it\n"), "{}", output.err());
    assert_fails(&client.run(&["--cluster", "ghost", "kubectl", "get", "pods"]), 6, &["ghost", "offline"]);
}

#[test]
fn a_cluster_of_another_central_is_not_remembered_in_place_of_a_login() {
    let (one, other, client) = (Central::start(), Central::start(), Client::new());
    client.log_in(&one);
    let state = client.state();
    let mut choose = other.mk8s();
    choose.env("MK8S_CONFIG", client.state_file()).args(["clusters", "use", "dev"]);
    assert_fails(&run(&mut choose, b""), 2, &[&one.url, &format!("try: mk8s login {}", other.url)]);
    assert_eq!(client.state(), state);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let (central, client) = (Central::start(), Client::new());
    client.log_in(&central);
    let run = |args: &[&str]| {
        let mut command = client.command();
        for name in ["MK8S_SERVER", "MK8S_CA_FILE", "MK8S_CLUSTER", "MK8S_TOKEN", "MK8S_LOG"] {
            command.env(name, "");
        }
        run(command.args(args), b"").expect(0)
    };
    run(&["version"]);
    let logins = wait_for("the login", PATIENCE, || {
        Some(run(&["audit", "--kind", "login", "-o", "json"])).filter(|output| !output.stdout.is_empty())
    });
    assert_eq!(logins.err(), "");
}

#[test]
fn what_is_wrong_is_told_whatever_the_environment_holds() {
    let client = Client::new();
    let bytes = OsStr::from_bytes(b"\xff");
    let mut command = client.command();
    command.arg("--ca-file").arg(bytes).args(["clusters", "list", "-o", "x"]).env("OTHER", bytes).env(bytes, "x");
    assert_fails(&run(&mut command, b""), 2, &["error: invalid value 'x' for '--output <OUTPUT>'"]);
}

#[test]
fn without_a_central_commands_say_what_to_do() {
    let client = Client::new();
    for args in [&["clusters", "list"][..], &["status"], &["kubectl", "get", "pods"], &["clusters", "use", "dev"]] {
        assert_fails(&client.run(args), 4, &["no central is known", "mk8s login"]);
    }
    assert!(!client.state_file().exists());
}

#[test]
fn login_is_remembered_and_logout_forgets() {
    let (central, client) = (Central::start(), Client::new());
    assert_fails(&client.run(&["login", &central.url]), 8, &["--ca-file"]);
    assert!(!client.state_file().exists(), "a login that failed is not remembered");

    // A relative path is remembered in a way that holds in any directory.
    let mut login = client.command();
    login.current_dir(central.dir.path()).args(["login", &central.url, "--ca-file", "data/tls/ca.crt"]);
    login.args(["--email", "Admin@localhost", "--password-stdin"]);
    let output = run(&mut login, ADMIN_PASSWORD.as_bytes()).expect(0);
    assert!(output.err().contains(&format!("logged in to {}", central.url)), "{}", output.err());
    let elsewhere = run(client.command().current_dir("/").args(["clusters", "list", "-o", "name"]), b"").expect(0);
    assert_eq!(elsewhere.out(), "dev\nghost\n");

    client.run(&["clusters", "use", "ghost"]).expect(0);
    let status = json(&client.run(&["status", "-o", "json"]).expect(0));
    assert_eq!((&status["server"], &status["cluster"]), (&central.url.as_str().into(), &"ghost".into()), "{status}");
    assert_eq!((&status["cluster_status"], &status["clusters"]), (&"offline".into(), &2.into()), "{status}");
    let text = client.run(&["status"]).expect(0).out();
    assert!(text.contains(&central.url) && text.contains("ghost (offline)"), "{text}");

    let output = client.run(&["logout"]).expect(0);
    assert_eq!(output.err(), format!("logged out of {}\n", central.url));
    let text = client.run(&["status"]).expect(0).out();
    assert!(text.contains(&central.url) && text.contains("not logged in"), "{text}");
    assert_fails(&client.run(&["clusters", "list"]), 4, &["not logged in", "mk8s login"]);
    assert_eq!(client.run(&["logout"]).expect(0).err(), "not logged in\n");
}

/// As behind `2>&1 | head -1`.
#[test]
fn a_command_goes_on_when_nobody_reads_what_it_says() {
    let central = Central::start();
    central.log_in();
    let unheard = |args: &[&str]| {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = central.client().args(args).env("MK8S_LOG", "debug").stderr(writer).output().expect("spawn");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    let role = |name: &str| {
        let may = "{clusters: [dev], namespaces: [a], resources: [pods], verbs: [get]}";
        format!("name: {name}\npermissions: [{may}]\n")
    };
    let file = central.dir.path().join("roles.yaml");
    fs::write(&file, [role("one"), role("two"), role("three")].join("---\n")).expect("write");
    let apply = ["admin", "roles", "apply", "-f", file.to_str().expect("path")];
    assert_eq!(unheard(&apply), (Some(0), String::new()));
    let roles = central.run(&["admin", "roles", "list", "-o", "name"]).expect(0).out();
    assert!(["one", "two", "three"].iter().all(|name| roles.lines().any(|line| line == *name)), "{roles}");
    let (code, token) = unheard(&["tokens", "create", "ci"]);
    assert!(code == Some(0) && token.starts_with("mk8s_pat_"), "{code:?} {token:?}");
}

#[test]
fn what_follows_kubectl_is_kubectls() {
    let stack = Stack::start();
    let help = stack.run(&["kubectl", "--help"]).expect(0).out();
    assert!(help.starts_with("kubectl controls the Kubernetes cluster manager."), "{help}");
    assert_eq!(stack.run(&["k", "--help"]).expect(0).out(), help, "k is kubectl");
    assert_eq!(stack.run(&["k"]).expect(0).out(), help, "no arguments, the help");
    // The cluster of mk8s stands before the word; behind it, --cluster is kubectl's, and of no use.
    let output = stack.run(&["--cluster", "dev", "k", "get", "pods", "--output=name", "--cluster=x"]);
    assert_fails(&output, 2, &["--cluster does not work remotely", "mk8s --cluster NAME kubectl"]);
    assert_fails(&stack.run(&["k", "get", "pods", "--namespace"]), 2, &["--namespace", "value"]);
    let version = stack.run(&["k", "version", "--client", "--output=json"]).expect(0);
    assert!(json(&version)["clientVersion"]["gitVersion"].is_string());
}

#[test]
fn nothing_is_coloured_in_a_pipe() {
    let (central, client) = (Central::start(), Client::new());
    client.log_in(&central);
    for args in [
        &["--help"][..],
        &["nosuch"],
        &["clusters", "list"],
        &["clusters", "show", "nosuch"],
        &["clusters", "show", "ghost"],
        &["status"],
        &["config", "init", "central"],
        &["config", "show", "client"],
        &["--cluster", "ghost", "kubectl", "get", "pods"],
        &["serve", "agent", "--token-file", "nosuch"],
    ] {
        for no_color in [None, Some("1")] {
            let mut command = client.command();
            command.args(args).envs(no_color.map(|value| ("NO_COLOR", value)));
            let output = run(&mut command, b"");
            assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{args:?}: {output:?}");
        }
    }
    let mut server = client.command();
    let mut server = Process::start(server.args(["serve", "central", "--listen", "127.0.0.1:0", "--data-dir", "data"]));
    let line = server.wait_for_line("central is listening", PATIENCE);
    assert!(!line.contains('\x1b'), "{line:?}");
}

#[test]
fn configurations_are_written_checked_and_shown() {
    let client = Client::new();
    for role in ["central", "agent", "client"] {
        let file = client.0.path().join(format!("{role}.yaml"));
        let path = file.to_str().expect("path");
        let text = client.run(&["config", "init", role]).expect(0).out();
        client.run(&["config", "init", role, "--output", path]).expect(0);
        assert_eq!(fs::read_to_string(&file).expect("file"), text);
        assert_eq!(fs::metadata(&file).expect("file").permissions().mode() & 0o777, 0o600);
        assert_fails(&client.run(&["config", "init", role, "--output", path]), 2, &[path, "--force"]);
        assert_eq!(client.run(&["config", "check", role, "--config", path]).expect(0).out(), format!("ok: {path}\n"));

        // What is shown is a configuration too.
        let shown = client.run(&["config", "show", role, "--config", path]).expect(0).out();
        let again = client.0.path().join("shown.yaml");
        fs::write(&again, &shown).expect("write");
        client.run(&["config", "check", role, "--config", again.to_str().expect("path")]).expect(0);

        fs::write(&file, format!("{text}\nnosuch: 1\n")).expect("write");
        for command in ["check", "show"] {
            assert_fails(&client.run(&["config", command, role, "--config", path]), 2, &[path, "nosuch"]);
        }
    }
    let mut command = client.command();
    command.args(["config", "show", "central"]).env("MK8S_CENTRAL_SHUTDOWN_GRACE_SECONDS", "7");
    let shown = run(&mut command, b"").expect(0).out();
    let line = shown.lines().find(|line| line.starts_with("shutdown_grace_seconds: 7")).expect("the key");
    assert!(line.contains("MK8S_CENTRAL_SHUTDOWN_GRACE_SECONDS"), "the source is named: {line}");
}

#[test]
fn a_demo_is_ready_to_use_and_leaves_nothing_behind() {
    let client = Client::new();
    let dir = client.0.path().join("a demo's");
    let temporary = tempfile::tempdir().expect("temporary directory");
    let mut demo = client.command();
    demo.env("TMPDIR", temporary.path());
    demo.arg("demo").arg("--kubeconfig").arg(&kubernetes().kubeconfig);
    demo.arg("--kubectl").arg(&kubernetes().kubectl).arg("--dir").arg(&dir);
    let mut demo = Process::start(&mut demo);
    let env = dir.join("env.sh");
    wait_for("env.sh", PATIENCE, || env.exists().then_some(()));

    // A user has a shell, nothing of ours in its environment, and mk8s on the PATH.
    let shell = |script: &str| {
        let mut shell = Command::new("sh");
        let path = Path::new(MK8S).parent().expect("directory").display().to_string() + ":/usr/bin:/bin";
        shell.env_clear().env("PATH", path).arg("-c").arg(format!(". \"$0\"; {script}")).arg(&env);
        shell
    };
    let output = run(&mut shell("mk8s kubectl get namespace default"), b"").expect(0);
    assert!(output.out().starts_with("NAME") && output.out().contains("default"), "{}", output.out());
    let output = run(
        &mut shell(
            r#"token=$(mk8s tokens create curl) && curl -sS --cacert "$MK8S_CA_FILE" \
                -H "Authorization: Bearer $token" "$MK8S_SERVER/clusters/dev/exec" -d '{"command":["version"]}'"#,
        ),
        b"",
    );
    assert!(output.expect(0).out().ends_with("{\"exit_code\":0}\n"));
    let welcome = String::from_utf8(demo.stdout()).expect("text");
    assert!(welcome.contains("mk8s demo is ready") && welcome.contains("env.sh"), "{welcome}");

    // Even a command that would never end is over when the demo is.
    let mut watch = Process::start(&mut shell("exec mk8s kubectl get namespace default --watch"));
    wait_for("output", PATIENCE, || (!watch.stdout().is_empty()).then_some(()));
    let children = children_of(demo.pid());
    assert!(!children.is_empty());
    demo.signal(SIGINT);
    assert_eq!(demo.wait(PATIENCE), 0, "{:?}", demo.stderr());
    assert!(!children.into_iter().any(is_alive), "kubectl outlived the demo");
    assert!(watch.wait(PATIENCE) > 1);
    assert_eq!(fs::read_dir(&temporary).expect("read").count(), 0, "temporary files are left");
}
