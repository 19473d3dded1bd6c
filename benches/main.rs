//! `just bench`: what the product adds to a command, measured on the real program.
//!
//! All figures of one run come from one machine within minutes; what matters are the ratios. A name as argument runs
//! only the benchmarks whose names contain it.

mod audit;
mod decision;
mod fanout;
mod fleet;
mod gate;
mod gateway;
mod identity;
mod latency;
mod memory;
#[path = "../tests/support/postgres.rs"]
#[allow(dead_code, reason = "it is the tests' own")]
mod postgres;
mod stalled;
mod support;
mod throughput;

fn main() -> anyhow::Result<()> {
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let run = |name: &str| name.contains(&wanted);
    runtime.block_on(async {
        if run("decision") {
            decision::run()?;
        }
        if run("memory") {
            memory::run().await?;
        }
        if run("latency") {
            latency::run().await?;
        }
        if run("gate") {
            gate::run().await?;
        }
        if run("gateway") {
            gateway::run().await?;
        }
        if run("throughput") {
            throughput::run().await?;
        }
        if run("stalled") {
            stalled::run().await?;
        }
        if run("identity") {
            identity::run().await?;
        }
        if run("audit") {
            audit::run().await?;
        }
        if run("fanout") {
            fanout::run().await?;
        }
        if run("fleet") {
            fleet::run().await?;
        }
        Ok(())
    })
}
