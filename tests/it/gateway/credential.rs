//! The credential of the agent itself.

use std::time::Duration;

use serde_json::json;

use super::echoed::{Echoed, PODS, block_on};
use crate::support::echo::Echo;

/// How long a token may be used after it was replaced: it is read once a minute.
const LIMIT: Duration = Duration::from_secs(90);

/// A token of a ServiceAccount is replaced once an hour.
#[test]
fn a_token_that_is_replaced_is_used_without_a_restart() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let file = dir.path().join("token");
    std::fs::write(&file, "the-first").expect("write");
    let scene = Echoed::with(Echo::start(&json!({ "tokenFile": file })));
    block_on(async {
        let token = async || {
            let came = scene.once(&Echoed::head("GET", PODS, "")).await;
            assert_eq!(came.answered().status(), 200, "{came:#?}");
            let [token] = came.seen[0].message.all("authorization")[..] else { panic!("{came:#?}") };
            token.to_owned()
        };
        assert_eq!(token().await, "Bearer the-first");
        // As the kubelet does it: another file takes the place of the old one.
        let next = dir.path().join("next");
        std::fs::write(&next, "the-second").expect("write");
        std::fs::rename(&next, &file).expect("rename");
        let replaced = async {
            loop {
                match token().await.as_str() {
                    "Bearer the-first" => tokio::time::sleep(Duration::from_millis(500)).await,
                    other => break assert_eq!(other, "Bearer the-second"),
                }
            }
        };
        tokio::time::timeout(LIMIT, replaced).await.expect("the new token");
    });
}
