//! What the product talks about, shared by every role: plain types without I/O.

pub mod age;
pub mod audit;
pub mod can_i;
pub mod cluster;
pub mod email;
pub mod error;
pub mod exec;
pub mod files;
pub mod id;
pub mod labels;
pub mod nearest;
pub mod operation;
pub mod permission;
pub mod printable;
pub mod role;
pub mod secret;
pub mod session;
pub mod token;
pub mod tty;
pub mod user;
pub mod version;

pub use audit::AuditRecord;
pub use can_i::{CanI, Verdict};
pub use cluster::{Cluster, ClusterFacts, ClusterList, ClusterStatus};
pub use email::Email;
pub use error::{ErrorCode, Failure, Problem};
pub use exec::{ApiCall, ExecEnd, ExecOutput, ExecRequest};
pub use files::{Announced, CommandFile, FileKind, FileTree};
pub use id::{ClusterId, ClusterName, RequestId, SessionId, TokenId, UserId};
pub use labels::{LabelChange, Labels};
pub use operation::{Operation, OperationCluster, OperationRequest};
pub use permission::{ClusterRules, Permission, RoleRules, Rule};
pub use role::{Role, RoleName, RoleSpec};
pub use secret::{Password, Token};
pub use tty::{Tty, TtySize};
pub use user::User;
