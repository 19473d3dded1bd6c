//! HTTP/2 as no library sends it: header blocks whose names and values are none.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::echoed::{Came, Echoed, PODS, block_on};
use crate::support::{Central, PATIENCE};

/// The frames that matter here.
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// A header block may say `:status: 200` in one byte: the eighth entry of the static table (RFC 7541, appendix A).
const STATUS_200: u8 = 0x88;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Each field as a literal that is in no table (RFC 7541, 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).expect("fewer than 127 bytes")], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// Asks with these fields on a connection of its own: whether the answer is 200.
async fn is_answered(scene: &Echoed, fields: &[(&str, &str)]) -> bool {
    let mut stream = scene.connect(mk8s::tls::Alpn::Http2).await;
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    sent.extend(frame(SETTINGS, 0, 0, &[]));
    // The last frame of the stream, with the last of its headers.
    sent.extend(frame(HEADERS, 0x5, 1, &block(fields)));
    stream.write_all(&sent).await.expect("write");
    stream.flush().await.expect("flush");
    let reading = async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return false;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).expect("a length")];
            stream.read_exact(&mut payload).await.expect("a frame");
            match head[3] {
                HEADERS => return payload.first() == Some(&STATUS_200),
                RST_STREAM | GOAWAY => return false,
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("an answer, or an end")
}

#[test]
fn what_is_no_header_of_http2_is_refused() {
    let scene = Echoed::start();
    let (path, bearer) = (format!("/clusters/dev/k8s{PODS}"), format!("Bearer {}", Central::token()));
    let ordinary =
        [(":method", "GET"), (":scheme", "https"), (":path", &path), (":authority", "x"), ("authorization", &bearer)];
    let with = |more: &[(&'static str, &'static str)]| [&ordinary[..], more].concat();
    block_on(async {
        // So is it asked, that the rest can fail.
        assert!(is_answered(&scene, &with(&[("x-any", "a")])).await);
        let seen = scene.echo.taken();
        let id = seen[0].message.all("audit-id")[0].to_owned();
        scene.crossed(&Came { answer: None, seen }, &id, &["x-any: a"], "an ordinary request");
        for more in [
            &[("connection", "impersonate-user, impersonate-group, authorization, audit-id")][..],
            &[("connection", "x-hop"), ("x-hop", "1")],
            &[("keep-alive", "1")],
            &[("proxy-connection", "impersonate-user")],
            &[("upgrade", "websocket")],
            &[("transfer-encoding", "chunked")],
            &[("te", "gzip")],
            &[("Impersonate-User", "system:admin")],
            &[("impersonate-user", "system:admin")],
            &[("impersonate_user", "system:admin")],
            &[("impersonate-user ", "system:admin")],
            &[(" impersonate-user", "system:admin")],
            &[("impersonate-user:", "system:admin")],
            &[("impersonate-user\0", "system:admin")],
            &[("x-any\r\nimpersonate-user", "system:admin")],
            &[("x-any", "a\r\nimpersonate-user: system:admin")],
            &[("x-any", "a\nimpersonate-user: system:admin")],
            &[("x-any", "a\0")],
            &[("", "system:admin")],
            &[(":path", "/clusters/ghost/k8s/api/v1/namespaces")],
            &[(":method", "DELETE")],
            &[(":impersonate-user", "system:admin")],
            &[("authorization", "Bearer stolen")],
        ] {
            assert!(!is_answered(&scene, &with(more)).await, "{more:?}");
            assert_eq!(scene.echo.taken(), [], "{more:?}");
        }
        // There is no CONNECT, neither to elsewhere nor for another protocol (RFC 8441).
        let protocol = [(":protocol", "websocket"), (":method", "CONNECT")];
        for fields in [[&protocol[..], &ordinary[1..]].concat(), vec![protocol[1], ordinary[3], ordinary[4]]] {
            assert!(!is_answered(&scene, &fields).await, "{fields:?}");
            assert_eq!(scene.echo.taken(), [], "{fields:?}");
        }
    });
}
