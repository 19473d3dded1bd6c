//! What central writes into its audit log, and for how long it keeps it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::ConfigError;

/// The longest time that records are kept, in days; for ever is 0.
const MAX_DAYS: u32 = 36_500;

/// The audit log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// Whether plain reads wait until they are recorded.
    pub reads: Reads,
    /// For how many days records are kept; 0 is for ever.
    pub retention_days: u32,
    /// A file that gets all records besides, as JSON lines.
    pub export_file: Option<PathBuf>,
}

/// How plain reads are recorded; everything else is on disk before it goes to a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reads {
    /// They wait too.
    Strict,
    /// They do not: they are written within a second, and those of that second are lost when central is killed.
    #[default]
    Batch,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { reads: Reads::default(), retention_days: 365, export_file: None }
    }
}

impl AuditConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.retention_days > MAX_DAYS {
            let problem = format!("{} is not a whole number of days from 0 to {MAX_DAYS}", self.retention_days);
            return Err(ConfigError::value("audit.retention_days", problem));
        }
        Ok(())
    }
}
