//! The Helm charts, what is rendered from them, and the units of systemd.
//!
//! They need helm, which is built as the other clients are (`tests/clients`): without `MK8S_TEST_CLIENTS=1` they are only
//! tested if it has been built before. `just charts-test` builds and tests them.

mod install;
mod kubelet;
mod manifests;
mod node;
mod postgresql;
mod refusals;
mod release;
mod rendered;
mod setup;
mod units;
mod values;
