//! Bodies of requests: read within a bound, and read to their end before a refusal.
//!
//! An answer that overtakes its request is lost on many clients: curl before 8.0 reports a broken HTTP/2 stream, and
//! over HTTP/1.1 the connection is reset while the client still sends.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::model::{ErrorCode, Failure};

/// What a body may have at most.
pub struct Limit {
    bytes: usize,
    /// What to do about a larger one.
    advice: &'static str,
    /// How long it may take as a whole.
    time: Duration,
    /// The memory of its kind.
    memory: &'static Semaphore,
}

/// The arguments and the input of one command.
pub const COMMAND: Limit = Limit {
    bytes: 8 << 20,
    advice: "more than 8 MiB: send large input over the WebSocket, in pieces",
    time: Duration::from_secs(600),
    memory: &OF_CALLERS,
};

/// Everything else that callers send.
pub const FORM: Limit = Limit {
    bytes: 64 << 10,
    advice: "more than 64 KiB, which no request of this kind needs",
    time: Duration::from_secs(60),
    memory: &OF_CALLERS,
};

/// What anyone may send before it is known who it is.
pub const PUBLIC: Limit = Limit {
    bytes: 16 << 10,
    advice: "more than 16 KiB, which no request of this kind needs",
    time: Duration::from_secs(30),
    memory: &OF_ANYONE,
};

/// The kibibytes that the bodies of all callers may hold together in this process, and those of anyone: nobody who is
/// not known takes room from those who are.
static OF_CALLERS: Semaphore = Semaphore::const_new(256 << 10);
/// See [`OF_CALLERS`].
static OF_ANYONE: Semaphore = Semaphore::const_new(16 << 10);

/// The memory that a body holds; given back when dropped.
pub type Room = SemaphorePermit<'static>;

/// How long a client may pause in the middle of a body.
const SILENCE: Duration = Duration::from_secs(30);

/// How much of a body that is refused is read all the same, and for how long.
const MAX_DISCARDED: usize = 64 << 20;
/// See [`MAX_DISCARDED`].
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads a whole body; the room is to be held for as long as what was read.
pub async fn read(body: Body, limit: Limit) -> Result<(Bytes, Room), Failure> {
    timeout(limit.time, collect(body, &limit)).await.unwrap_or_else(|_| {
        let detail = format!("the body of the request was not complete within {} s", limit.time.as_secs());
        Err(Failure::new(ErrorCode::Timeout, detail))
    })
}

async fn collect(mut body: Body, limit: &Limit) -> Result<(Bytes, Room), Failure> {
    let mut bytes = BytesMut::new();
    let mut room = limit.memory.try_acquire_many(0).map_err(|_| full())?;
    while let Some(frame) = timeout(SILENCE, body.frame()).await.map_err(|_| silent())? {
        let frame = frame
            .map_err(|_| Failure::new(ErrorCode::InvalidRequest, "the request ended before its body was complete"))?;
        let Ok(data) = frame.into_data() else { continue };
        let length = bytes.len() + data.len();
        let refusal = match grow(&mut room, length, limit) {
            Ok(()) => {
                bytes.extend_from_slice(&data);
                continue;
            }
            Err(refusal) => refusal,
        };
        drop((bytes, room));
        discard(body).await;
        return Err(refusal);
    }
    Ok((bytes.freeze(), room))
}

/// Makes room for so many bytes.
fn grow(room: &mut Room, bytes: usize, limit: &Limit) -> Result<(), Failure> {
    if bytes > limit.bytes {
        return Err(Failure::new(ErrorCode::TooLarge, format!("the request has {}", limit.advice)));
    }
    let missing = bytes.div_ceil(1 << 10).saturating_sub(room.num_permits());
    // A limit in KiB is far below this.
    let missing = u32::try_from(missing).unwrap_or(u32::MAX);
    room.merge(limit.memory.try_acquire_many(missing).map_err(|_| full())?);
    Ok(())
}

fn full() -> Failure {
    let detail = "central holds as many bodies of requests as it may just now: try again in a few seconds";
    Failure::new(ErrorCode::TooManyRequests, detail)
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

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::stream::{self, StreamExt as _};

    use super::*;

    static MEMORY: Semaphore = Semaphore::const_new(8);

    fn limit(time: Duration) -> Limit {
        Limit { bytes: 4 << 10, advice: "too much", time, memory: &MEMORY }
    }

    #[tokio::test]
    async fn bodies_are_bounded_each_in_time_and_all_together() {
        let long = Duration::from_secs(60);
        let code = |read: Result<(Bytes, Room), Failure>| read.err().map(|failure| failure.code);
        let (bytes, room) = read(Body::from(vec![0; 4 << 10]), limit(long)).await.unwrap();
        assert_eq!((bytes.len(), room.num_permits(), MEMORY.available_permits()), (4 << 10, 4, 4));
        assert_eq!(code(read(Body::from(vec![0; (4 << 10) + 1]), limit(long)).await), Some(ErrorCode::TooLarge));
        let other = read(Body::from(vec![0; 3 << 10]), limit(long)).await.unwrap();
        let two = Body::from(vec![0; 2 << 10]);
        assert_eq!(code(read(two, limit(long)).await), Some(ErrorCode::TooManyRequests), "one KiB is left");
        drop((room, other));
        assert_eq!(MEMORY.available_permits(), 8);
        // A byte now and then is no silence.
        let drops = stream::repeat(()).then(async |()| {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok::<_, io::Error>(Bytes::from_static(b"x"))
        });
        let slow = read(Body::from_stream(drops), limit(Duration::from_millis(100))).await;
        assert_eq!(code(slow), Some(ErrorCode::Timeout));
        assert_eq!(MEMORY.available_permits(), 8);
    }
}
