//! What stands on the wire: nothing that anybody but the two ends could read.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::setup::append;
use crate::agents::start_changed;
use crate::metrics::scrape::Listener;
use crate::support::canary::reveals;
use crate::support::stack::{ADMIN_PASSWORD, TOKEN};
use crate::support::{Central, Namespace, PATIENCE, Process, kubernetes, run, wait_for};

/// What was sent on a connection, to the server and back.
type Recording = Arc<Mutex<[Vec<u8>; 2]>>;

/// A way to a port of this machine on which everything is written down.
struct Relay {
    name: &'static str,
    port: u16,
    recordings: Arc<Mutex<Vec<Recording>>>,
}

impl Relay {
    fn start(name: &'static str, to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("address").port();
        let recordings = Arc::new(Mutex::new(Vec::new()));
        let this = Self { name, port, recordings: recordings.clone() };
        // It ends with the process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let recording = Recording::default();
                recordings.lock().expect("lock").push(recording.clone());
                let clone = |stream: &TcpStream| stream.try_clone().expect("clone");
                for (way, from, to) in [(0, clone(&client), clone(&server)), (1, server, client)] {
                    let recording = recording.clone();
                    thread::spawn(move || copy(from, to, |bytes| recording.lock().expect("lock")[way].extend(bytes)));
                }
            }
        });
        this
    }

    /// How many bytes went both ways.
    fn bytes(&self) -> usize {
        self.all().iter().flatten().map(Vec::len).sum()
    }

    fn all(&self) -> Vec<[Vec<u8>; 2]> {
        self.recordings.lock().expect("lock").iter().map(|one| one.lock().expect("lock").clone()).collect()
    }

    /// What somebody in between could read: these secrets, HTTP, and whatever does not begin as TLS does.
    fn readable(&self, secrets: &[(&'static str, String)]) -> Vec<String> {
        let mut found = Vec::new();
        for (number, ways) in self.all().iter().enumerate() {
            for (bytes, first) in ways.iter().zip([CLIENT_HELLO, SERVER_HELLO]) {
                let mut note = |what: &str| found.push(format!("{} {number}: {what}", self.name));
                // A connection may be closed before anything is said, or refused with an alert.
                let begins =
                    bytes.is_empty() || bytes[..2] == [22, 3] && bytes.get(5) == Some(&first) || bytes[..2] == [21, 3];
                if !begins || first == CLIENT_HELLO && bytes.first() == Some(&21) {
                    note("it does not begin with TLS");
                }
                let text = String::from_utf8_lossy(bytes);
                for (kind, secret) in secrets {
                    if text.contains(secret.as_str()) || secret.len() >= 38 && reveals(&text, secret) {
                        note(kind);
                    }
                }
                for http in ["HTTP/1.1", "PRI * HTTP/2.0", "authorization", "Authorization"] {
                    if text.contains(http) {
                        note(http);
                    }
                }
            }
        }
        found
    }
}

/// The types of the first messages of TLS.
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

fn copy(mut from: TcpStream, mut to: TcpStream, write_down: impl Fn(&[u8])) {
    let mut buffer = [0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        write_down(&buffer[..n]);
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

/// A kubeconfig as JSON.
fn json_of(kubeconfig: &std::path::Path) -> Value {
    let args = ["config", "view", "--raw", "--output=json"];
    let text = run(kubernetes().direct_with(kubeconfig, None).args(args), b"").expect(0).out();
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn nothing_can_be_read_on_the_wire() {
    let dir = Central::prepared();
    append(dir.path(), "metrics: {listen: \"127.0.0.1:0\"}\n");
    let mut central = Central::start_in(dir, &[]);
    let port = central.port();
    let mut kubeconfig = json_of(kubernetes().agent_kubeconfig());
    let server = &mut kubeconfig["clusters"][0]["cluster"]["server"];
    let api_port = server.as_str().and_then(|url| url.rsplit(':').next()?.parse().ok()).expect("a port");
    let [clients, agents, cluster] =
        [("client", port), ("agent", port), ("API server", api_port)].map(|(name, to)| Relay::start(name, to));
    *server = json!(format!("https://127.0.0.1:{}", cluster.port));
    let service_account = kubeconfig["users"][0]["user"]["token"].as_str().expect("a token").to_owned();
    let file = central.dir.path().join("through-the-relay");
    fs::write(&file, kubeconfig.to_string()).expect("write");
    let mut agent = start_changed(&central, |config| {
        config["central"] = json!(format!("https://localhost:{}", agents.port));
        config["kubeconfig"] = json!(file);
        config["metrics"] = json!({ "listen": "127.0.0.1:0" });
        config["log"] = json!({ "format": "json" });
    });
    let [metrics, probes] =
        [("metrics of central", &mut central.process), ("metrics of the agent", &mut agent.process)]
            .map(|(name, process)| Relay::start(name, Listener::of(process).0));
    central.url = format!("https://localhost:{}", clients.port);
    central.wait_until(true, PATIENCE);

    let canary = format!("canary{:032x}", rand::random::<u128>());
    let tokens = central.admin();
    let namespace = Namespace::create();
    namespace.pod("web", "exec sleep 100000");
    use_everything(&central, &namespace, &canary);
    for relay in [&metrics, &probes] {
        for _ in 0..5 {
            assert!(Listener(relay.port).scrape().text.contains("mk8s_build_info"));
            assert_eq!(Listener(relay.port).ready().0, 200);
        }
    }

    let secrets = [
        ("the password", ADMIN_PASSWORD.to_owned()),
        ("the token of the agent", TOKEN.to_owned()),
        ("an API token", Central::token().to_owned()),
        ("an access token", tokens.text("access_token")),
        ("a refresh token", tokens.text("refresh_token")),
        ("the token of the agent at the API server", service_account),
        ("a value", canary),
        ("the name of a namespace", namespace.0.clone()),
    ];
    for relay in [&clients, &agents, &cluster, &metrics, &probes] {
        let (all, found) = (relay.all(), relay.readable(&secrets));
        assert!(found.is_empty(), "{found:#?}");
        println!("{}: {} connections, {} bytes", relay.name, all.len(), relay.bytes());
        // More than hands are shaken.
        assert!(relay.bytes() > 20_000, "{}: {} bytes", relay.name, relay.bytes());
    }
}

/// A login, commands, a watch, and streams in both directions, each with the canary.
fn use_everything(central: &Central, namespace: &Namespace, canary: &str) {
    let ns = Some(namespace.0.as_str());
    let remote = |args: &[&str], input: &str| {
        let mut command = central.client();
        run(command.args(["kubectl", "-n", &namespace.0]).args(args), input.as_bytes()).expect(0).out()
    };
    let native = |args: &[&str], input: &str| run(central.through(ns).args(args), input.as_bytes()).expect(0).out();
    central.log_in();
    let literal = format!("--from-literal=k={canary}");
    remote(&["create", "configmap", "one", &literal], "");
    native(&["create", "configmap", "two", &literal], "");
    assert!(remote(&["get", "configmap", "two", "-o", "yaml"], "").contains(canary));
    assert!(native(&["get", "configmap", "one", "-o", "yaml"], "").contains(canary));
    let cat = ["exec", "-i", "web", "--", "cat"];
    assert_eq!((remote(&cat, canary), native(&cat, canary)), (canary.to_owned(), canary.to_owned()));
    let mut watches = [central.through(ns), central.client()];
    watches[1].args(["kubectl", "-n", &namespace.0]);
    for mut watch in watches {
        let watch = Process::start(watch.args(["get", "configmaps", "--watch", "--output=jsonpath={.data.k}"]));
        wait_for("the watch", PATIENCE, || String::from_utf8_lossy(&watch.stdout()).contains(canary).then_some(()));
    }
}

/// The test above would see it.
#[test]
fn the_relay_sees_what_is_sent_in_plain() {
    let dir = Central::prepared();
    append(dir.path(), "tls: {mode: \"off\"}\n");
    let central = Central::start_in(dir, &[]);
    let relay = Relay::start("plain", central.port());
    let curl = |args: &[&str], path: &str, input: &str| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--max-time", "60"]).args(args).arg(format!("http://127.0.0.1:{}{path}", relay.port));
        run(&mut curl, input.as_bytes()).expect(0).out()
    };
    let login = json!({ "email": "admin@localhost", "password": ADMIN_PASSWORD }).to_string();
    let tokens = curl(&["--data-binary", "@-"], "/auth/login", &login);
    let tokens: Value = serde_json::from_str(&tokens).expect("JSON");
    let access = tokens["access_token"].as_str().expect("a token").to_owned();
    let header = format!("Authorization: Bearer {}", Central::token());
    curl(&["--http2-prior-knowledge"], "/health", "");
    curl(&["--header", &header], "/auth/me", "");
    let secrets = [
        ("the password", ADMIN_PASSWORD.to_owned()),
        ("an access token", access),
        ("an API token", Central::token().to_owned()),
    ];
    let found = relay.readable(&secrets).join("\n");
    let kinds = ["does not begin with TLS", "HTTP/1.1", "PRI * HTTP/2.0", "Authorization"];
    for kind in kinds.iter().chain(secrets.iter().map(|(kind, _)| kind)) {
        assert!(found.contains(kind), "{kind} is not in {found}");
    }
}
