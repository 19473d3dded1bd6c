//! Whether a client takes what it is given: one that does not holds what waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a client may take nothing of an answer that is there.
const STALLED: Duration = Duration::from_secs(300);

/// How often one looks whether it does.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// When a client was given something that it has not taken yet.
pub struct Taking {
    since: Instant,
    /// Milliseconds after `since`, plus one; 0 for never.
    gave: AtomicU64,
}

impl Taking {
    /// It was given nothing so far.
    pub fn new() -> Self {
        Self { since: Instant::now(), gave: AtomicU64::new(0) }
    }

    /// The client was given a piece, and shall take it. What it has not taken before counts from then on.
    pub fn gave(&self) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        let _ = self.gave.compare_exchange(0, millis + 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The client has taken all that it was given.
    pub fn taken(&self) {
        self.gave.store(0, Ordering::Relaxed);
    }

    /// Whether it has taken nothing for too long.
    pub fn is_stalled(&self) -> bool {
        self.is_stalled_for(STALLED)
    }

    /// Waits until it has taken nothing for too long.
    pub async fn stalled(&self) {
        while !self.is_stalled() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn is_stalled_for(&self, limit: Duration) -> bool {
        match self.gave.load(Ordering::Relaxed) {
            0 => false,
            gave => self.since.elapsed() > Duration::from_millis(gave - 1) + limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_takes_what_it_is_given_is_not_stalled() {
        let taking = Taking::new();
        let stalled = || taking.is_stalled_for(Duration::from_millis(20));
        std::thread::sleep(Duration::from_millis(40));
        assert!(!stalled(), "nothing was given, so nothing can be taken");
        taking.gave();
        assert!(!stalled());
        std::thread::sleep(Duration::from_millis(40));
        assert!(stalled());
        taking.taken();
        assert!(!stalled(), "it waits for more");
    }
}
