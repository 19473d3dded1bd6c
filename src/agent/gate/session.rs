//! What a running command may ask of the API server, and what it is asking now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::HeaderValue;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::{Decision, Policy, TokenHash};
use crate::kubernetes::attributes::Attributes;
use crate::kubernetes::headers::Identity;
use crate::kubernetes::reviews::{Asked, Finding};
use crate::model::ApiCall;
use crate::tunnel::exec::ExecEvent;

/// How many requests a command may have at once. kubectl holds one for each log that it follows.
const MAX_REQUESTS: usize = 256;

/// One running command.
pub struct Session {
    /// Whose it is, for texts.
    pub user: String,
    /// The caller's groups.
    pub groups: Vec<String>,
    /// The name of its requests in the audit log of the API server: that of the command, so that the two logs join.
    pub audit_id: Option<HeaderValue>,
    /// Whom its requests act as; `None` for the agent itself.
    pub identity: Option<Identity>,
    /// Ends all its requests.
    pub ended: CancellationToken,
    /// A place for each request that it may have at once.
    pub places: Arc<Semaphore>,
    /// Whether it has a discovery cache: if it asks for what is in there, that is out of date.
    pub has_cache: bool,
    /// What has not been told of yet.
    pub unreported: TaskTracker,
    why: OnceLock<String>,
    rights: Mutex<Rights>,
    calls: Option<mpsc::Sender<ExecEvent>>,
}

struct Rights {
    policy: Policy,
    /// The requests that run, with what had to be allowed for each.
    running: HashMap<u64, Vec<Attributes>>,
    next: u64,
}

/// Why a request is refused: the first thing that is not allowed, if the request asks for anything that is known.
pub struct Denial {
    /// The thing.
    pub what: Option<Attributes>,
    /// A sentence.
    pub why: String,
}

/// A request that runs, for as long as this lives.
pub struct Running {
    session: Arc<Session>,
    id: u64,
}

impl Session {
    /// A command of this caller. Its requests are told to `calls`.
    pub fn new(
        user: String,
        identity: Option<Identity>,
        policy: Policy,
        calls: Option<mpsc::Sender<ExecEvent>>,
    ) -> Self {
        Self {
            user,
            groups: Vec::new(),
            audit_id: None,
            identity,
            ended: CancellationToken::new(),
            places: Arc::new(Semaphore::new(MAX_REQUESTS)),
            has_cache: false,
            unreported: TaskTracker::new(),
            why: OnceLock::new(),
            rights: Mutex::new(Rights { policy, running: HashMap::new(), next: 0 }),
            calls,
        }
    }

    /// Decides on a request and, if it may go on, notes it in the same moment: rights that change later find it.
    pub fn admit(self: &Arc<Self>, needed: Vec<Attributes>) -> Result<Running, Box<Denial>> {
        let mut rights = self.rights();
        if let Some(denial) = denial(&rights.policy, &needed) {
            return Err(Box::new(denial));
        }
        let id = rights.next;
        rights.next += 1;
        rights.running.insert(id, needed);
        Ok(Running { session: self.clone(), id })
    }

    /// What there is to say to a question about the caller's own rights.
    pub fn review(&self, asked: &Asked) -> Finding {
        // Who acts as the agent is the agent to the cluster.
        let acting = self.identity.is_none().then_some((self.user.as_str(), self.groups.as_slice()));
        self.rights().policy.review(asked, acting)
    }

    /// Replaces the rights. When one of the running requests is no longer allowed, or nothing is, all is over.
    pub fn replace(&self, policy: Policy) {
        let mut rights = self.rights();
        let lost = match policy.allows_anything() {
            false => Some("you may not do anything in this cluster any more".to_owned()),
            true => rights.running.values().find_map(|needed| denial(&policy, needed)).map(|denial| denial.why),
        };
        rights.policy = policy;
        drop(rights);
        if let Some(why) = lost {
            let _ = self.why.set(why);
            self.ended.cancel();
        }
    }

    /// Why the rights have ended it, if they have.
    pub fn why(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }

    /// Whether somebody is told of its requests: it is a command of a caller, and not of the agent itself.
    pub fn has_a_caller(&self) -> bool {
        self.calls.is_some()
    }

    /// Tells of a request; waits while the reports of this command are not taken.
    pub async fn report(&self, call: ApiCall) {
        if let Some(calls) = &self.calls {
            // Nobody is left to be told when this fails.
            let _ = calls.send(ExecEvent::ApiCall(call)).await;
        }
    }

    fn rights(&self) -> MutexGuard<'_, Rights> {
        self.rights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn denial(policy: &Policy, needed: &[Attributes]) -> Option<Denial> {
    let Decision::Denied { why } = policy.decide_all(needed) else { return None };
    let what = needed.iter().find(|attributes| matches!(policy.decide(attributes), Decision::Denied { .. }));
    Some(Denial { what: what.cloned(), why })
}

impl Drop for Running {
    fn drop(&mut self) {
        self.session.rights().running.remove(&self.id);
    }
}

/// The sessions, by the hash of their tokens.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<TokenHash, Arc<Session>>>);

impl Sessions {
    /// Adds one.
    pub fn insert(&self, token: TokenHash, session: Arc<Session>) {
        self.table().insert(token, session);
    }

    /// Removes one.
    pub fn remove(&self, token: &TokenHash) {
        self.table().remove(token);
    }

    /// The session of a token.
    pub fn find(&self, token: &str) -> Option<Arc<Session>> {
        self.table().get(&TokenHash::of(token)).cloned()
    }

    fn table(&self) -> MutexGuard<'_, HashMap<TokenHash, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
