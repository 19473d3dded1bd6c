//! The HTTP client of central: what the command line calls. One file per noun.

mod audit;
mod auth;
mod authority;
mod clusters;
mod copy;
mod credential;
mod diagnosis;
mod error;
mod exec;
#[cfg(test)]
pub(crate) mod fake;
mod gateway;
mod http;
mod kinds;
mod objects;
mod operations;
mod path;
mod pod_exec;
mod pods;
mod port_forward;
mod ports;
mod proxy;
mod roles;
mod tokens;
mod users;

pub use copy::{ContainerName, CopyError, UnpackError, Watch};
pub use credential::Credential;
pub use diagnosis::{Greeting, Passage};
pub use error::ClientError;
pub use exec::{ExecReader, ExecWriter};
pub use gateway::{Credentials, Gateway};
pub use http::{Client, Health, Outdated};
pub use kinds::{Pod, PodSpec};
pub use objects::{ObjectPatch, Patched};
pub use pods::{Kind, PodError, Resolved, Target};
pub use port_forward::{Carrier, ForwardError, PodName};
pub use ports::{PortError, PortPair, PortSpec};
pub use proxy::Filter;
