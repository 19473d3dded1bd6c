//! What is wrong with a file is told with the file, the key and what is allowed.

use std::path::Path;

use super::file;
use crate::config::load::{Layers, load};
use crate::config::{AgentConfig, CentralConfig, ClientState};

fn central_error(text: &str) -> String {
    file(text).error::<CentralConfig>()
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_and_the_allowed_ones() {
    assert_eq!(
        central_error("lisen: x"),
        "lisen in config.yaml: unknown key: did you mean listen? allowed: agents, audit, auth, bootstrap, console, data_dir, database, \
         listen, log, metrics, public_url, shutdown_grace_seconds, tls, trusted_proxies"
    );
    assert_eq!(
        central_error("tls: {mod: auto}"),
        "tls.mod in config.yaml: unknown key: did you mean mode? allowed: cert_file, client_ca, key_file, mode, terminated_by_proxy"
    );
    assert_eq!(
        central_error("bootstrap: {clusters: [{name: a, token_file: b}, {name: c, tokenfile: d}]}"),
        "bootstrap.clusters[1].tokenfile in config.yaml: unknown key: did you mean token_file? allowed: name, token_file"
    );
    assert!(central_error("zzzzzz:").contains("unknown key: allowed: agents, audit, auth"));
    assert!(central_error("log.level: info").contains("write log: on a line of its own and level: indented"));
}

#[test]
fn a_wrong_type_is_told_with_what_is_expected() {
    for (text, error) in [
        (
            "listen: 8443",
            "listen in config.yaml: the number 8443 is not an IP address with a port, such as 127.0.0.1:8443",
        ),
        (
            "listen: localhost:1",
            "listen in config.yaml: \"localhost:1\" is not an IP address with a port, such as 127.0.0.1:8443",
        ),
        ("listen:", "listen in config.yaml: nothing is not an IP address with a port, such as 127.0.0.1:8443"),
        ("data_dir: 1", "data_dir in config.yaml: the number 1 is not a text: put it in quotes"),
        ("data_dir: [a]", "data_dir in config.yaml: a list is not a text"),
        (
            "tls: auto",
            "tls in config.yaml: \"auto\" is not a section with the keys cert_file, client_ca, key_file, mode, \
             terminated_by_proxy",
        ),
        (
            "trusted_proxies: 10.0.0.0/8",
            "trusted_proxies in config.yaml: \"10.0.0.0/8\" is not a list of networks, such as [10.0.0.0/8]",
        ),
        (
            "trusted_proxies: [10.0.0.0/8, example.com]",
            "trusted_proxies[1] in config.yaml: \"example.com\" is not a network such as 10.0.0.0/8 or 2001:db8::/32",
        ),
        ("tls: {mode: 1}", "tls.mode in config.yaml: the number 1 is not one of auto, files, off"),
        (
            "tls: {mode: fils}",
            "tls.mode in config.yaml: \"fils\" is unknown: did you mean files? allowed: auto, files, off",
        ),
        (
            "shutdown_grace_seconds: '25'",
            "shutdown_grace_seconds in config.yaml: \"25\" is not a whole number of seconds from 0 to 3600",
        ),
        (
            "shutdown_grace_seconds: -1",
            "shutdown_grace_seconds in config.yaml: the number -1 is not a whole number of seconds from 0 to 3600",
        ),
        (
            "shutdown_grace_seconds: 1.5",
            "shutdown_grace_seconds in config.yaml: the number 1.5 is not a whole number of seconds from 0 to 3600",
        ),
        (
            "bootstrap: {clusters: {a: b}}",
            "bootstrap.clusters in config.yaml: a section is not a list of clusters with the keys name and token_file",
        ),
        (
            "bootstrap: {clusters: [{name: a}]}",
            "bootstrap.clusters[0].token_file in config.yaml: the key is missing: add it",
        ),
        (
            "bootstrap: {clusters: [{name: 1, token_file: b}]}",
            "bootstrap.clusters[0].name in config.yaml: the number 1 is not a text: put it in quotes",
        ),
        (
            "bootstrap: {admin_email: ann}",
            "bootstrap.admin_email in config.yaml: \"ann\" is not an email address, such as admin@example.com",
        ),
        (
            "database: {connections: 300}",
            "database.connections in config.yaml: the number 300 is not a whole number from 1 to 64",
        ),
        ("database: {url: [hunter2]}", "database.url in config.yaml: a list is not a text"),
        (
            "auth: {access_token_seconds: 5}",
            "auth.access_token_seconds in config.yaml: 5 is not a whole number of seconds from 60 to 3600",
        ),
        (
            "auth: {session_days: 99999}",
            "auth.session_days in config.yaml: the number 99999 is not a whole number of days from 1 to 365",
        ),
        (
            "auth: {accepted_key_files: a.pem}",
            "auth.accepted_key_files in config.yaml: \"a.pem\" is not a list of paths",
        ),
        (
            "auth: {accepted_key_files: [1]}",
            "auth.accepted_key_files[0] in config.yaml: the number 1 is not a path: put it in quotes",
        ),
        (
            "auth: {accepted_key_files: ['']}",
            "auth.accepted_key_files[0] in config.yaml: the value is empty: give one, or leave the key out",
        ),
        ("bootstrap: {clusters: [a]}", "bootstrap.clusters[0] in config.yaml: \"a\" is not a section with keys"),
        (
            "shutdown_grace_seconds: 18446744073709551616",
            "shutdown_grace_seconds in config.yaml: the number 18446744073709552000 is not a whole number of seconds from 0 to 3600",
        ),
        ("data_dir: ''", "data_dir in config.yaml: the value is empty: give one, or leave the key out"),
        (
            "bootstrap: {clusters: [{name: a, token_file: ' '}]}",
            "bootstrap.clusters[0].token_file in config.yaml: the value is empty: give one, or leave the key out",
        ),
    ] {
        assert_eq!(central_error(text), error, "{text}");
    }
    assert!(central_error("bootstrap: {clusters: [{name: A, token_file: b}]}").contains("\"A\" is not a cluster name"));
}

#[test]
fn a_bad_value_is_told_with_the_allowed_ones() {
    let connections = file("central: https://a\ntoken_file: t\ntunnel: {connections: 300}\n").error::<AgentConfig>();
    assert_eq!(connections, "tunnel.connections in config.yaml: the number 300 is not a whole number from 1 to 16");
    assert_eq!(
        central_error("log: {format: jsno}"),
        "log.format in config.yaml: \"jsno\" is unknown: did you mean json? allowed: text, json"
    );
}

#[test]
fn a_file_that_is_no_configuration_is_named_with_the_place() {
    assert_eq!(central_error("a: 1\na: 2\n"), "config.yaml: line 2, column 1: duplicate mapping key: a");
    assert_eq!(central_error("tls: {\n"), "config.yaml: line 1, column 6: unclosed bracket '{'");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    assert_eq!(
        file(b"listen: x\n\xff").error::<CentralConfig>(),
        "config.yaml: line 2 is not valid UTF-8: save the file as UTF-8"
    );
    assert!(file(" ".repeat((1 << 20) + 1)).error::<CentralConfig>().contains("larger than 1 MiB"));
    let missing =
        load::<CentralConfig>(Layers { file: Some(Path::new("/nonexistent/x.yaml")), vars: [], flags: vec![] });
    assert!(missing.unwrap_err().to_string().starts_with("/nonexistent/x.yaml: there is no such file"));
    let directory = load::<CentralConfig>(Layers { file: Some(Path::new("/")), vars: [], flags: vec![] });
    assert_eq!(directory.unwrap_err().to_string(), "cannot read /");
    for empty in ["", "# nothing\n", "tls:\nlog:\nbootstrap:\n  clusters:\n"] {
        assert!(file(empty).load::<CentralConfig>().is_ok(), "{empty:?}");
    }
}

#[test]
fn strange_files_are_errors_and_never_a_panic() {
    for text in [
        "[",
        "\u{0}",
        "&a [*a]",
        "___figment_value_id: 5",
        "? {a: b}\n: c",
        "listen: !x y",
        "- - -",
        "listen: {a: b}",
        "'': x",
        "1: 2",
    ] {
        let _ = file(text).load::<CentralConfig>();
        let _ = file(text).load::<AgentConfig>();
        let _ = file(text).load::<ClientState>();
    }
}
