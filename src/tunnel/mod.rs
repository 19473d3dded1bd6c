//! The agent protocol, both ends.
//!
//! The agent dials central and asks for an upgrade; then the HTTP/2 roles reverse on that connection
//! (`dial` is the agent's end, `accept` central's), and central runs commands on it (`exec`). Registration and
//! heartbeats are ordinary gRPC from agent to central (`control`). The generated types do not leave this room.

pub mod accept;
pub mod control;
pub mod dial;
pub mod exec;
mod rules;
mod sender;
mod settings;

mod proto {
    #![allow(missing_docs, clippy::all)]
    tonic::include_proto!("mk8s.agent.v1");
}

/// The path that agents dial, on central.
pub const TUNNEL_PATH: &str = "/agents/tunnel";

/// The protocol named in the `Upgrade` header.
pub const UPGRADE_PROTOCOL: &str = "mk8s-tunnel";

/// The first request on a tunnel: the answer proves that the agent serves it.
const HELLO_PATH: &str = "/hello";

/// Tells the agent that central will leave: it dials again at once, running streams go on.
const DRAIN_PATH: &str = "/drain";
