//! The header matrix: whatever a client sends, the API server sees the caller alone, as mk8s knows them.

use http_body_util::combinators::BoxBody;
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;

use super::*;

/// What the API server may see of who asks.
const OURS: [&str; 4] = [
    "audit-id: the-command",
    "authorization: Bearer agents-own",
    "impersonate-group: mk8s:admin",
    "impersonate-user: ann@example.com",
];

/// Who sends one of these is refused.
const IMPERSONATING: [&str; 5] =
    ["Impersonate-User", "Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-Scopes", "Impersonate-Any"];

/// These are dropped.
const CLAIMING: [&str; 13] = [
    "X-Remote-User",
    "X-Remote-Group",
    "X-Remote-Uid",
    "X-Remote-Extra-Scopes",
    "X-Forwarded-For",
    "X-Forwarded-User",
    "X-Real-Ip",
    "X-Mk8s-User",
    "Forwarded",
    "Cookie",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Audit-Id",
];

fn spellings(name: &str) -> Vec<String> {
    let mut all = vec![name.to_owned(), name.to_ascii_lowercase(), name.to_ascii_uppercase(), name.replace('-', "_")];
    all.push(name.replacen('-', "_", 1));
    all.dedup();
    all
}

/// Values that mean more to some servers than to others.
const VALUES: [&str; 4] = ["system:admin", "  system:masters\t", "", "a, system:masters"];

impl Scene {
    /// Sends these bytes behind the headers of a request, and returns the answer and what the API server has seen.
    async fn raw(
        &mut self,
        token: &str,
        upgrade: bool,
        connection: &str,
        lines: &str,
    ) -> (String, Option<Vec<String>>) {
        let mut stream = self.tls().await;
        let (extra, options) = match upgrade {
            true => ("Upgrade", "Upgrade: websocket\r\nX-Answer: 400\r\n"),
            false => ("close", ""),
        };
        let head = format!(
            "GET /api/v1/namespaces/a/pods/x/exec HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Connection: {extra}{connection}\r\n{options}{lines}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("an end");
        (String::from_utf8(answer).unwrap(), self.seen.try_recv().ok())
    }

    async fn http2(&self) -> http2::SendRequest<BoxBody<Bytes, Infallible>> {
        let stream = self.tls_for(&[b"h2"]).await;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }
}

/// The lines of a request that the API server saw, but for those that every one has.
fn beside(seen: Vec<String>, upgrade: bool) -> Vec<String> {
    let of_upgrade = ["connection: Upgrade", "upgrade: websocket"];
    assert_eq!(seen.iter().filter(|line| of_upgrade.contains(&line.as_str())).count(), if upgrade { 2 } else { 0 });
    let known = |line: &String| line.starts_with("host: ") || line.starts_with("x-answer: ");
    let lines = seen.into_iter().skip(1);
    lines.filter(|line| !known(line) && !of_upgrade.contains(&line.as_str())).collect()
}

#[tokio::test]
async fn whoever_impersonates_is_refused_over_http1_and_in_upgrades() {
    let mut scene = Scene::new(true).await;
    let (open, mut calls) = scene.open();
    tokio::spawn(async move { while calls.recv().await.is_some() {} });
    let token = open.token().expose();
    for name in IMPERSONATING.iter().flat_map(|name| spellings(name)) {
        for upgrade in [false, true] {
            for connection in [String::new(), format!(", {name}")] {
                let lines = format!("{name}: system:admin\r\n{name}:\r\n");
                let (answer, seen) = scene.raw(token, upgrade, &connection, &lines).await;
                assert!(answer.starts_with("HTTP/1.1 403") && seen.is_none(), "{name} {upgrade}: {answer} {seen:?}");
            }
        }
    }
}

#[tokio::test]
async fn whoever_claims_to_be_another_stays_the_caller_over_http1_and_in_upgrades() {
    let mut scene = Scene::new(true).await;
    let (open, mut calls) = scene.open();
    tokio::spawn(async move { while calls.recv().await.is_some() {} });
    let token = open.token().expose();
    for name in CLAIMING.iter().flat_map(|name| spellings(name)) {
        for upgrade in [false, true] {
            let status = if upgrade { "HTTP/1.1 400" } else { "HTTP/1.1 200" };
            let lines: String = VALUES.iter().map(|value| format!("{name}:{value}\r\n")).collect();
            let (answer, seen) = scene.raw(token, upgrade, &format!(", {name}"), &lines).await;
            assert!(answer.starts_with(status), "{name}: {answer}");
            assert_eq!(beside(seen.unwrap(), upgrade), OURS, "{name}");
        }
    }
}

#[tokio::test]
async fn no_header_of_ours_is_removed_by_naming_it_in_connection() {
    let mut scene = Scene::new(true).await;
    let (open, mut calls) = scene.open();
    tokio::spawn(async move { while calls.recv().await.is_some() {} });
    let token = open.token().expose();
    for name in
        ["Impersonate-User", "impersonate-group", "AUTHORIZATION", "Impersonate_User", "*", "Connection", "Host"]
    {
        for upgrade in [false, true] {
            for (connection, lines) in [
                (format!(", {name}"), String::new()),
                (format!(",,\t{name} ,"), format!("Connection: {name}\r\n")),
                (String::new(), format!("connection: X-Hop, {name}\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nTE: trailers\r\n")),
            ] {
                let (answer, seen) = scene.raw(token, upgrade, &connection, &lines).await;
                let seen = seen.unwrap_or_else(|| panic!("{name}: {answer}"));
                assert_eq!(beside(seen, upgrade), OURS, "{name} {upgrade}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_quite_a_header_is_none() {
    let mut scene = Scene::new(true).await;
    let (open, mut calls) = scene.open();
    tokio::spawn(async move { while calls.recv().await.is_some() {} });
    let token = open.token().expose();
    for lines in [
        "Impersonate-User : system:admin\r\n",
        "Impersonate-User\t: system:admin\r\n",
        " Impersonate-User: system:admin\r\n",
        "X-Any: a\r\n Impersonate-User: system:admin\r\n",
        "X-Any: a\rImpersonate-User: system:admin\r\n",
        "Imperson\u{e4}te-User: system:admin\r\n",
        "Impersonate-User\0: system:admin\r\n",
        ": Impersonate-User\r\n",
    ] {
        for upgrade in [false, true] {
            let (answer, seen) = scene.raw(token, upgrade, "", lines).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{lines:?}: {answer}");
            assert_eq!(seen, None, "{lines:?}");
        }
    }
    // A line feed alone ends a line too, so that this is a header like any other.
    let (answer, seen) = scene.raw(token, false, "", "X-Any: a\nImpersonate-User: system:admin\r\n").await;
    assert!((answer.is_empty() || answer.starts_with("HTTP/1.1 40")) && seen.is_none(), "{answer} {seen:?}");
}

#[tokio::test]
async fn http2_is_no_way_around() {
    let mut scene = Scene::new(true).await;
    let (open, mut calls) = scene.open();
    tokio::spawn(async move { while calls.recv().await.is_some() {} });
    let mut sender = scene.http2().await;
    let bearer = format!("Bearer {}", open.token().expose());
    let names = IMPERSONATING.iter().chain(&CLAIMING).flat_map(|name| spellings(&name.to_ascii_lowercase()));
    for name in names {
        let mut request = Request::post("https://gate/api/v1/namespaces/a/pods").header("authorization", &bearer);
        for value in ["system:admin", "system:masters"] {
            request = request.header(&name, value);
        }
        // In the trailers everything is tried at once.
        let mut trailers = HeaderMap::new();
        for name in IMPERSONATING.iter().chain(&CLAIMING) {
            trailers.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), "system:admin".parse().unwrap());
        }
        let body = Full::new(Bytes::from_static(b"{}")).with_trailers(std::future::ready(Some(Ok(trailers))));
        let sending = sender.send_request(request.body(body.boxed()).unwrap());
        let status = sending.await.unwrap().status();
        let seen = scene.seen.try_recv().ok();
        match name.to_ascii_lowercase().replace('_', "-").starts_with("impersonate-") {
            true => assert!(status == 403 && seen.is_none(), "{name}: {status} {seen:?}"),
            false => {
                assert_eq!(status, 200, "{name}");
                let seen: Vec<String> = beside(seen.unwrap(), false);
                let seen: Vec<&String> = seen.iter().filter(|line| !line.starts_with("content-length: ")).collect();
                assert_eq!(seen, OURS, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn an_upgrade_over_http2_is_a_request_like_any_other() {
    let mut scene = Scene::new(true).await;
    let (open, _calls) = scene.open();
    let stream = scene.tls_for(&[b"h2"]).await;
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    // Extended CONNECT is not offered, and CONNECT is no method of Kubernetes.
    assert!(!sender.is_extended_connect_protocol_enabled());
    let request = Request::builder()
        .method("CONNECT")
        .uri("gate:443")
        .header("authorization", format!("Bearer {}", open.token().expose()));
    let (answer, _) = sender.send_request(request.body(()).unwrap(), true).unwrap();
    assert!(answer.await.is_ok_and(|answer| answer.status() == 405 || answer.status() == 400));
    assert!(scene.seen.try_recv().is_err());
}
