//! The asynchronous runtimes: a small one for a client, one with threads for a server.

use std::future::Future;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};

/// Runs a client's command. What still blocks at its end, such as a read of standard input, is left behind.
pub fn client<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    run(Builder::new_current_thread().enable_all().build(), work)
}

/// Runs a server.
pub fn server<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    run(Builder::new_multi_thread().enable_all().build(), work)
}

fn run<T>(runtime: std::io::Result<Runtime>, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = runtime.context("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}
