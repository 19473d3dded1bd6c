//! Many agents: what each costs central, and how fast they are back after its restart.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::support::Central;

const AGENTS: usize = 300;
const CONNECTIONS: u8 = 2;

/// Started first: the code that serves tunnels is in memory once, whatever the number of agents.
const FIRST: usize = 10;

pub async fn run() -> anyhow::Result<()> {
    let central = Central::start(AGENTS).await?;
    let stop = CancellationToken::new();
    let start = |i| tokio::spawn(mk8s::agent::run(central.agent_config(i, CONNECTIONS), stop.clone()));
    let mut agents: Vec<_> = (0..FIRST).map(start).collect();
    central.wait_online(FIRST).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = central.server.rss_kib()?;
    agents.extend((FIRST..AGENTS).map(start));
    central.wait_online(AGENTS).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = (central.server.rss_kib()? - before) as f64 / (AGENTS - FIRST) as f64;
    println!("fleet: {AGENTS} agents, up to {CONNECTIONS} tunnels each");
    println!("  central     {each:>6.1} KiB for each idle agent (goal: at most 64)");

    let central = central.restart()?;
    let start = Instant::now();
    central.wait_online(AGENTS).await?;
    println!("  all back    {:>6.1} s after central's restart (goal: at most 10)", start.elapsed().as_secs_f64());
    stop.cancel();
    for agent in agents {
        agent.await??;
    }
    Ok(())
}
