//! Central, agents and clients for benchmarks. kubectl is a script, so that what is measured is what we add to it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use mk8s::client::{Client, Credential};
use mk8s::config::AgentConfig;
use mk8s::model::ClusterStatus;
use mk8s::model::session::Login;
use mk8s::model::token::NewApiToken;
use mk8s::tls::{Alpn, Connector, Trust};
use tempfile::TempDir;

/// What stands in for kubectl: `noop`, `cat`, `zeros <bytes>`, and `sleep`.
const KUBECTL: &str = r#"#!/bin/sh
case "$1" in
version) echo '{"clientVersion":{"gitVersion":"v1.36.3"}}' ;;
options) ;;
apply) exec /bin/cat ;;
get) exec /usr/bin/head -c "$2" /dev/zero ;;
wait) exec /bin/sleep 4 ;;
esac
"#;

const KUBECONFIG: &str = "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: a, user: {}}]\n\
                          contexts: [{name: a, context: {cluster: a, user: a}}]\ncurrent-context: a\n";

/// A child process that ends with its owner.
pub struct Server(pub Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// The processor time that it has used, in microseconds; the kernel counts in steps of 10 ms.
    pub fn cpu_micros(&self) -> anyhow::Result<u64> {
        cpu_micros(self.0.id())
    }

    /// Its resident memory, in KiB.
    pub fn rss_kib(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
    }
}

/// The processor time that a process has used, in microseconds; the kernel counts in steps of 10 ms.
pub fn cpu_micros(pid: u32) -> anyhow::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().context("stat")?.split_whitespace().collect();
    let ticks = fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
    Ok(ticks * 10_000)
}

/// A central with some clusters, named `c0`, `c1` and so on.
pub struct Central {
    /// Its process.
    pub server: Server,
    /// Its URL.
    pub url: String,
    /// Its files, and those of its agents.
    pub dir: TempDir,
    /// An API token of its admin.
    pub token: String,
}

impl Central {
    /// Starts one.
    pub async fn start(clusters: usize) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("mk8s-bench-").tempdir()?;
        let mut config = "data_dir: data\nlog: {level: info, format: json}\nbootstrap:\n  clusters:\n".to_owned();
        for i in 0..clusters {
            fs::write(dir.path().join(format!("token-{i}")), format!("mk8s_agent_bench_{i:043}"))?;
            config += &format!("    - {{name: c{i}, token_file: token-{i}}}\n");
        }
        fs::write(dir.path().join("central.yaml"), config)?;
        fs::write(dir.path().join("kubeconfig"), KUBECONFIG)?;
        let kubectl = dir.path().join("kubectl");
        fs::write(&kubectl, KUBECTL)?;
        fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755))?;
        let mut central = Self::start_in(dir, "127.0.0.1:0", String::new())?;
        central.token = central.make_token().await?;
        Ok(central)
    }

    async fn make_token(&self) -> anyhow::Result<String> {
        let anonymous = Client::new(&self.url, &Trust::CaFile(self.ca_file()))?;
        let tokens = anonymous.login(&self.login()?).await?;
        let client = anonymous.with_credential(Credential::AccessToken(tokens.access_token));
        let new = NewApiToken { name: "bench".into(), roles: None, expires_in_days: None };
        Ok(client.create_token(&new).await?.token.expose().to_owned())
    }

    /// A login of its admin.
    pub fn login(&self) -> anyhow::Result<Login> {
        let password = fs::read_to_string(self.dir.path().join("data/initial-admin-password"))?;
        Ok(Login { email: "admin@localhost".into(), password: password.trim().to_owned().into() })
    }

    fn start_in(dir: TempDir, listen: &str, token: String) -> anyhow::Result<Self> {
        let mut child = program(&dir, "central").args(["--listen", listen]).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("stderr")?).lines();
        let server = Server(child);
        let url = loop {
            let line: serde_json::Value = serde_json::from_str(&lines.next().context("central ended")??)?;
            if let Some(url) = line["url"].as_str() {
                break url.to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { server, url, dir, token })
    }

    /// Kills it and starts it again at the same address.
    pub fn restart(self) -> anyhow::Result<Self> {
        let Self { server, url, dir, token } = self;
        drop(server);
        let port = url.rsplit(':').next().context("port")?;
        Self::start_in(dir, &format!("127.0.0.1:{port}"), token)
    }

    /// The file with its authority.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("data/tls/ca.crt")
    }

    /// The stand-in for kubectl.
    pub fn kubectl(&self) -> PathBuf {
        self.dir.path().join("kubectl")
    }

    /// The configuration of the agent of cluster `i`.
    pub fn agent_config(&self, i: usize, connections: u8) -> AgentConfig {
        let mut config = AgentConfig {
            central: Some(self.url.clone()),
            token_file: Some(self.dir.path().join(format!("token-{i}"))),
            kubeconfig: Some(self.dir.path().join("kubeconfig")),
            work_dir: Some(self.dir.path().join("work")),
            ..AgentConfig::default()
        };
        config.tls.ca_file = Some(self.ca_file());
        config.kubectl.path = self.kubectl();
        config.tunnel.connections = connections;
        config
    }

    /// Starts the agent of cluster `c0` as a process, and waits until it is connected.
    pub async fn start_agent(&self, connections: u8) -> anyhow::Result<Server> {
        self.run_agent(&self.agent_config(0, connections)).await
    }

    /// The same with a real cluster and kubectl.
    pub async fn start_agent_with(&self, connections: u8, kubeconfig: &Path, kubectl: &Path) -> anyhow::Result<Server> {
        let mut config = self.agent_config(0, connections);
        config.kubeconfig = Some(kubeconfig.to_owned());
        config.kubectl.path = kubectl.to_owned();
        self.run_agent(&config).await
    }

    async fn run_agent(&self, config: &AgentConfig) -> anyhow::Result<Server> {
        let config = serde_json::to_value(config)?;
        let config: serde_json::Map<_, _> =
            config.as_object().context("object")?.clone().into_iter().filter(|(_, v)| !v.is_null()).collect();
        let text = serde_json::to_string(&config)?.replace(",\"ca_pin\":null", "");
        fs::write(self.dir.path().join("agent.yaml"), text)?;
        let agent = Server(program(&self.dir, "agent").stderr(Stdio::null()).spawn()?);
        self.wait_online(1).await?;
        Ok(agent)
    }

    /// A client of it.
    pub fn client(&self) -> anyhow::Result<Client> {
        let credential = Credential::ApiToken(self.token.clone().into());
        Ok(Client::new(&self.url, &Trust::CaFile(self.ca_file()))?.with_credential(credential))
    }

    /// Waits until so many clusters are online.
    pub async fn wait_online(&self, clusters: usize) -> anyhow::Result<()> {
        let client = self.client()?;
        for _ in 0..3_000 {
            let all = client.clusters().await?;
            if all.iter().filter(|c| c.status == ClusterStatus::Online).count() == clusters {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the agents did not connect");
    }

    /// A keep-alive connection for `POST exec`.
    pub async fn connection(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let connector = Connector::new(&Trust::CaFile(self.ca_file()))?;
        let io = connector.connect(&self.url.parse()?, Alpn::Http1).await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

fn program(dir: &TempDir, role: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mk8s"));
    command.args(["serve", role, "--config"]).arg(dir.path().join(format!("{role}.yaml")));
    command
}

/// Starts a command; its answer, of which only the head has been read.
pub async fn post_exec(
    central: &Central,
    sender: &mut SendRequest<Full<Bytes>>,
    command: &[&str],
    accept: &str,
) -> anyhow::Result<http::Response<Incoming>> {
    let body = serde_json::to_vec(&serde_json::json!({ "command": command }))?;
    let request = Request::post("/clusters/c0/exec")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {}", central.token))
        .header("accept", accept)
        .body(Full::from(body))?;
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    anyhow::ensure!(response.status() == 200, "HTTP {}", response.status());
    Ok(response)
}

/// Reads an answer to its end; how many bytes it had.
pub async fn drain(response: http::Response<Incoming>) -> anyhow::Result<usize> {
    let mut body = response.into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(bytes)
}

/// A percentile of some durations, in microseconds.
pub fn percentile(samples: &mut [Duration], p: usize) -> u128 {
    samples.sort_unstable();
    samples[(samples.len() * p / 100).min(samples.len() - 1)].as_micros()
}

/// Runs the stand-in directly.
pub fn direct(kubectl: &Path, args: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(kubectl).args(args).stdin(Stdio::null()).output()?;
    anyhow::ensure!(output.status.success());
    Ok(())
}
