//! Pure knowledge of Kubernetes and kubectl; no I/O.

pub mod kubectl;
