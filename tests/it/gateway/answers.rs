//! What an API server, or a workload behind its proxy, answers with: redirections, cookies, protocols nobody asked for.

use super::echoed::{Echoed, PODS, UPGRADE, block_on};
use crate::support::Central;

/// Where the answers of a test come from.
const ASKED: &str = "/api/v1/namespaces/a/pods/x";

/// An answer without a body.
fn answer(status: &str, lines: &str) -> String {
    format!("HTTP/1.1 {status} Answer\r\n{lines}Content-Length: 0\r\n\r\n")
}

/// CVE-2020-8559, CVE-2022-3172: the agent follows no redirection, and none leads a client to another server.
#[test]
fn redirections_are_not_followed_and_stay_below_the_prefix() {
    let scene = Echoed::start();
    let own = format!("http://127.0.0.1:{}", scene.echo.port);
    let kept = [
        ("/api/v1/other", "/clusters/dev/k8s/api/v1/other"),
        ("/x/?a=%2F", "/clusters/dev/k8s/x/?a=%2F"),
        (&format!("{own}/api/v1/other"), "/clusters/dev/k8s/api/v1/other"),
    ];
    let dropped = [
        "https://evil.example/",
        "http://127.0.0.1:1/api/v1/other",
        "//evil.example/api",
        "/\\evil.example",
        "\\\\evil.example",
        "other",
        "javascript:alert(1)",
        "",
        &own,
        &format!("{own}//evil.example/"),
        &format!("{own}@evil.example/"),
        &format!("{own}0/"),
        &format!("HTTP://127.0.0.1:{}/", scene.echo.port),
    ];
    let all = kept.iter().map(|(from, to)| (*from, Some(*to))).chain(dropped.iter().map(|from| (*from, None)));
    let all: Vec<_> = all.collect();
    block_on(async {
        let mut wire = scene.http1().await;
        for status in ["301", "302", "303", "307", "308"] {
            for (from, to) in &all {
                scene.echo.answers(ASKED, answer(status, &format!("Location: {from}\r\n")));
                for method in ["GET", "POST", "DELETE"] {
                    let came = scene.say(&mut wire, &Echoed::head(method, ASKED, "Content-Length: 0\r\n")).await;
                    assert_eq!(came.answered().status().to_string(), status, "{from}");
                    assert_eq!(came.answered().all("location"), Vec::from_iter(*to), "{from}");
                    assert_eq!(came.seen.len(), 1, "{method} {status} {from} was followed: {came:#?}");
                }
                let came = scene.once(&Echoed::head("GET", ASKED, UPGRADE)).await;
                assert_eq!(came.answered().status(), 502, "{status} {from}");
                assert_eq!(came.answered().all("location"), [""; 0], "{from}");
                assert_eq!(came.seen.len(), 1, "an upgrade followed {status} {from}: {came:#?}");
            }
        }
    });
}

/// A workload behind `/proxy/` answers on the origin of central: it must neither set cookies there nor have its
/// answers guessed to be pages.
#[test]
fn no_answer_sets_cookies_and_none_is_guessed_to_be_a_page() {
    let scene = Echoed::start();
    let lines = "Set-Cookie: mk8s=evil; Path=/\r\nSET-COOKIE: b=c\r\nProxy-Authenticate: Basic\r\n\
                 Alt-Svc: h2=\":1\"\r\nX-Content-Type-Options: none\r\nX-Hop: 1\r\nConnection: X-Hop\r\n";
    block_on(async {
        let mut wire = scene.http1().await;
        for target in [ASKED, "/api/v1/namespaces/a/services/s:80/proxy/page.html", "/api/v1/nodes/n/proxy/"] {
            for status in ["200", "201", "204", "301", "401", "403", "404", "500", "503"] {
                let body = if status == "204" { "" } else { "Content-Length: 0\r\n" };
                scene.echo.answers(target, format!("HTTP/1.1 {status} Answer\r\n{lines}{body}\r\n"));
                let came = scene.say(&mut wire, &Echoed::head("GET", target, "")).await;
                assert_eq!(came.answered().status().to_string(), status, "{target}");
                harmless(came.answered(), target);
                if status.starts_with(['4', '5']) {
                    let came = scene.once(&Echoed::head("GET", target, UPGRADE)).await;
                    harmless(came.answered(), target);
                }
            }
            let switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n";
            scene.echo.answers(target, format!("{switched}{lines}Connection: Upgrade\r\n\r\n"));
            let came = scene.once(&Echoed::head("GET", target, UPGRADE)).await;
            assert_eq!(came.answered().status(), 101, "{target}: {came:#?}");
            harmless(came.answered(), target);
        }
    });
}

fn harmless(answer: &crate::support::http1::Message, what: &str) {
    for name in ["set-cookie", "proxy-authenticate", "alt-svc", "x-hop"] {
        assert_eq!(answer.all(name), [""; 0], "{what}: {answer:#?}");
    }
    assert_eq!(answer.all("x-content-type-options"), ["nosniff"], "{what}: {answer:#?}");
}

/// The answers of mk8s itself below the prefix, whoever makes them.
#[test]
fn all_answers_of_mk8s_are_as_harmless() {
    let scene = Echoed::start();
    let viewer = scene.central.user("viewer@example.com", &["viewer"]);
    let token = Central::token();
    block_on(async {
        for (token, method, target, lines, status) in [
            ("nobody", "GET", PODS, "", 401),
            (token, "BREW", PODS, "", 405),
            (token, "GET", "//x", "", 400),
            (token, "GET", "", "", 400),
            (token, "GET", PODS, "Impersonate-User: x\r\n", 403),
            (token, "GET", PODS, "Origin: https://evil.example\r\n", 403),
            (token, "GET", PODS, "Sec-Fetch-Site: cross-site\r\n", 403),
            (&viewer, "DELETE", PODS, "", 403),
            (&viewer, "GET", "/api/v1/namespaces/a/secrets/x", "", 403),
        ] {
            let came = scene.once(&Echoed::head_of(token, method, target, lines)).await;
            came.refused(status, target);
            harmless(came.answered(), target);
        }
        for (cluster, status) in [("ghost", 503), ("nosuch", 404)] {
            let head = Echoed::head("GET", PODS, "").replace("/clusters/dev/", &format!("/clusters/{cluster}/"));
            let came = scene.once(&head).await;
            came.refused(status, cluster);
            harmless(came.answered(), cluster);
        }
    });
}
