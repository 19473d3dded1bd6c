//! What operators and users write: defaults < file < environment < flags, checked key by key.

pub mod agent;
pub mod audit;
pub mod auth;
pub mod central;
pub mod cidr;
pub mod client;
pub mod database;
pub mod error;
pub mod flags;
pub mod keys;
pub mod kubeconfig;
pub mod load;
pub mod lock;
pub mod log;
pub mod metrics;
pub mod paths;
pub mod private_file;
pub mod secret;
pub mod session;
pub mod template;

mod environment;
mod shape;
mod show;
mod translate;
mod url;
mod yaml;

pub use agent::AgentConfig;
pub use central::CentralConfig;
pub use cidr::Cidr;
pub use client::ClientState;
pub use error::{ConfigError, Origin};
pub use flags::{AgentFlags, CentralFlags};
pub use kubeconfig::KubeconfigFile;
pub use load::Loaded;
pub use lock::{LockError, StateLock};
pub use secret::read_secret_file;
pub use session::StoredSession;
