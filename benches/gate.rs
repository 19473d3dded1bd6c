//! What the gate adds to the requests of a kubectl that an agent runs.
//!
//! An agent has no kubectl without a gate. So both ways also run a kubectl that asks for nothing, and what is compared is
//! what `kubectl get pods` takes beyond that: its requests, through the gate and without it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::support::{Central, drain, percentile, post_exec};

const ROUNDS: usize = 60;

/// So many first rounds do not count: the discovery of both ways is cached after the first.
const WARM_UP: usize = 5;

const GET: &[&str] = &["get", "pods", "--namespace=kube-system"];
const NOTHING: &[&str] = &["version", "--client"];

/// What the cluster allows to the admin of mk8s, for whom the agent asks; it itself is the cluster's administrator.
pub const BIND: &[&str] =
    &["create", "clusterrolebinding", "bench", "--clusterrole=cluster-admin", "--group=mk8s:admin"];

/// A test cluster, which ends with its standard input.
pub struct Cluster {
    child: Child,
    dir: PathBuf,
    binaries: PathBuf,
}

impl Cluster {
    /// Starts one.
    pub fn start() -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubernetes/build");
        let output = Command::new(script).stderr(Stdio::inherit()).output()?;
        anyhow::ensure!(output.status.success(), "tests/kubernetes/build failed");
        let binaries = PathBuf::from(String::from_utf8(output.stdout)?.trim());
        let dir = tempfile::Builder::new().prefix("mk8s-bench-cluster-").tempdir()?.keep();
        let mut child = Command::new(binaries.join("cluster"))
            .arg("run")
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("stdout")?).read_line(&mut line)?;
        anyhow::ensure!(line == "ready\n", "the test cluster did not start");
        Ok(Self { child, dir, binaries })
    }

    /// The kubeconfig of its administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.join("admin.kubeconfig")
    }

    /// Its kubectl.
    pub fn kubectl(&self) -> PathBuf {
        self.binaries.join("kubectl")
    }

    /// Runs kubectl directly, with a cache of its own.
    pub fn direct(&self, args: &[&str]) -> anyhow::Result<Duration> {
        self.run(&self.kubeconfig(), "bench-cache", args)
    }

    /// Runs kubectl with a kubeconfig, and with the directory of this name as its cache.
    pub fn run(&self, kubeconfig: &Path, cache: &str, args: &[&str]) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let output = Command::new(self.kubectl())
            .args(args)
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            .env("KUBECACHEDIR", self.dir.join(cache))
            .env("HOME", "/nonexistent")
            .stdin(Stdio::null())
            .output()?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(start.elapsed())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

pub async fn run() -> anyhow::Result<()> {
    let cluster = tokio::task::block_in_place(Cluster::start)?;
    tokio::task::block_in_place(|| cluster.direct(BIND))?;
    let central = Central::start(1).await?;
    let _agent = central.start_agent_with(1, &cluster.kubeconfig(), &cluster.kubectl()).await?;
    let mut sender = central.connection().await?;
    let [mut direct_get, mut direct_nothing, mut exec_get, mut exec_nothing] = [const { Vec::new() }; 4];
    for round in 0..ROUNDS + WARM_UP {
        let direct = |args| tokio::task::block_in_place(|| cluster.direct(args));
        let measured = [direct(NOTHING)?, direct(GET)?];
        let mut through = [Duration::ZERO; 2];
        for (time, args) in through.iter_mut().zip([NOTHING, GET]) {
            let start = Instant::now();
            drain(post_exec(&central, &mut sender, args, "application/x-ndjson").await?).await?;
            *time = start.elapsed();
        }
        if round >= WARM_UP {
            direct_nothing.push(measured[0]);
            direct_get.push(measured[1]);
            exec_nothing.push(through[0]);
            exec_get.push(through[1]);
        }
    }
    let beyond = |get: &[Duration], nothing: &[Duration]| -> Vec<Duration> {
        get.iter().zip(nothing).map(|(get, nothing)| get.saturating_sub(*nothing)).collect()
    };
    let mut direct_asking = beyond(&direct_get, &direct_nothing);
    let mut exec_asking = beyond(&exec_get, &exec_nothing);
    let median = |samples: &mut Vec<Duration>| percentile(samples, 50);
    let (a, b, c) = (median(&mut direct_get), median(&mut direct_nothing), median(&mut direct_asking));
    let (d, e, f) = (median(&mut exec_get), median(&mut exec_nothing), median(&mut exec_asking));
    // What `get pods` would take in the agent without the gate is the same kubectl with the direct way to the API server.
    let (without, with) = ((e + c) as f64, (e + f) as f64);
    println!("gate: `kubectl get pods` with a warm cache, {ROUNDS} interleaved runs, medians");
    println!("  direct      get pods {a:>6} us   version --client {b:>6} us   its requests {c:>6} us");
    println!("  POST exec   get pods {d:>6} us   version --client {e:>6} us   its requests {f:>6} us");
    println!("  requests    {:>6.2} times as long with the gate", f as f64 / c as f64);
    println!("  get pods    {:>+6.1} % in the agent (goal: at most +15)", (with / without - 1.0) * 100.0);
    Ok(())
}
