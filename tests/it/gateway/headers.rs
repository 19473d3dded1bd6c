//! The header matrix: whatever a client sends, the API server sees the caller alone, as mk8s knows them.

use super::echoed::{Came, Echoed, Http1, PODS, UPGRADE, block_on};

/// Who sends one of these is refused.
pub const IMPERSONATING: [&str; 5] =
    ["Impersonate-User", "Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-Scopes", "Impersonate-Any"];

/// These are dropped.
pub const CLAIMING: [&str; 22] = [
    "X-Remote-User",
    "X-Remote-Group",
    "X-Remote-Uid",
    "X-Remote-Extra-Scopes",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-User",
    "X-Real-Ip",
    // What central itself tells an agent.
    "Mk8s-User",
    "Mk8s-Group",
    "Mk8s-Request-Id",
    "Mk8s-Method",
    "Mk8s-Namespace",
    "X-Mk8s-User",
    "Forwarded",
    "Cookie",
    "Proxy-Authorization",
    "Proxy-Authenticate",
    "Proxy-Connection",
    "Audit-Id",
    "HTTP2-Settings",
    "Keep-Alive",
];

/// Values that mean more to some servers than to others.
const VALUES: [&str; 5] = ["system:admin", "  system:masters\t", "", "a, system:masters", "Bearer stolen"];

/// What is sent as an upgrade, and how the API server refuses that.
const EXEC: &str = "/api/v1/namespaces/a/pods/x/exec?command=id";
const NOT_NOW: &str = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

/// The ways to write a name that some server takes for it.
pub fn spellings(name: &str) -> Vec<String> {
    let mut all = vec![name.to_owned(), name.to_ascii_lowercase(), name.to_ascii_uppercase()];
    all.extend([name.replace('-', "_"), name.replacen('-', "_", 1)]);
    all.dedup();
    all
}

/// Requests on one connection as long as it holds, and upgrades each on their own.
struct Client<'a> {
    scene: &'a Echoed,
    wire: Http1,
}

impl<'a> Client<'a> {
    async fn new(scene: &'a Echoed) -> Self {
        scene.echo.answers("/api/v1/namespaces/a/pods/x/exec", NOT_NOW);
        Self { scene, wire: scene.http1().await }
    }

    /// A request with these header lines.
    async fn ask(&mut self, upgrade: bool, lines: &str) -> Came {
        if upgrade {
            return self.scene.once(&Echoed::head("GET", EXEC, &format!("{UPGRADE}{lines}"))).await;
        }
        let came = self.scene.say(&mut self.wire, &Echoed::head("GET", PODS, lines)).await;
        let is_over = |answer: &crate::support::http1::Message| !answer.all("connection").is_empty();
        if came.answer.as_ref().is_none_or(is_over) {
            self.wire = self.scene.http1().await;
        }
        came
    }

    /// Fails unless such a request crosses with nothing but our headers.
    async fn crosses(&mut self, upgrade: bool, lines: &str) {
        let came = self.ask(upgrade, lines).await;
        let (status, own) = match upgrade {
            true => (
                400,
                &["connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-key: eA=="]
                    [..],
            ),
            false => (200, &[][..]),
        };
        assert_eq!(came.answered().status(), status, "{lines:?}: {came:#?}");
        self.scene.crossed(&came, came.id(), own, lines);
    }
}

#[test]
fn who_impersonates_is_refused_over_http1_and_in_upgrades() {
    let scene = Echoed::start();
    block_on(async {
        let mut client = Client::new(&scene).await;
        for name in IMPERSONATING.iter().flat_map(|name| spellings(name)) {
            for upgrade in [false, true] {
                for lines in [
                    format!("{name}: system:admin\r\n"),
                    format!("{name}: admin@localhost\r\n{name}:\r\n"),
                    format!("{name}:system:masters\r\nConnection: {name}\r\n"),
                ] {
                    client.ask(upgrade, &lines).await.refused(403, &lines);
                }
            }
        }
        client.crosses(false, "").await;
    });
}

#[test]
fn who_claims_to_be_another_stays_the_caller_over_http1_and_in_upgrades() {
    let scene = Echoed::start();
    block_on(async {
        let mut client = Client::new(&scene).await;
        for name in CLAIMING.iter().flat_map(|name| spellings(name)) {
            for upgrade in [false, true] {
                let lines: String = VALUES.iter().map(|value| format!("{name}:{value}\r\n")).collect();
                client.crosses(upgrade, &lines).await;
                client.crosses(upgrade, &format!("{lines}Connection: {name}\r\n")).await;
            }
        }
    });
}

#[test]
fn no_header_of_ours_is_removed_by_naming_it_in_connection() {
    let scene = Echoed::start();
    block_on(async {
        let mut client = Client::new(&scene).await;
        let all = "Impersonate-User, Impersonate-Group, Authorization, Audit-Id, Host";
        let names = ["Impersonate-User", "impersonate-group", "AUTHORIZATION", "Audit-ID", "Host", "Impersonate_User"];
        let tunnels = ["Mk8s-User", "mk8s-group", "MK8S-REQUEST-ID", "Mk8s-Method", "X-Request-Id", "*", all];
        for name in names.into_iter().chain(tunnels) {
            for upgrade in [false, true] {
                for lines in [
                    format!("Connection: {name}\r\n"),
                    format!("Connection: ,,\t{name} ,\r\nconnection: keep-alive\r\n"),
                    format!("CONNECTION: X-Hop, {name}\r\nX-Hop: 1\r\nTE: trailers\r\n"),
                ] {
                    client.crosses(upgrade, &lines).await;
                }
            }
        }
    });
}

#[test]
fn what_is_not_quite_a_header_is_refused() {
    let scene = Echoed::start();
    block_on(async {
        let mut client = Client::new(&scene).await;
        for lines in [
            "Impersonate-User : system:admin\r\n",
            "Impersonate-User\t: system:admin\r\n",
            "\tImpersonate-User: system:admin\r\n",
            "X-Any: a\r\n Impersonate-User: system:admin\r\n",
            "X-Any: a\rImpersonate-User: system:admin\r\n",
            "Imperson\u{e4}te-User: system:admin\r\n",
            "Impersonate-User\0: system:admin\r\n",
            ": Impersonate-User\r\n",
        ] {
            for upgrade in [false, true] {
                let came = client.ask(upgrade, lines).await;
                assert!(came.answer.as_ref().is_none_or(|answer| answer.status() == 400), "{lines:?}: {came:#?}");
                assert_eq!(came.seen, [], "{lines:?}");
            }
        }
        // A line feed alone ends a line too, so that this is a header like any other.
        let came = client.ask(false, "X-Any: a\nImpersonate-User: system:admin\r\n").await;
        assert!(came.answer.as_ref().is_none_or(|answer| [400, 403].contains(&answer.status())), "{came:#?}");
        assert_eq!(came.seen, []);
    });
}

/// In a second header, as a password, in another place: there is one way to show a token, and it does not cross.
#[test]
fn no_credential_of_a_client_crosses() {
    let scene = Echoed::start();
    block_on(async {
        let mut client = Client::new(&scene).await;
        for upgrade in [false, true] {
            for value in ["Bearer stolen", "Basic eDp5", "", "agents-own"] {
                for name in spellings("Authorization") {
                    client.ask(upgrade, &format!("{name}: {value}\r\n")).await.refused(401, value);
                }
            }
            let bearer = "base64url.bearer.authorization.k8s.io.c3RvbGVu";
            for lines in [
                format!("Sec-WebSocket-Protocol: {bearer}\r\n"),
                format!("sec-websocket-protocol: {bearer}\r\nSEC-WEBSOCKET-PROTOCOL: Base64URL{}\r\n", &bearer[9..]),
                format!("Sec-WebSocket-Protocol: ,{bearer} , {bearer}\r\nConnection: Sec-WebSocket-Protocol\r\n"),
            ] {
                client.crosses(upgrade, &lines).await;
            }
            let beside = format!("Sec-WebSocket-Protocol: v5.channel.k8s.io,{bearer}\r\n");
            let came = client.ask(upgrade, &beside).await;
            let head = &came.seen[0].message.head;
            assert!(head.contains("sec-websocket-protocol: v5.channel.k8s.io\r\n"), "{head}");
            assert!(!head.contains("bearer"), "{head}");
        }
    });
}
