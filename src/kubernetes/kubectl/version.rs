//! The version of a kubectl, from its own answer.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    client_version: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: String,
}

/// The version in the output of `kubectl version --client --output=json`, such as `v1.36.3`.
pub fn client_version(output: &[u8]) -> Option<String> {
    serde_json::from_slice::<Answer>(output).ok().map(|answer| answer.client_version.git_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_and_anything_else_is_none() {
        let output = br#"{"clientVersion":{"major":"1","gitVersion":"v1.36.3"},"kustomizeVersion":"v5.8.1"}"#;
        assert_eq!(client_version(output).as_deref(), Some("v1.36.3"));
        assert_eq!(client_version(b"command not found"), None);
    }
}
