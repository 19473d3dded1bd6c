//! Pure knowledge of Kubernetes and kubectl; no I/O.

pub mod attributes;
pub mod built_in_resources;
mod field_selector;
pub mod headers;
pub mod kubeconfig;
pub mod kubectl;
pub mod label_selector;
mod query;
pub mod question;
pub mod redact;
pub mod request_info;
pub mod reviews;
pub mod status;
pub mod target;
