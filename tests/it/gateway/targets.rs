//! There is no address in a request: whatever it names, the one API server of the cluster in its path gets it, or nobody.

use std::net::TcpListener;

use serde_json::json;

use super::echoed::{Echoed, PODS, UPGRADE, agent_of, block_on};
use crate::support::echo::Echo;
use crate::support::stack::TOKEN;
use crate::support::{Central, PATIENCE, Process, wait_for};

/// A server that nobody must reach.
struct Trap(TcpListener);

impl Trap {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
        listener.set_nonblocking(true).expect("nonblocking");
        Self(listener)
    }

    /// Its host and port.
    fn host(&self) -> String {
        self.0.local_addr().expect("address").to_string()
    }

    fn was_not_reached(&self) {
        let reached = self.0.accept();
        assert!(reached.is_err(), "{reached:?}");
    }
}

/// GHSA-hw4x-mcx5-9q36, CVE-2022-3294, the SSRF by `X-Forwarded-Host`: what looks like an address is not dialled.
#[test]
fn nothing_in_a_request_is_an_address() {
    let (scene, trap) = (Echoed::start(), Trap::new());
    let evil = trap.host();
    let bearer = format!("Authorization: Bearer {}\r\n", Central::token());
    let below = format!("/clusters/dev/k8s{PODS}");
    block_on(async {
        for target in
            [format!("http://{evil}{below}"), format!("https://{evil}{below}"), format!("http://x@{evil}{below}")]
        {
            let head = format!("GET {target} HTTP/1.1\r\nHost: {evil}\r\n{bearer}\r\n");
            scene.once(&head).await.refused(400, &target);
        }
        for target in [
            format!("//{evil}{PODS}"),
            format!("/\\{evil}{PODS}"),
            format!("/http://{evil}/"),
            format!("@{evil}{PODS}"),
            format!(":80@{evil}/"),
            format!(".{evil}/"),
        ] {
            let came = scene.once(&Echoed::head("GET", &target, "")).await;
            assert!([400, 404].contains(&came.answered().status()), "{target}: {came:#?}");
            assert_eq!(came.seen, [], "{target}");
        }
        for start in [format!("CONNECT {evil}"), "OPTIONS *".into(), format!("CONNECT {below}")] {
            let came = scene.once(&format!("{start} HTTP/1.1\r\nHost: {evil}\r\n{bearer}\r\n")).await;
            assert!(came.answer.as_ref().is_none_or(|answer| answer.status() >= 400), "{start}: {came:#?}");
            assert_eq!(came.seen, [], "{start}");
        }
        for lines in [
            format!("X-Forwarded-Host: {evil}\r\nX-Forwarded-Proto: http\r\n"),
            format!("Forwarded: host={evil};proto=http\r\n"),
            format!("X_Forwarded_Host: {evil}\r\nX-Forwarded-Server: {evil}\r\n"),
            format!("Connection: Host\r\nX-Forwarded-Port: 1\r\nKeep-Alive: {evil}\r\n"),
        ] {
            let came =
                scene.once(&Echoed::head("GET", PODS, &lines).replace("Host: x", &format!("Host: {evil}"))).await;
            scene.crossed(&came, came.id(), &[], &lines);
        }
        let mut sender = scene.http2().await;
        let request = http::Request::get(format!("https://{evil}{below}"))
            .header("authorization", format!("Bearer {}", Central::token()))
            .body(http_body_util::combinators::BoxBody::default());
        let answer = sender.send_request(request.expect("a request")).await.expect("an answer");
        let id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
        let came = super::echoed::Came { answer: None, seen: scene.echo.taken() };
        scene.crossed(&came, &id, &[], "another authority");
    });
    trap.was_not_reached();
}

/// CVE-2020-8562, CVE-2022-3294: a node is a name in a path that goes to the API server, which alone dials nodes.
#[test]
fn names_of_nodes_and_services_are_no_addresses() {
    let (scene, trap) = (Echoed::start(), Trap::new());
    let evil = trap.host();
    block_on(async {
        let mut wire = scene.http1().await;
        for name in [
            evil.as_str(),
            &format!("http:{evil}:"),
            "169.254.169.254",
            "[::1]:10250",
            "https:node:10250",
            "localhost:",
        ] {
            for target in [
                format!("/api/v1/nodes/{name}/proxy/run/a/b?cmd=id"),
                format!("/api/v1/nodes/{name}:10250/proxy/"),
                format!("/api/v1/namespaces/a/services/{name}/proxy/x"),
                format!("/api/v1/namespaces/a/pods/{name}/proxy/http://{evil}/"),
                format!("/api/v1/namespaces/a/pods/{name}/proxy/%2F%2F{evil}/"),
            ] {
                let came = scene.say(&mut wire, &Echoed::head("GET", &target, "")).await;
                if target.contains("//") {
                    came.refused(400, &target);
                    continue;
                }
                let asked = scene.crossed(&came, came.id(), &[], &target);
                assert_eq!(asked.start(), format!("GET {target} HTTP/1.1"));
            }
        }
    });
    trap.was_not_reached();
}

/// CVE-2026-88804: a method is what the request line says, to the policy and to the API server.
#[test]
fn nothing_overrides_the_method() {
    let scene = Echoed::start();
    let viewer = scene.central.user("viewer@example.com", &["viewer"]);
    block_on(async {
        let mut wire = scene.http1().await;
        for name in
            ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override", "_method"]
        {
            for (target, lines) in
                [(PODS.to_owned(), format!("{name}: DELETE\r\n")), (format!("{PODS}?{name}=DELETE"), String::new())]
            {
                let came = scene.say(&mut wire, &Echoed::head_of(&viewer, "GET", &target, &lines)).await;
                assert_eq!(came.answered().status(), 200, "{target} {lines}");
                assert_eq!(came.seen[0].message.start(), format!("GET {target} HTTP/1.1"), "{lines}");
            }
            for (method, lines) in [("POST", format!("{name}: GET\r\n")), ("DELETE", format!("{name}: GET\r\n"))] {
                let head = Echoed::head_of(&viewer, method, &format!("{PODS}?{name}=GET"), &lines);
                scene.say(&mut wire, &head).await.refused(403, name);
            }
            let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n";
            let head = Echoed::head_of(&viewer, "POST", PODS, form);
            scene.say(&mut wire, &format!("{head}_method=GET")).await.refused(403, "a form");
        }
    });
}

/// CVE-2026-44945, GHSA-g25r-gvq3-wrq7: the name in the path is the cluster that is decided for and the one that is asked.
#[test]
fn another_name_in_the_path_is_another_cluster() {
    let scene = Echoed::start();
    let other = Echo::start(&json!({ "token": "others-own" }));
    let token = format!("{TOKEN}-ghost");
    let _other_agent = agent_of(&scene.central, (&token, "ghost"), &other, Process::start);
    let gateway = |token: &str, cluster: &str| {
        let head = Echoed::head_of(token, "GET", PODS, "").replace("/clusters/dev/", &format!("/clusters/{cluster}/"));
        block_on(scene.once(&head))
    };
    wait_for("the other cluster", PATIENCE, || {
        (gateway(Central::token(), "ghost").answered().status() == 200).then_some(())
    });
    let to_other = other.taken();
    assert!(
        !to_other.is_empty()
            && to_other.iter().all(|asked| asked.message.all("authorization") == ["Bearer others-own"])
    );
    let role = |name: &str, cluster: &str| {
        let permission =
            json!({ "clusters": [cluster], "namespaces": ["*"], "resources": ["pods"], "verbs": ["list", "exec"] });
        scene.central.make_role(&json!({ "name": name, "permissions": [permission] }));
    };
    role("dev-alone", "dev");
    let ann = scene.central.user("ann@example.com", &["dev-alone"]);
    assert_eq!(gateway(&ann, "dev").answered().status(), 200);
    for name in [
        "ghost",
        "nosuch",
        "DEV",
        "Ghost",
        "local",
        "*",
        "d*",
        "dev,ghost",
        "%67host",
        "ghost%00",
        "dev%2F..%2Fghost",
        "dev/../ghost",
        "./ghost",
        "/ghost",
        "dev/k8s/../../ghost",
        "ghost;dev",
        "ghost%20",
    ] {
        let came = gateway(&ann, name);
        assert!([400, 404].contains(&came.answered().status()), "{name}: {came:#?}");
        assert_eq!((came.seen, other.taken()), (vec![], vec![]), "{name}");
    }
    // Neither do headers, the query or the upgrade of a request say so.
    for (target, lines) in [
        (format!("{PODS}?cluster=ghost"), String::new()),
        (PODS.to_owned(), "X-Mk8s-Cluster: ghost\r\nMk8s-Cluster: ghost\r\n".to_owned()),
        (format!("{PODS}/x/exec?cluster=ghost"), UPGRADE.to_owned()),
    ] {
        let came = block_on(scene.once(&Echoed::head_of(&ann, "GET", &target, &lines)));
        assert_eq!((came.seen.len(), other.taken()), (1, vec![]), "{target}");
        assert_eq!(came.seen[0].message.all("impersonate-group"), ["mk8s:dev-alone"]);
    }
}
