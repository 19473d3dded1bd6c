//! What an agent refuses beyond wrong types.

use super::*;

fn valid() -> AgentConfig {
    AgentConfig {
        central: Some("https://mk8s.example.com".into()),
        token_file: Some("t".into()),
        ..AgentConfig::default()
    }
}

fn error(config: &AgentConfig) -> String {
    config.validate().unwrap_err().to_string()
}

#[test]
fn central_and_token_are_required() {
    valid().validate().unwrap();
    assert_eq!(
        error(&AgentConfig { central: None, ..valid() }),
        "central: the key is required: set it in the file, in MK8S_AGENT_CENTRAL or with --central"
    );
    assert_eq!(
        error(&AgentConfig { token_file: None, ..valid() }),
        "token_file: the key is required: set it in the file, in MK8S_AGENT_TOKEN_FILE or with --token-file"
    );
}

#[test]
fn the_token_is_not_sent_in_the_clear() {
    let central = |url: &str| AgentConfig { central: Some(url.into()), ..valid() };
    for good in ["https://10.0.0.1:8443", "http://127.0.0.1:8443", "http://localhost"] {
        central(good).validate().unwrap();
    }
    assert!(error(&central("http://mk8s.example.com")).contains("unencrypted"));
    assert!(error(&central("mk8s.example.com")).starts_with("central: "));
}

#[test]
fn central_is_recognised_in_one_way() {
    let tls = |ca_file: Option<&str>, ca_pin: Option<&str>| AgentConfig {
        tls: AgentTls { ca_file: ca_file.map(Into::into), ca_pin: ca_pin.map(Into::into), ..AgentTls::default() },
        ..valid()
    };
    let pin = format!("sha256:{}", "0a".repeat(32));
    tls(None, Some(&pin)).validate().unwrap();
    tls(Some("ca.pem"), None).validate().unwrap();
    assert!(error(&tls(Some("ca.pem"), Some(&pin))).contains("keep one of the two"));
    for bad in ["0a", "sha256:", &pin[..70], &pin.replace('a', "g"), &pin.replace("256", "1")] {
        assert!(error(&tls(None, Some(bad))).contains("64 hexadecimal digits"), "{bad}");
    }
}

#[test]
fn a_client_certificate_has_a_key() {
    let alone = AgentTls { client_cert_file: Some("c".into()), ..AgentTls::default() };
    let said = error(&AgentConfig { tls: alone.clone(), ..valid() });
    assert_eq!(said, "tls.client_cert_file: tls.client_key_file is missing: set both or neither");
    let both = AgentTls { client_key_file: Some("k".into()), ..alone };
    AgentConfig { tls: both, ..valid() }.validate().unwrap();
}

#[test]
fn numbers_and_levels_have_bounds() {
    for connections in [1, 16] {
        AgentConfig { tunnel: TunnelConfig { connections }, ..valid() }.validate().unwrap();
    }
    for connections in [0, 17] {
        let config = AgentConfig { tunnel: TunnelConfig { connections }, ..valid() };
        assert!(error(&config).starts_with("tunnel.connections: "));
    }
    assert!(error(&AgentConfig { shutdown_grace_seconds: 3601, ..valid() }).contains("3600"));
    let mut config = valid();
    config.log.level = "verbose".into();
    assert!(error(&config).starts_with("log.level: "));
}
