//! The tokens of agents, of which only hashes are kept. The row of a token says which cluster its agents are of.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use jiff::Timestamp;

use super::conn::Conn;
use super::error::{Error, Result};
use super::schema::{agent_tokens, clusters};
use super::time::{loaded, stored};
use super::users::at_least_one;
use super::{clusters as cluster_rows, settings};
use crate::access::TokenHash;
use crate::model::token::{AgentToken, MAX_AGENT_TOKENS};
use crate::model::{ClusterId, ClusterName, TokenId};

/// Whom a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentIdentity {
    /// The token.
    pub token: TokenId,
    /// The cluster.
    pub cluster: ClusterId,
    /// The cluster's name.
    pub name: ClusterName,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// Makes a token.
///
/// # Errors
/// `Conflict("agent_tokens.active")` when the cluster has as many valid ones as it may.
pub fn create(conn: &mut Conn, cluster: ClusterId, hash: &TokenHash, token: &AgentToken) -> Result<()> {
    let id = cluster.to_string();
    lock(conn, &id)?;
    if valid(conn, &id, token.created_at)? >= i64::try_from(MAX_AGENT_TOKENS).unwrap_or(i64::MAX) {
        return Err(Error::Conflict("agent_tokens.active".into()));
    }
    diesel::insert_into(agent_tokens::table)
        .values((
            agent_tokens::id.eq(token.id.to_string()),
            agent_tokens::cluster_id.eq(&id),
            agent_tokens::hash.eq(hash.to_hex()),
            agent_tokens::bootstrap.eq(token.bootstrap),
            agent_tokens::created_at.eq(stored(token.created_at)),
            agent_tokens::expires_at.eq(token.expires_at.map(stored)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Locks the row of a cluster until the end of the transaction, by an update that changes nothing: two that add a token
/// at once must not both find room.
fn lock(conn: &mut Conn, cluster: &str) -> Result<()> {
    let row = clusters::table.filter(clusters::id.eq(cluster));
    at_least_one(diesel::update(row).set(clusters::id.eq(cluster)).execute(conn)?)
}

/// How many tokens of a cluster are valid.
pub(super) fn valid(conn: &mut Conn, cluster: &str, now: Timestamp) -> Result<i64> {
    let tokens = agent_tokens::table
        .filter(agent_tokens::cluster_id.eq(cluster))
        .filter(agent_tokens::revoked_at.is_null())
        .filter(agent_tokens::expires_at.is_null().or(agent_tokens::expires_at.gt(stored(now))));
    Ok(tokens.count().get_result(conn)?)
}

/// The valid tokens of a cluster, the oldest first.
#[allow(clippy::missing_errors_doc)]
pub fn list(conn: &mut Conn, cluster: ClusterId, now: Timestamp) -> Result<Vec<AgentToken>> {
    type Row = (String, bool, NaiveDateTime, Option<NaiveDateTime>, Option<NaiveDateTime>);
    let rows: Vec<Row> = agent_tokens::table
        .filter(agent_tokens::cluster_id.eq(cluster.to_string()))
        .filter(agent_tokens::revoked_at.is_null())
        .filter(agent_tokens::expires_at.is_null().or(agent_tokens::expires_at.gt(stored(now))))
        .order((agent_tokens::created_at, agent_tokens::id))
        .select((
            agent_tokens::id,
            agent_tokens::bootstrap,
            agent_tokens::created_at,
            agent_tokens::expires_at,
            agent_tokens::last_used_at,
        ))
        .load(conn)?;
    rows.into_iter()
        .map(|(id, bootstrap, created_at, expires_at, last_used_at)| {
            Ok(AgentToken {
                id: id.parse().map_err(|e| Error::Other(Box::new(e)))?,
                bootstrap,
                created_at: loaded(created_at),
                expires_at: expires_at.map(loaded),
                last_used_at: last_used_at.map(loaded),
            })
        })
        .collect()
}

/// Ends a token of a cluster.
///
/// # Errors
/// `NotFound`, also for one that has ended already, or of another cluster.
pub fn revoke(conn: &mut Conn, cluster: ClusterId, token: TokenId, now: Timestamp) -> Result<()> {
    let valid = agent_tokens::table
        .filter(agent_tokens::id.eq(token.to_string()))
        .filter(agent_tokens::cluster_id.eq(cluster.to_string()))
        .filter(agent_tokens::revoked_at.is_null())
        .filter(agent_tokens::expires_at.is_null().or(agent_tokens::expires_at.gt(stored(now))));
    at_least_one(diesel::update(valid).set(agent_tokens::revoked_at.eq(stored(now))).execute(conn)?)
}

/// Whom a token stands for, if it is valid.
#[allow(clippy::missing_errors_doc)]
pub fn by_hash(conn: &mut Conn, shown: &TokenHash, now: Timestamp) -> Result<Option<AgentIdentity>> {
    type Row = (String, String, String, Option<NaiveDateTime>, Option<NaiveDateTime>);
    let row: Option<Row> = agent_tokens::table
        .inner_join(clusters::table)
        .filter(agent_tokens::hash.eq(shown.to_hex()))
        .filter(agent_tokens::revoked_at.is_null())
        .filter(agent_tokens::expires_at.is_null().or(agent_tokens::expires_at.gt(stored(now))))
        .select((agent_tokens::id, clusters::id, clusters::name, agent_tokens::expires_at, agent_tokens::last_used_at))
        .first(conn)
        .optional()?;
    row.map(|(token, cluster, name, expires_at, last_used_at)| {
        Ok(AgentIdentity {
            token: token.parse().map_err(|e| Error::Other(Box::new(e)))?,
            cluster: cluster.parse().map_err(|e| Error::Other(Box::new(e)))?,
            name: name.parse().map_err(|e| Error::Other(Box::new(e)))?,
            expires_at: expires_at.map(loaded),
            last_used_at: last_used_at.map(loaded),
        })
    })
    .transpose()
}

/// Notes that a token was used.
#[allow(clippy::missing_errors_doc)]
pub fn touch(conn: &mut Conn, token: TokenId, now: Timestamp) -> Result<()> {
    let used = agent_tokens::table.filter(agent_tokens::id.eq(token.to_string()));
    diesel::update(used).set(agent_tokens::last_used_at.eq(stored(now))).execute(conn)?;
    Ok(())
}

/// Makes what the configuration declares true: its clusters exist, its tokens are valid, and those that it declared
/// before and does not any more are not. Changes nothing when nothing has changed.
///
/// # Errors
/// `Conflict` when a cluster would have more valid tokens than it may, or a token is that of another cluster.
pub fn declare(conn: &mut Conn, declared: &[(ClusterName, TokenHash)], now: Timestamp) -> Result<()> {
    let valid_ones = agent_tokens::table
        .filter(agent_tokens::bootstrap.eq(true))
        .filter(agent_tokens::revoked_at.is_null())
        .inner_join(clusters::table)
        .select((agent_tokens::hash, clusters::name));
    let wanted: Vec<(String, String)> = declared.iter().map(|(name, hash)| (hash.to_hex(), name.to_string())).collect();
    let all_there = |current: &[(String, String)]| {
        current.len() == wanted.len() && wanted.iter().all(|token| current.contains(token))
    };
    if all_there(&valid_ones.load::<(String, String)>(conn)?) {
        return Ok(());
    }
    settings::bump_policy_version(conn)?;
    // Another central may have made it true while this one waited.
    let current: Vec<(String, String)> = valid_ones.load(conn)?;
    for (hash, _) in current.iter().filter(|token| !wanted.contains(token)) {
        diesel::update(agent_tokens::table.filter(agent_tokens::hash.eq(hash)))
            .set(agent_tokens::revoked_at.eq(stored(now)))
            .execute(conn)?;
    }
    for (name, hash) in declared.iter().filter(|(n, h)| !current.contains(&(h.to_hex(), n.to_string()))) {
        let cluster = match cluster_rows::by_name(conn, name, now)? {
            Some(cluster) => cluster.id,
            None => {
                let id = ClusterId::generate();
                cluster_rows::create(conn, id, name, true, now)?;
                id
            }
        };
        // A token that was declared before, and again now, is valid again.
        let again = agent_tokens::table
            .filter(agent_tokens::hash.eq(hash.to_hex()))
            .filter(agent_tokens::cluster_id.eq(cluster.to_string()))
            .filter(agent_tokens::bootstrap.eq(true));
        let revived = diesel::update(again).set(agent_tokens::revoked_at.eq(None::<NaiveDateTime>)).execute(conn)?;
        if revived == 0 {
            let (id, expires_at, last_used_at) = (TokenId::generate(), None, None);
            create(
                conn,
                cluster,
                hash,
                &AgentToken { id, bootstrap: true, created_at: now, expires_at, last_used_at },
            )?;
        }
    }
    Ok(())
}
