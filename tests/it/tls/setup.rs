//! A central with certificates from files, and agents that show certificates.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::authority::{Authority, Leaf, Wanted};
use crate::agents::changed;
use crate::support::{Agent, Central, PATIENCE, Process};

/// The certificate of a central that is reached by `localhost`.
pub fn localhost() -> Wanted {
    Wanted::server(&["localhost"])
}

/// How a central is set up beyond its certificate.
pub const ONE_PORT: &str = "agents: {require_client_certificate: true}\n";
pub const TWO_PORTS: &str = "agents: {require_client_certificate: true, listen: \"127.0.0.1:0\"}\n";

/// A central whose certificate an authority has signed, which also signs for agents.
pub struct Site {
    pub central: Central,
    pub authority: Authority,
    /// The URL for agents.
    pub agents_url: String,
}

impl Site {
    /// Starts one with these lines more in its configuration.
    pub fn start(lines: &str) -> Self {
        Self::start_with(&localhost(), lines)
    }

    /// The same with another certificate.
    pub fn start_with(certificate: &Wanted, lines: &str) -> Self {
        let authority = Authority::new("the authority of the tests");
        let dir = Central::prepared();
        write_pair(dir.path(), "tls", &authority.sign(certificate));
        // Where clients of the tests look for it.
        fs::create_dir_all(dir.path().join("data/tls")).expect("mkdir");
        fs::write(dir.path().join("data/tls/ca.crt"), &authority.pem).expect("write");
        let tls = "tls: {mode: files, cert_file: tls.crt, key_file: tls.key, client_ca: data/tls/ca.crt}\n";
        append(dir.path(), &format!("{tls}{lines}"));
        let central = Central::start_in(dir, &[]);
        let line = central.process.stderr().into_iter().find(|line| line.contains("listening for agents"));
        let url = |line: String| serde_json::from_str::<Value>(&line).expect("JSON")["url"].as_str().map(str::to_owned);
        let agents_url = line.and_then(url).unwrap_or_else(|| central.url.clone());
        Self { central, authority, agents_url }
    }

    /// Starts an agent that shows this certificate, or none.
    pub fn agent(&self, shown: Option<&Leaf>) -> Agent {
        self.agent_with(shown, |_| {})
    }

    /// The same with a changed configuration.
    pub fn agent_with(&self, shown: Option<&Leaf>, change: impl FnOnce(&mut Value)) -> Agent {
        let (mut command, dir) = changed(&self.central, |config| {
            config["central"] = json!(self.agents_url);
            if shown.is_some() {
                config["tls"]["client_cert_file"] = json!("agent.crt");
                config["tls"]["client_key_file"] = json!("agent.key");
            }
            change(config);
        });
        if let Some(leaf) = shown {
            write_pair(dir.path(), "agent", leaf);
        }
        Agent { process: Process::start(&mut command), dir }
    }

    /// The port for agents.
    pub fn agents_port(&self) -> u16 {
        self.agents_url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("port")
    }

    /// The ports of its listeners.
    pub fn ports(&self) -> Vec<u16> {
        let mut ports = vec![self.central.port(), self.agents_port()];
        ports.dedup();
        ports
    }

    /// curl at one of its ports.
    pub fn curl(&self, port: u16, path: &str) -> Command {
        let mut curl = self.central.anonymous_curl();
        curl.arg(format!("https://localhost:{port}{path}"));
        curl
    }

    /// Waits until an agent is connected.
    #[track_caller]
    pub fn wait_until_online(&self) {
        self.central.wait_until(true, PATIENCE);
    }
}

/// Adds lines to the configuration of a central.
pub fn append(dir: &Path, lines: &str) {
    let file = dir.join("central.yaml");
    let config = fs::read_to_string(&file).expect("read");
    fs::write(file, config + lines).expect("write");
}

/// Writes `NAME.crt` and `NAME.key`.
pub fn write_pair(dir: &Path, name: &str, leaf: &Leaf) -> [PathBuf; 2] {
    let files = [dir.join(format!("{name}.crt")), dir.join(format!("{name}.key"))];
    fs::write(&files[0], &leaf.cert).expect("write");
    fs::write(&files[1], &leaf.key).expect("write");
    files
}

/// A directory for certificates of clients.
pub fn directory() -> TempDir {
    tempfile::Builder::new().prefix("mk8s-tls-test-").tempdir().expect("temporary directory")
}
