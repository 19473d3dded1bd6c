//! What this build is, and which versions of the agent protocol it speaks.

/// The released version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that was built, `unknown` outside a checkout.
pub const COMMIT: &str = env!("MK8S_COMMIT");

/// The newest version of the agent protocol that this build speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// The oldest version of the agent protocol that this build still speaks.
pub const MIN_PROTOCOL_VERSION: u32 = 1;
