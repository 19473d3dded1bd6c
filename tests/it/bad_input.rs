//! Requests that are wrong, too large, or made to hurt: each gets a clear answer, and everything works afterwards.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Central, PATIENCE, Stack, run};

/// An answer of central.
struct Answer {
    status: u16,
    body: String,
    kind: String,
    request_id: String,
}

/// Runs curl with more arguments; the body may be fed through standard input.
#[track_caller]
fn ask(curl: &mut Command, input: &[u8]) -> Answer {
    let marks = "\n%{http_code}\n%{content_type}\n%header{x-request-id}";
    let text = run(curl.args(["--write-out", marks]), input).expect(0).out();
    let mut parts = text.rsplitn(4, '\n').map(str::to_owned);
    let mut next = || parts.next().expect("what --write-out adds");
    let (request_id, kind, status) = (next(), next(), next());
    Answer { status: status.parse().expect("a status"), body: next(), kind, request_id }
}

/// `POST exec` on a cluster.
#[track_caller]
fn post(central: &Central, cluster: &str, body: &[u8]) -> Answer {
    let url = format!("{}/clusters/{cluster}/exec", central.url);
    ask(central.curl().args(["--data-binary", "@-", &url]), body)
}

impl Answer {
    /// It must be a problem of this kind, in the documented form, that says this.
    #[track_caller]
    fn expect(&self, status: u16, code: &str, said: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.kind, "application/problem+json", "{}", self.body);
        assert_eq!(self.request_id.len(), 36, "every answer has an id: {:?}", self.request_id);
        let problem: Value = serde_json::from_str(&self.body).expect("JSON");
        assert_eq!(problem["type"], format!("urn:mk8s:error:{code}"));
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.request_id);
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()));
        let detail = problem["detail"].as_str().expect("detail");
        assert!(detail.contains(said), "{said:?} is not in {detail:?}");
        assert!(detail.len() < 1000, "an answer does not repeat what was sent: {} bytes", detail.len());
    }
}

/// Central and agent still do what they are for.
#[track_caller]
fn still_works(stack: &mut Stack) {
    assert!(stack.central.process.is_running() && stack.agent.process.is_running());
    let answer = post(&stack.central, "dev", br#"{"command":["get","namespaces","--output=name"]}"#);
    assert_eq!((answer.status, answer.kind.as_str()), (200, "application/x-ndjson"));
    assert_eq!(answer.request_id.len(), 36, "every answer has an id: {:?}", answer.request_id);
    assert!(
        answer.body.contains("namespace/default") && answer.body.ends_with("{\"exit_code\":0}\n"),
        "{}",
        answer.body
    );
    let lines = [stack.central.process.stderr(), stack.agent.process.stderr()].concat();
    assert!(!lines.iter().any(|line| line.contains("panicked")), "{lines:#?}");
}

fn command(args: &[&str]) -> Vec<u8> {
    json!({ "command": args }).to_string().into_bytes()
}

#[test]
fn requests_that_are_wrong_are_refused_and_explained() {
    let mut stack = Stack::start();
    let many = command(&["x"; 10_000]);
    let long = command(&["get", &"x".repeat(128 << 10)]);
    let long_together = command(&["x".repeat(100 << 10).as_str(); 6]);
    let deep = "[".repeat(100_000);
    let cases: &[(&[u8], &str)] = &[
        (b"", "the request is not valid"),
        (b"null", "the request is not valid"),
        (b"[]", r#"send JSON such as {"command":["get","pods"]}"#),
        (br#"{"command":"#, "the request is not valid"),
        (br#"{"command":["get"]} x"#, "trailing characters"),
        (br#"{}"#, "missing field `command`"),
        (br#"{"command":["get"],"stdn":"x"}"#, "unknown field `stdn`"),
        (br#"{"command":["get"],"command":["delete"]}"#, "duplicate field `command`"),
        (br#"{"command":[]}"#, "\"command\" is empty"),
        (br#"{"command":"get pods"}"#, "expected a sequence"),
        (br#"{"command":["get",7]}"#, "expected a string"),
        (br#"{"command":[null]}"#, "expected a string"),
        (br#"{"command":["get"],"stdin":7}"#, "the request is not valid"),
        (br#"{"command":["get"],"stdin":true}"#, "\"stdin\" must be a text here"),
        (br#"{"command":["get"],"namespace":"../kube-system"}"#, "is not the name of a namespace"),
        (br#"{"command":["get"],"namespace":""}"#, "is not the name of a namespace"),
        (br#"{"command":["a\u0000b"]}"#, "NUL byte"),
        (br#"{"command":["\ud800"]}"#, "the request is not valid"),
        (b"{\"command\":[\"\xff\"]}", "the request is not valid"),
        (&many, "10000 arguments, at most 4096"),
        (&long, "131072 bytes, at most 131071"),
        (&long_together, "bytes, at most 524288"),
        (deep.as_bytes(), "the request is not valid"),
    ];
    for (body, said) in cases {
        post(&stack.central, "dev", body).expect(400, "invalid_request", said);
    }
    still_works(&mut stack);
}

/// What is accepted must also be what Linux can start: an error from kubectl, not one from the agent.
#[test]
fn the_largest_command_that_is_accepted_is_run() {
    let mut stack = Stack::start();
    let literal = "--from-literal=";
    let long: Vec<String> = ["a", "b", "c"]
        .map(|key| format!("{literal}{key}={}", "x".repeat((128 << 10) - 1 - literal.len() - 2)))
        .to_vec();
    let many: Vec<String> = (0..4096 - 5).map(|n| format!("{literal}k{n}=x")).collect();
    for literals in [long, many] {
        let mut args = vec!["create", "configmap", "large", "--dry-run=client", "--output=name"];
        args.extend(literals.iter().map(String::as_str));
        let answer = post(&stack.central, "dev", &command(&args));
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.ends_with("{\"exit_code\":0}\n"), "{}", answer.body);
    }
    still_works(&mut stack);
}

#[test]
fn requests_that_are_too_large_are_refused() {
    let mut stack = Stack::start();
    let mut body = br#"{"command":["get""#.to_vec();
    while body.len() < 20 << 20 {
        body.extend_from_slice(br#","xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx""#);
    }
    body.extend_from_slice(b"]}");
    post(&stack.central, "dev", &body).expect(413, "too_large", "more than 8 MiB");
    let url = format!("{}/clusters/dev/exec", stack.central.url);
    for more in [&["--http1.1"][..], &["--http1.1", "--header", "Transfer-Encoding: chunked"]] {
        let answer = ask(stack.central.curl().args(more).args(["--data-binary", "@-", &url]), &body);
        answer.expect(413, "too_large", "more than 8 MiB");
    }
    still_works(&mut stack);
}

#[test]
fn clusters_and_paths_that_are_not_there_are_not_found() {
    let mut stack = Stack::start();
    for name in ["nowhere", "DEV", "de%76x", "-", "a%00b", "%ff", "dev%2f..%2fghost", &"x".repeat(5000)] {
        post(&stack.central, name, &command(&["get", "pods"])).expect(404, "not_found", "");
        let url = format!("{}/clusters/{name}", stack.central.url);
        ask(stack.central.curl().arg(&url), b"").expect(404, "not_found", "");
        let url = format!("{url}/exec");
        ask(&mut upgrade(&stack.central, &url), b"").expect(404, "not_found", "");
    }
    // What is sent there is not looked into; but the answer waits for it, since on some clients it would be lost.
    for name in ["nowhere", "%ff"] {
        post(&stack.central, name, &[b'{'; 4 << 20]).expect(404, "not_found", "");
    }
    // Nothing in a request chooses an address: there is no way to somewhere else than the clusters.
    for target in
        ["/", "/nowhere", "//evil.example/", "/clusters/dev/../ghost", "http://169.254.169.254/latest/meta-data"]
    {
        let url = format!("{}/", stack.central.url);
        let answer =
            ask(stack.central.curl().args(["--http1.1", "--path-as-is", "--request-target", target, &url]), b"");
        answer.expect(404, "not_found", "serves nothing at this path");
    }
    still_works(&mut stack);
}

#[test]
fn methods_that_are_not_served_are_refused() {
    let mut stack = Stack::start();
    for (method, path) in
        [("DELETE", "/clusters"), ("POST", "/health"), ("PUT", "/clusters/dev/exec"), ("TRACE", "/clusters/dev")]
    {
        let url = format!("{}{path}", stack.central.url);
        let answer = ask(stack.central.curl().args(["--request", method, &url]), b"");
        answer.expect(400, "invalid_request", "does not serve this method");
    }
    let url = format!("{}/clusters/dev/exec", stack.central.url);
    ask(stack.central.curl().arg(&url), b"").expect(
        400,
        "invalid_request",
        "GET here is for WebSockets (mk8s.exec.v1)",
    );
    still_works(&mut stack);
}

/// A WebSocket request of curl, over HTTP/1.1.
fn upgrade(central: &Central, url: &str) -> Command {
    let mut curl = central.curl();
    curl.args(["--http1.1", "--header", "Connection: Upgrade", "--header", "Upgrade: websocket"]);
    curl.args([
        "--header",
        "Sec-WebSocket-Version: 13",
        "--header",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        url,
    ]);
    curl
}

/// A page of another site must not lend itself the reach of whoever looks at it.
#[test]
fn requests_of_other_origins_are_refused() {
    let mut stack = Stack::start();
    let url = format!("{}/clusters/dev/exec", stack.central.url);
    for header in ["Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"] {
        let post =
            ask(stack.central.curl().args(["--header", header, "--data", r#"{"command":["version"]}"#, &url]), b"");
        post.expect(403, "forbidden", "another origin");
        ask(upgrade(&stack.central, &url).args(["--header", header]), b"").expect(403, "forbidden", "another origin");
    }
    let own = format!("Origin: {}", stack.central.url);
    let data = r#"{"command":["version","--client"]}"#;
    assert_eq!(ask(stack.central.curl().args(["--header", &own, "--data", data, &url]), b"").status, 200);
    still_works(&mut stack);
}

#[test]
fn offline_clusters_say_since_when() {
    let mut stack = Stack::start();
    let never = "cluster \"ghost\" is offline, its agent has not connected since central started";
    post(&stack.central, "ghost", &command(&["get", "pods"])).expect(503, "unavailable", never);
    let said = run(stack.central.mk8s().args(["--cluster", "ghost", "kubectl", "get", "pods"]), b"").expect(6).err();
    assert!(said.contains(never), "{said}");

    stack.agent.process.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(stack.agent.process.wait(PATIENCE), 0);
    stack.central.wait_until(false, PATIENCE);
    let seen = "cluster \"dev\" is offline, last seen ";
    post(&stack.central, "dev", &command(&["get", "pods"])).expect(503, "unavailable", seen);
    let said = stack.run(&["kubectl", "get", "pods"]).expect(6).err();
    assert!(said.contains(seen) && said.contains(" ago"), "{said}");
}

#[test]
fn the_command_line_explains_what_is_wrong() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let mut stack = Stack::start();
    let said = run(stack.central.mk8s().args(["--cluster", "nowhere", "kubectl", "get", "pods"]), b"").expect(5).err();
    assert!(said.contains("there is no cluster \"nowhere\"") && said.contains("  request: "), "{said}");
    let said = run(stack.central.mk8s().arg("kubectl").args(vec!["x"; 10_000]), b"").expect(2).err();
    assert!(said.contains("10000 arguments, at most 4096"), "{said}");
    let said = run(stack.central.mk8s().args(["kubectl", "get"]).arg(OsStr::from_bytes(b"\xff")), b"").expect(2).err();
    assert!(said.contains("not valid UTF-8"), "{said}");
    let said = run(stack.central.mk8s().args(["--cluster", "../x", "kubectl", "get", "pods"]), b"").expect(2).err();
    assert!(said.contains("../x"), "{said}");
    still_works(&mut stack);
}
