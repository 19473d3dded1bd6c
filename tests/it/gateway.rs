//! kubectl through the gateway, as users run it: the same results as directly.

mod answers;
mod credential;
mod custom;
mod echoed;
mod frames;
mod grants;
mod headers;
mod life;
mod limits;
mod other_places;
mod refusals;
mod targets;
mod trailers;
mod upgrades;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::support::{Namespace, PATIENCE, Process, Stack, kubernetes, run, wait_for};

/// How kubectl shall speak to pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    WebSocket,
    Spdy,
}

const PROTOCOLS: [Protocol; 2] = [Protocol::WebSocket, Protocol::Spdy];

/// A stack, and a namespace with the pod `web`, which counts and in which commands can be run.
struct Scene {
    stack: Stack,
    namespace: Namespace,
}

impl Scene {
    fn start() -> Self {
        let scene = Self { stack: Stack::start(), namespace: Namespace::called("gateway") };
        scene.namespace.pod("web", "i=0; while true; do echo line $i; i=$((i + 1)); sleep 0.2; done");
        scene
    }

    /// kubectl of the admin in the namespace, through the gateway.
    fn kubectl(&self, args: &[&str]) -> Command {
        let mut command = self.stack.central.through(Some(&self.namespace.0));
        command.args(args);
        command
    }

    /// The same over one protocol.
    fn over(&self, protocol: Protocol, args: &[&str]) -> Command {
        let mut command = self.kubectl(args);
        if protocol == Protocol::Spdy {
            let off = ["KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "KUBECTL_PORT_FORWARD_WEBSOCKETS"];
            command.envs(off.map(|name| (name, "false")));
        }
        command
    }

    /// Runs kubectl through the gateway and expects success; its standard output.
    #[track_caller]
    fn ok(&self, args: &[&str], stdin: &str) -> String {
        run(&mut self.kubectl(args), stdin.as_bytes()).expect(0).out()
    }
}

/// A ConfigMap with this value.
fn config_map(value: &str) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"key": value}}).to_string()
}

#[test]
fn objects_are_read_and_written_as_directly() {
    let scene = Scene::start();
    for args in
        [&["get", "pods", "-o", "wide"][..], &["get", "pod", "web", "-o", "yaml"], &["api-resources"], &["version"]]
    {
        let direct = run(kubernetes().direct(Some(&scene.namespace.0)).args(args), b"").expect(0).out();
        let through = scene.ok(args, "");
        // The age of a pod may pass a second between the two.
        let words =
            |text: &str| text.lines().map(|line| line.split("  ").next().map(str::to_owned)).collect::<Vec<_>>();
        assert_eq!(words(&through), words(&direct), "{args:?}");
    }
    let value = || scene.namespace.kubectl(&["get", "configmap", "c", "-o", "jsonpath={.data.key}"], "");
    scene.ok(&["apply", "-f", "-"], &config_map("client-side"));
    assert_eq!(value(), "client-side");
    scene.ok(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &config_map("server-side"));
    assert_eq!(value(), "server-side");
    for (kind, patch) in [
        ("strategic", r#"{"data":{"key":"strategic"}}"#),
        ("merge", r#"{"data":{"key":"merge"}}"#),
        ("json", r#"[{"op":"replace","path":"/data/key","value":"json"}]"#),
    ] {
        scene.ok(&["patch", "configmap", "c", "--type", kind, "-p", patch], "");
        assert_eq!(value(), kind);
    }
    scene.ok(&["replace", "-f", "-"], &config_map(&"x".repeat(900_000)));
    assert_eq!(value().len(), 900_000, "large bodies pass");
    assert_eq!(scene.ok(&["get", "configmap", "c", "-o", "jsonpath={.data.key}"], "").len(), 900_000);
    scene.ok(&["delete", "configmap", "c"], "");
    let gone = run(&mut scene.kubectl(&["get", "configmap", "c"]), b"").expect(1);
    assert_eq!(gone.err().trim(), r#"Error from server (NotFound): configmaps "c" not found"#);
    assert_eq!(scene.ok(&["auth", "can-i", "get", "secrets"], ""), "yes\n");
    let viewer = scene.stack.central.user("viewer@example.com", &["viewer"]);
    let asked = ["auth", "can-i", "get", "secrets"];
    let no = run(scene.stack.central.through_as(&viewer, None).args(asked), b"").expect(1).out();
    assert!(no.starts_with("no - mk8s: ") && no.contains("viewer"), "{no}");
}

#[test]
fn watches_and_logs_arrive_at_once() {
    let scene = Scene::start();
    let mut watch = Process::start(&mut scene.kubectl(&["get", "configmaps", "--watch", "-o", "name"]));
    wait_for("the first event", PATIENCE, || (!watch.stdout().is_empty()).then_some(()));
    scene.namespace.kubectl(&["apply", "-f", "-"], &config_map("a"));
    wait_for("the event", Duration::from_secs(2), || {
        String::from_utf8_lossy(&watch.stdout()).contains("configmap/c\n").then_some(())
    });
    assert!(watch.is_running());

    let logs = Process::start(&mut scene.kubectl(&["logs", "--follow", "--tail=1", "web"]));
    wait_for("a line", PATIENCE, || (!logs.stdout().is_empty()).then_some(()));
    let lines = logs.stdout().len();
    wait_for("the next line", Duration::from_secs(2), || (logs.stdout().len() > lines).then_some(()));
}

#[test]
fn commands_run_in_pods() {
    let scene = Scene::start();
    for protocol in PROTOCOLS {
        let run_in_pod = |args: &[&str], stdin: &str| run(&mut scene.over(protocol, args), stdin.as_bytes());
        let output = run_in_pod(&["exec", "web", "--", "sh", "-c", "echo out; echo err >&2; exit 7"], "");
        assert_eq!((output.code, output.out().as_str()), (7, "out\n"), "{protocol:?}: {}", output.err());
        assert!(output.err().starts_with("err\n"), "{protocol:?}: {}", output.err());
        let echoed = run_in_pod(&["exec", "-i", "web", "--", "cat"], "what goes in").expect(0);
        assert_eq!(echoed.out(), "what goes in", "{protocol:?}");
        let mut attach = Process::start(&mut scene.over(protocol, &["attach", "web"]));
        wait_for("output", PATIENCE, || String::from_utf8_lossy(&attach.stdout()).contains("line ").then_some(()));
        assert!(attach.is_running());
    }
}

#[test]
fn files_are_copied_both_ways() {
    let scene = Scene::start();
    let dir = tempfile::tempdir().expect("temporary directory");
    let (there, back) = (dir.path().join("there"), dir.path().join("back"));
    // Nothing in it repeats.
    let bytes: Vec<u8> =
        (0..2_000_000_u64).flat_map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_be_bytes()).collect();
    fs::write(&there, &bytes).expect("write");
    for protocol in PROTOCOLS {
        run(scene.over(protocol, &["cp"]).arg(&there).arg("web:copy"), b"").expect(0);
        run(scene.over(protocol, &["cp", "web:copy"]).arg(&back), b"").expect(0);
        assert!(fs::read(&back).expect("read") == bytes, "{protocol:?}");
        fs::remove_file(&back).expect("remove");
    }
}

#[test]
fn ports_are_forwarded() {
    let scene = Scene::start();
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let program = format!(
        "import socketserver\n\
         class Echo(socketserver.BaseRequestHandler):\n\
         \x20   def handle(self):\n\
         \x20       while data := self.request.recv(65536): self.request.sendall(data)\n\
         socketserver.ThreadingTCPServer(('127.0.0.1', {port}), Echo).serve_forever()\n"
    );
    scene.namespace.pod("echo", &format!("exec python3 -c \"{program}\""));
    // Pods have the network of this machine.
    wait_for("the server", PATIENCE, || TcpStream::connect(("127.0.0.1", port)).ok());
    for protocol in PROTOCOLS {
        let target = format!(":{port}");
        let mut forward = Process::start(&mut scene.over(protocol, &["port-forward", "pod/echo", &target]));
        let local: u16 = wait_for("a port", PATIENCE, || {
            let text = String::from_utf8_lossy(&forward.stdout()).into_owned();
            text.strip_prefix("Forwarding from 127.0.0.1:")?.split(' ').next()?.parse().ok()
        });
        for _ in 0..2 {
            let mut stream = TcpStream::connect(("127.0.0.1", local)).expect("connect");
            stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
            let sent = vec![b'x'; 200_000];
            stream.write_all(&sent).expect("write");
            let mut received = vec![0; sent.len()];
            stream.read_exact(&mut received).expect("read");
            assert!(received == sent, "{protocol:?}");
        }
        assert!(forward.is_running());
    }
}

/// Clients of HTTP/1.1 and HTTP/2, with and without ALPN; bodies of unknown length, compressed, and in protobuf.
#[test]
fn bodies_pass_as_they_are_in_both_versions_of_http() {
    let scene = Scene::start();
    let (central, ns) = (&scene.stack.central, &scene.namespace.0);
    let objects = format!("{}/api/v1/namespaces/{ns}/configmaps", central.gateway("dev"));
    for (name, version, flags) in
        [("one", "1.1", &["--http1.1"][..]), ("two", "2", &["--http2"]), ("none", "1.1", &["--no-alpn"])]
    {
        let curl = |args: &[&str], stdin: &[u8]| {
            let mut curl = central.curl();
            curl.args(flags).args(["--write-out", "\n%{http_code} %{http_version}"]).args(args);
            let output = run(&mut curl, stdin).expect(0).stdout;
            let at = output.iter().rposition(|&byte| byte == b'\n').expect("a status");
            (output[..at].to_vec(), String::from_utf8_lossy(&output[at + 1..]).into_owned())
        };
        let value = "x".repeat(500_000);
        let object = json!({"metadata": {"name": name}, "data": {"key": value}}).to_string();
        let chunked =
            ["--header", "Content-Type: application/json", "--upload-file", "-", "--request", "POST", &objects];
        assert_eq!(curl(&chunked, object.as_bytes()).1, format!("201 {version}"));
        let url = format!("{objects}/{name}");
        let (zipped, status) = curl(&["--header", "Accept-Encoding: gzip", &url], b"");
        assert_eq!(status, format!("200 {version}"));
        assert!(zipped.starts_with(&[0x1f, 0x8b]) && zipped.len() < value.len() / 10, "{}", zipped.len());
        let (protobuf, _) = curl(&["--header", "Accept: application/vnd.kubernetes.protobuf", &url], b"");
        assert!(protobuf.starts_with(b"k8s\0"));
        let (_, status) = curl(&["--head", &format!("{}/readyz", central.gateway("dev"))], b"");
        assert_eq!(status, format!("200 {version}"));
        // One event after the other, on a stream that stays open.
        let mut watch = central.curl();
        let watch = Process::start(watch.args(flags).args(["--no-buffer", &format!("{objects}?watch=1")]));
        wait_for("events", PATIENCE, || (!watch.stdout().is_empty()).then_some(()));
        let label = json!({"metadata": {"labels": {"seen": name}}}).to_string();
        scene.ok(&["patch", "configmap", name, "-p", &label], "");
        let seen = format!("\"seen\":\"{name}\"");
        wait_for("the event", Duration::from_secs(2), || {
            String::from_utf8_lossy(&watch.stdout()).contains(&seen).then_some(())
        });
    }
}
