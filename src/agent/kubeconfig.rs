//! The kubeconfig that kubectl is given: the gate, a token for it, and the namespace of the request. Nothing in it is
//! worth anything to another process, or to this one when it has ended.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::gate::Gate;
use crate::model::Token;

/// The name of everything in the generated file.
const NAME: &str = "mk8s";

/// The file for one command, as JSON, which kubectl reads as well as YAML.
pub fn kubeconfig(gate: &Gate, token: &Token, namespace: &str) -> Vec<u8> {
    let cluster = json!({
        "server": format!("https://{}", gate.address()),
        "certificate-authority-data": BASE64_STANDARD.encode(gate.authority()),
    });
    let file = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": {"token": token.expose()}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": namespace}}],
        "current-context": NAME,
    });
    file.to_string().into_bytes()
}
