//! How long to wait before the next attempt: exponential, with full jitter, so that many agents do not return as one.

use std::time::Duration;

use rand::Rng as _;

/// The upper bound of the first wait.
const FIRST: Duration = Duration::from_millis(500);

/// The upper bound of all waits.
const MOST: Duration = Duration::from_secs(60);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// After a success the count starts anew.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// A random wait between nothing and a bound that doubles each time.
    pub fn next(&mut self) -> Duration {
        let bound = self.bound();
        self.failures = self.failures.saturating_add(1);
        rand::rng().random_range(Duration::ZERO..=bound)
    }

    fn bound(&self) -> Duration {
        FIRST.saturating_mul(1 << self.failures.min(16)).min(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_a_minute() {
        let mut backoff = Backoff::default();
        let bounds: Vec<u128> = (0..9)
            .map(|_| {
                let bound = backoff.bound();
                assert!(backoff.next() <= bound);
                bound.as_millis()
            })
            .collect();
        assert_eq!(bounds, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        backoff.reset();
        assert_eq!(backoff.bound(), FIRST);
    }
}
