//! What comes behind the body of an answer, and heads that are too large.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};

use super::echoed::{Echoed, PODS, block_on};
use crate::support::Central;

/// An answer with trailers, some of which are none.
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                      2\r\nok\r\n0\r\nX-Sum: 7\r\nSet-Cookie: a=b\r\nContent-Length: 9\r\nLocation: /x\r\n\r\n";

#[test]
fn trailers_of_an_answer_arrive_and_nothing_else_in_them() {
    let scene = Echoed::start();
    scene.echo.answers(PODS, ANSWER.to_owned());
    block_on(async {
        let mut sender = scene.http2().await;
        let request = Request::get(format!("{}{PODS}", scene.central.gateway("dev")))
            .header("authorization", format!("Bearer {}", Central::token()))
            .body(Empty::<Bytes>::new().boxed())
            .expect("a request");
        let answer =
            sender.send_request(request).await.expect("an answer").into_body().collect().await.expect("a body");
        let trailers = answer.trailers().expect("trailers").clone();
        assert_eq!(answer.to_bytes(), "ok");
        assert_eq!((trailers.len(), trailers.get("x-sum").map(|sum| sum.as_bytes())), (1, Some(&b"7"[..])));
        // Over HTTP/1.1, to who asks for them.
        for (asks, expected) in [("TE: trailers\r\nConnection: TE, close\r\n", true), ("Connection: close\r\n", false)]
        {
            let mut wire = scene.http1().await;
            wire.send(Echoed::head("GET", PODS, asks).as_bytes()).await.expect("send");
            let text = String::from_utf8_lossy(&wire.rest().await).into_owned();
            assert!(text.contains("\r\nok\r\n0\r\n"), "{text}");
            assert_eq!(text.to_ascii_lowercase().contains("0\r\nx-sum: 7\r\n\r\n"), expected, "{text}");
            assert!(!text.to_ascii_lowercase().contains("set-cookie"), "{text}");
        }
    });
}

#[test]
fn a_head_that_is_too_large_is_explained() {
    let scene = Echoed::start();
    block_on(async {
        let large = |bytes: usize| format!("X-Large: {}\r\n", "x".repeat(bytes));
        scene.once(&Echoed::head("GET", PODS, &large(66 << 10))).await.refused(413, "66 KiB");
        let came = scene.once(&Echoed::head("GET", PODS, &large(60 << 10))).await;
        assert_eq!((came.answered().status(), came.seen.len()), (200, 1), "60 KiB are not too much");
        // Beyond what the listener reads there are no words.
        assert_eq!(scene.once(&Echoed::head("GET", PODS, &large(140 << 10))).await.answered().status(), 431);
        let mut sender = scene.http2().await;
        let request = Request::get(format!("{}{PODS}", scene.central.gateway("dev")))
            .header("authorization", format!("Bearer {}", Central::token()))
            .header("x-large", "x".repeat(66 << 10))
            .body(Empty::<Bytes>::new().boxed())
            .expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        assert_eq!(answer.status(), 413);
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        assert!(String::from_utf8_lossy(&body).contains("at most 64 KiB together"));
    });
}
