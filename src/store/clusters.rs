//! Clusters: those that agents may register.

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::clusters;
use super::value::{Json, Parsed, Time, json};
use super::{Conn, Error, Result, agent_tokens};
use crate::model::token::{AdminCluster, NewCluster};
use crate::model::{ClusterId, ClusterName, Labels};

/// Makes a cluster. The name of another one is a conflict on `clusters.name`.
pub fn create(conn: &mut Conn, id: ClusterId, new: &NewCluster, bootstrap: bool, now: Timestamp) -> Result<()> {
    let row = (
        clusters::id.eq(id.to_string()),
        clusters::name.eq(new.name.as_str()),
        clusters::labels.eq(json(&new.labels)?),
        clusters::bootstrap.eq(bootstrap),
        clusters::created_at.eq(Time::from(now)),
    );
    diesel::insert_into(clusters::table).values(row).execute(conn)?;
    Ok(())
}

/// All clusters, by name, with the count of their valid tokens.
pub fn list(conn: &mut Conn, now: Timestamp) -> Result<Vec<AdminCluster>> {
    let rows: Vec<Row> = clusters::table.select(CLUSTER).order(clusters::name).load(conn)?;
    let mut tokens = agent_tokens::counts(conn, now)?;
    let cluster = |row: Row| {
        let tokens = tokens.remove(&row.id.0).unwrap_or_default();
        row.with(tokens)
    };
    Ok(rows.into_iter().map(cluster).collect())
}

/// The cluster of this name.
pub fn by_name(conn: &mut Conn, name: &ClusterName, now: Timestamp) -> Result<Option<AdminCluster>> {
    let row: Option<Row> =
        clusters::table.filter(clusters::name.eq(name.as_str())).select(CLUSTER).first(conn).optional()?;
    let Some(row) = row else { return Ok(None) };
    let tokens = agent_tokens::list(conn, row.id.0, now)?.len();
    Ok(Some(row.with(tokens)))
}

/// Gives a cluster these labels and no others.
pub fn set_labels(conn: &mut Conn, name: &ClusterName, labels: &Labels) -> Result<()> {
    let row = clusters::table.filter(clusters::name.eq(name.as_str()));
    match diesel::update(row).set(clusters::labels.eq(json(labels)?)).execute(conn)? {
        0 => Err(Error::NotFound),
        _ => Ok(()),
    }
}

/// Removes a cluster, with its tokens.
pub fn delete(conn: &mut Conn, name: &ClusterName) -> Result<ClusterId> {
    let row = clusters::table.filter(clusters::name.eq(name.as_str()));
    let id: Parsed<ClusterId> = diesel::delete(row).returning(clusters::id).get_result(conn)?;
    Ok(id.0)
}

/// Makes others that change the cluster wait until the end of the transaction.
pub(super) fn lock(conn: &mut Conn, id: ClusterId) -> Result<()> {
    // `SELECT … FOR UPDATE`, which SQLite does not have.
    let row = clusters::table.find(id.to_string());
    match diesel::update(row).set(clusters::bootstrap.eq(clusters::bootstrap)).execute(conn)? {
        0 => Err(Error::NotFound),
        _ => Ok(()),
    }
}

type Columns = (clusters::id, clusters::name, clusters::labels, clusters::bootstrap, clusters::created_at);
const CLUSTER: Columns = (clusters::id, clusters::name, clusters::labels, clusters::bootstrap, clusters::created_at);

#[derive(Queryable)]
struct Row {
    id: Parsed<ClusterId>,
    name: Parsed<ClusterName>,
    labels: Json<Labels>,
    bootstrap: bool,
    created_at: Time,
}

impl Row {
    fn with(self, tokens: usize) -> AdminCluster {
        AdminCluster {
            id: self.id.0,
            name: self.name.0,
            labels: self.labels.0,
            bootstrap: self.bootstrap,
            created_at: self.created_at.into(),
            tokens,
        }
    }
}
