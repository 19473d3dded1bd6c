//! What both servers tell a monitoring system: the form of metrics, and the listener that serves them.
//!
//! A server counts into values of its own, and reads what can be read when it is asked. `docs/metrics.md` lists every
//! metric; a test compares it with what the servers answer.

mod calls;
mod code;
mod exposition;
mod listener;
mod page;
mod process;
mod verb;

use std::fmt;

pub use calls::{Calls, Via};
pub use code::Code;
pub use listener::{TlsSource, serve};
pub use page::{Page, Series};
pub use prometheus_client::metrics::histogram::Histogram;
pub use verb::Verb;

/// The bounds of histograms of answers, in seconds.
const ANSWERS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The bounds of histograms of whole commands, in seconds.
const COMMANDS: [f64; 8] = [0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0];

/// The bounds of histograms of database calls, in seconds.
const DATABASE: [f64; 9] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 2.0];

/// A server that can be measured.
pub trait Measured: Send + Sync + 'static {
    /// Its role, as in the command that starts it.
    fn role(&self) -> &'static str;

    /// Why it cannot serve just now, if it cannot.
    fn not_ready(&self) -> Option<String>;

    /// Writes its metrics, but for those that all servers have.
    ///
    /// # Errors
    /// When the page does not take them.
    fn write(&self, page: &mut Page<'_>) -> fmt::Result;
}

/// A histogram of how long answers take.
pub fn answers() -> Histogram {
    Histogram::new(ANSWERS)
}

/// A histogram of how long commands take, from their start to their end.
pub fn commands() -> Histogram {
    Histogram::new(COMMANDS)
}

/// A histogram of how long the database takes.
pub fn database() -> Histogram {
    Histogram::new(DATABASE)
}
