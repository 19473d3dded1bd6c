//! The units of systemd: systemd takes them, they are confined, and the agent's sandbox still works.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::setup::root;
use crate::support::process::MK8S;
use crate::support::run;

/// How exposed a service may be, of 100, as `systemd-analyze security` counts.
const THRESHOLD: &str = "20";

/// System calls that the sandbox of an agent's commands needs, besides those of every program.
const SANDBOX: [&str; 4] = ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp"];

fn text(role: &str) -> String {
    fs::read_to_string(root().join(format!("deploy/systemd/mk8s-{role}.service"))).expect("read")
}

#[test]
fn systemd_takes_the_units() {
    if run(Command::new("sh").args(["-c", "command -v systemd-analyze"]), b"").code != 0 {
        println!("the units are not tested: there is no systemd-analyze here");
        return;
    }
    let dir = tempfile::tempdir().expect("temporary directory");
    for role in ["central", "agent"] {
        let file = dir.path().join(format!("mk8s-{role}.service"));
        fs::write(&file, text(role).replace("/usr/local/bin/mk8s", MK8S)).expect("write");
        let output = run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file), b"").expect(0);
        // A key that it does not know is a warning.
        assert_eq!(output.err(), "", "{role}");
        let security = ["security", "--offline=true", "--no-pager", "--threshold", THRESHOLD];
        let output = run(Command::new("systemd-analyze").args(security).arg(&file), b"");
        assert_eq!(output.code, 0, "{role}: {}{}", output.out(), output.err());
    }
}

#[test]
fn the_unit_of_the_agent_lets_its_sandbox_work() {
    let text = text("agent");
    let allowed =
        text.lines().find_map(|line| line.strip_prefix("SystemCallFilter=@system-service ")).expect("a filter");
    let allowed: BTreeSet<&str> = allowed.split(' ').collect();
    assert_eq!(allowed, BTreeSet::from(SANDBOX));
    // The limits of commands, Landlock and the filter need nothing else, if these do not come in between.
    for forbidden in ["LimitCPU", "LimitFSIZE", "LimitNPROC", "~@resources", "~@process", "~@sandbox"] {
        assert!(!text.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn the_units_name_what_the_program_understands() {
    for (role, variables) in [
        (
            "central",
            &["MK8S_CENTRAL_DATA_DIR", "MK8S_CENTRAL_DATABASE__URL_FILE", "MK8S_CENTRAL_AUTH__SIGNING_KEY_FILE"][..],
        ),
        ("agent", &["MK8S_AGENT_TOKEN_FILE", "MK8S_AGENT_KUBECONFIG"]),
    ] {
        let text = text(role);
        let named: BTreeSet<&str> = text
            .lines()
            .filter_map(|line| line.trim_start_matches('#').strip_prefix("Environment=")?.split('=').next())
            .collect();
        assert_eq!(named, variables.iter().copied().collect(), "{role}");
        // As far as the program goes: it says what is wrong with the values, and not that it does not know the names.
        let mut check = Command::new(MK8S);
        crate::support::stack::quiet(&mut check);
        for name in variables {
            check.env(name, "/nonexistent/file");
        }
        let central = ["--central", "https://mk8s.example.com"];
        let output =
            run(check.args(["config", "check", role]).args(if role == "agent" { &central[..] } else { &[] }), b"");
        assert!(!output.err().contains("unknown"), "{role}: {}", output.err());
    }
}
