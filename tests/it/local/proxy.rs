//! The API of a cluster on a port of this machine.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal::SIGINT;

use super::{WAYS, setup};
use crate::support::process::code;
use crate::support::{Namespace, PATIENCE, Process, Stack, run, wait_for};

/// A proxy, and its address.
struct Proxy(Process, String);

impl Proxy {
    fn start(stack: &Stack, way: &[&str], args: &[&str]) -> Self {
        let process = Process::start(stack.central.mk8s().args(way).args(["proxy", "--port=0"]).args(args));
        let address = wait_for("a proxy", PATIENCE, || {
            let text = String::from_utf8_lossy(&process.stdout()).into_owned();
            Some(text.strip_prefix("Starting to serve on ")?.strip_suffix('\n')?.to_owned())
        });
        Self(process, address)
    }

    fn curl(&self, path: &str, args: &[&str]) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*", "--path-as-is"]).args(args);
        curl.arg(format!("http://{}{path}", self.1));
        curl
    }

    /// The status and the body.
    fn ask(&self, path: &str, args: &[&str]) -> (String, String) {
        let output =
            run(self.curl(path, &[&["--write-out", "\n%{http_code}"], args].concat()).env_remove("http_proxy"), b"");
        let text = output.expect(0).out();
        let (body, status) = text.rsplit_once('\n').expect("a status");
        (status.to_owned(), body.to_owned())
    }
}

fn pods(namespace: &Namespace) -> String {
    format!("/api/v1/namespaces/{}/pods", namespace.0)
}

#[test]
fn requests_pass_with_the_users_credential_and_dangerous_ones_do_not() {
    let (stack, namespace) = setup();
    for way in WAYS {
        let mut proxy = Proxy::start(&stack, way, &[]);
        let pod = format!("{}/web", pods(&namespace));
        let (status, body) = proxy.ask(&pod, &[]);
        assert!(status == "200" && body.replace(' ', "").contains("\"name\":\"web\""), "{status} {body}");
        // What a program of its own shows does not count.
        assert_eq!(proxy.ask(&pod, &["--header", "Authorization: Bearer nonsense"]).0, "200");
        let map = format!(r#"{{"kind":"ConfigMap","apiVersion":"v1","metadata":{{"name":"made-{}"}}}}"#, way.len());
        let maps = format!("/api/v1/namespaces/{}/configmaps", namespace.0);
        let json = ["--header", "Content-Type: application/json", "--data", &map];
        assert_eq!(proxy.ask(&maps, &json).0, "201");
        assert_eq!(proxy.ask(&format!("{}/nosuch", pods(&namespace)), &[]).0, "404");

        let port = proxy.1.rsplit(':').next().expect("port").to_owned();
        let own = format!("Origin: http://{}", proxy.1);
        assert_eq!(proxy.ask(&pod, &["--header", &own, "--header", "Sec-Fetch-Site: same-origin"]).0, "200");
        assert_eq!(proxy.ask(&pod, &["--header", &format!("Host: localhost:{port}")]).0, "200");
        for (path, args, word) in [
            (format!("{pod}/exec?command=id&stdout=true"), &[][..], "--reject-paths"),
            (format!("{pod}/%65xec?command=id&stdout=true"), &[], "--reject-paths"),
            (format!("{pod}/x/../exec?command=id&stdout=true"), &[], "segment"),
            (format!("{pod}/attach?stdout=true"), &[], "--reject-paths"),
            (format!("{pod}/portforward?ports=80"), &[], "--reject-paths"),
            (pod.clone(), &["--header", "Host: evil.example"], "--accept-hosts"),
            (pod.clone(), &["--header", "Host: evil.example:8001"], "--accept-hosts"),
            (pod.clone(), &["--header", "Origin: http://evil.example"], "another site"),
            (pod.clone(), &["--header", "Origin: http://localhost:3000"], "another site"),
            (pod.clone(), &["--header", "Sec-Fetch-Site: cross-site"], "another site"),
        ] {
            let (status, body) = proxy.ask(&path, args);
            assert!(status == "403" && body.starts_with("mk8s proxy: ") && body.contains(word), "{path}: {body}");
        }
        proxy.0.signal(SIGINT);
        assert_eq!(proxy.0.wait(PATIENCE), 130);
    }
}

#[test]
fn a_watch_streams() {
    let (stack, namespace) = setup();
    let proxy = Proxy::start(&stack, WAYS[0], &[]);
    let path = format!("/api/v1/namespaces/{}/configmaps?watch=true", namespace.0);
    let mut curl = proxy.curl(&path, &["--no-buffer"]).stdout(Stdio::piped()).spawn().expect("curl");
    let lines = BufReader::new(curl.stdout.take().expect("stdout")).lines();
    let mut lines = lines.map_while(Result::ok).filter(|line| !line.contains("kube-root-ca.crt"));
    for name in ["one", "two"] {
        namespace.kubectl(&["create", "configmap", name], "");
        let event = lines.next().expect("an event").replace(' ', "");
        assert!(event.contains("\"ADDED\"") && event.contains(&format!("\"name\":\"{name}\"")), "{event}");
    }
    // It ends with the proxy.
    drop(proxy);
    assert_eq!(lines.next(), None);
    assert_ne!(code(curl.wait().expect("wait")), 0);
}

#[test]
fn what_may_pass_can_be_said() {
    let (stack, namespace) = setup();
    let pod = format!("{}/web", pods(&namespace));
    let proxy = Proxy::start(&stack, WAYS[1], &["--accept-paths=^/version", "--reject-methods=POST,PUT"]);
    assert_eq!(proxy.ask("/version", &[]).0, "200");
    assert_eq!(proxy.ask(&pod, &[]).0, "403");
    assert_eq!(proxy.ask("/version", &["--data", "x"]).0, "403");
    for (args, word) in [
        (&["proxy", "--accept-paths=("][..], "--accept-paths"),
        (&["proxy", "--address=0.0.0.0"], "--accept-hosts"),
        (&["kubectl", "proxy", "--www=."], "without the flag --www"),
        (&["kubectl", "-n", "x", "proxy", "--unix-socket=/tmp/x"], "mk8s shell -- kubectl proxy"),
    ] {
        let output = stack.run(args);
        assert!(output.code == 2 && output.err().contains(word), "{args:?}: {} {}", output.code, output.err());
    }
    let open = ["--reject-paths=^/nothing", "--accept-hosts=^example$"];
    let proxy = Proxy::start(&stack, WAYS[0], &open);
    assert_eq!(proxy.ask("/version", &["--header", "Host: example"]).0, "200");
    assert_eq!(proxy.ask("/version", &[]).0, "403");
    let offline = Process::start(stack.central.mk8s().args(["proxy", "--port=0"]).env("MK8S_CLUSTER", "ghost"));
    let address = wait_for("a proxy", PATIENCE, || {
        String::from_utf8_lossy(&offline.stdout()).trim().strip_prefix("Starting to serve on ").map(str::to_owned)
    });
    assert_eq!(Proxy(offline, address).ask("/version", &[]).0, "503");
}
