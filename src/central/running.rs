//! The requests to clusters that run: how many a caller and a cluster may have, and their end when the caller loses the
//! right to them or takes nothing of an answer.
//!
//! One task looks after all of them. It reads each caller once, however many watches that one has, and decides again
//! only where rights have changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::callers::{Identified, RECHECK};
use super::listen::Hangup;
use super::state::Central;
use super::taking::Taking;
use crate::access::{Authorized, Decision, Rights, TokenHash};
use crate::kubernetes::attributes::Attributes;
use crate::model::{ClusterId, ClusterName, UserId};

/// How many requests one user may have at once. A client of Kubernetes holds one for each kind that it watches.
const MAX_OF_USER: usize = 1_024;

/// How many requests one cluster may have at once, well below what a tunnel carries.
const MAX_OF_CLUSTER: usize = 4_096;

/// How many callers are read from the database at the same time.
const READS: usize = 8;

/// The requests that run. Cheap to clone.
#[derive(Clone, Default)]
pub struct Running(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    next: u64,
    callers: HashMap<TokenHash, Group>,
    of_user: HashMap<UserId, usize>,
    of_cluster: HashMap<ClusterId, usize>,
}

/// The requests of one credential.
struct Group {
    identified: Identified,
    requests: HashMap<u64, Entry>,
}

struct Entry {
    cluster: ClusterName,
    needed: Vec<Attributes>,
    /// What the request was allowed by.
    rights: Arc<Rights>,
    state: Arc<State>,
}

/// What a request and the task that looks after it share.
struct State {
    cut: CancellationToken,
    why: OnceLock<&'static str>,
    /// The connection, when it carries this request alone.
    connection: Option<Hangup>,
    /// Drops what the request holds.
    release: Mutex<Option<Release>>,
    taking: Taking,
}

type Release = Box<dyn FnOnce() + Send>;

/// Where a request says how what it holds is dropped when it is cut, since nobody may ask for more of its answer.
pub struct Releasing(Arc<State>);

/// A place for one request, which has the right to run for as long as it is not cut.
pub struct Place {
    running: Running,
    shown: TokenHash,
    user: UserId,
    cluster: ClusterId,
    id: u64,
    state: Arc<State>,
}

/// A user or a cluster has as many requests as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The user.
    #[error("you have {MAX_OF_USER} requests at once, which is the most: try again when some have ended")]
    User,
    /// The cluster.
    #[error("the cluster has {MAX_OF_CLUSTER} requests at once, which is the most: try again later")]
    Cluster,
}

impl Running {
    /// Takes a place for a request that was allowed. `connection` is its own, if it has one to itself: it is closed when
    /// the client takes nothing more of the answer.
    pub fn enter(
        &self,
        identified: &Identified,
        cluster: &Authorized<ClusterId>,
        name: &ClusterName,
        needed: Vec<Attributes>,
        connection: Option<Hangup>,
    ) -> Result<Place, Full> {
        let (user, id_of_cluster) = (identified.caller.user_id(), *cluster.subject());
        let mut table = self.table();
        if table.of_user.get(&user).is_some_and(|&count| count >= MAX_OF_USER) {
            return Err(Full::User);
        }
        if table.of_cluster.get(&id_of_cluster).is_some_and(|&count| count >= MAX_OF_CLUSTER) {
            return Err(Full::Cluster);
        }
        *table.of_user.entry(user).or_default() += 1;
        *table.of_cluster.entry(id_of_cluster).or_default() += 1;
        let id = table.next;
        table.next += 1;
        let state = Arc::new(State {
            cut: CancellationToken::new(),
            why: OnceLock::new(),
            connection,
            release: Mutex::default(),
            taking: Taking::new(),
        });
        let entry =
            Entry { cluster: name.clone(), needed, rights: cluster.shared_rights().clone(), state: state.clone() };
        let group = table
            .callers
            .entry(identified.shown.clone())
            .or_insert_with(|| Group { identified: identified.clone(), requests: HashMap::new() });
        group.requests.insert(id, entry);
        drop(table);
        Ok(Place { running: self.clone(), shown: identified.shown.clone(), user, cluster: id_of_cluster, id, state })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Releasing {
    /// Says how.
    pub fn by(self, release: impl FnOnce() + Send + 'static) {
        *self.0.release() = Some(Box::new(release));
        if self.0.cut.is_cancelled() {
            self.0.let_go();
        }
    }
}

impl State {
    fn release(&self) -> MutexGuard<'_, Option<Release>> {
        self.release.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what the request holds, its place included: not for those who hold the table.
    fn let_go(&self) {
        let release = self.release().take();
        if let Some(release) = release {
            release();
        }
    }

    fn end(&self, why: &'static str) {
        let _ = self.why.set(why);
        self.cut.cancel();
    }
}

impl Place {
    /// Cancelled when the request must end.
    pub fn cut(&self) -> &CancellationToken {
        &self.state.cut
    }

    /// Why it was cut, if it was.
    pub fn why(&self) -> Option<&'static str> {
        self.state.why.get().copied()
    }

    /// Where it is said how what the request holds is dropped.
    pub fn releasing(&self) -> Releasing {
        Releasing(self.state.clone())
    }

    /// Whether the client takes what it is given.
    pub fn taking(&self) -> &Taking {
        &self.state.taking
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.running.table();
        if let Some(group) = table.callers.get_mut(&self.shown) {
            group.requests.remove(&self.id);
            if group.requests.is_empty() {
                table.callers.remove(&self.shown);
            }
        }
        leave(&mut table.of_user, &self.user);
        leave(&mut table.of_cluster, &self.cluster);
    }
}

fn leave<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl Central {
    /// Looks after the requests that run, for ever.
    pub(super) async fn look_after_requests(self: Arc<Self>) {
        let mut changes = self.changes.subscribe();
        loop {
            // The sender lives as long as central.
            let _ = tokio::time::timeout(RECHECK, changes.changed()).await;
            let callers: Vec<Identified> =
                self.running.table().callers.values().map(|group| group.identified.clone()).collect();
            futures_util::stream::iter(callers)
                .for_each_concurrent(READS, |identified| {
                    let central = self.clone();
                    async move { central.look_after(&identified).await }
                })
                .await;
        }
    }

    /// Ends those requests of a caller that may not go on. While the database does not answer, what runs goes on.
    async fn look_after(&self, identified: &Identified) {
        let caller = self.still(identified).await;
        let book = self.role_book().await;
        let mut table = self.running.table();
        let Some(group) = table.callers.get_mut(&identified.shown) else { return };
        for entry in group.requests.values_mut() {
            if entry.state.taking.is_stalled() {
                entry.state.end("the client took nothing of the answer for 5 minutes");
                // Nobody asks for more of the answer, and so nobody would hear that there is none.
                entry.state.connection.iter().for_each(Hangup::hang_up);
            }
            let (Ok(caller), Ok(book)) = (&caller, &book) else { continue };
            let Some(caller) = caller else {
                entry.state.end("the session or token of the caller has ended");
                continue;
            };
            let rights = book.rights(caller.roles(), &entry.cluster, entry.rights.closed_namespace());
            if Arc::ptr_eq(&rights, &entry.rights) {
                continue;
            }
            if matches!(rights.policy().decide_all(&entry.needed), Decision::Denied { .. }) {
                entry.state.end("the caller may not do this any more");
            }
            entry.rights = rights;
        }
        let states = group.requests.values().map(|entry| &entry.state);
        let cut: Vec<_> = states.filter(|state| state.cut.is_cancelled()).cloned().collect();
        drop(table);
        cut.iter().for_each(|state| state.let_go());
    }
}

#[cfg(test)]
mod tests;
