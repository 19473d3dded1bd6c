//! TLS: whom each side lets in, what it says of others, and certificates that change while everything runs.

mod agents;
pub mod authority;
mod clients;
mod expiry;
mod listeners;
mod login;
mod proxies;
mod reload;
mod servers;
pub mod setup;
mod wire;
