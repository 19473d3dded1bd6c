//! Completion: the scripts of the shells, and what they are told by central, by the cluster, and by nobody.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::{Client, assert_fails};
use crate::support::process::MK8S;
use crate::support::{Central, Namespace, PATIENCE, Stack, kubernetes, run, wait_for};

/// Completes a line in a real bash, which has the script, as Tab at its end does.
const DRIVER: &str = r#"
source <(mk8s completion bash)
COMP_LINE="$1" COMP_POINT=${#1}
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_mk8s
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// The words of a line as bash has them: broken at the characters of COMP_WORDBREAKS too. A space at the end begins one.
fn broken(line: &str) -> Vec<String> {
    let mut words: Vec<String> = line.replace('=', " = ").replace(':', " : ").split(' ').map(str::to_owned).collect();
    let last = words.pop().filter(|word| !word.is_empty() || line.ends_with(' '));
    words.retain(|word| !word.is_empty());
    words.extend(last);
    words
}

/// What bash offers for a line; `mk8s` is whatever `command` is.
fn bash(command: &Command, line: &str) -> Vec<String> {
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", DRIVER, "bash", line]).args(broken(line));
    with_settings(&mut bash, command);
    let output = run(&mut bash, b"").expect(0);
    assert_eq!(output.err(), "", "{line}");
    output.out().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Gives a shell the settings of a command, and `mk8s` as what it finds under that name.
fn with_settings(command: &mut Command, of: &Command) {
    for (name, value) in of.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let own = Path::new(MK8S).parent().expect("a directory");
    let path = std::env::var("PATH").expect("PATH");
    command.env("PATH", format!("{}:{path}", own.display()));
}

/// What is told of a line that is not finished, without a shell.
fn told(command: &mut Command, words: &[&str]) -> Vec<String> {
    let output = run(command.args(["__complete", "--"]).args(words), b"").expect(0);
    assert_eq!(output.err(), "", "{words:?}");
    let mut lines = output.out().lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines.first().map(String::as_str), Some("words"), "{words:?}");
    lines.remove(0);
    lines
}

/// The machine may be busy, and the budget over before central has answered: a person would press Tab again.
#[track_caller]
fn completes(command: &Command, line: &str, expected: &[&str]) {
    let mut last = Vec::new();
    let since = Instant::now();
    while since.elapsed() < 2 * PATIENCE {
        last = bash(command, line);
        if last == expected {
            return;
        }
    }
    panic!("{line:?}: {last:?}, not {expected:?}");
}

#[test]
fn scripts_are_scripts() {
    let client = Client::new();
    for (shell, check) in [("bash", Some("bash")), ("zsh", Some("zsh")), ("fish", Some("fish")), ("powershell", None)] {
        let script = client.run(&["completion", shell]).expect(0).out();
        assert!(script.contains("mk8s __complete"), "{script}");
        // Shells that are not here check nothing.
        if let Some(check) = check.filter(|check| is_installed(check)) {
            run(Command::new(check).arg("-n"), script.as_bytes()).expect(0);
        }
    }
    assert_fails(&client.run(&["completion", "nosuch"]), 2, &["bash", "fish", "zsh", "powershell"]);
}

/// Fish can be asked what it would offer.
#[test]
fn fish_offers_what_bash_does() {
    if !is_installed("fish") {
        return;
    }
    let client = Client::new();
    let command = client.command();
    for line in
        ["mk8s clu", "mk8s clusters u", "mk8s clusters list -o j", "mk8s kubectl get deploym", "mk8s k rollout res"]
    {
        let mut fish = Command::new("fish");
        fish.args(["--no-config", "-c", "mk8s completion fish | source; complete -C $argv[1]", line]);
        with_settings(&mut fish, &command);
        let output = run(&mut fish, b"").expect(0);
        let offered: Vec<String> =
            output.out().lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect();
        assert_eq!(offered, bash(&command, line), "{line}");
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

#[test]
fn commands_and_options_are_completed_without_anybody() {
    let client = Client::new();
    let command = client.command();
    assert_eq!(bash(&command, "mk8s clu"), ["clusters"]);
    assert_eq!(bash(&command, "mk8s clusters u"), ["use"]);
    assert_eq!(bash(&command, "mk8s clusters list -o j"), ["json"]);
    assert_eq!(bash(&command, "mk8s --cl"), ["--cluster"]);
    assert_eq!(bash(&command, "mk8s kubectl roll"), ["rollout"]);
    assert_eq!(bash(&command, "mk8s k rollout res"), ["restart", "resume"]);
    assert_eq!(bash(&command, "mk8s kubectl get pods --show-l"), ["--show-labels"]);
    assert_eq!(bash(&command, "mk8s kubectl get pods --output=ya"), ["yaml"]);
    assert_eq!(bash(&command, "mk8s kubectl get deploym"), ["deployments"]);
    assert_eq!(bash(&command, "mk8s kubectl kusto"), [""; 0], "it does not run remotely");
    assert_eq!(bash(&command, "mk8s kubectl get pods --kubec"), [""; 0]);
    fs::write(client.0.path().join("a file.yaml"), "").expect("write");
    let mut there = client.command();
    let words = ["__complete", "--", "kubectl", "apply", "-f", ""];
    assert_eq!(run(there.args(words), b"").expect(0).out(), "files\n");
    // As PowerShell asks, which would leave the empty word out.
    let last = |word: &str, words: &[&str]| {
        let mut command = client.command();
        command.args(["__complete", &format!("--last={word}"), "--"]).args(words);
        run(&mut command, b"").expect(0).out()
    };
    assert_eq!(last("", &["kubectl", "apply", "-f"]), "files\n");
    assert!(last("clust", &[]).contains("\nclusters"), "{}", last("clust", &[]));
    assert!(last("--show-l", &["kubectl", "get", "pods"]).contains("--show-labels"));
}

#[test]
fn bash_completes_what_central_and_the_cluster_have() {
    let (stack, namespace) = (Stack::start(), Namespace::called("complete"));
    for name in ["first", "second"] {
        namespace.kubectl(&["create", "configmap", name], "");
    }
    namespace.pod("web", "exec sleep 100000");
    let command = stack.central.mk8s();
    for line in ["mk8s clusters use ", "mk8s clusters show ", "mk8s --cluster ", "mk8s env ", "mk8s kubeconfig write "]
    {
        completes(&command, line, &["dev", "ghost"]);
    }
    completes(&command, "mk8s --cluster=gh", &["ghost"]);
    completes(&command, "mk8s shell d", &["dev"]);
    let ns = namespace.0.as_str();
    completes(&command, &format!("mk8s kubectl -n {ns} get configmap fi"), &["first"]);
    completes(&command, &format!("mk8s --cluster=dev k get cm/s -n {ns}"), &[ns]);
    completes(&command, &format!("mk8s k -n {ns} get cm/s"), &["cm/second"]);
    completes(&command, &format!("mk8s k -n {ns} delete cm first se"), &["second"]);
    completes(&command, &format!("mk8s k -n {ns} logs "), &["web"]);
    completes(&command, &format!("mk8s k -n {ns} exec web -c "), &["main"]);
    // Other tests make namespaces, and end them, meanwhile.
    let prefix = &ns[..ns.len() - 1];
    wait_for("the namespaces", 2 * PATIENCE, || {
        (bash(&command, &format!("mk8s k get pods -n {prefix}")) == namespaces(prefix)).then_some(())
    });
    completes(&command, "mk8s --cluster ghost k get cm ", &[]);

    // Who may not list gets nothing, and no error.
    stack.central.make_role(&serde_json::json!({"name": "short", "permissions": [
        {"clusters": ["dev"], "namespaces": ["default"], "resources": ["pods"], "verbs": ["get", "list"]}
    ]}));
    let mut short = stack.central.client();
    short.env("MK8S_TOKEN", stack.central.user("short@example.com", &["short"]));
    completes(&short, "mk8s clusters use ", &["dev"]);
    assert_eq!(bash(&short, &format!("mk8s k -n {ns} get cm ")), [""; 0]);
}

/// The namespaces that begin so.
fn namespaces(prefix: &str) -> Vec<&'static str> {
    let all = kubernetes().kubectl(&["get", "namespaces", "--output=name"], "").leak();
    let mut found: Vec<&str> = all.lines().filter_map(|line| line.strip_prefix("namespace/")).collect();
    found.retain(|name| name.starts_with(prefix));
    found.sort_unstable();
    found
}

#[test]
fn custom_types_are_completed_too() {
    let stack = Stack::start();
    let group = format!("g{}.example.com", std::process::id());
    let definition = serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("gadgets.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget"},
                 "versions": [{"name": "v1", "served": true, "storage": true,
                               "schema": {"openAPIV3Schema": {"type": "object"}}}]}
    });
    kubernetes().kubectl(&["apply", "-f", "-"], &definition.to_string());
    let namespace = Namespace::called("gadgets");
    kubernetes()
        .kubectl(&["wait", "--for=condition=Established", &format!("crd/gadgets.{group}"), "--timeout=60s"], "");
    let gadget =
        serde_json::json!({"apiVersion": format!("{group}/v1"), "kind": "Gadget", "metadata": {"name": "one"}});
    wait_for("a gadget", PATIENCE, || {
        let create =
            run(kubernetes().direct(Some(&namespace.0)).args(["apply", "-f", "-"]), gadget.to_string().as_bytes());
        (create.code == 0).then_some(())
    });
    let command = stack.central.mk8s();
    completes(&command, "mk8s k get gadgets.g", &[&format!("gadgets.{group}")]);
    completes(&command, &format!("mk8s k -n {} get gadget ", namespace.0), &["one"]);
    completes(&command, &format!("mk8s k -n {} get gadgets.{group} ", namespace.0), &["one"]);
    kubernetes().kubectl(&["delete", "crd", &format!("gadgets.{group}"), "--wait=false"], "");
}

#[test]
fn nobody_answers_and_nothing_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("https://{}", listener.local_addr().expect("address"));
    thread::spawn(move || {
        let mut kept = Vec::new();
        kept.extend(listener.incoming());
    });
    let client = Client::new();
    for (server, token) in [
        (url.as_str(), Central::token()),
        ("https://127.0.0.1:1", Central::token()),
        ("nonsense", "x"),
        ("", ""),
        (&url, "\n"),
    ] {
        for words in [&["clusters", "use", ""][..], &["--cluster", "dev", "kubectl", "get", "pods", ""]] {
            let mut command = client.command();
            command.env("MK8S_SERVER", server).env("MK8S_TOKEN", token);
            let since = Instant::now();
            assert_eq!(told(&mut command, words), [""; 0], "{server} {words:?}");
            // The budget is 0.3 s; the rest is for a busy machine.
            assert!(since.elapsed() < Duration::from_secs(5), "{server}: {:?}", since.elapsed());
        }
        let mut command = client.command();
        command.env("MK8S_SERVER", server).env("MK8S_TOKEN", token);
        let types = told(&mut command, &["--cluster", "dev", "k", "get", "node"]);
        assert_eq!(types, ["nodes"], "types are known without anybody");
    }
}

#[test]
fn clusters_are_remembered_for_the_user_who_saw_them() {
    let central = Central::start();
    let client = Client::new();
    client.log_in(&central);
    completes(&client.command(), "mk8s clusters use ", &["dev", "ghost"]);
    let remembered = client.0.path().join("config.yaml.clusters");
    let text = fs::read_to_string(&remembered).expect("remembered");
    assert!(text.contains("ghost") && !text.contains("token"), "{text}");
    let Central { process, dir: _dir, .. } = central;
    drop(process);
    assert_eq!(told(&mut client.command(), &["clusters", "use", ""]), ["dev", "ghost"]);
    assert_eq!(told(&mut client.command(), &["--cluster=d"]), ["--cluster=dev"]);
    fs::write(&remembered, text.replace("admin@localhost", "somebody@else")).expect("write");
    assert_eq!(told(&mut client.command(), &["clusters", "use", ""]), [""; 0], "of another user");
}

/// The session is renewed by a process of its own, which the budget does not cut off.
#[test]
fn a_session_that_has_to_be_renewed_first_is_not_lost() {
    let central = Central::start();
    let client = Client::new();
    client.log_in(&central);
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let old = lines(&client.state());
    let aged: Vec<String> = old
        .iter()
        .map(|line| match line.trim_start().strip_prefix("access_expires_at:") {
            Some(_) => "  access_expires_at: 2026-01-01T00:00:00Z".to_owned(),
            None => line.clone(),
        })
        .collect();
    assert_ne!(aged, old);
    fs::write(client.state_file(), aged.join("\n")).expect("write");
    completes(&client.command(), "mk8s clusters use ", &["dev", "ghost"]);
    assert_ne!(lines(&client.state()), aged, "it was renewed");
    client.run(&["clusters", "list"]).expect(0);
}
