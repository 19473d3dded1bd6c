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
    CentralTls {
        mode: TlsMode::Files,
        cert_file: Some("c".into()),
        key_file: Some("k".into()),
        ..CentralTls::default()
    }
}

#[test]
fn the_defaults_are_valid() {
    accepts(|_| {});
}

#[test]
fn encryption_is_off_only_on_loopback() {
    let off = CentralTls { mode: TlsMode::Off, ..CentralTls::default() };
    for loopback in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:8443", "[::ffff:127.0.0.1]:1"] {
        for tls in [CentralTls::default(), files(), off.clone()] {
            accepts(|c| (c.tls, c.listen) = (tls, loopback.parse().unwrap()));
        }
    }
    for open in ["0.0.0.0:8443", "[::]:8443", "10.0.0.1:8443"] {
        for tls in [CentralTls::default(), files()] {
            accepts(|c| (c.tls, c.listen) = (tls, open.parse().unwrap()));
        }
        let error = error(|c| (c.tls, c.listen) = (off.clone(), open.parse().unwrap()));
        assert!(error.starts_with("tls.mode: off is for loopback addresses only"), "{error}");
    }
}

fn behind(proxies: &[&str]) -> (CentralTls, Vec<Cidr>) {
    let tls = CentralTls { mode: TlsMode::Off, terminated_by_proxy: true, ..CentralTls::default() };
    (tls, proxies.iter().map(|network| network.parse().unwrap()).collect())
}

#[test]
fn plain_text_on_the_network_needs_a_declared_proxy() {
    let open = |c: &mut CentralConfig| c.listen = "0.0.0.0:8443".parse().unwrap();
    accepts(|c| {
        open(c);
        (c.tls, c.trusted_proxies) = behind(&["10.0.0.0/8", "::1"]);
    });
    let nobody = error(|c| {
        open(c);
        (c.tls, c.trusted_proxies) = behind(&[]);
    });
    assert!(nobody.starts_with("trusted_proxies: tls.terminated_by_proxy needs"), "{nobody}");
    for everyone in ["0.0.0.0/0", "::/0"] {
        let everyone = error(|c| (c.tls, c.trusted_proxies) = behind(&["10.0.0.0/8", everyone]));
        assert!(everyone.starts_with("trusted_proxies: ") && everyone.contains("is everyone"), "{everyone}");
    }
    let undeclared = error(|c| {
        open(c);
        (c.tls, c.trusted_proxies) = behind(&["10.0.0.0/8"]);
        c.tls.terminated_by_proxy = false;
    });
    assert!(undeclared.starts_with("tls.mode: off is for loopback addresses only, and listen is 0.0.0.0:8443"));
    let agents = error(|c| {
        c.tls.mode = TlsMode::Off;
        c.agents.listen = Some("0.0.0.0:8444".parse().unwrap());
    });
    assert!(agents.contains("and agents.listen is 0.0.0.0:8444"), "{agents}");
    let idle = error(|c| c.tls.terminated_by_proxy = true);
    assert!(idle.starts_with("tls.terminated_by_proxy: the key is for tls.mode off only"), "{idle}");
    accepts(|c| c.trusted_proxies = behind(&["10.0.0.0/8"]).1);
}

#[test]
fn client_certificates_need_an_authority_and_tls() {
    let ca = || Some("ca.pem".into());
    for tls in [CentralTls::default(), files()] {
        accepts(|c| {
            c.tls = CentralTls { client_ca: ca(), ..tls };
            c.agents.require_client_certificate = true;
        });
    }
    let off = error(|c| c.tls = CentralTls { mode: TlsMode::Off, client_ca: ca(), ..CentralTls::default() });
    assert!(off.starts_with("tls.client_ca: client certificates need TLS that ends at central"), "{off}");
    let alone = error(|c| c.agents.require_client_certificate = true);
    assert!(alone.starts_with("agents.require_client_certificate: true needs tls.client_ca"), "{alone}");
}

#[test]
fn agents_have_a_listener_of_their_own_or_share_that_of_users() {
    let own = |c: &mut CentralConfig| c.agents.listen = Some("127.0.0.1:8444".parse().unwrap());
    accepts(own);
    accepts(|c| {
        own(c);
        c.agents.public_url = Some("https://agents.example.com".into());
    });
    let same = error(|c| c.agents.listen = Some(c.listen));
    assert!(same.starts_with("agents.listen: the address is that of listen"), "{same}");
    accepts(|c| {
        c.listen = "127.0.0.1:0".parse().unwrap();
        c.agents.listen = Some(c.listen);
    });
    let shared = error(|c| c.agents.public_url = Some("https://agents.example.com".into()));
    assert!(shared.starts_with("agents.public_url: agents speak to listen"), "{shared}");
    let plain = error(|c| {
        own(c);
        c.agents.public_url = Some("http://agents.example.com".into());
    });
    assert!(plain.starts_with("agents.public_url: ") && plain.contains("does not go with tls.mode"), "{plain}");
}

#[test]
fn metrics_have_a_listener_of_their_own() {
    let own = |c: &mut CentralConfig| c.metrics.listen = Some("0.0.0.0:9090".parse().unwrap());
    accepts(own);
    accepts(|c| {
        c.listen = "127.0.0.1:0".parse().unwrap();
        c.metrics.listen = Some(c.listen);
    });
    let same = error(|c| c.metrics.listen = Some(c.listen));
    assert!(same.starts_with("metrics.listen: the address is that of listen: give another one"), "{same}");
    let agents = error(|c| {
        own(c);
        c.agents.listen = c.metrics.listen;
    });
    assert!(agents.starts_with("metrics.listen: the address is that of agents.listen"), "{agents}");
    let plain = error(|c| {
        own(c);
        c.tls.mode = TlsMode::Off;
    });
    assert!(plain.contains("and metrics.listen is 0.0.0.0:9090"), "{plain}");
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

fn database(url: &str) -> DatabaseConfig {
    DatabaseConfig { url: Some(url.to_owned().into()), ..DatabaseConfig::default() }
}

fn in_file(text: &str) -> (tempfile::TempDir, DatabaseConfig) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("url"), text).unwrap();
    let url_file = Some(dir.path().join("url"));
    (dir, DatabaseConfig { url_file, ..DatabaseConfig::default() })
}

#[test]
fn the_database_is_sqlite_unless_told_otherwise() {
    use secrecy::ExposeSecret as _;
    let url = |config: &CentralConfig| config.database_url().map(|url| url.expose_secret().to_owned());
    let config = CentralConfig { data_dir: "/data".into(), ..CentralConfig::default() };
    assert_eq!(url(&config).unwrap(), "sqlite:///data/mk8s.db");
    assert_eq!(config.signing_key_file(), Path::new("/data/keys/signing.pem"));
    let relative = CentralConfig { data_dir: "data".into(), ..CentralConfig::default() };
    assert!(url(&relative).unwrap().starts_with("sqlite:///") && url(&relative).unwrap().ends_with("/data/mk8s.db"));

    let mut postgres = CentralConfig { database: database("postgres://u:hunter2@db/mk8s"), ..config };
    postgres.auth.signing_key_file = Some("/k.pem".into());
    postgres.validate().unwrap();
    assert_eq!(url(&postgres).unwrap(), "postgres://u:hunter2@db/mk8s");
    assert_eq!(postgres.signing_key_file(), Path::new("/k.pem"));
    let (_dir, in_file) = in_file("postgres://u:hunter2@db/other\n");
    assert_eq!(url(&CentralConfig { database: in_file, ..postgres }).unwrap(), "postgres://u:hunter2@db/other");
}

#[test]
fn a_database_is_named_once_and_well() {
    accepts(|c| c.database = database("sqlite:///data/mk8s.db"));
    assert!(
        error(|c| c.database = database("mysql://u:hunter2@db")).starts_with("database.url: the URL starts neither")
    );
    let twice = error(|c| c.database = DatabaseConfig { url_file: Some("f".into()), ..database("sqlite:///a.db") });
    assert_eq!(twice, "database.url_file: database.url is set too: keep one of the two");
    for connections in [0, 65] {
        let error = error(|c| c.database.connections = connections);
        assert_eq!(error, format!("database.connections: {connections} is not a whole number from 1 to 64"));
    }
    let (dir, config) = in_file("mysql://u:hunter2@db");
    let error = CentralConfig { database: config, ..CentralConfig::default() }.database_url().unwrap_err().to_string();
    assert!(error.starts_with(dir.path().to_str().unwrap()) && !error.contains("hunter2"), "{error}");
}

#[test]
fn replicas_have_the_same_key() {
    let postgres = "postgres://u:hunter2@db/mk8s";
    let named = error(|c| c.database = database(postgres));
    assert!(named.starts_with("auth.signing_key_file: the key is required with PostgreSQL"), "{named}");
    let (_dir, config) = in_file(postgres);
    let config = CentralConfig { database: config, ..CentralConfig::default() };
    config.validate().unwrap();
    assert_eq!(config.database_url().unwrap_err().to_string(), named);
}

#[test]
fn the_password_of_a_database_is_not_shown() {
    let mut config = CentralConfig { database: database("postgres://u:hunter2@db/mk8s"), ..CentralConfig::default() };
    config.auth.signing_key_file = Some("/k.pem".into());
    let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
    assert!(!shown.contains("hunter2") && shown.contains("postgres://u:***@db/mk8s"), "{shown}");
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
    for (seconds, days) in [(60, 1), (3600, 365)] {
        accepts(|c| (c.auth.access_token_seconds, c.auth.session_days) = (seconds, days));
    }
    for seconds in [59, 3601] {
        let error = error(|c| c.auth.access_token_seconds = seconds);
        assert!(error.starts_with("auth.access_token_seconds: ") && error.contains("from 60 to 3600"), "{error}");
    }
    for days in [0, 366] {
        let error = error(|c| c.auth.session_days = days);
        assert!(error.starts_with("auth.session_days: ") && error.contains("from 1 to 365"), "{error}");
    }
    assert!(error(|c| c.log.level = "inof".into()).starts_with("log.level: "));
}
