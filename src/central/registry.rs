//! The open tunnels of each cluster.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;

use crate::model::ClusterId;
use crate::tunnel::accept::Tunnel;

/// Cluster to live tunnels. Requests go to the least loaded.
#[derive(Default)]
pub struct Registry(RwLock<HashMap<ClusterId, Vec<Tunnel>>>);

impl Registry {
    /// Adds a tunnel; the number of those that the cluster now has.
    pub fn insert(&self, cluster: ClusterId, tunnel: Tunnel) -> usize {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let tunnels = all.entry(cluster).or_default();
        tunnels.push(tunnel);
        tunnels.len()
    }

    /// Removes a tunnel that has ended; the number of those that are left.
    pub fn remove(&self, cluster: ClusterId, serial: u64) -> usize {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(tunnels) = all.get_mut(&cluster) else { return 0 };
        tunnels.retain(|tunnel| tunnel.serial != serial);
        let left = tunnels.len();
        if left == 0 {
            all.remove(&cluster);
        }
        left
    }

    /// How many tunnels of a cluster take requests.
    pub fn count(&self, cluster: ClusterId) -> usize {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&cluster).map_or(0, |tunnels| tunnels.iter().filter(|t| !t.is_draining()).count())
    }

    /// The same, and how many streams run in all of its tunnels.
    pub fn usage(&self, cluster: ClusterId) -> (usize, usize) {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let tunnels = all.get(&cluster).map(Vec::as_slice).unwrap_or_default();
        (tunnels.iter().filter(|t| !t.is_draining()).count(), tunnels.iter().map(Tunnel::load).sum())
    }

    /// The tunnel that has the least to do.
    pub fn least_loaded(&self, cluster: ClusterId) -> Option<Tunnel> {
        self.least_loaded_of(cluster, |_| true)
    }

    /// The tunnel that has the least to do, to an agent that closes this namespace.
    pub fn least_loaded_closing(&self, cluster: ClusterId, namespace: Option<&str>) -> Option<Tunnel> {
        self.least_loaded_of(cluster, |tunnel| tunnel.closed_namespace().map(AsRef::as_ref) == namespace)
    }

    fn least_loaded_of(&self, cluster: ClusterId, fits: impl Fn(&Tunnel) -> bool) -> Option<Tunnel> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&cluster)?.iter().filter(|t| !t.is_draining() && fits(t)).min_by_key(|t| t.load()).cloned()
    }

    /// The namespace that the agent of a cluster closes, if one is connected.
    pub fn closed_namespace(&self, cluster: ClusterId) -> Option<Arc<str>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&cluster)?.iter().find(|t| !t.is_draining())?.closed_namespace().cloned()
    }

    /// Tells all agents that central leaves, for at most `timeout`.
    pub async fn drain_all(&self, timeout: Duration) {
        let tunnels: Vec<Tunnel> = {
            let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
            all.values().flatten().cloned().collect()
        };
        // An agent that does not hear it finds out when the connection closes.
        let _ = tokio::time::timeout(timeout, join_all(tunnels.iter().map(Tunnel::drain))).await;
    }
}
