//! The one integration binary: the real program, a real Kubernetes API server, a real kubectl.

mod agents;
mod architecture;
mod bad_input;
mod bad_peers;
mod child;
mod cli;
mod kills;
mod lifecycle;
mod proxy;
mod same_as_direct;
mod streams;
mod support;
