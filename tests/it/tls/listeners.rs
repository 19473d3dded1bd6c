//! A listener for users and one for agents: each serves its own and nothing else.

use serde_json::{Value, json};

use super::authority::Wanted;
use super::setup::{Site, TWO_PORTS};
use crate::support::stack::TOKEN;
use crate::support::{Central, PATIENCE, run};

/// The status of an answer, and what it says.
fn ask(site: &Site, port: u16, path: &str, args: &[&str]) -> (u16, String) {
    let mut curl = site.curl(port, path);
    let output = run(curl.args(args).args(["--write-out", "\n%{http_code}"]), b"").expect(0).out();
    let (body, status) = output.rsplit_once('\n').expect("a status");
    (status.parse().expect("a status"), body.to_owned())
}

#[test]
fn each_listener_serves_its_own_and_nothing_else() {
    let site = Site::start(TWO_PORTS);
    let _agent = site.agent(Some(&site.authority.sign(&Wanted::agent("dev"))));
    site.wait_until_online();
    run(site.central.through(None).args(["get", "namespaces"]), b"").expect(0);

    let admin = format!("Authorization: Bearer {}", Central::token());
    for path in ["/health", "/openapi.json", "/clusters", "/clusters/dev/k8s/version", "/clusters/dev/k8s/api", "/"] {
        let (status, said) = ask(&site, site.agents_port(), path, &["--header", &admin]);
        assert_eq!(status, 404, "{path}: {said}");
        if path != "/" {
            let (status, said) = ask(&site, site.central.port(), path, &["--header", &admin]);
            assert_eq!(status, 200, "{path}: {said}");
        }
    }
    let login = json!({ "email": "admin@localhost", "password": "x" }).to_string();
    let posted = ["--data-binary", &login, "--header", "Content-Type: application/json"];
    assert_eq!(ask(&site, site.agents_port(), "/auth/login", &posted).0, 404);

    let agent = format!("Authorization: Bearer {TOKEN}");
    let upgrade =
        ["--http1.1", "--header", "Connection: Upgrade", "--header", "Upgrade: mk8s-tunnel", "--header", &agent];
    assert_eq!(ask(&site, site.central.port(), "/agents/tunnel", &upgrade).0, 404);
    let call = ["--http2", "--header", "Content-Type: application/grpc", "--data-binary", "", "--header", &agent];
    for method in ["Register", "Heartbeat"] {
        let path = format!("/mk8s.agent.v1.AgentService/{method}");
        assert_eq!(ask(&site, site.central.port(), &path, &call).0, 404);
        assert_eq!(ask(&site, site.agents_port(), &path, &call).0, 200);
    }
}

#[test]
fn an_agent_at_the_door_of_users_is_told_so() {
    let site = Site::start(TWO_PORTS);
    let certificate = site.authority.sign(&Wanted::agent("dev"));
    let mut agent = site.agent_with(Some(&certificate), |config| config["central"] = json!(site.central.url));
    let line = agent.process.wait_for_line("not registered", PATIENCE);
    assert!(line.contains("it serves no agents at this address") && line.contains("agents.listen"), "{line}");
    assert!(!site.central.is_online());
}

#[test]
fn new_agents_are_told_where_to_go() {
    let site = Site::start(TWO_PORTS);
    let created = site.central.run(&["admin", "clusters", "create", "prod"]).expect(0).err();
    assert!(created.contains(&format!("--central {} ", site.agents_url)), "{created}");
    assert_ne!(site.agents_url, site.central.url);
}

#[test]
fn the_address_of_agents_is_named_when_it_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = taken.local_addr().expect("address").to_string();
    let dir = Central::prepared();
    super::setup::append(dir.path(), &format!("agents: {{listen: \"{address}\"}}\n"));
    let mut command = std::process::Command::new(crate::support::process::MK8S);
    command.args(["serve", "central", "--config"]).arg(dir.path().join("central.yaml"));
    let said = run(crate::support::stack::quiet(&mut command), b"").expect(1).err();
    assert!(said.contains(&format!("cannot listen on {address}")) && said.contains("`agents.listen`"), "{said}");
}

/// Both listeners stop, and a central that stops leaves no agent behind.
#[test]
fn a_stop_ends_both_listeners() {
    let mut site = Site::start(TWO_PORTS);
    let mut agent = site.agent(Some(&site.authority.sign(&Wanted::agent("dev"))));
    site.wait_until_online();
    site.central.process.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(site.central.process.wait(PATIENCE), 0);
    for port in site.ports() {
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    }
    let line = agent.process.wait_for_line("central will leave", PATIENCE);
    assert_eq!(serde_json::from_str::<Value>(&line).expect("JSON")["level"], "INFO");
}
