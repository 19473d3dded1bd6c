//! Runs `tests/console/run.mjs`: a real browser, a real central, and real agents.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::support::process::MK8S;
use crate::support::rbac::AGENT_NAMESPACE;
use crate::support::stack::{ADMIN_PASSWORD, quiet};
use crate::support::{Central, Process, Stack, kubernetes, run, wait_for};

/// How long all checks may take together on a busy machine.
const ALL: Duration = Duration::from_secs(900);

/// The cluster that the checks add.
const ADDED: &str = "console-added";

/// A text that would do something in a page that took it for markup; short enough for the name of a token.
const HOSTILE: &str = "<img src=x onerror=window.hacked=1><script>hacked=1</script>";

/// Runs all checks.
pub fn check(stack: &Stack) {
    let central = &stack.central;
    let dir = tempfile::Builder::new().prefix("mk8s-console-").tempdir().expect("temporary directory");
    let token_file = dir.path().join("token");
    people(central);
    let setup = json!({
        "url": central.url, "modules": modules(), "chromium": programs(),
        "admin": {"email": "admin@localhost", "password": ADMIN_PASSWORD},
        "viewer": {"email": "viewer@example.com", "password": ADMIN_PASSWORD},
        "changer": {"email": "changer@example.com", "password": ADMIN_PASSWORD},
        "added": ADDED, "tokenFile": token_file, "hostile": HOSTILE,
        "pictures": std::env::var("MK8S_TEST_PICTURES").ok(),
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console/run.mjs");
    let mut command = Command::new("node");
    let mut browser = Process::start(quiet(&mut command).arg(script).env("MK8S_CONSOLE", setup.to_string()));
    let token = wait_for("the token of the added cluster, or the end of the checks", ALL, || {
        if token_file.exists() { Some(true) } else { (!browser.is_running()).then_some(false) }
    });
    // The agent reads the file that the browser has written.
    let _agent = token.then(|| added_agent(central, &dir));
    let code = browser.wait(ALL);
    let report = format!("{}{}", String::from_utf8_lossy(&browser.stdout()), browser.stderr().join("\n"));
    assert!(code == 0, "{report}");
    assert!(report.contains("fail 0"), "{report}");
}

/// The people of the checks, a token of one, and a login whose client calls itself what would be markup.
fn people(central: &Central) {
    for email in ["viewer@example.com", "changer@example.com"] {
        central.make_user(email, &["viewer"]);
    }
    let login = json!({ "email": "viewer@example.com", "password": ADMIN_PASSWORD }).to_string();
    let mut curl = central.anonymous_curl();
    curl.args(["--user-agent", HOSTILE, "--data-binary", &login, &format!("{}/auth/login", central.url)]);
    let tokens: serde_json::Value = serde_json::from_slice(&run(&mut curl, b"").expect(0).stdout).expect("JSON");
    let session = tokens["access_token"].as_str().expect("a token");
    central.post("/tokens", session, &json!({ "name": "of the viewer" })).expect(201);
    // Something that was denied, and more records than a page has.
    central.get("/admin/users", session).expect(403);
    central.post("/admin/roles", session, &json!({})).expect(403);
    for _ in 0..100 {
        central.post("/admin/roles", Central::token(), &json!({})).expect(400);
    }
}

/// An agent with the token that the console has shown.
fn added_agent(central: &Central, dir: &TempDir) -> Process {
    let config = json!({
        "central": central.url, "token_file": "token", "tls": {"ca_file": central.ca_file()},
        "kubeconfig": kubernetes().agent_kubeconfig(), "kubernetes": {"namespace": AGENT_NAMESPACE},
        "kubectl": {"path": kubernetes().kubectl}, "work_dir": "work", "log": {"format": "json"},
    });
    fs::write(dir.path().join("agent.yaml"), config.to_string()).expect("write");
    let mut command = Command::new(MK8S);
    Process::start(quiet(&mut command).args(["serve", "agent", "--config"]).arg(dir.path().join("agent.yaml")))
}

/// The directory with what drives the browser.
fn modules() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console/build");
    let output = Command::new(script).stderr(Stdio::inherit()).output().expect("run tests/console/build");
    assert!(output.status.success(), "tests/console/build failed");
    String::from_utf8(output.stdout).expect("a path").trim().into()
}

/// The browser; it, node and npm are installed on a bare Debian, where the tests run as root.
fn programs() -> PathBuf {
    const INSTALL: &str = "apt-get update -qq && \
        DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium nodejs npm";
    let found = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let find = |name: &str| std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.exists());
        find("node").and(find("npm")).and(find("chromium"))
    };
    found()
        .or_else(|| {
            if fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0) && Path::new("/usr/bin/apt-get").exists() {
                let _ = Command::new("sh").args(["-c", INSTALL]).status();
            }
            found()
        })
        .expect("no node, npm or chromium in PATH: install the Debian packages chromium, nodejs and npm")
}
