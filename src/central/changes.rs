//! Notices when rights change, here or on another central: every change raises the policy version in its transaction.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{info, warn};

use crate::store::{Store, settings};

/// How often the database is asked for the version.
pub const POLL: Duration = Duration::from_secs(1);

/// How long what was read from the database counts, whatever the version.
const FRESH: Duration = Duration::from_secs(2);

/// From this age on what is in use is read again, before a request would have to wait for it.
const AGING: Duration = Duration::from_secs(1);

/// The newest policy version that is known.
pub struct Changes {
    version: watch::Sender<i64>,
    database_answers: AtomicBool,
}

impl Default for Changes {
    fn default() -> Self {
        Self { version: watch::Sender::new(0), database_answers: AtomicBool::new(true) }
    }
}

/// When something was read from the database. Made before the reading, so that it never looks newer than it is.
#[derive(Clone, Copy)]
pub struct Stamp {
    version: i64,
    at: Instant,
}

impl Changes {
    /// The stamp of what is read from now on.
    pub fn stamp(&self) -> Stamp {
        Stamp { version: *self.version.borrow(), at: Instant::now() }
    }

    /// Whether what was read then still counts.
    pub fn is_fresh(&self, stamp: Stamp) -> bool {
        stamp.version == *self.version.borrow() && stamp.at.elapsed() < FRESH
    }

    /// A version was seen; those who wait for a change are woken.
    pub fn saw(&self, version: i64) {
        self.version.send_if_modified(|known| {
            let newer = version > *known;
            *known = version.max(*known);
            newer
        });
    }

    /// Whether it is time to read it again.
    pub fn is_aging(&self, stamp: Stamp) -> bool {
        stamp.at.elapsed() >= AGING
    }

    /// Whether nothing changed since.
    pub fn is_current(&self, stamp: Stamp) -> bool {
        stamp.version == *self.version.borrow()
    }

    /// Changes whenever the version does.
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.version.subscribe()
    }

    /// Whether the database answered when it was last asked.
    pub fn database_answers(&self) -> bool {
        self.database_answers.load(Ordering::Relaxed)
    }

    /// Asks for the version.
    pub async fn ask(&self, store: &Store) {
        let answer = store.read(settings::policy_version).await;
        let answered = self.database_answers.swap(answer.is_ok(), Ordering::Relaxed);
        match answer {
            Ok(version) => {
                if !answered {
                    info!("the database answers again");
                }
                self.saw(version);
            }
            Err(error) if answered => warn!(%error, "the database does not answer"),
            Err(_) => {}
        }
    }
}
