//! Where a server tells a monitoring system how it does; the same for central and agent.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Metrics and probes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// The address of the listener that serves `/metrics`, `/health` and `/ready`. Default: there is none.
    pub listen: Option<SocketAddr>,
}
