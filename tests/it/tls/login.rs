//! What `mk8s login` takes and remembers of TLS: a certificate to show, and the name of central.

use std::fs;

use super::authority::{Authority, Leaf, Wanted};
use super::setup::{ONE_PORT, Site, directory, write_pair};
use crate::cli::{Client, assert_fails};
use crate::support::gateway::kubectl_with;
use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Output, run};

fn log_in(client: &Client, site: &Site, args: &[&str]) -> Output {
    let mut login = client.command();
    login.args(["login", &site.central.url, "--email", "admin@localhost", "--password-stdin", "--ca-file"]);
    run(login.arg(site.central.ca_file()).args(args), ADMIN_PASSWORD.as_bytes())
}

#[test]
fn central_may_be_known_by_another_name_than_that_of_its_url() {
    let site = Site::start_with(&Wanted::server(&["central.internal"]), ONE_PORT);
    let _agent = site.agent_with(Some(&site.authority.sign(&Wanted::agent("dev"))), |config| {
        config["tls"]["server_name"] = "central.internal".into();
    });
    let client = Client::new();
    assert_fails(&log_in(&client, &site, &[]), 8, &["not valid for name \"localhost\"", "central.internal"]);
    let other = log_in(&client, &site, &["--server-name", "other.internal"]);
    assert_fails(&other, 8, &["not valid for name \"other.internal\""]);
    assert_fails(&log_in(&client, &site, &["--server-name", "no name"]), 2, &["is not the name of a server"]);
    log_in(&client, &site, &["--server-name", "central.internal"]).expect(0);
    assert!(client.state().contains("server_name: central.internal"), "{}", client.state());

    let online = || client.run(&["clusters", "list"]).expect(0).out().contains("online").then_some(());
    crate::support::wait_for("cluster online", crate::support::PATIENCE, online);
    client.run(&["clusters", "use", "dev"]).expect(0);
    assert!(client.run(&["kubectl", "get", "namespaces"]).expect(0).out().contains("default"));
    let kubeconfig = client.run(&["kubeconfig", "print", "--use"]).expect(0).out();
    assert!(kubeconfig.contains("tls-server-name: central.internal\n"), "{kubeconfig}");
    let file = client.0.path().join("kubeconfig");
    fs::write(&file, kubeconfig).expect("write");
    assert!(run(kubectl_with(&file, None).args(["get", "namespaces"]), b"").expect(0).out().contains("default"));
}

#[test]
fn a_client_certificate_is_shown_and_remembered() {
    let (site, dir, client) = (Site::start(ONE_PORT), directory(), Client::new());
    let login = |name: &str, leaf: Leaf| {
        let [cert, key] = write_pair(dir.path(), name, &leaf).map(|file| file.display().to_string());
        log_in(&client, &site, &["--client-cert-file", &cert, "--client-key-file", &key])
    };
    let unknown = login("unknown", Authority::new("another").sign(&Wanted::client()));
    assert_fails(&unknown, 1, &["central does not accept the client certificate: its authority is unknown there"]);
    assert!(!client.state_file().exists());
    let expired = login("expired", site.authority.sign(&Wanted::client().valid(-7200, -3600)));
    assert_fails(&expired, 2, &["expired.crt: it expired at 20"]);
    assert_fails(&log_in(&client, &site, &["--client-cert-file", "x"]), 2, &["a client certificate needs its key"]);

    login("good", site.authority.sign(&Wanted::client())).expect(0);
    assert!(client.state().contains("good.crt") && client.state().contains("good.key"), "{}", client.state());
    client.run(&["status"]).expect(0);
    // It is read again for each connection, and so what has become of it shows.
    write_pair(dir.path(), "good", &Authority::new("another").sign(&Wanted::client()));
    assert_fails(&client.run(&["status"]), 1, &["central does not accept the client certificate"]);
}
