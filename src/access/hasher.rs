//! Password hashing in bounded numbers, so that a flood of logins cannot take the machine from everyone else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, available_parallelism};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::password::{self, PasswordError};
use crate::model::Password;

/// The most hashes that are computed at once. It is half of the cores on a smaller machine, and at least one.
const AT_ONCE: usize = 4;

/// When more than this wait, hashes give way to everything else. A login of an ordinary day is a request like others.
const FLOOD: usize = 4;

/// The most that wait for their turn.
const WAITING: usize = 32;

/// Computes password hashes, a few at a time, away from the threads that serve requests.
#[derive(Clone, Debug)]
pub struct Hasher {
    cost: u32,
    /// One for each hash that is computed.
    turns: Arc<Semaphore>,
    /// One for each hash that is computed or waits.
    places: Arc<Semaphore>,
}

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// As many wait as may.
    #[error("too many logins at the same time: try again in a few seconds")]
    Overloaded,
    /// The program is stopping.
    #[error("the program is stopping")]
    Stopping,
    /// The computation failed in a way that it never should.
    #[error("cannot compute the password hash")]
    Failed,
    /// The password cannot be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// A place among those that wait; given back when dropped, or when the hash is computed.
#[derive(Debug)]
pub struct Place(#[allow(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl Hasher {
    /// A hasher with nothing to do; see [`super::COST`].
    pub fn new(cost: u32) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::with_bounds(cost, (cores / 2).clamp(1, AT_ONCE), WAITING)
    }

    fn with_bounds(cost: u32, at_once: usize, waiting: usize) -> Self {
        Self { cost, turns: Arc::new(Semaphore::new(at_once)), places: Arc::new(Semaphore::new(at_once + waiting)) }
    }

    /// A place in the queue. Taken before anything else is done for a login, so that one too many costs nothing.
    ///
    /// # Errors
    /// Too many are waiting.
    pub fn place(&self) -> Result<Place, HashError> {
        Arc::clone(&self.places).try_acquire_owned().map(Place).map_err(|_| HashError::Overloaded)
    }

    /// Whether a hash is that of a password. No hash, for a user who does not exist, takes as long and is false.
    ///
    /// # Errors
    /// The program is stopping.
    pub async fn verify(&self, place: Place, password: Password, hash: Option<String>) -> Result<bool, HashError> {
        let cost = self.cost;
        self.compute(place, move || match hash {
            Some(hash) => password::verify(&password, &hash),
            None => password::verify_nobody(&password, cost),
        })
        .await
    }

    /// The hash of a password. Whether it is a good one is not asked; see [`super::check_new_password`].
    ///
    /// # Errors
    /// The program is stopping, or the password has more than 72 bytes or a NUL.
    pub async fn hash(&self, place: Place, password: Password) -> Result<String, HashError> {
        let cost = self.cost;
        Ok(self.compute(place, move || password::hash(&password, cost)).await??)
    }

    /// Waits for a turn and computes. Who leaves while waiting gives the place back; what is already being computed
    /// keeps its turn until it is done, since a thread cannot be stopped.
    async fn compute<T: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| HashError::Stopping)?;
        let flooded = self.places.available_permits() < WAITING - FLOOD;
        let (result, done) = oneshot::channel();
        // A thread of its own costs little beside the hash, and a thread of the runtime could not get its priority back.
        let started = thread::Builder::new().name("password".into()).spawn(move || {
            if flooded {
                yield_to_others();
            }
            let computed = catch_unwind(AssertUnwindSafe(work));
            drop((turn, place));
            if let Ok(computed) = computed {
                // Nobody may be waiting any more.
                let _ = result.send(computed);
            }
        });
        started.map_err(|_| HashError::Overloaded)?;
        done.await.map_err(|_| HashError::Failed)
    }
}

/// Lets the threads that serve requests go first (`SCHED_IDLE`; a low priority alone does not: the kernel lets a thread
/// finish its slice of some milliseconds, however nice it is). When the system does not allow it, all are equal.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    let _ = thread_priority::set_thread_priority_and_policy(
        thread_priority::thread_native_id(),
        thread_priority::ThreadPriority::Min,
        thread_priority::ThreadSchedulePolicy::Normal(thread_priority::NormalThreadSchedulePolicy::Idle),
    );
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::future::join_all;

    use super::*;

    fn password() -> Password {
        Password::from("correct horse".to_owned())
    }

    async fn verify(hasher: &Hasher, password: Password, hash: Option<String>) -> Result<bool, HashError> {
        hasher.verify(hasher.place()?, password, hash).await
    }

    async fn compute<T: Send + 'static>(
        hasher: &Hasher,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        hasher.compute(hasher.place()?, work).await
    }

    fn free(hasher: &Hasher) -> (usize, usize) {
        (hasher.turns.available_permits(), hasher.places.available_permits())
    }

    async fn until(what: impl Fn() -> bool) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while !what() {
            assert!(tokio::time::Instant::now() < deadline, "it never came");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_password_is_recognised_and_nobody_has_one() {
        let hasher = Hasher::new(4);
        let hash = hasher.hash(hasher.place().unwrap(), password()).await.unwrap();
        assert!(verify(&hasher, password(), Some(hash.clone())).await.unwrap());
        assert!(!verify(&hasher, Password::from("wrong".to_owned()), Some(hash)).await.unwrap());
        assert!(!verify(&hasher, password(), None).await.unwrap());
        let long = hasher.hash(hasher.place().unwrap(), Password::from("x".repeat(73))).await;
        assert!(matches!(long, Err(HashError::Password(PasswordError::Weak(_)))));
    }

    #[tokio::test]
    async fn half_of_the_cores_compute_and_32_wait() {
        let hasher = Hasher::new(4);
        let (turns, places) = free(&hasher);
        assert!((1..=4).contains(&turns) && places == turns + 32, "{turns} {places}");
        // While nothing is computed, all places are taken.
        let held = Arc::clone(&hasher.turns).acquire_many_owned(turns as u32).await.unwrap();
        let tasks: Vec<_> = (0..places)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { verify(&hasher, password(), None).await })
            })
            .collect();
        until(|| free(&hasher) == (0, 0)).await;
        for _ in 0..5 {
            assert!(matches!(verify(&hasher, password(), None).await, Err(HashError::Overloaded)));
        }
        drop(held);
        for verdict in join_all(tasks).await {
            assert!(!verdict.unwrap().unwrap());
        }
        assert_eq!(free(&hasher), (turns, places));
    }

    #[tokio::test]
    async fn one_too_many_is_refused_at_once_and_the_next_is_served_when_a_turn_is_free() {
        let hasher = Hasher::with_bounds(4, 1, 1);
        let (release, gate) = mpsc::channel::<()>();
        let (busy, waiting) = (hasher.clone(), hasher.clone());
        let first = tokio::spawn(async move { compute(&busy, move || gate.recv().is_ok()).await });
        until(|| free(&hasher) == (0, 1)).await;
        let second = tokio::spawn(async move { compute(&waiting, || 2).await });
        until(|| free(&hasher) == (0, 0)).await;
        assert!(matches!(compute(&hasher, || 3).await, Err(HashError::Overloaded)));
        release.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert_eq!(second.await.unwrap().unwrap(), 2);
        assert_eq!(compute(&hasher, || 4).await.unwrap(), 4);
        assert_eq!(free(&hasher), (1, 2));
    }

    #[tokio::test]
    async fn who_leaves_takes_no_place_along() {
        let hasher = Hasher::with_bounds(4, 1, 1);
        let (release, gate) = mpsc::channel::<()>();
        let (busy, waiting) = (hasher.clone(), hasher.clone());
        let computed = tokio::spawn(async move { compute(&busy, move || gate.recv().is_ok()).await });
        until(|| free(&hasher) == (0, 1)).await;
        let waits = tokio::spawn(async move { compute(&waiting, || ()).await });
        until(|| free(&hasher) == (0, 0)).await;
        waits.abort();
        until(|| free(&hasher) == (0, 1)).await;
        // What is being computed goes on without its caller, and counts until it is done.
        computed.abort();
        assert!(computed.await.unwrap_err().is_cancelled());
        assert_eq!(free(&hasher), (0, 1));
        release.send(()).unwrap();
        until(|| free(&hasher) == (1, 2)).await;
        assert!(!verify(&hasher, password(), None).await.unwrap());
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_turn_back() {
        let hasher = Hasher::with_bounds(4, 1, 0);
        assert!(matches!(compute(&hasher, || -> () { panic!("on purpose") }).await, Err(HashError::Failed)));
        assert_eq!(free(&hasher), (1, 1));
        assert_eq!(compute(&hasher, || 1).await.unwrap(), 1);
    }
}
