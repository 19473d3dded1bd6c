//! The YAML of the pages is what the program accepts: ```` ```yaml central ````, ```` ```yaml agent ```` and
//! ```` ```yaml role ````.

use std::fs;
use std::process::Command;

use super::{expect_none, pages};
use crate::support::process::MK8S;
use crate::support::stack::quiet;
use crate::support::{Central, run};

/// What an agent's configuration has to have besides what a page is about.
const AGENT: [(&str, &str); 2] = [("MK8S_AGENT_CENTRAL", "https://localhost"), ("MK8S_AGENT_TOKEN_FILE", "token")];

#[test]
fn configurations_are_accepted() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (mut problems, mut count) = (Vec::new(), 0);
    for page in pages() {
        for block in &page.blocks {
            let Some(role) = ["central", "agent"].into_iter().find(|role| block.is(&["yaml", role])) else { continue };
            count += 1;
            let file = dir.path().join("config.yaml");
            fs::write(&file, block.text()).expect("write");
            let mut check = Command::new(MK8S);
            quiet(&mut check).args(["config", "check", role, "--config"]).arg(&file);
            let envs = AGENT.into_iter().filter(|(name, _)| role == "agent" && !has(&block.text(), name));
            let output = run(check.envs(envs), b"");
            if output.code != 0 {
                problems.push(format!("{}: {}", page.at(block.line), output.err()));
            }
        }
    }
    expect_none(&problems);
    assert!(count > 5, "{count}");
}

/// Whether the text has the key of a variable.
fn has(text: &str, variable: &str) -> bool {
    let key = variable.trim_start_matches("MK8S_AGENT_").to_lowercase();
    text.lines().any(|line| line.starts_with(&format!("{key}:")))
}

#[test]
fn roles_are_accepted() {
    let central = Central::start();
    let (mut problems, mut count) = (Vec::new(), 0);
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.is(&["yaml", "role"])) {
            count += 1;
            let output = run(central.mk8s().args(["admin", "roles", "apply", "-f", "-"]), block.text().as_bytes());
            if output.code != 0 {
                problems.push(format!("{}: {}", page.at(block.line), output.err()));
            }
        }
    }
    expect_none(&problems);
    assert!(count > 5, "{count}");
}
