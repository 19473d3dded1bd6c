//! The one integration binary: the real program, a real Kubernetes API server, a real kubectl.

mod accounts;
mod admin;
mod administration;
mod agents;
mod architecture;
mod auth;
mod bad_input;
mod bad_peers;
mod child;
mod cli;
mod database;
mod forged;
mod kills;
mod kubectl_agreement;
mod kubectl_table;
mod lifecycle;
mod proxy;
mod request_info;
mod revocation;
mod roles;
mod same_as_direct;
mod secrets;
mod streams;
mod support;
