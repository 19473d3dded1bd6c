//! `mk8s doctor`: everything is well where everything is well, and what is broken is named with what to do about it.

mod broken;
mod ways;

use std::process::Command;

use serde_json::Value;

use crate::support::{Central, Output, Stack, run};

/// All checks, in their order.
const CHECKS: [(&str, &str); 29] = [
    ("client", "version"),
    ("client", "environment"),
    ("client", "config"),
    ("client", "config-mode"),
    ("client", "server"),
    ("client", "kubeconfig"),
    ("client", "kubeconfig-plugin"),
    ("server", "proxy"),
    ("server", "name"),
    ("server", "tcp"),
    ("server", "tls"),
    ("server", "trust"),
    ("server", "certificate"),
    ("server", "health"),
    ("server", "version-skew"),
    ("server", "clock"),
    ("server", "http2"),
    ("session", "login"),
    ("session", "expiry"),
    ("cluster", "chosen"),
    ("cluster", "visible"),
    ("cluster", "online"),
    ("cluster", "agent-version"),
    ("cluster", "kubectl-version"),
    ("cluster", "sandbox"),
    ("cluster", "gateway"),
    ("cluster", "exec"),
    ("cluster", "websocket"),
    ("cluster", "spdy"),
];

/// What it said.
pub struct Diagnosis {
    code: i32,
    report: Value,
    output: Output,
}

impl Diagnosis {
    /// Of a command that has everything but `doctor`.
    pub fn of(command: &mut Command) -> Self {
        // The kubeconfig of whoever runs the tests is no part of them.
        command.env("HOME", "/nonexistent");
        let output = run(command.args(["doctor", "--output", "json"]), b"");
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
        let diagnosis = Self { code: output.code, report, output };
        diagnosis.is_whole();
        diagnosis
    }

    /// All checks are there, whatever happened; each has all that it must have; and nobody's token.
    fn is_whole(&self) {
        let found: Vec<(&str, &str)> =
            self.checks().iter().map(|check| (text(check, "group"), text(check, "check"))).collect();
        assert_eq!(found, CHECKS, "{}", self.output.out());
        for check in self.checks() {
            assert!(!text(check, "text").is_empty() && check["milliseconds"].is_u64(), "{check}");
            let bad = ["warning", "failed"].contains(&text(check, "result"));
            assert!(!bad || !text(check, "hint").is_empty(), "nothing to do about {check}");
        }
        assert!(!self.output.out().contains(Central::token()), "a token");
        assert_eq!(self.output.err(), "");
        let worst = |result: &str| self.checks().iter().any(|check| text(check, "result") == result);
        let expected = if worst("failed") {
            "failed"
        } else if worst("warning") {
            "warning"
        } else {
            "ok"
        };
        assert_eq!(self.report["result"], expected);
        assert_eq!(self.code, i32::from(expected == "failed"));
    }

    fn checks(&self) -> &[Value] {
        self.report["checks"].as_array().expect("checks")
    }

    /// A check has this result, and all of these words.
    #[track_caller]
    pub fn is(&self, name: &str, result: &str, words: &[&str]) {
        let check = self.checks().iter().find(|check| text(check, "check") == name).expect(name);
        assert_eq!(text(check, "result"), result, "{check}\n{:#}", self.report);
        for word in words {
            assert!(check.to_string().contains(word), "no {word:?} in {check}");
        }
    }

    /// These and no others failed.
    #[track_caller]
    pub fn only_fails(&self, names: &[&str]) {
        let failed = self.checks().iter().filter(|check| text(check, "result") == "failed");
        assert_eq!(failed.map(|check| text(check, "check")).collect::<Vec<_>>(), names, "{:#}", self.report);
    }
}

fn text<'a>(check: &'a Value, key: &str) -> &'a str {
    check[key].as_str().unwrap_or_default()
}

#[test]
fn all_is_well_where_all_is_well() {
    let stack = Stack::start();
    let found = Diagnosis::of(&mut stack.central.mk8s());
    found.only_fails(&[]);
    for (_, check) in
        CHECKS.iter().filter(|(_, check)| !["kubeconfig-plugin", "config-mode", "sandbox"].contains(check))
    {
        found.is(check, "ok", &[]);
    }
    found.is("environment", "ok", &["MK8S_CA_FILE", "MK8S_CLUSTER", "MK8S_CONFIG", "MK8S_SERVER", "MK8S_TOKEN"]);
    found.is("config", "ok", &["does not exist"]);
    found.is("tls", "ok", &["TLS 1.3"]);
    found.is("trust", "ok", &["ca.crt"]);
    found.is("certificate", "ok", &["127.0.0.1", "(in 36"]);
    found.is("login", "ok", &["admin@localhost with the roles admin, by an API token in MK8S_TOKEN"]);
    found.is("online", "ok", &["1 tunnel"]);
    found.is("kubectl-version", "ok", &["kubectl v1.", "Kubernetes v1."]);
    found.is("gateway", "ok", &["GET /version (v1."]);
    found.is("websocket", "ok", &["the API server agrees to a WebSocket"]);
    found.is("spdy", "ok", &["SPDY/3.1 is asked of the API server"]);

    // As a table, with a session, and with entries in a kubeconfig.
    stack.central.log_in();
    let kubeconfig = stack.central.dir.path().join("kubeconfig");
    let client = || {
        let mut client = stack.central.client();
        client.env("KUBECONFIG", &kubeconfig);
        client
    };
    run(client().args(["kubeconfig", "write"]), b"").expect(0);
    let table = run(client().args(["doctor"]), b"").expect(0).out();
    for line in [
        "client\n------\nok      version ",
        "\nserver\n------\n",
        "\nok      config-mode       0600\n",
        "\nok      kubeconfig        2 clusters of this central\n",
        "\nok      login             admin@localhost with the roles admin, by a session\n",
        " ok, ",
        " 0 failed, 0 skipped\n",
    ] {
        assert!(table.contains(line), "no {line:?} in {table}");
    }
    assert!(!table.contains('\x1b'), "{table}");
    assert_eq!(run(client().args(["doctor", "-o", "name"]), b"").expect(0).out(), "");
}

#[test]
fn every_check_is_in_the_documentation() {
    let documentation = include_str!("../../docs/cli.md");
    for (_, check) in CHECKS {
        assert!(documentation.contains(&format!("`{check}`")), "{check}");
    }
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let central = Central::start();
    for (no_color, term, coloured) in [("", "xterm", true), ("1", "xterm", false), ("", "dumb", false)] {
        let mut command = Command::new("script");
        let line = format!("{} doctor --cluster ghost", crate::support::process::MK8S);
        command.args(["--quiet", "--command", &line, "/dev/null"]);
        for (name, value) in central.mk8s().get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let shown = run(command.env("NO_COLOR", no_color).env("TERM", term).env("HOME", "/nonexistent"), b"").out();
        assert!(shown.contains("config"), "{shown}");
        assert_eq!(shown.contains("\x1b[31mfailed"), coloured, "{no_color:?} {term}: {shown}");
        assert_eq!(shown.contains('\x1b'), coloured, "{no_color:?} {term}: {shown}");
    }
}
