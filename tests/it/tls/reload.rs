//! Certificates that change while everything runs.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Uri;
use mk8s::client::{Client, Credential};
use mk8s::tls::{Alpn, Connector, Trust};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::authority::{Authority, Leaf, Wanted};
use super::setup::{ONE_PORT, Site, TWO_PORTS, localhost, write_pair};
use crate::support::{Central, Namespace, PATIENCE, Process, wait_for};

/// By when a new certificate is served.
const LIMIT: Duration = Duration::from_secs(10);

/// Puts a pair in the place of another, each file at once.
fn replace(dir: &Path, name: &str, leaf: &Leaf) {
    for new in write_pair(dir, "new", leaf) {
        let suffix = new.extension().expect("suffix").to_owned();
        fs::rename(&new, dir.join(name).with_extension(suffix)).expect("rename");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime")
}

/// The certificate that a new connection to a port gets.
fn served(site: &Site, port: u16) -> CertificateDer<'static> {
    let uri: Uri = format!("https://localhost:{port}").parse().expect("uri");
    let connector = Connector::new(&Trust::CaFile(site.central.ca_file())).expect("trust");
    let stream = runtime().block_on(connector.connect(&uri, Alpn::Http1)).expect("connection");
    stream.certificates()[0].clone()
}

fn der(leaf: &Leaf) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(leaf.cert.as_bytes()).expect("PEM")
}

/// Twenty requests a second, each on a connection of its own; how many there were and which failed.
struct Load {
    runtime: tokio::runtime::Runtime,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    running: tokio::task::JoinHandle<Vec<String>>,
}

impl Load {
    fn start(site: &Site) -> Self {
        let (runtime, stop, count) = (runtime(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = Client::new(&site.central.url, &Trust::CaFile(site.central.ca_file())).expect("client");
        let client = client.with_credential(Credential::ApiToken(Central::token().to_owned().into()));
        let (stopped, counted) = (stop.clone(), count.clone());
        let running = runtime.spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(50));
            let mut requests = tokio::task::JoinSet::new();
            while !stopped.load(Ordering::Relaxed) {
                ticks.tick().await;
                let (client, counted) = (client.clone(), counted.clone());
                requests.spawn(async move {
                    let answer = client.clusters().await;
                    counted.fetch_add(1, Ordering::Relaxed);
                    answer.err().map(|error| error.to_string())
                });
            }
            requests.join_all().await.into_iter().flatten().collect()
        });
        Self { runtime, stop, count, running }
    }

    /// Waits for that many more.
    fn wait_for(&self, more: usize) {
        let until = self.count.load(Ordering::Relaxed) + more;
        wait_for("requests", PATIENCE, || (self.count.load(Ordering::Relaxed) >= until).then_some(()));
    }

    fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.runtime.block_on(self.running).expect("the load")
    }
}

#[test]
fn certificates_are_replaced_under_load_and_nothing_fails() {
    let (site, namespace) = (Site::start(TWO_PORTS), Namespace::create());
    let _agent = site.agent(Some(&site.authority.sign(&Wanted::agent("dev"))));
    site.wait_until_online();
    namespace.pod("talk", "exec sleep 100000");
    let kubectl = |args: &[&str]| {
        let mut command = site.central.mk8s();
        Process::start(command.args(["kubectl", "--namespace", &namespace.0]).args(args))
    };
    let mut exec = kubectl(&["exec", "-i", "talk", "--", "cat"]);
    exec.write(b"before\n");
    wait_for("the echo", PATIENCE, || (exec.stdout() == b"before\n").then_some(()));
    let mut watch =
        Process::start(site.central.through(Some(&namespace.0)).args(["get", "configmaps", "--watch", "-o", "name"]));
    let seen = |watch: &Process, name: &str| String::from_utf8_lossy(&watch.stdout()).contains(name);
    namespace.kubectl(&["create", "configmap", "before"], "");
    wait_for("a line of the watch", PATIENCE, || seen(&watch, "configmap/before").then_some(()));

    let load = Load::start(&site);
    load.wait_for(20);
    // First everyone comes to trust the new authority, then it signs.
    let next = Authority::new("the next authority");
    fs::write(site.central.ca_file(), format!("{}{}", site.authority.pem, next.pem)).expect("write");
    let new = next.sign(&localhost());
    replace(site.central.dir.path(), "tls", &new);
    for port in site.ports() {
        wait_for("the new certificate", LIMIT, || (served(&site, port) == der(&new)).then_some(()));
    }
    load.wait_for(40);
    exec.write(b"after\n");
    wait_for("the echo", PATIENCE, || (exec.stdout() == b"before\nafter\n").then_some(()));
    namespace.kubectl(&["create", "configmap", "after"], "");
    wait_for("a line of the watch", PATIENCE, || seen(&watch, "configmap/after").then_some(()));
    assert_eq!(load.end(), [""; 0]);
    assert!(watch.is_running() && site.central.is_online());
    exec.close_stdin();
    assert_eq!(exec.wait(PATIENCE), 0);
}

#[test]
fn a_pair_that_cannot_be_used_is_said_once_and_the_old_one_stays() {
    let mut site = Site::start(ONE_PORT);
    let dir = site.central.dir.path().to_owned();
    let old = served(&site, site.central.port());
    let good = site.authority.sign(&localhost());
    fs::write(dir.join("tls.crt"), "half a file").expect("write");
    let line = site.central.process.wait_for_line("the old ones stay in use", LIMIT);
    assert!(line.contains("tls.crt") && line.contains("no certificate in it"), "{line}");
    assert_eq!(served(&site, site.central.port()), old);
    fs::write(dir.join("tls.key"), &good.key).expect("write");
    fs::write(dir.join("tls.crt"), &good.cert).expect("write");
    site.central.process.wait_for_line("new certificates are in use", LIMIT);
    assert_eq!(served(&site, site.central.port()), der(&good));
    let log = site.central.process.stderr();
    let broken = log.iter().filter(|line| line.contains("no certificate in it")).count();
    assert_eq!(broken, 1, "{log:#?}");
}

/// Whom central lets in may change, and so may what an agent shows: neither needs a restart.
#[test]
fn client_certificates_and_their_authorities_may_change() {
    let mut site = Site::start(ONE_PORT);
    let next = Authority::new("the next authority");
    let mut agent = site.agent(Some(&next.sign(&Wanted::agent("dev"))));
    agent.process.wait_for_line("its authority is unknown there", PATIENCE);
    fs::write(site.central.ca_file(), format!("{}{}", site.authority.pem, next.pem)).expect("write");
    site.central.process.wait_for_line("new certificates are in use", LIMIT);
    site.wait_until_online();
    drop(agent);
    site.central.wait_until(false, PATIENCE);

    let mut agent = site.agent(Some(&Wanted::agent("dev").self_signed()));
    agent.process.wait_for_line("its authority is unknown there", PATIENCE);
    replace(agent.dir.path(), "agent", &site.authority.sign(&Wanted::agent("dev")));
    site.wait_until_online();
}

/// The authority of central changes while an agent runs: its next dial goes by what is in the file then.
#[test]
fn an_agent_dials_with_the_authorities_that_its_file_holds_then() {
    let site = Site::start("");
    let mut agent = site.agent(None);
    site.wait_until_online();
    let next = Authority::new("the next authority");
    let Site { central, .. } = site;
    write_pair(central.dir.path(), "tls", &next.sign(&localhost()));
    let central = central.restart();
    agent.process.wait_for_line("its authority is unknown here", PATIENCE);
    assert!(agent.process.is_running());
    fs::write(central.ca_file(), &next.pem).expect("write");
    central.wait_until(true, PATIENCE);
    agent.process.wait_for_line("new certificates are in use", PATIENCE);
}
