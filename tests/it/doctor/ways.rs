//! The way of requests: through proxies that let all pass, or not; and callers who may not do all of it.

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

use super::Diagnosis;
use crate::cli::Client;
use crate::support::Stack;
use crate::support::stripping::{Stripping, Strips};

/// The pin of an authority.
pub fn pin(pem: &str) -> String {
    let cert = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    let hash = digest(&SHA256, &cert);
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[test]
fn a_proxy_that_takes_upgrades_out() {
    let stack = Stack::start();
    let proxy = Stripping::start(&stack.central, Strips::All);
    let through = |proxy: &Stripping| {
        let mut command = stack.central.mk8s();
        command.env("MK8S_SERVER", &proxy.url).env("MK8S_CA_FILE", &proxy.ca_file);
        Diagnosis::of(&mut command)
    };
    let found = through(&proxy);
    found.only_fails(&["exec", "websocket", "spdy"]);
    let hint = "docs/gateway.md, \\\"What stands before central\\\"";
    found.is("exec", "failed", &["did not come through", hint]);
    for check in ["websocket", "spdy"] {
        found.is(check, "failed", &["did not reach central", hint]);
    }
    found.is("gateway", "ok", &[]);
    found.is("http2", "warning", &["let what stands before central offer h2"]);

    let found = through(&Stripping::start(&stack.central, Strips::Nothing));
    found.only_fails(&[]);
    for check in ["exec", "websocket", "spdy"] {
        found.is(check, "ok", &[]);
    }
}

#[test]
fn a_proxy_of_the_environment_is_what_is_dialled() {
    let client = Client::new();
    let by = |proxy: &str| {
        let mut command = client.command();
        let found = Diagnosis::of(command.args(["--server", "https://mk8s.example.com"]).env("HTTPS_PROXY", proxy));
        assert!(!found.output.out().contains("s3cret"), "{}", found.output.out());
        found
    };
    let found = by("http://ann:s3cret@127.0.0.1:1");
    found.only_fails(&["tcp"]);
    found.is("proxy", "ok", &["127.0.0.1:1, from the environment"]);
    found.is("name", "ok", &["127.0.0.1 is 127.0.0.1"]);
    found.is("tcp", "failed", &["127.0.0.1:1 does not answer", "HTTPS_PROXY"]);
    let found = by("socks5://ann:s3cret@127.0.0.1:1");
    found.only_fails(&["proxy"]);
    found.is("proxy", "failed", &["must be an http:// URL"]);
    found.is("name", "skipped", &["proxy failed"]);
}

#[test]
fn a_right_that_is_missing_is_no_failure() {
    let stack = Stack::start();
    let central = &stack.central;
    let as_role = |name: &str, permission: serde_json::Value| {
        central.make_role(&json!({"name": name, "permissions": [permission]})).expect(201);
        let token = central.user(&format!("{name}@example.com"), &[name]);
        move |namespace: &str| {
            let mut command = central.client();
            command.env("MK8S_TOKEN", &token);
            let args = ["doctor", "--output", "json", "--namespace", namespace];
            let output = crate::support::run(command.env("HOME", "/nonexistent").args(args), b"");
            let report = serde_json::from_slice(&output.stdout).expect("JSON");
            let found = Diagnosis { code: output.code, report, output };
            found.is_whole();
            found
        }
    };
    let permission =
        |verbs: &[&str]| json!({"clusters": ["dev"], "namespaces": ["default"], "resources": ["pods"], "verbs": verbs});
    // Roles for which the cluster itself is open.
    let nothing = as_role("short", permission(&["get"]))("default");
    nothing.only_fails(&[]);
    nothing.is("websocket", "skipped", &["no right to watch pods or to exec in the namespace default", "--namespace"]);
    nothing.is("spdy", "skipped", &["no right to exec in the namespace default"]);
    nothing.is("exec", "ok", &[]);
    nothing.is("gateway", "ok", &[]);

    let exec = as_role("app-1-only", permission(&["exec"]));
    let here = exec("default");
    here.only_fails(&[]);
    here.is("websocket", "ok", &["a WebSocket is asked of the API server"]);
    here.is("spdy", "ok", &["SPDY/3.1 is asked of the API server"]);
    exec("elsewhere").is("spdy", "skipped", &["in the namespace elsewhere"]);
}
