//! The clusters that exist, and what their agents said to this central.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::changes::Stamp;
use super::clusters::no_such_cluster;
use super::state::Central;
use crate::model::token::AdminCluster;
use crate::model::{ClusterFacts, ClusterId, ClusterName, ErrorCode, Failure, Labels};
use crate::store::clusters;

/// One cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Identifies it.
    pub id: ClusterId,
    /// Names it.
    pub name: ClusterName,
    /// Its labels.
    pub labels: Arc<Labels>,
}

impl Entry {
    fn of(row: AdminCluster) -> Self {
        Self { id: row.id, name: row.name, labels: Arc::new(row.labels) }
    }
}

/// What was last heard from the agents of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// When anything was heard.
    pub last_seen: Option<Timestamp>,
    /// The version of the agent that registered last; `None` since central's start if none did.
    pub agent_version: Option<String>,
    /// What it said of the cluster.
    pub facts: ClusterFacts,
}

/// What is known without asking the database each time.
#[derive(Default)]
pub struct Directory {
    known: Mutex<Option<(Arc<[Entry]>, Stamp)>>,
    heard: Mutex<HashMap<ClusterId, Heard>>,
}

impl Directory {
    /// What was last heard of a cluster.
    pub fn heard(&self, cluster: ClusterId) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).get(&cluster).cloned().unwrap_or_default()
    }

    /// Notes that a cluster was heard of just now.
    pub fn hear(&self, cluster: ClusterId, change: impl FnOnce(&mut Heard)) {
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = all.entry(cluster).or_default();
        heard.last_seen = Some(Timestamp::now());
        change(heard);
    }

    /// Forgets what was heard of a cluster that is no more.
    pub fn forget(&self, cluster: ClusterId) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).remove(&cluster);
    }

    fn known(&self, central: &Central) -> Option<Arc<[Entry]>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(_, stamp)| central.changes.is_fresh(*stamp)).map(|(entries, _)| entries.clone())
    }
}

impl Central {
    /// All clusters, in the order of their names.
    pub async fn clusters(&self) -> Result<Arc<[Entry]>, Failure> {
        match self.directory.known(self) {
            Some(known) => Ok(known),
            None => self.read_clusters().await,
        }
    }

    /// Reads the clusters from the database, for those who ask next.
    pub async fn read_clusters(&self) -> Result<Arc<[Entry]>, Failure> {
        let stamp = self.changes.stamp();
        let rows = self.store.read(|c| clusters::list(c, Timestamp::now())).await?;
        let entries: Arc<[Entry]> = rows.into_iter().map(Entry::of).collect();
        self.metrics.keep(&entries);
        *self.directory.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((entries.clone(), stamp));
        Ok(entries)
    }

    /// The cluster with this name.
    pub async fn cluster(&self, name: &str) -> Result<Entry, Failure> {
        let name: ClusterName = name.parse().map_err(|e| Failure::new(ErrorCode::NotFound, format!("{e}")))?;
        let found = self.clusters().await?.iter().find(|entry| entry.name == name).cloned();
        found.ok_or_else(|| no_such_cluster(name.as_str()))
    }
}
