//! Upgrades that the API server refuses, or agrees to in another way than it was asked (CVE-2018-1002105): what a client
//! sends afterwards reaches nobody.

use super::echoed::{Came, Echoed, Http1, PODS, UPGRADE, block_on};
use crate::support::PATIENCE;

/// What a client asks to upgrade.
const EXEC: &str = "/api/v1/namespaces/a/pods/x/exec?command=id";

/// The request that must not be read by anybody.
fn smuggled() -> String {
    Echoed::head("DELETE", "/api/v1/namespaces/smuggled", "")
}

fn refusal(status: &str) -> String {
    format!("HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}")
}

fn switched(lines: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n")
}

/// Fails unless the connection was closed behind this answer, and nothing but the upgrade has reached the API server.
async fn is_over(scene: &Echoed, wire: &mut Http1, came: &Came, what: &str) {
    assert_eq!(came.answered().all("connection"), ["close"], "{what}: {came:#?}");
    let _ = wire.send(smuggled().as_bytes()).await;
    let rest = tokio::time::timeout(PATIENCE, wire.rest()).await.expect("an end");
    assert_eq!(String::from_utf8_lossy(&rest), "", "{what}");
    // Whatever is still under way arrives before the answer to this.
    let next = scene.once(&Echoed::head("GET", PODS, "")).await;
    let (before, after) = (came.seen.len(), next.seen.len());
    assert_eq!((before, after), (1, 1), "{what}: {came:#?} {next:#?}");
    assert_ne!(came.seen[0].connection, next.seen[0].connection, "{what}: the connection of an upgrade was used again");
}

#[test]
fn what_follows_a_refused_upgrade_reaches_nobody() {
    let scene = Echoed::start();
    block_on(async {
        for (status, expected) in [
            ("400", 400),
            ("403", 403),
            ("404", 404),
            ("500", 500),
            ("200", 502),
            ("204", 502),
            ("302", 502),
            ("304", 502),
        ] {
            scene.echo.answers(EXEC, refusal(status));
            for protocol in ["websocket", "SPDY/3.1"] {
                let head = Echoed::head("GET", EXEC, &UPGRADE.replace("websocket", protocol));
                let mut wire = scene.http1().await;
                let came = scene.say(&mut wire, &head).await;
                assert_eq!(came.answered().status(), expected, "{status}: {came:#?}");
                is_over(&scene, &mut wire, &came, status).await;
                // At once, without waiting for the answer. It may be lost, since something on the connection was not
                // read when it was closed.
                let mut wire = scene.http1().await;
                let came = scene.say(&mut wire, &format!("{head}{}", smuggled())).await;
                assert!(came.answer.as_ref().is_none_or(|answer| answer.status() == expected), "{status}: {came:#?}");
                tokio::time::timeout(PATIENCE, wire.rest()).await.expect("an end");
                let next = scene.once(&Echoed::head("GET", PODS, "")).await;
                let seen: Vec<_> = came.seen.iter().chain(&next.seen).map(|asked| asked.message.start()).collect();
                assert!(!seen.iter().any(|start| start.contains("smuggled")), "{status}: {seen:?}");
            }
        }
    });
}

#[test]
fn another_protocol_than_was_asked_for_is_a_failure() {
    let scene = Echoed::start();
    block_on(async {
        for lines in [
            "",
            "Connection: Upgrade\r\n",
            "Connection: Upgrade\r\nUpgrade: h2c\r\n",
            "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
        ] {
            scene.echo.answers(EXEC, switched(lines));
            let mut wire = scene.http1().await;
            let came = scene.say(&mut wire, &Echoed::head("GET", EXEC, UPGRADE)).await;
            assert_eq!(came.answered().status(), 502, "{lines:?}: {came:#?}");
            is_over(&scene, &mut wire, &came, lines).await;
        }
    });
}

/// Nobody has asked for another protocol; the connection to the API server is not used again.
#[test]
fn a_change_of_the_protocol_that_nobody_asked_for_is_a_failure() {
    let scene = Echoed::start();
    block_on(async {
        for lines in
            ["", "Connection: Upgrade\r\n", "Upgrade: websocket\r\n", "Connection: xupgradex\r\nUpgrade: websocket\r\n"]
        {
            scene.echo.answers(EXEC, switched("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
            let mut wire = scene.http1().await;
            let came = scene.say(&mut wire, &Echoed::head("GET", EXEC, lines)).await;
            assert_eq!(came.answered().status(), 502, "{lines:?}: {came:#?}");
            let head = came.seen[0].message.head.to_ascii_lowercase();
            assert!(!head.contains("upgrade"), "what is no upgrade crossed as one: {head}");
            let next = scene.once(&Echoed::head("GET", PODS, "")).await;
            assert_ne!(came.seen[0].connection, next.seen[0].connection, "{lines:?}");
        }
    });
}

/// After 101 bytes pass as they are, and a request that stands among them is none.
#[test]
fn after_the_change_bytes_are_bytes() {
    let scene = Echoed::start();
    block_on(async {
        scene.echo.answers(EXEC, switched("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
        let mut wire = scene.http1().await;
        let came = scene.say(&mut wire, &Echoed::head("GET", EXEC, UPGRADE)).await;
        assert_eq!(came.answered().status(), 101, "{came:#?}");
        // This API server answers what looks like a request, so that the answer says that the bytes have arrived.
        let spoken = "GET /in/the/protocol HTTP/1.1\r\nImpersonate-User: x\r\n\r\n";
        let came_then = scene.say(&mut wire, spoken).await;
        assert_eq!(came_then.seen.len(), 1, "{came_then:#?}");
        assert_eq!(format!("{}\r\n\r\n", came_then.seen[0].message.head), spoken);
        assert_eq!(came_then.seen[0].connection, came.seen[0].connection);
        assert_eq!(came_then.answered().text(), "{}");
    });
}
