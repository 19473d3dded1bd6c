//! How many of a thing each has at once, so that nobody takes all of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What each has, by what it is known by. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shares<K> {
    most: usize,
    counts: Counts<K>,
}

/// One of the things; given back when dropped.
#[derive(Debug)]
pub struct Share<K: Eq + Hash> {
    counts: Counts<K>,
    key: K,
}

#[derive(Clone, Debug)]
struct Counts<K>(Arc<Mutex<HashMap<K, usize>>>);

impl<K: Eq + Hash + Clone> Shares<K> {
    /// Each may have this many.
    pub fn new(most: usize) -> Self {
        Self { most, counts: Counts(Arc::default()) }
    }

    /// One more; `None` for who has as many as it may have.
    pub fn take(&self, key: K) -> Option<Share<K>> {
        let mut counts = self.counts.lock();
        let count = counts.entry(key.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Share { counts: self.counts.clone(), key })
    }
}

impl<K> Counts<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_and_gives_them_back() {
        let shares = Shares::new(2);
        let held = [shares.take("a").unwrap(), shares.take("a").unwrap()];
        assert!(shares.take("a").is_none());
        let elsewhere = shares.take("b").unwrap();
        drop(held);
        assert!(shares.take("a").is_some());
        drop(elsewhere);
        assert!(shares.counts.lock().is_empty(), "who has nothing is forgotten");
    }
}
