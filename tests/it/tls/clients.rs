//! What central's listeners refuse in the handshake, and what whoever comes so is told.

use std::process::{Command, Stdio};

use super::authority::{Authority, Leaf, Wanted};
use super::setup::{Site, TWO_PORTS, directory, write_pair};
use crate::support::{PATIENCE, run};

#[test]
fn versions_below_tls_1_2_are_refused_on_every_listener() {
    let mut site = Site::start(TWO_PORTS);
    let connect = |port: u16, version: &str| {
        let mut openssl = Command::new("openssl");
        let address = format!("localhost:{port}");
        openssl.args(["s_client", "-connect", &address, version, "-cipher", "ALL:@SECLEVEL=0"]);
        run(openssl.stderr(Stdio::piped()), b"")
    };
    assert_eq!(site.ports().len(), 2);
    for port in site.ports() {
        for version in ["-tls1", "-tls1_1"] {
            let refused = connect(port, version);
            assert_eq!(refused.code, 1, "{version}: {}", refused.out());
            // Older clients lack more than the version, and are told of what is missed first.
            let told = ["alert protocol version", "alert handshake failure"];
            assert!(told.iter().any(|alert| refused.err().contains(alert)), "{version}: {}", refused.err());
        }
        assert!(connect(port, "-tls1_2").expect(0).out().contains("Protocol  : TLSv1.2"));
    }
    site.central.process.wait_for_line("it does not speak TLS 1.2 or 1.3", PATIENCE);
}

#[test]
fn requests_without_tls_are_told_so_on_every_listener() {
    let site = Site::start(TWO_PORTS);
    for port in site.ports() {
        for path in ["/health", "/agents/tunnel", "/clusters/dev/k8s/version"] {
            let mut curl = Command::new("curl");
            let url = format!("http://localhost:{port}{path}");
            curl.args(["--silent", "--show-error", "--max-time", "60", "--write-out", "%{http_code}", &url]);
            let said = run(&mut curl, b"").expect(0).out();
            assert_eq!(said, "this port speaks TLS alone: use https://\n400");
        }
    }
    // The program itself says so of a wrong URL, for a loopback address is the only one that it would ask in the clear.
    let mut status = site.central.mk8s();
    let url = format!("http://localhost:{}", site.central.port());
    let said = run(status.env("MK8S_SERVER", &url).args(["status"]), b"").expect(1).err();
    assert!(said.contains("HTTP 400 Bad Request") && said.contains("https://"), "{said}");
    let mut agent = site.agent_with(None, |config| config["central"] = url.into());
    let line = agent.process.wait_for_line("not registered", PATIENCE);
    assert!(line.contains("its URL begins with https://"), "{line}");
}

/// Whoever shows a certificate shows one that is in order: it is no way around anything.
#[test]
fn bad_client_certificates_are_refused_on_every_listener() {
    let (site, dir) = (Site::start(TWO_PORTS), directory());
    let sign = |wanted: Wanted| site.authority.sign(&wanted);
    let dev = || Wanted::agent("dev");
    let unknown = Authority::new("another authority").sign(&dev());
    // Of the same name: only the signature tells them apart.
    let forged = Authority::new("the authority of the tests").sign(&dev());
    let cases: [(&str, Leaf, &str, &str); 6] = [
        ("expired", sign(dev().valid(-7200, -3600)), "alert certificate expired", "it expired at 20"),
        ("early", sign(dev().valid(3600, 7200)), "alert certificate expired", "it is not valid before 20"),
        ("unknown", unknown, "alert unknown ca", "its authority is unknown here"),
        ("forged", forged, "alert", "its authority is unknown here"),
        ("self-signed", dev().self_signed(), "alert unknown ca", "its authority is unknown here"),
        ("server", sign(dev().for_servers()), "alert unsupported certificate", "made for another purpose"),
    ];
    for port in site.ports() {
        for (name, leaf, alert, reason) in &cases {
            let [cert, key] = write_pair(dir.path(), name, leaf);
            let before = site.central.process.stderr().len();
            let mut curl = site.curl(port, "/health");
            let refused = run(curl.arg("--cert").arg(cert).arg("--key").arg(key), b"");
            assert_ne!(refused.code, 0, "{name}: {}", refused.out());
            assert!(refused.err().contains(alert), "{name}: {}", refused.err());
            crate::support::wait_for(&format!("{name}: {reason}"), PATIENCE, || {
                let log = site.central.process.stderr();
                let refused = |line: &String| line.contains("refused in the handshake") && line.contains(reason);
                log[before..].iter().any(refused).then_some(())
            });
        }
    }
    // One that is in order but for no cluster is that of a user, or of whatever is in front of central.
    let [cert, key] = write_pair(dir.path(), "user", &sign(Wanted::client()));
    let mut curl = site.curl(site.central.port(), "/health");
    run(curl.args(["--fail", "--cert"]).arg(cert).arg("--key").arg(key), b"").expect(0);
}
