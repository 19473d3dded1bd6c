//! The HTTP API: one table of routes, one mapping of errors, one file a noun.

mod admin_clusters;
mod admission;
mod audit;
mod auth;
mod body;
mod caller;
mod can_i;
mod clusters;
mod console;
mod counted;
mod error;
mod exec;
mod exec_files;
mod exec_guarded;
mod exec_stream;
mod exec_websocket;
mod gateway;
mod guard;
mod health;
mod json;
mod openapi;
mod operations;
mod recorded;
mod removable;
mod roles;
mod routes;
mod sessions;
mod tokens;
mod told;
mod tunnel;
mod users;

pub(super) use auth::Peer;
pub(super) use guard::MAX_HEADERS;
pub(super) use routes::{Audience, routes};
