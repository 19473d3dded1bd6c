//! What a person waits for: kubectl through the gateway, and the plugin that gives it the token.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::config;
use crate::gate::{BIND, Cluster};
use crate::support::{Central, percentile};

/// How many rounds count.
const ROUNDS: usize = 40;

/// So many first rounds do not.
const WARM_UP: usize = 5;

pub async fn run() -> anyhow::Result<()> {
    let cluster = tokio::task::block_in_place(Cluster::start)?;
    tokio::task::block_in_place(|| cluster.direct(BIND))?;
    let central = Central::start(1).await?;
    let _agent = central.start_agent_with(2, &cluster.kubeconfig(), &cluster.kubectl()).await?;
    let kubeconfig = central.dir.path().join("gateway.kubeconfig");
    let server = format!("{}/clusters/c0/k8s", central.url);
    fs::write(&kubeconfig, config(&server, &central.ca_file(), &central.token))?;
    tokio::task::block_in_place(|| {
        get(&cluster, &kubeconfig)?;
        credential(&central)
    })
}

/// `kubectl get pods`, directly and through the gateway.
fn get(cluster: &Cluster, kubeconfig: &Path) -> anyhow::Result<()> {
    let get = ["get", "pods", "--namespace=kube-system"];
    let (mut direct, mut through, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS + WARM_UP {
        let a = cluster.direct(&get)?;
        let b = cluster.run(kubeconfig, "gateway-cache", &get)?;
        if round >= WARM_UP {
            direct.push(a);
            through.push(b);
            ratios.push(b.as_secs_f64() / a.as_secs_f64());
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!("gateway: `kubectl get pods` with a warm cache, {ROUNDS} pairs");
    println!("  direct     p50 {:>7} us", percentile(&mut direct, 50));
    println!("  mk8s       p50 {:>7} us", percentile(&mut through, 50));
    println!("  ratio      {:.2}, the median of the pairs (goal: at most 1.10)", ratios[ratios.len() / 2]);
    Ok(())
}

/// `mk8s credential` with a token that is good, as kubectl runs it for each command.
fn credential(central: &Central) -> anyhow::Result<()> {
    let mk8s = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mk8s"));
        command.args(args).env("MK8S_CONFIG", central.dir.path().join("person.yaml"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let login = central.login()?;
    let mut logging_in = mk8s(&["login", &central.url, "--email", &login.email, "--password-stdin", "--ca-file"]);
    let mut logging_in = logging_in.arg(central.ca_file()).stdin(Stdio::piped()).spawn()?;
    logging_in
        .stdin
        .take()
        .into_iter()
        .try_for_each(|mut stdin| stdin.write_all(login.password.expose().as_bytes()))?;
    let logged_in = logging_in.wait_with_output()?;
    anyhow::ensure!(logged_in.status.success(), "{}", String::from_utf8_lossy(&logged_in.stderr));
    let mut samples: Vec<Duration> = Vec::new();
    for round in 0..5 * ROUNDS + WARM_UP {
        let start = Instant::now();
        let output = mk8s(&["credential"]).output()?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        if round >= WARM_UP {
            samples.push(start.elapsed());
        }
    }
    let (p50, p99) = (percentile(&mut samples, 50), percentile(&mut samples, 99));
    println!("gateway: `mk8s credential` with a good token: p50 {p50} us, p99 {p99} us (goal: at most 8000)");
    Ok(())
}
