//! Forwarded ports.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use nix::sys::signal::Signal::SIGINT;
use serde_json::json;

use super::{WAYS, command, setup};
use crate::support::{Central, Namespace, PATIENCE, Process, Stack, run, wait_for};

/// A server on this machine, which the pods of the test node reach as their own localhost; its port.
fn server(serve: fn(TcpStream) -> io::Result<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("address").port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(io::Result::ok) {
            thread::spawn(move || serve(stream));
        }
    });
    port
}

fn echo(stream: TcpStream) -> io::Result<()> {
    io::copy(&mut &stream, &mut &stream)?;
    stream.shutdown(Shutdown::Write)
}

/// It says nothing until it knows that nothing more comes: half of the connection must end alone.
fn answer_at_the_end(mut stream: TcpStream) -> io::Result<()> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    stream.write_all(&all)
}

fn stdout(process: &Process) -> String {
    String::from_utf8_lossy(&process.stdout()).into_owned()
}

/// The address that is forwarded from, when it is.
#[track_caller]
fn address(forward: &mut Process) -> String {
    wait_for("a forwarded port", PATIENCE, || {
        assert!(forward.is_running() || !forward.stdout().is_empty(), "{:?}", forward.stderr());
        stdout(forward).strip_prefix("Forwarding from ")?.split(" -> ").next().map(str::to_owned)
    })
}

/// Whether a mebibyte comes back from an address, and then the end.
fn comes_back(address: &str) -> bool {
    let stream = TcpStream::connect(address).expect("connect");
    let bytes: Vec<u8> = (0..1u32 << 20).map(|i| (i >> 8) as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| (&stream).write_all(&bytes).and_then(|()| stream.shutdown(Shutdown::Write)));
        let mut back = Vec::new();
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        (&stream).read_to_end(&mut back).is_ok() && back == bytes
    })
}

fn start(central: &Central, way: &[&str], namespace: &Namespace, args: &[&str]) -> Process {
    Process::start(&mut command(central, way, &namespace.0, "port-forward", args))
}

#[test]
fn many_connections_pass_with_halves_that_end_alone() {
    let (stack, namespace) = setup();
    for (web_sockets, way) in [("true", WAYS[0]), ("true", WAYS[1]), ("false", WAYS[0])] {
        for serve in [echo, answer_at_the_end] {
            let remote = server(serve);
            let mut forward = command(&stack.central, way, &namespace.0, "port-forward", &["pod/web"]);
            forward.arg(format!(":{remote}")).env("KUBECTL_PORT_FORWARD_WEBSOCKETS", web_sockets);
            let mut forward = Process::start(&mut forward);
            let local = address(&mut forward);
            assert!(stdout(&forward).starts_with(&format!("Forwarding from {local} -> {remote}\n")));
            let back: Vec<bool> = thread::scope(|scope| {
                let all: Vec<_> = (0..8).map(|_| scope.spawn(|| comes_back(&local))).collect();
                all.into_iter().map(|one| one.join().expect("a connection")).collect()
            });
            assert_eq!(back, [true; 8], "{:?}", forward.stderr());
            let port = local.rsplit(':').next().expect("port");
            let handled = stdout(&forward).matches(&format!("Handling connection for {port}\n")).count();
            assert_eq!((handled, forward.stderr()), (8, Vec::new()));
            forward.signal(SIGINT);
            assert_eq!(forward.wait(PATIENCE), 130);
        }
    }
    // The port is in the audit log.
    let audit = stack.run(&["audit", "-o", "json", "--limit", "500"]).expect(0).out();
    assert!(audit.contains("port-forward web "), "{audit}");
}

/// A deployment, and services for its pods: one with a named port, one without its own address.
fn deploy(namespace: &Namespace, port: u16) {
    let labels = json!({"app": "served"});
    let service = |name: &str, ip: Option<&str>, port: u16, target: serde_json::Value| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
               "spec": {"clusterIP": ip, "selector": labels, "ports": [
                   {"name": "http", "port": port, "targetPort": target},
                   {"name": "dns", "port": 53, "protocol": "UDP"}]}})
    };
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "served"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": "shell", "command": ["sleep", "100000"],
                            "ports": [{"name": "web", "containerPort": port}]}]}}}});
    let all = [
        deployment,
        service("named", None, 80, json!("web")),
        service("numbered", None, 81, json!(port)),
        service("headless", Some("None"), port, json!(1)),
    ];
    namespace.kubectl(&["apply", "-f", "-"], &json!({"apiVersion": "v1", "kind": "List", "items": all}).to_string());
}

#[test]
fn whatever_stands_for_pods_is_forwarded_to_one_that_runs() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let remote = server(echo);
    deploy(&namespace, remote);
    // Nobody waits for the pod: the command does.
    let port = remote.to_string();
    for (way, target, asked) in [
        (WAYS[0], "deployment/served", port.as_str()),
        (WAYS[1], "deploy/served", "web"),
        (WAYS[0], "service/named", "80"),
        (WAYS[1], "svc/named", "http"),
        (WAYS[0], "svc/numbered", "81"),
        (WAYS[0], "svc/headless", port.as_str()),
    ] {
        let asked = format!(":{asked}");
        let mut forward = start(
            &stack.central,
            way,
            &namespace,
            &["--address=127.0.0.1", "--pod-running-timeout=50s", target, &asked],
        );
        let local = address(&mut forward);
        assert_eq!(stdout(&forward), format!("Forwarding from {local} -> {remote}\n"), "{target}");
        assert!(comes_back(&local), "{target}: {:?}", forward.stderr());
    }
    let replica_set = namespace.kubectl(&["get", "replicaset", "--output=name"], "");
    let name = format!("rs/{}", replica_set.trim().rsplit('/').next().expect("a name"));
    let mut forward = start(&stack.central, WAYS[0], &namespace, &[&name, &format!(":{port}")]);
    assert!(comes_back(&address(&mut forward)));

    let fails = |args: &[&str], code: i32, word: &str| {
        let output = run(&mut command(&stack.central, WAYS[0], &namespace.0, "port-forward", args), b"");
        assert_eq!((output.code, output.out().as_str()), (code, ""), "{args:?}: {}", output.err());
        assert!(output.err().contains(word), "{args:?}: {}", output.err());
    };
    fails(&["svc/named", ":53"], 2, "UDP");
    fails(&["svc/named", ":82"], 2, "the service named has no port 82");
    fails(&["pod/nosuch", ":80"], 5, "pods \"nosuch\" not found");
    fails(&["node/x", ":80"], 2, "one of pod, service, deployment");
    fails(&["deployment/nosuch", ":80"], 5, "request: ");
    let mut asleep = command(&stack.central, WAYS[0], &namespace.0, "port-forward", &["pod/web", ":80"]);
    assert_eq!(run(asleep.env("MK8S_CLUSTER", "ghost"), b"").code, 6);
    namespace.kubectl(&["scale", "deployment/served", "--replicas=0"], "");
    namespace.kubectl(&["wait", "--for=delete", "pod", "--selector=app=served", "--timeout=60s"], "");
    fails(&["deployment/served", ":80", "--pod-running-timeout=1s"], 7, "no pod of deployment/served runs after 1 s");
}

#[test]
fn a_failure_of_the_pod_is_told_and_does_not_end_the_forward_but_its_end_does() {
    let (stack, namespace) = setup();
    for way in WAYS {
        namespace.pod("gone", "exec sleep 100000");
        let free = TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address").port();
        let works = server(echo);
        let (bad, good) = (format!(":{free}"), format!(":{works}"));
        let mut forward = start(&stack.central, way, &namespace, &["--address", "127.0.0.1", "gone", &bad, &good]);
        address(&mut forward);
        let text = stdout(&forward);
        let lines: Vec<&str> = text.lines().filter_map(|line| line.split(' ').nth(2)).collect();
        let mut refused = TcpStream::connect(lines[0]).expect("connect");
        assert!(refused.read_to_end(&mut Vec::new()).is_ok_and(|length| length == 0));
        let told = forward.wait_for_line("error: cannot forward", PATIENCE);
        assert!(told.contains(&format!("-> {free}: ")) && told.contains("refused"), "{told}");
        assert!(comes_back(lines[1]));
        namespace.kubectl(&["delete", "pod", "gone", "--wait=false"], "");
        let told = forward.wait_for_line("lost connection to pod", PATIENCE);
        assert!(told.contains("gone was deleted"), "{told}");
        let code = forward.wait(PATIENCE);
        assert_eq!(code, if way.is_empty() { 1 } else { 2 });
        namespace.kubectl(&["wait", "--for=delete", "pod/gone", "--timeout=60s"], "");
    }
}

#[test]
fn a_port_that_is_taken_and_what_the_rights_do_not_allow_are_told() {
    let (stack, namespace) = setup();
    let taken = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = taken.local_addr().expect("address").port().to_string();
    let args = ["--address=127.0.0.1", "web", &port];
    let output = run(&mut command(&stack.central, WAYS[0], &namespace.0, "port-forward", &args), b"");
    assert_eq!(output.code, 1);
    assert!(output.err().contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", output.err());
    let token = stack.central.user("viewer@example.com", &["viewer"]);
    let mut forward = command(&stack.central, WAYS[0], &namespace.0, "port-forward", &["web", ":80"]);
    let mut forward = Process::start(forward.env("MK8S_TOKEN", token));
    let local = address(&mut forward);
    let mut stream = TcpStream::connect(local).expect("connect");
    assert!(stream.read_to_end(&mut Vec::new()).is_ok_and(|length| length == 0));
    forward.wait_for_line("request: ", PATIENCE);
    assert!(forward.stderr()[0].contains("pods \"web\" is forbidden"), "{:?}", forward.stderr());
}

/// The time at which the stored access token ends.
fn expiry(central: &Central) -> jiff::Timestamp {
    let state = fs::read_to_string(central.dir.path().join("client.yaml")).expect("state");
    let line = state.lines().find_map(|line| line.trim().strip_prefix("access_expires_at: ")).expect("a session");
    line.trim_matches('"').parse().expect("a time")
}

/// Access tokens last a minute here; a forward that has one opens connections when it has ended.
#[test]
fn a_forward_outlives_its_access_token() {
    let dir = Central::prepared();
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read") + "auth: {access_token_seconds: 60}\n";
    fs::write(&file, config).expect("write");
    let central = Central::start_in(dir, &[]);
    let _agent = crate::support::Agent::start(&central);
    central.wait_until(true, PATIENCE);
    let namespace = Namespace::create();
    namespace.pod("web", "exec sleep 100000");
    central.log_in();
    let remote = server(echo);
    let mut forward = central.client();
    forward.args(["port-forward", "-n", &namespace.0, "web", &format!(":{remote}")]);
    let mut forward = Process::start(&mut forward);
    let local = address(&mut forward);
    assert!(comes_back(&local), "{:?}", forward.stderr());
    let ends = expiry(&central);
    wait_for("the end of the token", PATIENCE * 2, || (jiff::Timestamp::now() > ends).then_some(()));
    assert!(comes_back(&local), "{:?}", forward.stderr());
    assert!(expiry(&central) > ends && forward.is_running());
}
