//! mk8s gives a team kubectl to every cluster through one hub.
//!
//! The rooms of the program, from the ground up. A room imports only rooms that stand
//! above it in this list; `tests/it/architecture.rs` keeps it so. `docs/architecture.md`
//! follows one command through all of them. Servers run on Linux; elsewhere the program is a client, without their rooms.

/// What the product talks about: clusters, exec requests, error codes. Types without I/O.
pub mod model;

/// What operators and users write: defaults < file < environment < flags, checked key by key.
pub mod config;

/// Logging: text or JSON lines on standard error.
pub mod telemetry;

/// Certificates: the development authority, what a server shows, whom a client trusts.
pub mod tls;

/// Pure knowledge of Kubernetes and kubectl.
pub mod kubernetes;

/// Pure rules: who calls, what they may do, and the proof that it was checked.
pub mod access;

/// What both servers tell a monitoring system: the form of metrics, and the listener that serves them.
#[cfg(target_os = "linux")]
pub mod metrics;

/// The agent protocol, both ends: the reversed HTTP/2 connection and what travels on it.
#[cfg(target_os = "linux")]
pub mod tunnel;

/// The database, SQLite or PostgreSQL: the only room that knows diesel.
#[cfg(target_os = "linux")]
pub mod store;

/// The HTTP client of central.
pub mod client;

/// The role in each cluster: dials central and runs kubectl.
#[cfg(target_os = "linux")]
pub mod agent;

/// The hub: knows clusters, decides, forwards.
#[cfg(target_os = "linux")]
pub mod central;

/// The command line: parse, call, print.
pub mod cli;

/// The allocator of the static build, for its benchmarks too.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
