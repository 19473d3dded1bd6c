//! Agent tokens: what the agents of a cluster show. Two may be valid at once, so that one can replace the other.

use std::collections::HashMap;

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{agent_tokens, clusters};
use super::value::{Parsed, Time};
use super::{Conn, Error, Result};
use crate::access::TokenHash;
use crate::model::token::{AgentToken, MAX_AGENT_TOKENS};
use crate::model::{ClusterId, ClusterName, TokenId};

mod declare;

pub use declare::declare;

/// What a cluster with too many valid tokens is a conflict on.
const ACTIVE: &str = "agent_tokens.active";

/// Who shows an agent token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentIdentity {
    /// Identifies the token.
    pub token: TokenId,
    /// The cluster that it is for.
    pub cluster: ClusterId,
    /// The cluster's name.
    pub name: ClusterName,
    /// When it ends; none: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// Makes a token. When the cluster has as many valid ones as it may, it is a conflict on `agent_tokens.active`.
pub fn create(conn: &mut Conn, cluster: ClusterId, hash: &TokenHash, token: &AgentToken) -> Result<()> {
    super::clusters::lock(conn, cluster)?;
    if list(conn, cluster, token.created_at)?.len() >= MAX_AGENT_TOKENS {
        return Err(Error::Conflict(ACTIVE.into()));
    }
    let row = (
        agent_tokens::id.eq(token.id.to_string()),
        agent_tokens::cluster_id.eq(cluster.to_string()),
        agent_tokens::hash.eq(hash.to_hex()),
        agent_tokens::bootstrap.eq(token.bootstrap),
        agent_tokens::created_at.eq(Time::from(token.created_at)),
        agent_tokens::expires_at.eq(token.expires_at.map(Time::from)),
        agent_tokens::last_used_at.eq(token.last_used_at.map(Time::from)),
    );
    diesel::insert_into(agent_tokens::table).values(row).execute(conn)?;
    Ok(())
}

#[derive(Queryable)]
struct Row {
    id: Parsed<TokenId>,
    bootstrap: bool,
    created_at: Time,
    expires_at: Option<Time>,
    last_used_at: Option<Time>,
}

/// The valid tokens of a cluster, the oldest first.
pub fn list(conn: &mut Conn, cluster: ClusterId, now: Timestamp) -> Result<Vec<AgentToken>> {
    let rows: Vec<Row> = agent_tokens::table
        .filter(agent_tokens::cluster_id.eq(cluster.to_string()))
        .filter(agent_tokens::revoked_at.is_null())
        .filter(agent_tokens::expires_at.is_null().or(agent_tokens::expires_at.gt(Time::from(now))))
        .select((
            agent_tokens::id,
            agent_tokens::bootstrap,
            agent_tokens::created_at,
            agent_tokens::expires_at,
            agent_tokens::last_used_at,
        ))
        .order((agent_tokens::created_at, agent_tokens::id))
        .load(conn)?;
    let token = |row: Row| AgentToken {
        id: row.id.0,
        bootstrap: row.bootstrap,
        created_at: row.created_at.into(),
        expires_at: row.expires_at.map(Into::into),
        last_used_at: row.last_used_at.map(Into::into),
    };
    Ok(rows.into_iter().map(token).collect())
}

/// How many valid tokens each cluster has that has any.
pub(super) fn counts(conn: &mut Conn, now: Timestamp) -> Result<HashMap<ClusterId, usize>> {
    let rows: Vec<(Parsed<ClusterId>, i64)> = agent_tokens::table
        .filter(agent_tokens::revoked_at.is_null())
        .filter(agent_tokens::expires_at.is_null().or(agent_tokens::expires_at.gt(Time::from(now))))
        .group_by(agent_tokens::cluster_id)
        .select((agent_tokens::cluster_id, diesel::dsl::count_star()))
        .load(conn)?;
    Ok(rows.into_iter().map(|(id, count)| (id.0, usize::try_from(count).unwrap_or_default())).collect())
}

/// Ends a token of this cluster. One that has been ended already is not found.
pub fn revoke(conn: &mut Conn, cluster: ClusterId, id: TokenId, now: Timestamp) -> Result<()> {
    let live = agent_tokens::table
        .find(id.to_string())
        .filter(agent_tokens::cluster_id.eq(cluster.to_string()))
        .filter(agent_tokens::revoked_at.is_null());
    // Without the mark, no restart of central brings it back.
    let change = (agent_tokens::revoked_at.eq(Some(Time::from(now))), agent_tokens::bootstrap.eq(false));
    match diesel::update(live).set(change).execute(conn)? {
        0 => Err(Error::NotFound),
        _ => Ok(()),
    }
}

#[derive(Queryable)]
struct IdentityRow {
    token: Parsed<TokenId>,
    cluster: Parsed<ClusterId>,
    name: Parsed<ClusterName>,
    expires_at: Option<Time>,
    last_used_at: Option<Time>,
}

/// Who shows this token; none when it has ended or is unknown.
pub fn by_hash(conn: &mut Conn, hash: &TokenHash, now: Timestamp) -> Result<Option<AgentIdentity>> {
    let row: Option<IdentityRow> = agent_tokens::table
        .inner_join(clusters::table)
        .filter(agent_tokens::hash.eq(hash.to_hex()))
        .filter(agent_tokens::revoked_at.is_null())
        .filter(agent_tokens::expires_at.is_null().or(agent_tokens::expires_at.gt(Time::from(now))))
        .select((agent_tokens::id, clusters::id, clusters::name, agent_tokens::expires_at, agent_tokens::last_used_at))
        .first(conn)
        .optional()?;
    Ok(row.map(|row| AgentIdentity {
        token: row.token.0,
        cluster: row.cluster.0,
        name: row.name.0,
        expires_at: row.expires_at.map(Into::into),
        last_used_at: row.last_used_at.map(Into::into),
    }))
}

/// Remembers that a token was used.
pub fn touch(conn: &mut Conn, id: TokenId, now: Timestamp) -> Result<()> {
    let change = agent_tokens::last_used_at.eq(Some(Time::from(now)));
    diesel::update(agent_tokens::table.find(id.to_string())).set(change).execute(conn)?;
    Ok(())
}
