//! Agents and central: who is let in, who is recognised, and what both say when they are not.

use std::fs;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal::SIGKILL;
use serde_json::{Value, json};

use crate::support::process::MK8S;
use crate::support::stack::{TOKEN, children_of};
use crate::support::{Agent, Central, Namespace, PATIENCE, Process, Stack, kubernetes, run, wait_for};

/// The command of an agent whose configuration is changed before its start, and its files.
pub fn changed(central: &Central, change: impl FnOnce(&mut Value)) -> (Command, tempfile::TempDir) {
    let dir = tempfile::Builder::new().prefix("mk8s-agent-test-").tempdir().expect("temporary directory");
    let command = Agent::command(&dir, central, TOKEN);
    let file = dir.path().join("agent.yaml");
    let mut config = serde_json::from_slice(&fs::read(&file).expect("read")).expect("JSON");
    change(&mut config);
    fs::write(&file, config.to_string()).expect("write");
    (command, dir)
}

/// Starts such an agent.
pub fn start_changed(central: &Central, change: impl FnOnce(&mut Value)) -> Agent {
    let (mut command, dir) = changed(central, change);
    Agent { process: Process::start(&mut command), dir }
}

/// The agent must end with this code, and say this; what it said.
#[track_caller]
fn ends(mut agent: Agent, code: i32, said: &str) -> String {
    assert_eq!(agent.process.wait(PATIENCE), code, "{:#?}", agent.process.stderr());
    agent.process.wait_for_line(said, PATIENCE);
    agent.process.stderr().join("\n")
}

/// A field of a log line of central.
fn logged(central: &mut Central, line: &str, field: &str) -> String {
    let line = central.process.wait_for_line(line, PATIENCE);
    let line: Value = serde_json::from_str(&line).expect("a JSON log line");
    line[field].as_str().expect("the field").to_owned()
}

#[test]
fn an_agent_with_a_wrong_token_ends_and_does_not_show_it() {
    let central = Central::start();
    let wrong = "mk8s_agent_WRONGWRONGWRONGWRONGWRONGWRONGWRONGWRONGWRO";
    let said = ends(Agent::start_with(&central, wrong, &[]), 4, "the agent token is not valid");
    assert!(!said.contains(wrong), "{said}");
    assert!(!central.process.stderr().join("\n").contains(wrong));
    assert!(!central.is_online());
}

/// The token decides which cluster is speaking, and nothing else does.
#[test]
fn an_agent_that_claims_another_cluster_ends() {
    let central = Central::start();
    let other = format!("{TOKEN}-ghost");
    ends(Agent::start_with(&central, &other, &[]), 3, "the token is for another cluster than");
    ends(Agent::start_with(&central, TOKEN, &["--cluster", "ghost"]), 3, "the token is for another cluster than");
    assert!(!central.is_online());
    // Without a name of its own the agent is where its token says.
    let agent = start_changed(&central, |config| config["cluster"] = Value::Null);
    central.wait_until(true, PATIENCE);
    drop(agent);
}

#[test]
fn a_central_of_another_authority_is_not_trusted() {
    let (mut central, other) = (Central::start(), Central::start());
    let ca = other.ca_file();
    let agent = Agent::start_with(&central, TOKEN, &["--ca-file", ca.to_str().expect("path")]);
    ends(agent, 8, "shows a certificate that is not trusted: its authority is unknown here");
    let said = run(central.mk8s().env("MK8S_CA_FILE", ca).args(["clusters", "list"]), b"").expect(8).err();
    assert!(said.contains("not trusted"), "{said}");

    let pin = logged(&mut central, "development certificate authority", "ca_pin");
    let wrong = format!("sha256:{}", "0".repeat(64));
    ends(start_changed(&central, |config| config["tls"] = json!({ "ca_pin": wrong })), 8, "not trusted");
    assert!(!central.is_online());
    let agent = start_changed(&central, |config| config["tls"] = json!({ "ca_pin": pin }));
    central.wait_until(true, PATIENCE);
    drop(agent);
}

#[test]
fn an_agent_waits_for_a_central_that_is_not_there() {
    let mut central = Central::start();
    central.process.signal(SIGKILL);
    central.process.wait(PATIENCE);
    let mut agent = Agent::start(&central);
    let line = agent.process.wait_for_line("not registered", PATIENCE);
    assert!(line.contains("cannot connect to localhost:") && line.contains("retry_millis"), "{line}");
    let central = central.restart();
    central.wait_until(true, PATIENCE);
}

#[test]
fn a_tunnel_needs_a_token_and_an_upgrade() {
    let central = Central::start();
    let url = format!("{}/agents/tunnel", central.url);
    let upgrade = ["--header", "Connection: Upgrade", "--header", "Upgrade: mk8s-tunnel"];
    let bearer = |token: &str| ["--header".to_owned(), format!("Authorization: Bearer {token}")];
    let ask = |args: &[&str], token: &[String]| {
        let mut curl = central.anonymous_curl();
        curl.args(["--http1.1", "--write-out", "\n%{http_code}", &url]).args(args).args(token);
        run(&mut curl, b"").expect(0).out()
    };
    for token in [&[][..], &bearer("wrong"), &bearer(""), &["--header".into(), format!("Authorization: Basic {TOKEN}")]]
    {
        let said = ask(&upgrade, token);
        assert!(said.ends_with("\n401") && said.contains(r#""code":"unauthenticated""#), "{said}");
    }
    let said = ask(&[], &bearer(TOKEN));
    assert!(said.ends_with("\n400") && said.contains("it wants Upgrade: mk8s-tunnel"), "{said}");
    let said = ask(&["--header", "Connection: Upgrade", "--header", "Upgrade: websocket"], &bearer(TOKEN));
    assert!(said.ends_with("\n400"), "{said}");
    assert!(!central.is_online());
}

#[test]
fn the_loss_of_one_of_two_agents_is_not_noticed() {
    let (central, namespace) = (Central::start(), Namespace::create());
    let one_tunnel = || start_changed(&central, |config| config["tunnel"] = json!({ "connections": 1 }));
    let (first, second) = (one_tunnel(), one_tunnel());
    let tunnels = || tunnels(&central);
    wait_for("a tunnel of each", PATIENCE, || (tunnels() == Some(2)).then_some(()));
    namespace.pod("talk", "exec sleep 100000");
    let mut clients: Vec<Process> = (0..4)
        .map(|_| {
            let args = ["kubectl", "--namespace", &namespace.0, "exec", "-i", "talk", "--", "cat"];
            let mut client = Process::start(central.mk8s().args(args));
            client.write(b"x\n");
            wait_for("the echo", PATIENCE, || (client.stdout() == b"x\n").then_some(()));
            client
        })
        .collect();
    let load = [&first, &second].map(|agent| agent.children().len());
    assert_eq!(load, [2, 2], "requests go to the least loaded tunnel");

    first.process.signal(SIGKILL);
    wait_for("the loss of one agent's tunnels", PATIENCE, || (tunnels() == Some(1)).then_some(()));
    assert!(central.is_online());
    for _ in 0..4 {
        central.run(&["kubectl", "get", "namespaces"]).expect(0);
    }
    let codes = clients.iter_mut().map(|client| {
        client.close_stdin();
        client.wait(PATIENCE)
    });
    let mut codes: Vec<i32> = codes.collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 0, 2, 2], "the commands of the other agent go on");
}

/// How many tunnels central has.
fn tunnels(central: &Central) -> Option<u64> {
    let shown = central.run(&["clusters", "show", "dev", "--output", "json"]).expect(0);
    serde_json::from_slice::<Value>(&shown.stdout).expect("JSON")["tunnels"].as_u64()
}

/// An idle cluster costs central one connection; a busy one gets another, and a command on that one is not cut when
/// there is no need for it any more.
#[test]
fn a_second_tunnel_is_there_while_commands_run() {
    let (Stack { mut agent, central }, namespace) = (Stack::start(), Namespace::create());
    assert_eq!(tunnels(&central), Some(1));
    namespace.pod("talk", "exec sleep 100000");
    let start = || {
        let args = ["kubectl", "--namespace", &namespace.0, "exec", "-i", "talk", "--", "cat"];
        let mut client = Process::start(central.mk8s().args(args));
        client.write(b"x\n");
        wait_for("the echo", PATIENCE, || (client.stdout() == b"x\n").then_some(()));
        client
    };
    let mut first = start();
    wait_for("a second tunnel", PATIENCE, || (tunnels(&central) == Some(2)).then_some(()));
    let mut second = start();
    first.close_stdin();
    assert_eq!(first.wait(PATIENCE), 0);
    let third = start();
    drop(third);
    second.write(b"y\n");
    wait_for("the second echo", PATIENCE, || (second.stdout() == b"x\ny\n").then_some(()));
    second.close_stdin();
    assert_eq!(second.wait(PATIENCE), 0);
    agent.process.wait_for_line("tunnel not needed", Duration::from_secs(60));
    wait_for("one tunnel", PATIENCE, || (tunnels(&central) == Some(1)).then_some(()));
    central.run(&["kubectl", "get", "namespaces"]).expect(0);
}

#[test]
fn central_knows_the_cluster_from_its_agent() {
    let _nodes = crate::support::cluster::nodes();
    let stack = Stack::start();
    let shown = run(stack.central.curl().arg(format!("{}/clusters/dev", stack.central.url)), b"").expect(0);
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let version: Value = serde_json::from_str(&kubernetes().kubectl(&["version", "--output=json"], "")).expect("JSON");
    assert_eq!(shown["name"], "dev");
    assert_eq!(shown["status"], "online");
    assert_eq!(shown["agent_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(shown["kubernetes_version"], version["serverVersion"]["gitVersion"]);
    assert_eq!(shown["kubectl_version"], version["clientVersion"]["gitVersion"]);
    let sandbox = shown["sandbox"].as_str().expect("a sandbox");
    assert!(sandbox.contains("files, network"), "Linux 6.7 or newer confines both: {sandbox}");
    let nodes = kubernetes().kubectl(&["get", "nodes", "--output=name"], "").lines().count();
    assert_eq!(shown["node_count"], nodes);
    let seen: jiff::Timestamp = shown["last_seen"].as_str().and_then(|t| t.parse().ok()).expect("a time");
    assert!(jiff::Timestamp::now().duration_since(seen).as_secs() < 60);
}

/// Neither the agent's token nor what passes through shows up in a log; the token is in no command line either.
#[test]
fn secrets_are_in_no_log_and_no_command_line() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let (in_args, in_stdin, in_output) = ("CANARY-in-arguments", "CANARY-in-input", "CANARY-in-output");
    let arg = format!("--from-literal=password={in_args}");
    stack.run(&["kubectl", "-n", &namespace.0, "create", "secret", "generic", "one", &arg]).expect(0);
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "two"}, "stringData": {"p": in_stdin}});
    let mut apply = stack.central.mk8s();
    run(apply.args(["kubectl", "-n", &namespace.0, "apply", "-f", "-"]), secret.to_string().as_bytes()).expect(0);
    namespace.kubectl(&["create", "configmap", "three", &format!("--from-literal=x={in_output}")], "");
    assert!(
        stack
            .run(&["kubectl", "-n", &namespace.0, "get", "configmap", "three", "-o", "yaml"])
            .out()
            .contains(in_output)
    );
    // Also when it is the whole command: a mistake of the user is none that the log should keep.
    stack.run(&["kubectl", "--token=CANARY-in-flag", "get", "pods"]);

    let watch = Process::start(stack.central.mk8s().args(["kubectl", "get", "pods", "--watch"]));
    let kubectl = wait_for("a kubectl", PATIENCE, || stack.agent.children().first().copied());
    for pid in [stack.central.process.pid(), stack.agent.process.pid(), watch.pid(), kubectl] {
        for file in ["cmdline", "environ"] {
            let text = fs::read(format!("/proc/{pid}/{file}")).expect("proc");
            assert!(!String::from_utf8_lossy(&text).contains(TOKEN), "{file} of {pid}");
        }
    }
    let lines = [stack.central.process.stderr(), stack.agent.process.stderr()].concat().join("\n");
    for secret in [TOKEN, "CANARY"] {
        assert!(!lines.contains(secret), "{secret}: {lines}");
    }
}

#[test]
fn a_central_without_encryption_listens_on_loopback_only() {
    let dir = Central::start().dir;
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read");
    fs::write(&file, format!("{config}tls: {{mode: \"off\"}}\n")).expect("write");
    let start = |flags: &[&str]| {
        let mut command = Command::new(MK8S);
        command.args(["serve", "central", "--config"]).arg(dir.path().join("central.yaml")).args(flags);
        run(&mut command, b"")
    };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8443"] {
        let said = start(&["--listen", address]).expect(2).err();
        assert!(said.contains("off is for loopback addresses only") && said.contains("listen"), "{said}");
    }
    fs::write(&file, config).expect("write");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = taken.local_addr().expect("address").to_string();
    let said = start(&["--listen", &address]).expect(1).err();
    assert!(
        said.contains(&format!("cannot listen on {address}")) && said.contains("is another central running?"),
        "{said}"
    );
}

#[test]
fn without_tls_everything_works_on_loopback() {
    let dir = Central::start().dir;
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read") + "tls: {mode: \"off\"}\n";
    fs::write(&file, config).expect("write");
    let central = Central::start_in(dir, &[]);
    assert!(central.url.starts_with("http://"), "{}", central.url);
    let agent = start_changed(&central, |config| config["tls"] = json!({}));
    let client = |args: &[&str]| run(central.mk8s().env_remove("MK8S_CA_FILE").args(args), b"");
    wait_for("cluster online", PATIENCE, || client(&["clusters", "list"]).out().contains("online").then_some(()));
    assert!(client(&["kubectl", "get", "namespaces"]).expect(0).out().contains("default"));
    drop(agent);
}

#[test]
fn what_an_agent_cannot_use_is_named() {
    let central = Central::start();
    let cases = [
        (
            "kubectl",
            json!({"path": "/nonexistent/kubectl"}),
            "cannot run kubectl: /nonexistent/kubectl is not a program",
            1,
        ),
        ("kubectl", json!({"path": "/bin/true"}), "does not tell its version (`kubectl.path` names the program)", 1),
        ("kubeconfig", json!("/nonexistent/config"), "cannot use the credential of the cluster", 1),
        ("context", json!("nowhere"), "the kubeconfig has no context", 1),
        ("work_dir", json!("/dev/null/x"), "cannot use the work directory", 1),
        ("token_file", json!("/nonexistent/token"), "/nonexistent/token", 2),
        ("central", json!("http://central.example"), "would send the token unencrypted", 2),
    ];
    for (key, value, said, code) in cases {
        ends(start_changed(&central, |config| config[key] = value), code, said);
    }
}

/// An agent that was refused after its first registration tries on: its token may come back.
#[test]
fn an_agent_survives_a_central_that_forgot_it() {
    let Stack { mut agent, central } = Stack::start();
    let token = central.dir.path().join("token");
    fs::write(&token, "mk8s_agent_another").expect("write");
    let central = central.restart();
    agent.process.wait_for_line("central refused the tunnel", PATIENCE);
    assert!(!central.is_online());
    fs::write(&token, TOKEN).expect("write");
    let central = central.restart();
    central.wait_until(true, PATIENCE);
    assert_eq!(children_of(agent.process.pid()), [0; 0]);
}
