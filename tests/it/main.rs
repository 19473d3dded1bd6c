//! The one integration binary: the real program, a real Kubernetes API server, a real kubectl.

mod architecture;
mod support;
