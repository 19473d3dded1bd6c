//! What the product talks about, shared by every role: plain types without I/O.

pub mod age;
pub mod cluster;
pub mod error;
pub mod exec;
pub mod id;
pub mod version;

pub use cluster::{Cluster, ClusterFacts, ClusterList, ClusterStatus};
pub use error::{ErrorCode, Failure, Problem};
pub use exec::{ExecEnd, ExecOutput, ExecRequest};
pub use id::{ClusterId, ClusterName, RequestId};
