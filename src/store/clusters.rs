//! Clusters.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::dsl::count_star;
use diesel::prelude::*;
use jiff::Timestamp;

use super::conn::Conn;
use super::error::{Error, Result};
use super::schema::{agent_tokens, clusters};
use super::time::{loaded, stored};
use crate::model::token::AdminCluster;
use crate::model::{ClusterId, ClusterName};

/// Makes a cluster.
///
/// # Errors
/// `Conflict("clusters.name")` when the name is taken.
pub fn create(conn: &mut Conn, id: ClusterId, name: &ClusterName, bootstrap: bool, now: Timestamp) -> Result<()> {
    diesel::insert_into(clusters::table)
        .values((
            clusters::id.eq(id.to_string()),
            clusters::name.eq(name.as_str()),
            clusters::bootstrap.eq(bootstrap),
            clusters::created_at.eq(stored(now)),
        ))
        .execute(conn)?;
    Ok(())
}

type Row = (String, String, bool, NaiveDateTime);

/// All clusters, in the order of their names, each with the number of its valid tokens.
#[allow(clippy::missing_errors_doc)]
pub fn list(conn: &mut Conn, now: Timestamp) -> Result<Vec<AdminCluster>> {
    let rows: Vec<Row> = clusters::table.order(clusters::name).load(conn)?;
    let counts: Vec<(String, i64)> = agent_tokens::table
        .filter(agent_tokens::revoked_at.is_null())
        .filter(agent_tokens::expires_at.is_null().or(agent_tokens::expires_at.gt(stored(now))))
        .group_by(agent_tokens::cluster_id)
        .select((agent_tokens::cluster_id, count_star()))
        .load(conn)?;
    let counts: HashMap<String, i64> = counts.into_iter().collect();
    rows.into_iter()
        .map(|row| {
            let tokens = counts.get(&row.0).copied().unwrap_or(0);
            cluster(row, tokens)
        })
        .collect()
}

/// The cluster with this name.
#[allow(clippy::missing_errors_doc)]
pub fn by_name(conn: &mut Conn, name: &ClusterName, now: Timestamp) -> Result<Option<AdminCluster>> {
    let row: Option<Row> = clusters::table.filter(clusters::name.eq(name.as_str())).first(conn).optional()?;
    let Some(row) = row else { return Ok(None) };
    let tokens = super::agent_tokens::valid(conn, &row.0, now)?;
    cluster(row, tokens).map(Some)
}

fn cluster((id, name, bootstrap, created_at): Row, tokens: i64) -> Result<AdminCluster> {
    Ok(AdminCluster {
        id: id.parse().map_err(|e| Error::Other(Box::new(e)))?,
        name: name.parse().map_err(|e| Error::Other(Box::new(e)))?,
        bootstrap,
        created_at: loaded(created_at),
        tokens: usize::try_from(tokens).unwrap_or(0),
    })
}

/// Removes a cluster with its tokens; its identifier.
///
/// # Errors
/// `NotFound`.
pub fn delete(conn: &mut Conn, name: &ClusterName) -> Result<ClusterId> {
    let id: String = clusters::table.filter(clusters::name.eq(name.as_str())).select(clusters::id).first(conn)?;
    diesel::delete(clusters::table.filter(clusters::id.eq(&id))).execute(conn)?;
    id.parse().map_err(|e| Error::Other(Box::new(e)))
}
