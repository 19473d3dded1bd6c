//! One command in many clusters at once, compared with the same command in one of them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::support::Central;

const CLUSTERS: usize = 50;

/// Takes four seconds.
const SLOW: &[&str] = &["wait", "--for=delete", "pod/x"];

/// Takes no time.
const QUICK: &[&str] = &["options"];

pub async fn run() -> anyhow::Result<()> {
    let central = Central::start(CLUSTERS).await?;
    let stop = CancellationToken::new();
    let agents: Vec<_> =
        (0..CLUSTERS).map(|i| tokio::spawn(mk8s::agent::run(central.agent_config(i, 1), stop.clone()))).collect();
    central.wait_online(CLUSTERS).await?;
    println!("fanout: one command in {CLUSTERS} clusters at once, whose agents are all on this machine");
    for (name, line, goal) in [("four seconds", SLOW, true), ("no time", QUICK, false)] {
        let one = tokio::task::block_in_place(|| time(&central, &["--cluster", "c0", "kubectl"], line))?.as_secs_f64();
        let all = tokio::task::block_in_place(|| time(&central, &["kubectl", "--clusters", "c*", "--"], line))?;
        // What takes no time takes that of fifty processes, on the processors of one machine.
        let goal = if goal { format!(" (goal: at most {:.2})", one * 1.5 + 0.5) } else { String::new() };
        println!("  {name:<13} one {one:>6.2} s   all {:>6.2} s{goal}", all.as_secs_f64());
    }
    stop.cancel();
    for agent in agents {
        agent.await??;
    }
    Ok(())
}

/// How long a command of the client takes.
fn time(central: &Central, words: &[&str], line: &[&str]) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_mk8s"))
        .args(["--server", &central.url, "--ca-file"])
        .arg(central.ca_file())
        .args(words)
        .args(line)
        .env("MK8S_CONFIG", central.dir.path().join("client.yaml"))
        .env("MK8S_TOKEN", &central.token)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    anyhow::ensure!(status.success(), "{words:?} {line:?}: {status}");
    Ok(start.elapsed())
}
