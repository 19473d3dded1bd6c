//! Requests to one API server: how many, with which answers, and how long these took. Counting takes no lock but that of
//! one histogram, and no memory.

use std::array::from_fn;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Code, Histogram, Verb, answers};

/// On which way a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The gateway: a client of Kubernetes sent it.
    Gateway,
    /// A command of the remote kubectl sent it.
    Command,
    /// The agent itself, which keeps its discovery cache up to date.
    Discovery,
}

impl Via {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gateway, Self::Command, Self::Discovery];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Command => "command",
            Self::Discovery => "discovery",
        }
    }
}

/// The requests that came on one way with verbs of one class.
struct Class {
    codes: [AtomicU64; Code::COUNT],
    latency: OnceLock<Histogram>,
}

/// Requests to one API server.
pub struct Calls([[Class; Verb::ALL.len()]; Via::ALL.len()]);

impl Default for Calls {
    fn default() -> Self {
        let class = || Class { codes: from_fn(|_| AtomicU64::new(0)), latency: OnceLock::new() };
        Self(from_fn(|_| from_fn(|_| class())))
    }
}

impl Calls {
    /// Counts one. `head` is how long the head of its answer took, if it has one.
    pub fn count(&self, via: Via, verb: Verb, code: Code, head: Option<Duration>) {
        let class = &self.0[via as usize][verb.index()];
        class.codes[code.index()].fetch_add(1, Ordering::Relaxed);
        if let Some(head) = head {
            class.latency.get_or_init(answers).observe(head.as_secs_f64());
        }
    }

    /// How many there were, where there was any.
    pub fn counts(&self) -> impl Iterator<Item = (Via, Verb, Code, u64)> {
        self.classes().flat_map(|(via, verb, class)| {
            let counts = class.codes.iter().zip(Code::all());
            let counts = counts.map(move |(count, code)| (via, verb, code, count.load(Ordering::Relaxed)));
            counts.filter(|(.., count)| *count > 0)
        })
    }

    /// How long their answers took, where there was any.
    pub fn latencies(&self) -> impl Iterator<Item = (Via, Verb, &Histogram)> {
        self.classes().filter_map(|(via, verb, class)| Some((via, verb, class.latency.get()?)))
    }

    fn classes(&self) -> impl Iterator<Item = (Via, Verb, &Class)> {
        std::iter::zip(Via::ALL, &self.0)
            .flat_map(|(via, verbs)| std::iter::zip(Verb::ALL, verbs).map(move |(verb, class)| (via, verb, class)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_there_and_nothing_else() {
        let calls = Calls::default();
        assert_eq!(calls.counts().count(), 0);
        let head = Some(Duration::from_millis(3));
        calls.count(Via::Gateway, Verb::Watch, Code::of(200), head);
        calls.count(Via::Gateway, Verb::Watch, Code::of(200), head);
        calls.count(Via::Command, Verb::Other, Code::NONE, None);
        let found: Vec<_> = calls.counts().collect();
        let expected = [(Via::Gateway, Verb::Watch, Code::of(200), 2), (Via::Command, Verb::Other, Code::NONE, 1)];
        assert_eq!(found, expected);
        let timed: Vec<_> = calls.latencies().map(|(via, verb, _)| (via, verb)).collect();
        assert_eq!(timed, [(Via::Gateway, Verb::Watch)]);
    }
}
