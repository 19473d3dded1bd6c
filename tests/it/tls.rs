//! TLS: whom each side lets in, what it says of others, and certificates that change while everything runs.

mod agents;
mod authority;
mod clients;
mod expiry;
mod listeners;
mod login;
mod proxies;
mod reload;
mod servers;
mod setup;
mod wire;
