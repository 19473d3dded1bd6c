//! What agents and the command line refuse of a server, and what they say of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mk8s::tls::Identity;
use mk8s::tls::server::server_config;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::authority::{Authority, Leaf, Wanted};
use super::setup::{directory, localhost, write_pair};
use crate::agents::changed;
use crate::support::process::MK8S;
use crate::support::stack::quiet;
use crate::support::{Central, PATIENCE, Process, run, wait_for};

/// A server that shows a certificate and nothing else.
struct Server {
    port: u16,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Server {
    fn start(leaf: &Leaf) -> Self {
        let chain = CertificateDer::pem_slice_iter(leaf.cert.as_bytes()).map(|cert| cert.expect("PEM")).collect();
        let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).expect("PEM");
        let acceptor = TlsAcceptor::from(server_config(Identity { chain, key }).expect("configuration"));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("bind");
        let port = listener.local_addr().expect("address").port();
        runtime.spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(acceptor.clone().accept(tcp));
            }
        });
        Self { port, runtime: Some(runtime) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The command line asks a server and trusts the authorities in a file.
fn status(url: &str, ca: &Path, dir: &TempDir) -> crate::support::Output {
    let mut command = Command::new(MK8S);
    quiet(&mut command).env("MK8S_CONFIG", dir.path().join("none.yaml"));
    run(command.args(["--server", url, "--ca-file"]).arg(ca).arg("status"), b"")
}

/// An agent of the same; what it says at its end.
fn agent(central: &Central, url: &str, ca: &Path) -> (i32, String) {
    let (mut command, _dir) = changed(central, |config| {
        config["central"] = url.into();
        config["tls"]["ca_file"] = serde_json::json!(ca);
    });
    let mut process = Process::start(&mut command);
    let code = process.wait(PATIENCE);
    (code, process.stderr().join("\n"))
}

#[test]
fn bad_server_certificates_are_refused_with_the_reason() {
    let (central, dir) = (Central::start(), directory());
    let authority = Authority::new("the authority of the tests");
    let ca = dir.path().join("ca.crt");
    fs::write(&ca, &authority.pem).expect("write");
    let sign = |wanted: Wanted| authority.sign(&wanted);
    for (name, leaf, reason) in [
        ("unknown", Authority::new("another").sign(&localhost()), "its authority is unknown here"),
        ("forged", Authority::new("the authority of the tests").sign(&localhost()), "its authority is unknown here"),
        ("expired", sign(localhost().valid(-7200, -3600)), "it expired at 20"),
        ("early", sign(localhost().valid(3600, 7200)), "it is not valid before 20"),
        ("name", sign(Wanted::server(&["central.test"])), "not valid for name"),
        ("self-signed", localhost().self_signed(), "its authority is unknown here"),
        ("purpose", sign(localhost().for_clients()), "it was made for another purpose"),
    ] {
        let server = Server::start(&leaf);
        let url = format!("https://localhost:{}", server.port);
        let said = status(&url, &ca, &dir).expect(8).err();
        assert!(said.contains("shows a certificate that is not trusted") && said.contains(reason), "{name}: {said}");
        let (code, said) = agent(&central, &url, &ca);
        assert_eq!(code, 8, "{name}: {said}");
        assert!(said.contains("shows a certificate that is not trusted") && said.contains(reason), "{name}: {said}");
    }
}

#[test]
fn a_server_without_tls_or_with_old_tls_is_named() {
    let (central, dir) = (Central::start(), directory());
    let authority = Authority::new("the authority of the tests");
    let ca = dir.path().join("ca.crt");
    fs::write(&ca, &authority.pem).expect("write");

    let plain = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("https://localhost:{}", plain.local_addr().expect("address").port());
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for mut client in plain.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    refused(&central, &url, &ca, &dir, "it answers without TLS");

    let [cert, key] = write_pair(dir.path(), "old", &authority.sign(&localhost()));
    let port = free_port();
    let mut old = Command::new("openssl");
    old.args(["s_server", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-accept", &format!("127.0.0.1:{port}"), "-quiet"]);
    let _old = Process::start(old.arg("-cert").arg(cert).arg("-key").arg(key).stdin(Stdio::piped()));
    wait_for("the old server", PATIENCE, || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    refused(&central, &format!("https://localhost:{port}"), &ca, &dir, "it speaks TLS older than 1.2 only");
}

/// Neither ends an agent: whatever stands there may be gone tomorrow.
fn refused(central: &Central, url: &str, ca: &PathBuf, dir: &TempDir, reason: &str) {
    let said = status(url, ca, dir).expect(1).err();
    assert!(said.contains(reason), "{said}");
    let (mut command, _dir) = changed(central, |config| {
        config["central"] = url.into();
        config["tls"]["ca_file"] = serde_json::json!(ca);
    });
    let line = Process::start(&mut command).wait_for_line("not registered", PATIENCE);
    assert!(line.contains(reason), "{line}");
}

/// `openssl s_server` does not tell a port that it has chosen.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    listener.local_addr().expect("address").port()
}
