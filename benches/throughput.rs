//! How fast the output of a command streams through.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::support::{Central, drain, post_exec};

const BYTES: usize = 1 << 30;

pub async fn run() -> anyhow::Result<()> {
    let central = Central::start(1).await?;
    let _agent = central.start_agent(2).await?;
    println!("throughput: {} MiB of standard output (goal: 150 MiB/s)", BYTES >> 20);

    let mut sender = central.connection().await?;
    let start = Instant::now();
    let bytes = drain(post_exec(&central, &mut sender, &["get", &BYTES.to_string()], "text/plain").await?).await?;
    anyhow::ensure!(bytes == BYTES, "{bytes} bytes came");
    report("POST exec, text/plain", start);

    let start = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_mk8s"))
        .args(["--server", &central.url, "--cluster", "c0", "--ca-file"])
        .arg(central.ca_file())
        .args(["kubectl", "get", &BYTES.to_string()])
        .env("MK8S_CONFIG", central.dir.path().join("client.yaml"))
        .env("MK8S_TOKEN", &central.token)
        .stdout(Stdio::null())
        .status()?;
    anyhow::ensure!(status.success());
    report("mk8s kubectl", start);
    Ok(())
}

fn report(name: &str, start: Instant) {
    println!("  {name:<22} {:>6.0} MiB/s", (BYTES >> 20) as f64 / start.elapsed().as_secs_f64());
}
