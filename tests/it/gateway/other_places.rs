//! The header matrix, where headers are not lines at the begin of a request: HTTP/2, and trailers.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use super::echoed::{Came, Echoed, PODS, block_on};
use super::headers::{CLAIMING, IMPERSONATING, spellings};
use crate::support::Central;
use crate::support::http1::Message;

/// All that was tried, as trailers.
fn trailers() -> HeaderMap {
    let names = IMPERSONATING.iter().chain(&CLAIMING).chain(&["Authorization"]);
    let names = names.flat_map(|name| spellings(name));
    let names = names.map(|name| HeaderName::from_bytes(name.as_bytes()).expect("a name"));
    // HTTP/2 itself does not have these, and no client sends them.
    let names = names.filter(|name| !["proxy-connection", "keep-alive"].contains(&name.as_str()));
    names.map(|name| (name, HeaderValue::from_static("system:masters"))).collect()
}

/// The lines of a body of unknown length, and such a body as it must arrive: without trailers.
const CHUNKED: &str = "transfer-encoding: chunked";
const BODY: &[u8] = b"2\r\n{}\r\n0\r\n\r\n";

#[test]
fn trailers_of_requests_do_not_cross() {
    let scene = Echoed::start();
    block_on(async {
        let mut wire = scene.http1().await;
        for name in IMPERSONATING.iter().chain(&CLAIMING).chain(&["Authorization"]).flat_map(|name| spellings(name)) {
            for lines in
                [format!("Trailer: {name}\r\n"), format!("TE: trailers\r\nConnection: TE, {name}\r\n"), String::new()]
            {
                let head = Echoed::head("POST", PODS, &format!("{lines}Transfer-Encoding: chunked\r\n"));
                let body = format!("2\r\n{{}}\r\n0\r\n{name}: system:masters\r\n{name}: x\r\n\r\n");
                let came = scene.say(&mut wire, &format!("{head}{body}")).await;
                assert_eq!(came.answered().status(), 200, "{name}: {came:#?}");
                let asked = scene.crossed(&came, came.id(), &[CHUNKED], &name);
                assert_eq!(asked.body, BODY, "{name}");
            }
        }
    });
}

/// Sends a request of the admin with these headers, and with all that was tried as trailers.
async fn ask(scene: &Echoed, sender: &mut super::echoed::Http2, headers: &[(&str, &str)]) -> Came {
    let mut request = Request::post(format!("https://x/clusters/dev/k8s{PODS}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    // Of unknown length, so that trailers would have a place on the way to the API server too.
    let frames = [Frame::data(Bytes::from_static(b"{}")), Frame::trailers(trailers())];
    let body = StreamBody::new(futures_util::stream::iter(frames.map(Ok)));
    sender.ready().await.expect("a connection");
    let sending = sender.send_request(request.body(body.boxed()).expect("a request"));
    let (head, body) = sending.await.expect("an answer").into_parts();
    let mut answer = Message { head: format!("HTTP/2 {}", head.status), ..Message::default() };
    for (name, value) in &head.headers {
        answer.head.push_str(&format!("\r\n{name}: {}", value.to_str().expect("text")));
    }
    answer.body = body.collect().await.expect("a body").to_bytes().to_vec();
    Came { answer: Some(answer), seen: scene.echo.taken() }
}

#[test]
fn http2_is_no_way_around() {
    let scene = Echoed::start();
    block_on(async {
        let mut sender = scene.http2().await;
        let bearer = format!("Bearer {}", Central::token());
        let own = ("authorization", bearer.as_str());
        for name in IMPERSONATING.iter().flat_map(|name| spellings(&name.to_ascii_lowercase())) {
            let headers = [own, (&name, "system:admin"), (&name, "system:masters")];
            ask(&scene, &mut sender, &headers).await.refused(403, &name);
        }
        for name in CLAIMING.iter().flat_map(|name| spellings(&name.to_ascii_lowercase())) {
            let came = ask(&scene, &mut sender, &[own, (&name, "system:admin"), (&name, "")]).await;
            assert_eq!(came.answered().status(), 200, "{name}: {came:#?}");
            let asked = scene.crossed(&came, came.id(), &[CHUNKED], &name);
            assert_eq!(asked.body, BODY, "{name}");
        }
        ask(&scene, &mut sender, &[own, ("authorization", "Bearer stolen")]).await.refused(401, "two credentials");
        let protocols = "base64url.bearer.authorization.k8s.io.c3RvbGVu, v5.channel.k8s.io";
        let came = ask(&scene, &mut sender, &[own, ("sec-websocket-protocol", protocols)]).await;
        scene.crossed(&came, came.id(), &[CHUNKED, "sec-websocket-protocol: v5.channel.k8s.io"], protocols);
    });
}
