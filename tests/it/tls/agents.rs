//! Agents and their certificates: which central lets in, on one port with users or on one of their own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use super::authority::{Authority, Leaf, Wanted};
use super::setup::{ONE_PORT, Site, TWO_PORTS, directory, write_pair};
use crate::support::stack::TOKEN;
use crate::support::{Agent, Central, PATIENCE, run};

const LAYOUTS: [&str; 2] = [ONE_PORT, TWO_PORTS];

/// The agent must end with this code, and say this.
#[track_caller]
fn ends(mut agent: Agent, code: i32, said: &str) {
    assert_eq!(agent.process.wait(PATIENCE), code, "{said}: {:#?}", agent.process.stderr());
    agent.process.wait_for_line(said, PATIENCE);
}

#[test]
fn an_agent_with_the_certificate_of_its_cluster_is_let_in_and_users_need_none() {
    for layout in LAYOUTS {
        let site = Site::start(layout);
        let _agent = site.agent(Some(&site.authority.sign(&Wanted::agent("dev"))));
        site.wait_until_online();
        assert!(site.central.run(&["kubectl", "get", "namespaces"]).expect(0).out().contains("default"));
        run(site.central.through(None).args(["get", "namespaces"]), b"").expect(0);
    }
}

#[test]
fn an_agent_without_the_certificate_of_its_cluster_is_refused_with_the_reason() {
    for layout in LAYOUTS {
        let mut site = Site::start(layout);
        let sign = |wanted: &Wanted| site.authority.sign(wanted);
        let other = sign(&Wanted::agent("ghost"));
        let refused = [
            (None, 4, "central asks agents for a client certificate, and none was shown"),
            (Some(&other), 3, "the client certificate is for the cluster \"ghost\", and the token for \"dev\""),
            (Some(&sign(&Wanted::client())), 3, "the client certificate names no cluster"),
        ]
        .map(|(shown, code, said)| (site.agent(shown), code, said));
        // It may get another certificate while it tries on, so it does not end.
        let unknown = Authority::new("the authority of the tests").sign(&Wanted::agent("dev"));
        let tried_on = [
            (&unknown, "its authority is unknown there"),
            (&Wanted::agent("dev").self_signed(), "its authority is unknown there"),
            (&sign(&Wanted::agent("dev").for_servers()), "it was made for another purpose"),
        ]
        .map(|(shown, said)| (site.agent(Some(shown)), said));
        for (agent, code, said) in refused {
            ends(agent, code, said);
        }
        for (mut agent, said) in tried_on {
            let line = agent.process.wait_for_line("central does not accept the client certificate", PATIENCE);
            assert!(line.contains(said) && line.contains("not registered"), "{line}");
        }
        assert!(!site.central.is_online());
        for said in ["its authority is unknown here", "another purpose"] {
            site.central.process.wait_for_line(said, PATIENCE);
        }
    }
}

/// The registration, heartbeats and the tunnel each ask for it: none of them is let in by another.
#[test]
fn every_call_of_an_agent_asks_for_the_certificate() {
    for layout in LAYOUTS {
        let (site, dir) = (Site::start(layout), directory());
        let good = write_pair(dir.path(), "good", &site.authority.sign(&Wanted::agent("dev")));
        let other = write_pair(dir.path(), "other", &site.authority.sign(&Wanted::agent("ghost")));
        let curl = |path: &str, shown: Option<&[PathBuf; 2]>| {
            let mut curl = site.curl(site.agents_port(), path);
            curl.args(["--header", &format!("Authorization: Bearer {TOKEN}")]);
            if let Some([cert, key]) = shown {
                curl.arg("--cert").arg(cert).arg("--key").arg(key);
            }
            curl
        };
        let tunnel = |shown| {
            let mut curl = curl("/agents/tunnel", shown);
            curl.args(["--http1.1", "--header", "Connection: Upgrade", "--header", "Upgrade: mk8s-tunnel"]);
            status(curl.args(["--max-time", "2"]))
        };
        assert_eq!((tunnel(None), tunnel(Some(&other)), tunnel(Some(&good))), (401, 403, 101), "{layout}");
        for method in ["Register", "Heartbeat"] {
            let call = |shown| {
                let path = format!("/mk8s.agent.v1.AgentService/{method}");
                let mut curl = curl(&path, shown);
                // An empty message: no compression, no bytes.
                curl.args(["--http2", "--header", "Content-Type: application/grpc", "--header", "TE: trailers"]);
                curl.args(["--data-binary", "@-", "--dump-header", "-", "--output", "/dev/null"]);
                let head = run(&mut curl, &[0; 5]).expect(0).out().to_ascii_lowercase();
                let code = head.lines().find_map(|line| line.strip_prefix("grpc-status:"));
                code.map_or(0, |code| code.trim().parse().expect("a code"))
            };
            // Unauthenticated, permission denied; an empty registration has no version that central speaks.
            let last = if method == "Register" { 3 } else { 0 };
            assert_eq!((call(None), call(Some(&other)), call(Some(&good))), (16, 7, last), "{method}, {layout}");
        }
    }
}

/// The status that central answers with; after a 101 nothing ends the request but time.
fn status(curl: &mut Command) -> u16 {
    let output = run(curl.args(["--output", "/dev/null", "--write-out", "%{http_code}"]), b"");
    output.out().parse().unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn a_certificate_does_not_stand_in_for_a_token() {
    let site = Site::start(ONE_PORT);
    let certificate: Leaf = site.authority.sign(&Wanted::agent("dev"));
    let mut agent = site.agent(Some(&certificate));
    site.wait_until_online();
    let made = site.central.post("/admin/clusters/dev/tokens", Central::token(), &json!({})).expect(201);
    let path = format!("/admin/clusters/dev/tokens/{}", made.text("id"));
    site.central.api("DELETE", &path, Central::token(), None).expect(204);
    let file = site.central.dir.path().join("revoked");
    fs::write(&file, made.text("token")).expect("write");
    let revoked = site.agent_with(Some(&certificate), |config| config["token_file"] = json!(file));
    ends(revoked, 4, "the agent token is not valid");
    assert!(agent.process.is_running() && site.central.is_online());
}

/// Without the demand a certificate is not needed, but one for another cluster is a mistake all the same.
#[test]
fn a_certificate_that_is_not_required_must_still_be_right() {
    let site = Site::start("");
    let other = site.authority.sign(&Wanted::agent("ghost"));
    ends(site.agent(Some(&other)), 3, "the client certificate is for the cluster");
    let _agent = site.agent(None);
    site.wait_until_online();
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_with_its_file() {
    let site = Site::start(ONE_PORT);
    let expired = site.authority.sign(&Wanted::agent("dev").valid(-7200, -3600));
    let early = site.authority.sign(&Wanted::agent("dev").valid(3600, 7200));
    let (one, two) = (site.authority.sign(&Wanted::agent("dev")), site.authority.sign(&Wanted::agent("dev")));
    let mixed = Leaf { cert: one.cert, key: two.key };
    for (leaf, file, said) in [
        (expired, "agent.crt", "it expired at 20"),
        (early, "agent.crt", "it is not valid before 20"),
        (mixed, "agent.key", "it is not the key of any certificate in"),
    ] {
        let mut agent = site.agent(Some(&leaf));
        assert_eq!(agent.process.wait(PATIENCE), 1);
        let lines = agent.process.stderr();
        assert!(lines.iter().any(|line| line.contains(file) && line.contains(said)), "{lines:#?}");
    }
}
