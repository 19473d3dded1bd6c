//! An agent behind a proxy: `HTTPS_PROXY` leads to central and to nothing else, `NO_PROXY` leads around it.

use std::io::{BufRead as _, BufReader, Write as _, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::agents::changed;
use crate::support::{Agent, Central, PATIENCE, Process};

const USER: &str = "agent-7";
const PASSWORD: &str = "pr0xy-s3cret";

/// A proxy that knows one name: `central.test` is this machine.
struct Proxy {
    port: u16,
    /// The heads of the requests that came.
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("address").port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        thread::spawn({
            let heads = heads.clone();
            move || {
                for client in listener.incoming().flatten() {
                    let heads = heads.clone();
                    thread::spawn(move || serve(client, &heads));
                }
            }
        });
        Self { port, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("lock").clone()
    }

    /// Its URL, with credentials.
    fn url(&self) -> String {
        format!("http://{USER}:{PASSWORD}@127.0.0.1:{}", self.port)
    }
}

/// Reads one request, connects, and carries bytes both ways.
fn serve(client: TcpStream, heads: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    heads.lock().expect("lock").push(head.clone());
    let port = head.strip_prefix("CONNECT central.test:").and_then(|rest| rest.split(' ').next()?.parse::<u16>().ok());
    let mut client = client;
    let Some(port) = port else {
        return client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").ok();
    };
    let mut server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from_server, mut to_client) = (server.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || {
        let _ = copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let _ = copy(&mut reader, &mut server);
    server.shutdown(Shutdown::Both).ok()
}

/// A central whose certificate is for `central.test`.
fn central() -> Central {
    let Central { process, dir, .. } = Central::start();
    drop(process);
    let mut central = Central::start_in(dir, &["--public-url", "https://central.test"]);
    let line = central.process.wait_for_line("central is listening", PATIENCE);
    let line: Value = serde_json::from_str(&line).expect("a JSON log line");
    let port = line["address"].as_str().and_then(|address| address.rsplit(':').next()).expect("address").to_owned();
    central.url = format!("https://localhost:{port}");
    central
}

/// An agent that knows its central by a name, in an environment.
fn agent(central: &Central, host: &str, environment: &[(&str, &str)]) -> Agent {
    let url = format!("https://{host}:{}", central.port());
    let (mut command, dir) = changed(central, |config| config["central"] = json!(url));
    Agent { process: Process::start(command.envs(environment.iter().copied())), dir }
}

fn assert_no_password(agent: &Agent) {
    let lines = agent.process.stderr().join("\n");
    let encoded = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    assert!(!lines.contains(PASSWORD) && !lines.contains(&encoded), "{lines}");
}

#[test]
fn an_agent_reaches_central_through_the_proxy_of_its_environment() {
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        let (central, proxy) = (central(), Proxy::start());
        let agent = agent(&central, "central.test", &[(variable, &proxy.url())]);
        central.wait_until(true, PATIENCE);
        let shown = central.run(&["clusters", "show", "dev", "--output", "json"]).expect(0).out();
        assert!(shown.contains("kubernetes_version"), "the API server is reached without the proxy: {shown}");
        central.run(&["kubectl", "get", "namespaces"]).expect(0);

        let heads = proxy.heads();
        assert!(heads.len() >= 3, "a registration and two tunnels: {heads:#?}");
        let credentials = format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}")));
        for head in &heads {
            assert!(head.starts_with(&format!("CONNECT central.test:{} ", central.port())), "{head}");
            assert!(head.to_lowercase().contains("proxy-authorization: ") && head.contains(&credentials), "{head}");
            assert!(!head.contains("mk8s_agent_"), "the token is for central, inside TLS: {head}");
        }
        assert_no_password(&agent);
    }
}

#[test]
fn no_proxy_and_loopback_lead_around_the_proxy() {
    let (central, proxy) = (central(), Proxy::start());
    let around = [("HTTPS_PROXY", proxy.url()), ("NO_PROXY", "central.test".into())];
    let around = [(around[0].0, around[0].1.as_str()), (around[1].0, around[1].1.as_str())];
    let mut lost = agent(&central, "central.test", &around);
    // Without the proxy nobody knows the name.
    let line = lost.process.wait_for_line("not registered", PATIENCE);
    assert!(line.contains("central.test:") && !line.contains("through the proxy"), "{line}");
    let local = agent(&central, "localhost", &around[..1]);
    central.wait_until(true, PATIENCE);
    assert_eq!(proxy.heads(), [""; 0]);
    drop(local);
}

#[test]
fn a_proxy_that_fails_is_named_without_its_password() {
    let (central, proxy) = (central(), Proxy::start());
    let mut refused = agent(&central, "elsewhere.test", &[("HTTPS_PROXY", &proxy.url())]);
    let line = refused.process.wait_for_line("not registered", PATIENCE);
    assert!(line.contains(&format!("through the proxy 127.0.0.1:{}", proxy.port)), "{line}");
    let absent = format!("http://{USER}:{PASSWORD}@127.0.0.1:1");
    let mut absent = agent(&central, "central.test", &[("HTTPS_PROXY", &absent)]);
    let line = absent.process.wait_for_line("not registered", PATIENCE);
    assert!(line.contains("through the proxy 127.0.0.1:1"), "{line}");
    let unsupported = format!("socks5://{USER}:{PASSWORD}@127.0.0.1:1");
    let mut unsupported = agent(&central, "central.test", &[("HTTPS_PROXY", &unsupported)]);
    let line = unsupported.process.wait_for_line("not registered", PATIENCE);
    assert!(line.contains("is not supported"), "{line}");
    for agent in [&refused, &absent, &unsupported] {
        assert_no_password(agent);
    }
}

/// A proxy is not central, whatever it shows: the name in the certificate must be the one that was dialled.
#[test]
fn a_certificate_for_another_name_is_refused() {
    // Its certificate is for localhost only, and the proxy leads to it by another name.
    let (central, proxy) = (Central::start(), Proxy::start());
    let mut agent = agent(&central, "central.test", &[("HTTPS_PROXY", &proxy.url())]);
    assert_eq!(agent.process.wait(PATIENCE), 8);
    let line = agent.process.wait_for_line("shows a certificate that is not trusted", Duration::from_secs(1));
    assert!(line.contains("central.test"), "{line}");
    assert!(!central.is_online());
}
