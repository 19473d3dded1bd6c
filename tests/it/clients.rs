//! Real clients through the gateway, unmodified: helm, k9s, a program of client-go, and several versions of kubectl; and
//! krew, which installs the program as a plugin.
//!
//! All of them are built from source (`tests/clients`, `tests/kubernetes/informer`). The informer and the kubectl of the
//! test cluster are always here; the others take minutes to build, so that without `MK8S_TEST_CLIENTS=1` only those are
//! tested which have been built before. `just clients` builds and tests all of them.

mod churn;
mod helm;
mod idle;
mod informer;
mod k9s;
mod krew;
mod kubectls;
pub mod setup;
mod stalled;
mod stop;
