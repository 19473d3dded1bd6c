//! What central and an agent hold in memory while nothing happens.

use super::support::Central;

pub async fn run() -> anyhow::Result<()> {
    let central = Central::start(1).await?;
    let agent = central.start_agent(2).await?;
    println!("memory: idle, resident");
    println!("  central     {:>6.1} MiB", central.server.rss_kib()? as f64 / 1024.0);
    println!("  agent       {:>6.1} MiB (goal: at most 15)", agent.rss_kib()? as f64 / 1024.0);
    Ok(())
}
