//! How many requests a user may have at once, and that others have as many besides.

use std::process::Command;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use serde_json::Value;

use super::echoed::{Echoed, Http2, PODS, block_on};
use crate::support::stack::quiet;
use crate::support::{Central, PATIENCE, Process};

/// The most of one user.
const MOST: usize = 1_024;

/// How many of them one connection carries.
const STREAMS: usize = 256;

/// Asks to watch pods; the answer when its head is there.
async fn watch(sender: &mut Http2, token: &str) -> Response<Incoming> {
    let request = Request::get(format!("https://x/clusters/dev/k8s{PODS}?watch=1"))
        .header("authorization", format!("Bearer {token}"))
        .body(Empty::<Bytes>::new().boxed());
    sender.ready().await.expect("a connection");
    let sending = sender.send_request(request.expect("a request"));
    tokio::time::timeout(PATIENCE, sending).await.expect("an answer").expect("an answer")
}

/// As a service manager starts it: with few descriptors, and leave to have more.
fn with_few_descriptors(command: &mut Command) -> Process {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"ulimit -Sn 256; exec "$0" "$@""#]).arg(command.get_program()).args(command.get_args());
    Process::start(quiet(&mut shell))
}

#[test]
fn one_request_too_many_is_told_so_and_others_have_theirs() {
    let scene = Echoed::with_agent(Echoed::api_server(), with_few_descriptors);
    let ann = scene.central.user("ann@example.com", &["viewer"]);
    // An event, and no end.
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    scene.echo.answers(PODS, format!("{head}3\r\n{{}}\n\r\n"));
    block_on(async {
        let (mut senders, mut watches) = (Vec::new(), Vec::new());
        for _ in 0..MOST / STREAMS {
            let mut sender = scene.http2().await;
            for _ in 0..STREAMS {
                watches.push(watch(&mut sender, Central::token()).await);
            }
            senders.push(sender);
        }
        assert!(watches.iter().all(|answer| answer.status() == 200));
        assert_eq!(scene.echo.taken().len(), MOST);

        let mut other = scene.http2().await;
        for _ in 0..3 {
            let answer = watch(&mut other, Central::token()).await;
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["retry-after"]),
                (429, &"1".parse().expect("value"))
            );
            let body = answer.into_body().collect().await.expect("a body").to_bytes();
            let status: Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!((&status["kind"], &status["reason"]), (&"Status".into(), &"TooManyRequests".into()));
            assert!(status["message"].as_str().is_some_and(|said| said.contains("1024 requests at once")), "{status}");
        }
        assert_eq!(scene.echo.taken(), []);
        assert_eq!(watch(&mut other, &ann).await.status(), 200, "another user");
        assert_eq!(scene.echo.taken().len(), 1);

        // What has ended makes room.
        drop(watches.pop());
        let freed = async {
            while watch(&mut other, Central::token()).await.status() != 200 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, freed).await.expect("room");
    });
}
