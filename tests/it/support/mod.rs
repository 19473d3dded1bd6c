//! What the tests share: a cluster that is started once per run, and the real program around it.

pub mod api;
pub mod attempt;
pub mod canary;
pub mod cluster;
pub mod echo;
pub mod gateway;
pub mod http1;
pub mod link;
#[allow(dead_code, reason = "the store's own tests use the rest of it")]
#[path = "../../support/postgres.rs"]
pub mod postgres;
pub mod process;
pub mod rbac;
pub mod stack;
pub mod stripping;
pub mod terminal;

use std::time::{Duration, Instant};

pub use attempt::Attempt;
pub use cluster::{Namespace, kubernetes};
pub use link::Link;
pub use process::{Output, Process, run};
pub use stack::{Agent, Central, Stack};
pub use terminal::Terminal;

/// How long anything may take before a test calls it stuck; far more than it does.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds, and fails the test with its description if it does not within `limit`.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The number in an environment variable.
pub fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|e| panic!("{name}: {e}")),
        Err(_) => default,
    }
}
