//! Who is asking: from what a request shows to the caller, and whether that still holds while a stream runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::warn;

use super::changes::Stamp;
use super::state::Central;
use crate::access::{Caller, Credential, TokenHash, TokenKind};
use crate::model::{ClusterName, ClusterRules, ErrorCode, Failure, SessionId, UserId};
use crate::store::{api_tokens, callers};
use crate::tunnel::exec::ExecRights;

/// How many callers are remembered; beyond, all are forgotten and asked for again.
const MAX_CACHED: usize = 8_192;

/// How often a running stream's caller is checked without a change: its token may have expired.
pub const RECHECK: Duration = Duration::from_secs(3);

/// How long an agent may take to hear that rights have changed, before the command is ended.
const TELL_TIMEOUT: Duration = Duration::from_secs(2);

/// The time of a token's last use is written down this often.
pub const TOUCH_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// How many credentials that nobody has shown before are looked up at the same time: anyone can make some up.
const MAX_UNKNOWN: usize = 64;

/// The callers that were identified lately, by the hash of what they showed.
pub struct Callers {
    known: Mutex<HashMap<TokenHash, Known>>,
    unknown: Semaphore,
}

impl Default for Callers {
    fn default() -> Self {
        Self { known: Mutex::default(), unknown: Semaphore::new(MAX_UNKNOWN) }
    }
}

/// A caller who was identified.
struct Known {
    caller: Caller,
    stamp: Stamp,
    /// Whether it is being identified again.
    renewing: bool,
}

/// A caller who need not be identified again yet.
struct Cached {
    caller: Caller,
    stamp: Stamp,
    /// Whether whoever got this must see to it that it is identified again.
    renew: bool,
}

/// A caller, and what it was recognised by.
#[derive(Clone)]
pub struct Identified {
    /// Who it is.
    pub caller: Caller,
    /// What it has shown.
    pub shown: TokenHash,
    stamp: Stamp,
}

#[cfg(test)]
impl Identified {
    /// A caller that has just been identified by this.
    pub fn new(caller: Caller, shown: TokenHash) -> Self {
        Self { caller, shown, stamp: super::changes::Changes::default().stamp() }
    }
}

impl Callers {
    fn get(&self, central: &Central, shown: &TokenHash) -> Option<Cached> {
        let mut all = self.all();
        let Known { caller, stamp, renewing } = all.get_mut(shown)?;
        if !central.changes.is_fresh(*stamp) || caller.expires_at() <= Timestamp::now() {
            return None;
        }
        let renew = central.changes.is_aging(*stamp) && !std::mem::replace(renewing, true);
        Some(Cached { caller: caller.clone(), stamp: *stamp, renew })
    }

    fn put(&self, shown: TokenHash, caller: Caller, stamp: Stamp) {
        let mut cached = self.all();
        if cached.len() >= MAX_CACHED {
            cached.clear();
        }
        cached.insert(shown, Known { caller, stamp, renewing: false });
    }

    /// A place for the look-up of a credential that may be made up.
    pub fn place(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.unknown.try_acquire().map_err(|_| {
            let detail =
                "too many tokens that are not known yet are being checked just now: try again in a few seconds";
            Failure::new(ErrorCode::TooManyRequests, detail)
        })
    }

    /// The same for what was shown; none is needed for what was good before.
    fn place_for(&self, shown: &TokenHash) -> Result<Option<SemaphorePermit<'_>>, Failure> {
        if self.all().contains_key(shown) { Ok(None) } else { self.place().map(Some) }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<TokenHash, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Central {
    /// The caller who shows a bearer token.
    pub async fn identify(self: &Arc<Self>, bearer: &str) -> Result<Identified, Failure> {
        let shown = TokenHash::of(bearer);
        let Some(Cached { caller, stamp, renew }) = self.callers.get(self, &shown) else {
            return self.look_up(bearer, shown).await;
        };
        if renew {
            let (central, bearer, shown) = (self.clone(), bearer.to_owned(), shown.clone());
            // When this fails, so will the next request, which says why.
            tokio::spawn(async move { drop(central.look_up(&bearer, shown).await) });
        }
        Ok(Identified { caller, shown, stamp })
    }

    async fn look_up(&self, bearer: &str, shown: TokenHash) -> Result<Identified, Failure> {
        let stamp = self.changes.stamp();
        let caller = match TokenKind::of(bearer) {
            TokenKind::Api => {
                let _place = self.callers.place_for(&shown)?;
                self.by_api_token(&shown).await?
            }
            // It is signed, so its session was there.
            TokenKind::Access => self.by_access_token(bearer).await?,
            TokenKind::Agent | TokenKind::Refresh | TokenKind::Unknown => None,
        };
        let caller = caller.ok_or_else(|| unauthenticated("the token is not valid, or not any more: log in again"))?;
        self.callers.put(shown.clone(), caller.clone(), stamp);
        Ok(Identified { caller, shown, stamp })
    }

    async fn by_access_token(&self, token: &str) -> Result<Option<Caller>, Failure> {
        let Ok(claims) = self.keys.verify(token, Timestamp::now()) else { return Ok(None) };
        self.by_session(claims.sid, claims.sub, claims.exp).await
    }

    async fn by_session(
        &self,
        session: SessionId,
        user: UserId,
        expires_at: Timestamp,
    ) -> Result<Option<Caller>, Failure> {
        let found = self.store.read(move |c| callers::by_session(c, session, Timestamp::now())).await?;
        Ok(found.filter(|found| found.user == user).map(|found| {
            Caller::new(found.user, found.email, found.roles, Credential::Session { id: session }, expires_at)
        }))
    }

    async fn by_api_token(&self, shown: &TokenHash) -> Result<Option<Caller>, Failure> {
        let (hash, now) = (shown.clone(), Timestamp::now());
        let Some(found) = self.store.read(move |c| callers::by_api_token(c, &hash, now)).await? else {
            return Ok(None);
        };
        if found.last_used_at.is_none_or(|then| now.duration_since(then) > TOUCH_EVERY) {
            let (store, token) = (self.store.clone(), found.token);
            tokio::spawn(async move {
                if let Err(error) = store.write(move |c| api_tokens::touch(c, token, now)).await {
                    warn!(%token, %error, "the last use of an API token was not written down");
                }
            });
        }
        let credential = Credential::ApiToken { id: found.token };
        Ok(Some(Caller::new(found.user, found.email, found.roles, credential, found.expires_at)))
    }

    /// The caller of something that runs, as it is now; `None` when what it has shown counts no more.
    pub async fn still(&self, identified: &Identified) -> Result<Option<Caller>, Failure> {
        match identified.caller.credential() {
            // The access token was valid when the stream began; the session is what may end.
            Credential::Session { id } => {
                self.by_session(id, identified.caller.user_id(), identified.caller.expires_at()).await
            }
            Credential::ApiToken { .. } => self.by_api_token(&identified.shown).await,
        }
    }

    /// Waits until the caller of a running command may not have it any more; why. On the way it tells the agent when the
    /// rights of the caller change from those that it was `told`. While the database does not answer, what runs goes on.
    pub async fn until_revoked(
        &self,
        identified: &Identified,
        cluster: &ClusterName,
        mut told: ClusterRules,
        agent: &ExecRights,
    ) -> &'static str {
        let mut changes = self.changes.subscribe();
        let mut wait = self.changes.is_current(identified.stamp);
        loop {
            if std::mem::replace(&mut wait, true) {
                // The sender lives as long as central.
                let _ = tokio::time::timeout(RECHECK, changes.changed()).await;
            }
            let rights = match self.still(identified).await {
                Ok(None) => return "the session or token of the caller has ended",
                Ok(Some(caller)) if caller.roles().is_empty() => return "the caller has no role any more",
                Ok(Some(caller)) => self.rights(caller.roles(), cluster, None).await,
                Err(_) => continue,
            };
            let Ok(rights) = rights else { continue };
            if !rights.policy().allows_anything() {
                return "the roles of the caller allow nothing in the cluster any more";
            }
            if *rights.rules() != told {
                told = rights.rules().clone();
                // When the command has ended meanwhile, so will this task.
                if tokio::time::timeout(TELL_TIMEOUT, agent.replace(told.clone())).await.is_err() {
                    return "the agent did not take the rights of the caller, which have changed";
                }
            }
        }
    }
}

/// The answer to a request that shows nothing, or what is not valid.
pub fn unauthenticated(detail: &str) -> Failure {
    Failure::new(ErrorCode::Unauthenticated, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::central::changes::Changes;
    use crate::model::TokenId;

    #[test]
    fn only_so_many_tokens_that_nobody_knows_are_looked_up_at_once() {
        let callers = Callers::default();
        let shown = |token: &str| TokenHash::of(token);
        let credential = Credential::ApiToken { id: TokenId::generate() };
        let email = "ann@example.com".parse().unwrap();
        let caller = Caller::new(UserId::generate(), email, Vec::new(), credential, Timestamp::MAX);
        callers.put(shown("known"), caller, Changes::default().stamp());
        let places: Vec<_> = (0..MAX_UNKNOWN).map(|_| callers.place_for(&shown("x")).unwrap()).collect();
        let refused = |token: &str| callers.place_for(&shown(token)).err().map(|failure| failure.code);
        assert_eq!(refused("x"), Some(ErrorCode::TooManyRequests));
        assert_eq!(callers.place().err().map(|failure| failure.code), Some(ErrorCode::TooManyRequests));
        assert_eq!(refused("known"), None, "whoever was here before is not kept out");
        drop(places);
        assert_eq!(refused("x"), None);
    }
}
