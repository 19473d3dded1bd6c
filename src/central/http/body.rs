//! Bodies of requests: read within a bound, and read to their end before a refusal.
//!
//! An answer that overtakes its request is lost on many clients: curl before 8.0 reports a broken HTTP/2 stream, and
//! over HTTP/1.1 the connection is reset while the client still sends.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::model::{ErrorCode, Failure};

/// What a body may have at most.
pub struct Limit {
    bytes: usize,
    /// What to do about a larger one.
    advice: &'static str,
}

/// The arguments and the input of one command.
pub const COMMAND: Limit =
    Limit { bytes: 8 << 20, advice: "more than 8 MiB: send large input over the WebSocket, in pieces" };

/// Everything else, which anyone may send before it is known who it is.
pub const FORM: Limit = Limit { bytes: 64 << 10, advice: "more than 64 KiB, which no request of this kind needs" };

/// How long a client may pause in the middle of a body.
const SILENCE: Duration = Duration::from_secs(30);

/// How much of a body that is refused is read all the same, and for how long.
const MAX_DISCARDED: usize = 64 << 20;
/// See [`MAX_DISCARDED`].
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads a whole body.
pub async fn read(mut body: Body, limit: Limit) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = timeout(SILENCE, body.frame()).await.map_err(|_| silent())? {
        let frame = frame
            .map_err(|_| Failure::new(ErrorCode::InvalidRequest, "the request ended before its body was complete"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit.bytes {
            drop(bytes);
            discard(body).await;
            return Err(Failure::new(ErrorCode::TooLarge, format!("the request has {}", limit.advice)));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

fn silent() -> Failure {
    let detail = format!("nothing more of the request came within {} s", SILENCE.as_secs());
    Failure::new(ErrorCode::Timeout, detail)
}

/// Reads what is left of a body that nobody wants.
pub async fn discard(mut body: Body) {
    let reading = async {
        let mut left = MAX_DISCARDED;
        while let Some(Ok(frame)) = body.frame().await {
            match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(less) => left = less,
                None => return,
            }
        }
    };
    // The answer is sent in any case; a client that is too slow may lose it.
    let _ = timeout(DISCARD_TIMEOUT, reading).await;
}
