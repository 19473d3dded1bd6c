//! Clusters and tokens that the configuration of central declares, brought into the database at its start.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;
use jiff::Timestamp;

use super::ACTIVE;
use crate::access::TokenHash;
use crate::model::token::MAX_AGENT_TOKENS;
use crate::model::{ClusterId, ClusterName, TokenId};
use crate::store::conn::each;
use crate::store::schema::{agent_tokens, clusters};
use crate::store::value::{Parsed, Time};
use crate::store::{Conn, Error, Result, settings};

/// Makes the clusters that are missing and the tokens that are missing, and ends the tokens that were declared once and
/// are not any more. A token that was ended so is valid again when it is declared again; one that an admin has revoked
/// is not. What is as declared is left alone: without a change nothing is written.
///
/// A cluster that would have too many valid tokens is a conflict on `agent_tokens.active`, a token that is another
/// cluster's is one on `agent_tokens.hash`.
pub fn declare(conn: &mut Conn, declared: &[(ClusterName, TokenHash)], now: Timestamp) -> Result<()> {
    let declared = by_cluster(declared)?;
    match plan(conn, &declared, now) {
        Ok(plan) if plan.is_empty() => return Ok(()),
        // A conflict may be seen while another replica does the same.
        Ok(_) | Err(Error::Conflict(_)) => {}
        Err(error) => return Err(error),
    }
    // Once more, while others that change something wait.
    settings::lock_policy(conn)?;
    let plan = plan(conn, &declared, now)?;
    if plan.is_empty() {
        return Ok(());
    }
    settings::bump_policy_version(conn)?;
    plan.run(conn, now)
}

/// The hashes of each cluster, each once.
type Declared = BTreeMap<ClusterName, BTreeSet<String>>;

fn by_cluster(declared: &[(ClusterName, TokenHash)]) -> Result<Declared> {
    let mut clusters = Declared::new();
    let mut owners: HashMap<String, &ClusterName> = HashMap::new();
    for (cluster, hash) in declared {
        if *owners.entry(hash.to_hex()).or_insert(cluster) != cluster {
            return Err(Error::Conflict("agent_tokens.hash".into()));
        }
        clusters.entry(cluster.clone()).or_default().insert(hash.to_hex());
    }
    Ok(clusters)
}

/// What has to be changed.
#[derive(Default)]
struct Plan {
    clusters: Vec<(ClusterId, ClusterName)>,
    tokens: Vec<(ClusterId, String)>,
    revoked: Vec<String>,
    restored: Vec<String>,
}

#[derive(Queryable)]
struct Known {
    id: String,
    cluster: Parsed<ClusterId>,
    hash: String,
    bootstrap: bool,
    expires_at: Option<Time>,
    revoked_at: Option<Time>,
}

impl Known {
    fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| Timestamp::from(at) > now)
    }
}

fn plan(conn: &mut Conn, declared: &Declared, now: Timestamp) -> Result<Plan> {
    let names: Vec<(Parsed<ClusterName>, Parsed<ClusterId>)> =
        clusters::table.select((clusters::name, clusters::id)).load(conn)?;
    let ids: HashMap<ClusterName, ClusterId> = names.into_iter().map(|(name, id)| (name.0, id.0)).collect();
    let known: Vec<Known> = agent_tokens::table
        .select((
            agent_tokens::id,
            agent_tokens::cluster_id,
            agent_tokens::hash,
            agent_tokens::bootstrap,
            agent_tokens::expires_at,
            agent_tokens::revoked_at,
        ))
        .load(conn)?;
    let by_hash: HashMap<&str, &Known> = known.iter().map(|token| (token.hash.as_str(), token)).collect();

    let mut plan = Plan::default();
    let mut wanted = BTreeSet::new();
    for (name, hashes) in declared {
        let id = ids.get(name).copied().unwrap_or_else(|| {
            let id = ClusterId::generate();
            plan.clusters.push((id, name.clone()));
            id
        });
        // What stays valid beside what is declared: tokens that admins have made.
        let mut valid = known.iter().filter(|t| t.cluster.0 == id && !t.bootstrap && t.is_valid(now)).count();
        for hash in hashes {
            wanted.insert(hash.as_str());
            match by_hash.get(hash.as_str()) {
                None => plan.tokens.push((id, hash.clone())),
                Some(token) if token.cluster.0 != id => return Err(Error::Conflict("agent_tokens.hash".into())),
                Some(token) if !token.bootstrap => continue, // An admin's: counted already, or revoked for good.
                Some(token) if token.revoked_at.is_some() => plan.restored.push(token.id.clone()),
                Some(_) => {}
            }
            valid += 1;
        }
        if valid > MAX_AGENT_TOKENS {
            return Err(Error::Conflict(ACTIVE.into()));
        }
    }
    let dropped = known.iter().filter(|t| t.bootstrap && t.revoked_at.is_none() && !wanted.contains(t.hash.as_str()));
    plan.revoked = dropped.map(|token| token.id.clone()).collect();
    Ok(plan)
}

impl Plan {
    fn is_empty(&self) -> bool {
        self.clusters.is_empty() && self.tokens.is_empty() && self.revoked.is_empty() && self.restored.is_empty()
    }

    fn run(self, conn: &mut Conn, now: Timestamp) -> Result<()> {
        let now = Time::from(now);
        for (revoked_at, ids) in [(Some(now), self.revoked), (None, self.restored)] {
            for ids in ids.chunks(CHUNK) {
                let rows = agent_tokens::table.filter(agent_tokens::id.eq_any(ids));
                diesel::update(rows).set(agent_tokens::revoked_at.eq(revoked_at)).execute(conn)?;
            }
        }
        for new in self.clusters.chunks(CHUNK) {
            let row = |(id, name): &(ClusterId, ClusterName)| {
                (
                    clusters::id.eq(id.to_string()),
                    clusters::name.eq(name.to_string()),
                    clusters::bootstrap.eq(true),
                    clusters::created_at.eq(now),
                )
            };
            let rows: Vec<_> = new.iter().map(row).collect();
            each!(conn, |c| diesel::insert_into(clusters::table).values(rows).execute(c))?;
        }
        for new in self.tokens.chunks(CHUNK) {
            let row = |(cluster, hash): &(ClusterId, String)| {
                (
                    agent_tokens::id.eq(TokenId::generate().to_string()),
                    agent_tokens::cluster_id.eq(cluster.to_string()),
                    agent_tokens::hash.eq(hash.clone()),
                    agent_tokens::bootstrap.eq(true),
                    agent_tokens::created_at.eq(now),
                )
            };
            let rows: Vec<_> = new.iter().map(row).collect();
            each!(conn, |c| diesel::insert_into(agent_tokens::table).values(rows).execute(c))?;
        }
        Ok(())
    }
}

/// How many rows one statement writes; each value is a parameter, of which SQLite takes 32,766.
const CHUNK: usize = 500;
