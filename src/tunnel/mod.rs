//! The agent protocol, both ends.
//!
//! The agent dials central and asks for an upgrade; then the HTTP/2 roles reverse on that connection
//! (`dial` is the agent's end, `accept` central's), and central runs commands on it (`exec`) and sends requests to the API
//! server (`forward` is central's end, `relay` the agent's). Registration and heartbeats are ordinary gRPC from agent to
//! central (`control`). The generated types do not leave this room.

pub mod accept;
pub mod control;
pub mod dial;
pub mod exec;
pub mod forward;
pub mod relay;
mod rules;
mod sender;
mod settings;
mod tty;

use http::HeaderName;

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

/// In the agent's answer to the first request: the namespace that only rules cover that name it.
const NAMESPACE: HeaderName = HeaderName::from_static("mk8s-namespace");

/// The authority of requests to the API server; requests of the protocol itself have another.
const API_SERVER: &str = "kubernetes";

/// The headers that central adds to a request to the API server. Those of clients never cross.
mod names {
    use http::HeaderName;

    /// The request, as in central's logs.
    pub const REQUEST_ID: HeaderName = HeaderName::from_static("mk8s-request-id");
    /// Who asks.
    pub const USER: HeaderName = HeaderName::from_static("mk8s-user");
    /// One group of who asks.
    pub const GROUP: HeaderName = HeaderName::from_static("mk8s-group");
    /// The method of a request that changes the protocol, which travels as CONNECT (RFC 8441).
    pub const METHOD: HeaderName = HeaderName::from_static("mk8s-method");
}
