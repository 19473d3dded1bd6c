//! What central refuses beyond wrong types.

use super::*;

fn error(change: impl FnOnce(&mut CentralConfig)) -> String {
    let mut config = CentralConfig::default();
    change(&mut config);
    config.validate().unwrap_err().to_string()
}

fn accepts(change: impl FnOnce(&mut CentralConfig)) {
    let mut config = CentralConfig::default();
    change(&mut config);
    config.validate().unwrap();
}

fn files() -> CentralTls {
    CentralTls { mode: TlsMode::Files, cert_file: Some("c".into()), key_file: Some("k".into()) }
}

#[test]
fn the_defaults_are_valid() {
    accepts(|_| {});
}

#[test]
fn only_loopback_addresses_are_listened_on() {
    for loopback in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:8443", "[::ffff:127.0.0.1]:1"] {
        accepts(|c| c.listen = loopback.parse().unwrap());
    }
    for open in ["0.0.0.0:8443", "[::]:8443", "10.0.0.1:8443"] {
        let error = error(|c| c.listen = open.parse().unwrap());
        assert!(error.starts_with("listen: ") && error.contains("this version has no users yet"), "{error}");
        assert!(error.contains("127.0.0.1:8443"), "{error}");
    }
}

#[test]
fn encryption_is_off_only_on_loopback() {
    let off = CentralTls { mode: TlsMode::Off, ..CentralTls::default() };
    accepts(|c| c.tls = off.clone());
    let error = error(|c| (c.tls, c.listen) = (off.clone(), "10.0.0.1:1".parse().unwrap()));
    assert!(error.starts_with("tls.mode: off is for loopback addresses only"), "{error}");
}

#[test]
fn certificate_files_go_with_mode_files() {
    accepts(|c| c.tls = files());
    assert!(error(|c| c.tls = CentralTls { cert_file: None, ..files() }).starts_with("tls.cert_file: "));
    assert!(error(|c| c.tls = CentralTls { key_file: None, ..files() }).starts_with("tls.key_file: "));
    for mode in [TlsMode::Auto, TlsMode::Off] {
        assert!(error(|c| c.tls = CentralTls { mode, ..files() }).contains("tls.mode files only"));
        assert!(error(|c| c.tls = CentralTls { mode, cert_file: None, ..files() }).starts_with("tls.key_file: "));
    }
}

#[test]
fn the_public_url_goes_with_the_encryption() {
    let off = CentralTls { mode: TlsMode::Off, ..CentralTls::default() };
    let url = |url: &str| Some(url.to_owned());
    accepts(|c| c.public_url = url("https://mk8s.example.com:8443"));
    accepts(|c| (c.public_url, c.tls) = (url("http://localhost:1"), off.clone()));
    accepts(|c| (c.public_url, c.tls) = (url("https://behind-a-proxy"), off));
    assert!(error(|c| c.public_url = url("http://a")).contains("does not go with tls.mode"));
    for bad in ["a", "https://a/x", "https://u@a", "https://a?x"] {
        assert!(error(|c| c.public_url = url(bad)).starts_with("public_url: "), "{bad}");
    }
}

#[test]
fn a_cluster_is_declared_once() {
    let cluster = |name: &str| BootstrapCluster { name: name.parse().unwrap(), token_file: "t".into() };
    accepts(|c| c.bootstrap.clusters = vec![cluster("a"), cluster("b")]);
    let error = error(|c| c.bootstrap.clusters = vec![cluster("a"), cluster("b"), cluster("a")]);
    assert!(error.starts_with("bootstrap.clusters[2].name: \"a\" is declared twice"), "{error}");
}

#[test]
fn numbers_and_levels_have_bounds() {
    accepts(|c| c.shutdown_grace_seconds = 0);
    accepts(|c| c.shutdown_grace_seconds = 3600);
    assert!(error(|c| c.shutdown_grace_seconds = 3601).contains("from 0 to 3600"));
    assert!(error(|c| c.log.level = "inof".into()).starts_with("log.level: "));
}
