//! The HTTP API: one table of routes, one mapping of errors, one file a noun.

mod body;
mod clusters;
mod error;
mod exec;
mod exec_stream;
mod exec_websocket;
mod guard;
mod health;
mod routes;
mod tunnel;

pub(super) use routes::routes;
