//! What `POST exec` adds to a command that does nothing.

use std::time::Instant;

use super::support::{Central, direct, drain, percentile, post_exec};

const ROUNDS: usize = 600;

pub async fn run() -> anyhow::Result<()> {
    let central = Central::start(1).await?;
    let _agent = central.start_agent(2).await?;
    let kubectl = central.kubectl();
    let mut sender = central.connection().await?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS + 50 {
        let start = Instant::now();
        tokio::task::block_in_place(|| direct(&kubectl, &["options"]))?;
        let middle = Instant::now();
        drain(post_exec(&central, &mut sender, &["options"], "application/x-ndjson").await?).await?;
        if round >= 50 {
            without.push(middle - start);
            with.push(middle.elapsed());
        }
    }
    let (d50, d99) = (percentile(&mut without, 50), percentile(&mut without, 99));
    let (e50, e99) = (percentile(&mut with, 50), percentile(&mut with, 99));
    println!("latency: a command that does nothing, {ROUNDS} interleaved runs");
    println!("  direct      p50 {d50:>6} us   p99 {d99:>6} us");
    println!("  POST exec   p50 {e50:>6} us   p99 {e99:>6} us");
    println!("  added       p50 {:>6} us   p99 {:>6} us", e50.saturating_sub(d50), e99.saturating_sub(d99));
    Ok(())
}
