//! What this build is, and which versions of the agent protocol it speaks.

/// The released version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that was built, `unknown` outside a checkout.
pub const COMMIT: &str = env!("MK8S_COMMIT");

/// The newest version of the agent protocol that this build speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// The oldest version of the agent protocol that this build still speaks.
pub const MIN_PROTOCOL_VERSION: u32 = 1;

/// The oldest version of the client that this build still serves.
pub const MIN_CLIENT_VERSION: &str = "0.1.0";

/// The header in which central tells it with each answer of its own.
pub const MIN_CLIENT: &str = "mk8s-min-client";

/// Whether a version such as `0.1.0` is before another; no, if one of them is none.
pub fn is_before(version: &str, other: &str) -> bool {
    let parts = |version: &str| {
        let numbers = version.split(['-', '+']).next()?.split('.').map(|part| part.parse::<u64>().ok());
        numbers.collect::<Option<Vec<_>>>()
    };
    matches!((parts(version), parts(other)), (Some(version), Some(other)) if version < other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, other) in [("0.9.0", "0.10.0"), ("0.1.9", "1.0"), ("0.1.0-rc.1", "0.1.1")] {
            assert!(is_before(version, other) && !is_before(other, version), "{version} {other}");
        }
        for other in ["0.1.0", "0.1.0+build", "", "x", "v9.0.0"] {
            assert!(!is_before("0.1.0", other), "{other}");
        }
    }
}
