//! How far something has come that takes longer than a second: one line on standard error, on a terminal only, which is
//! written over and goes when it is done.

use std::env;
use std::future::Future;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// What takes less time needs no line.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// How often the line is written.
pub const INTERVAL: Duration = Duration::from_millis(200);

/// A cleared line, in which the cursor stands at the beginning.
pub const CLEAR: &str = "\r\x1b[K";

/// Whether there is a line already: there is but one.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What is done, and how much of it.
pub struct Progress {
    what: String,
    /// The bytes that there are, if that is known; `None` also for what has none.
    total: Option<u64>,
    done: AtomicU64,
}

/// The line, for as long as it is shown.
struct Line {
    painted: AtomicBool,
}

impl Progress {
    /// Nothing of it is done yet.
    pub fn new(what: impl Into<String>, total: Option<u64>) -> Self {
        Self { what: what.into(), total, done: AtomicU64::new(0) }
    }

    /// So many more bytes are done.
    pub fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Shows it until some work is done.
    pub async fn show_while<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(line) = Line::take() else { return work.await };
        let begun = Instant::now();
        let paint = async {
            sleep(PATIENCE).await;
            loop {
                line.paint(&self.text(begun.elapsed()));
                sleep(INTERVAL).await;
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            never = paint => never,
        }
    }

    fn text(&self, took: Duration) -> String {
        let done = self.done.load(Ordering::Relaxed);
        let seconds = took.as_secs_f64();
        match (done, self.total) {
            (0, None) => format!("{}: {} s", self.what, took.as_secs()),
            (done, total) => {
                let of = total.map(|total| format!(" of {}", size(total as f64))).unwrap_or_default();
                let rate = size(done as f64 / seconds.max(f64::EPSILON));
                format!("{}: {}{of}, {rate}/s", self.what, size(done as f64))
            }
        }
    }
}

/// Whether there is a terminal that can show it.
pub fn is_wanted() -> bool {
    stderr().is_terminal() && env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// What clears the way for other lines, if there may be one of these.
pub fn way_clear() -> &'static str {
    if TAKEN.load(Ordering::Relaxed) { CLEAR } else { "" }
}

impl Line {
    /// The line, if there is a terminal that can show it, and nobody has it.
    fn take() -> Option<Self> {
        (is_wanted() && !TAKEN.swap(true, Ordering::Relaxed)).then(|| Self { painted: AtomicBool::new(false) })
    }

    fn paint(&self, text: &str) {
        // A line that is wrapped could not be written over; the last column wraps in some terminals.
        let room = columns().saturating_sub(1);
        let text: String = text.chars().filter(|c| !c.is_control()).take(room).collect();
        self.painted.store(true, Ordering::Relaxed);
        // Nobody is left to see it when this fails.
        let _ = stderr().write_all(format!("{CLEAR}{text}").as_bytes());
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.painted.load(Ordering::Relaxed) {
            let _ = stderr().write_all(CLEAR.as_bytes());
        }
        TAKEN.store(false, Ordering::Relaxed);
    }
}

/// A number of bytes in its largest unit.
pub fn size(bytes: f64) -> String {
    let mut value = bytes;
    for unit in ["B", "KiB", "MiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{value:.0} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} GiB")
}

/// The columns of a terminal that does not tell.
const COLUMNS: usize = 80;

/// How many characters fit in a line of the terminal that is standard error.
pub fn columns() -> usize {
    #[cfg(unix)]
    let told = rustix::termios::tcgetwinsize(stderr()).map_or(0, |size| usize::from(size.ws_col));
    #[cfg(not(unix))]
    let told = 0;
    if told == 0 { COLUMNS } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_of_what_and_how_fast() {
        let progress = Progress::new("sending 2 files", Some(50 << 20));
        progress.add(10 << 20);
        progress.add(10 << 20);
        assert_eq!(progress.text(Duration::from_secs(4)), "sending 2 files: 20.0 MiB of 50.0 MiB, 5.0 MiB/s");
        let progress = Progress::new("a", None);
        assert_eq!(progress.text(Duration::from_millis(2900)), "a: 2 s");
        progress.add(100);
        assert_eq!(progress.text(Duration::ZERO.max(Duration::from_secs(2))), "a: 100 B, 50 B/s");
    }

    #[test]
    fn sizes_have_the_largest_unit() {
        for (bytes, text) in [
            (0.0, "0 B"),
            (1023.0, "1023 B"),
            (1536.0, "1.5 KiB"),
            (5e6, "4.8 MiB"),
            (3e9, "2.8 GiB"),
            (5e12, "4656.6 GiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
