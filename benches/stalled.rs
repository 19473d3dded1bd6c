//! Whether a reader that has stalled slows the other commands, and the other clients of the gateway, on the same tunnel.

mod gateway;

use std::time::{Duration, Instant};

use mk8s::client::{Client, ExecReader, ExecWriter};
use mk8s::model::exec::Stdin;
use mk8s::model::{ExecOutput, ExecRequest};

use super::support::{Central, percentile, post_exec};

const OTHERS: usize = 50;
const ROUNDS: usize = 6;
const PINGS: usize = 40;
const STALLED_BYTES: usize = 64 << 20;

pub async fn run() -> anyhow::Result<()> {
    let central = Central::start(1).await?;
    let _agent = central.start_agent(1).await?;
    let client = central.client()?;
    let mut others = Vec::new();
    for _ in 0..OTHERS {
        others.push(open(&client).await?);
    }
    let (mut without, mut with) = (Vec::new(), Vec::new());
    ping_all(&mut others, &mut Vec::new()).await?;
    for _ in 0..ROUNDS {
        ping_all(&mut others, &mut without).await?;
        // The response is held and never read: all that it can send waits.
        let mut sender = central.connection().await?;
        let stalled = post_exec(&central, &mut sender, &["get", &STALLED_BYTES.to_string()], "text/plain").await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        ping_all(&mut others, &mut with).await?;
        drop(stalled);
    }
    println!(
        "stalled: {OTHERS} commands on one tunnel, round trip of a line, with and without a reader that holds {} MiB",
        STALLED_BYTES >> 20
    );
    report(&mut without, &mut with);
    gateway::run().await
}

fn report(without: &mut [Duration], with: &mut [Duration]) {
    let (a50, a99) = (percentile(without, 50), percentile(without, 99));
    let (b50, b99) = (percentile(with, 50), percentile(with, 99));
    println!("  without     p50 {a50:>6} us   p99 {a99:>6} us");
    println!("  with        p50 {b50:>6} us   p99 {b99:>6} us");
    println!(
        "  ratio       p50 {:>6.2}      p99 {:>6.2} (goal: at most 1.5)",
        b50 as f64 / a50 as f64,
        b99 as f64 / a99 as f64
    );
}

async fn open(client: &Client) -> anyhow::Result<(ExecWriter, ExecReader)> {
    let command = ["apply", "-f", "-"].map(str::to_owned).to_vec();
    let request = ExecRequest { command, stdin: Some(Stdin::Follows(true)), ..ExecRequest::default() };
    Ok(client.exec(&"c0".parse()?, &request).await?)
}

/// Each session sends lines and waits for each to come back, all at once.
async fn ping_all(sessions: &mut [(ExecWriter, ExecReader)], samples: &mut Vec<Duration>) -> anyhow::Result<()> {
    let pings = sessions.iter_mut().map(async |(writer, reader)| {
        let mut samples = Vec::new();
        for _ in 0..PINGS {
            let start = Instant::now();
            writer.send(b"ping\n").await?;
            anyhow::ensure!(matches!(reader.next().await?, ExecOutput::Stdout(_)));
            samples.push(start.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(samples)
    });
    for taken in futures_util::future::join_all(pings).await {
        samples.extend(taken?);
    }
    Ok(())
}
