//! Pure knowledge of Kubernetes and kubectl; no I/O.

pub mod attributes;
pub mod built_in_resources;
pub mod headers;
pub mod kubeconfig;
pub mod kubectl;
mod query;
pub mod question;
pub mod redact;
pub mod request_info;
pub mod reviews;
mod selector;
pub mod status;
pub mod target;
