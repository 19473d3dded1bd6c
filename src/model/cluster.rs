//! A cluster as users see it: what its agent said of it and whether it can be reached.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::ClusterName;
use super::labels::Labels;

/// Whether a cluster can be reached now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClusterStatus {
    /// An agent is connected.
    Online,
    /// No agent is connected.
    Offline,
}

impl ClusterStatus {
    /// The status as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }
}

/// What an agent knows of its cluster; a field is absent while the API server does not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ClusterFacts {
    /// The version of the API server, such as `v1.36.3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// How many nodes the cluster has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_count: Option<u32>,
    /// The version of the kubectl that the agent runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubectl_version: Option<String>,
    /// What confines the commands that the agent runs, such as `enforced`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
}

/// One cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cluster {
    /// Its name.
    pub name: ClusterName,
    /// What it is chosen by, together with others.
    #[serde(default)]
    pub labels: Labels,
    /// Whether it can be reached.
    pub status: ClusterStatus,
    /// When an agent was last heard of, UTC; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// The version of the agent that registered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// How many tunnels are open to this central.
    pub tunnels: usize,
    /// What the agent said.
    #[serde(flatten)]
    pub facts: ClusterFacts,
}

/// The answer of `GET /clusters`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ClusterList {
    /// In the order of their names.
    pub clusters: Vec<Cluster>,
}
