//! The part of SPDY/3.1 that a forwarded port needs: two streams that this side opens.
//!
//! Headers travel in a zlib stream that both sides keep for the whole connection. What is written here is such a stream
//! of blocks that are stored and not compressed. The headers that come say nothing that is needed and are not read.

use std::io;

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, BufReader};

/// The first bit of a control frame, and the version.
const CONTROL: u16 = 0x8003;

/// Types of control frames.
const SYN_STREAM: u16 = 1;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;

/// The flag of the last frame of a stream in its direction.
const FIN: u8 = 1;

/// The head of a zlib stream whose dictionary is that of SPDY/3, named by its checksum.
const ZLIB: [u8; 6] = [0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2];

/// A frame that came.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// Bytes of a stream.
    Data {
        /// Which one.
        stream: u32,
        /// The bytes.
        data: Bytes,
        /// Whether it is the last of this stream.
        last: bool,
    },
    /// The end of a stream in both directions.
    Reset {
        /// Which one.
        stream: u32,
    },
    /// A ping, or the answer to one.
    Ping(u32),
    /// The other side will leave.
    GoAway,
    /// Anything else.
    Other,
}

/// Frames out of bytes.
pub struct Framed<R>(BufReader<R>);

impl<R: AsyncRead + Unpin> Framed<R> {
    /// Reads frames from a connection.
    pub fn new(from: R) -> Self {
        Self(BufReader::with_capacity(64 << 10, from))
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks, in the middle of a frame too.
    pub async fn next(&mut self) -> io::Result<Option<Frame>> {
        let mut head = [0; 8];
        if self.0.read(&mut head[..1]).await? == 0 {
            return Ok(None);
        }
        self.0.read_exact(&mut head[1..]).await?;
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (first, flags, length) = (word(0), head[4], word(4) & 0x00ff_ffff);
        let mut body = BytesMut::zeroed(length as usize);
        self.0.read_exact(&mut body).await?;
        if first >> 31 == 0 {
            return Ok(Some(Frame::Data { stream: first, data: body.freeze(), last: flags & FIN != 0 }));
        }
        let number = || body.first_chunk().map_or(0, |word| u32::from_be_bytes(*word) & 0x7fff_ffff);
        Ok(Some(match (first & 0xffff) as u16 {
            RST_STREAM => Frame::Reset { stream: number() },
            PING => Frame::Ping(body.first_chunk().map_or(0, |word| u32::from_be_bytes(*word))),
            GOAWAY => Frame::GoAway,
            _ => Frame::Other,
        }))
    }
}

/// What the headers of the first frame of a connection begin with.
pub fn compression() -> &'static [u8] {
    &ZLIB
}

/// A frame that opens a stream. `before` stands in front of its headers.
pub fn open(stream: u32, headers: &[(&str, &str)], last: bool, before: Vec<u8>) -> Vec<u8> {
    let mut pairs = Vec::new();
    pairs.put_u32(headers.len() as u32);
    for text in headers.iter().flat_map(|(name, value)| [name, value]) {
        pairs.put_u32(text.len() as u32);
        pairs.put_slice(text.as_bytes());
    }
    let mut block = before;
    store(&mut block, &pairs);
    // An empty block makes the other side hand on what it has.
    store(&mut block, &[]);
    let mut frame = control(SYN_STREAM, if last { FIN } else { 0 }, 10 + block.len());
    frame.put_u32(stream);
    // Neither a stream that it belongs to, nor a priority, nor a slot.
    frame.put_slice(&[0; 6]);
    frame.put_slice(&block);
    frame
}

/// Bytes of a stream; nothing may follow the last.
pub fn data(stream: u32, data: &[u8], last: bool) -> Vec<u8> {
    let mut frame = Vec::with_capacity(8 + data.len());
    frame.put_u32(stream);
    frame.put_u32(u32::from(if last { FIN } else { 0 }) << 24 | data.len() as u32);
    frame.put_slice(data);
    frame
}

/// A ping, or the answer to one, which has the same number.
pub fn ping(number: u32) -> Vec<u8> {
    let mut frame = control(PING, 0, 4);
    frame.put_u32(number);
    frame
}

fn control(kind: u16, flags: u8, length: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(8 + length);
    frame.put_u16(CONTROL);
    frame.put_u16(kind);
    frame.put_u32(u32::from(flags) << 24 | length as u32);
    frame
}

/// A stored block of deflate, which is not the last (RFC 1951, section 3.2.4).
fn store(into: &mut Vec<u8>, data: &[u8]) {
    let length = data.len() as u16;
    into.put_u8(0);
    into.put_u16_le(length);
    into.put_u16_le(!length);
    into.put_slice(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Framed::new(bytes);
        let mut all = Vec::new();
        while let Some(frame) = frames.next().await.unwrap() {
            all.push(frame);
        }
        all
    }

    #[tokio::test]
    async fn frames_are_read_as_they_are_written() {
        let reset = [&[0x80, 3, 0, 3, 0, 0, 0, 8][..], &[0, 0, 0, 3], &[0, 0, 0, 5]].concat();
        let bytes = [data(3, b"ab", false), ping(2), data(3, b"", true), reset].concat();
        assert_eq!(
            read(&bytes).await,
            [
                Frame::Data { stream: 3, data: Bytes::from_static(b"ab"), last: false },
                Frame::Ping(2),
                Frame::Data { stream: 3, data: Bytes::new(), last: true },
                Frame::Reset { stream: 3 },
            ]
        );
        assert!(Framed::new(&bytes[..5]).next().await.is_err(), "the middle of a frame is no end");
    }

    #[test]
    fn a_stream_is_opened_with_headers_in_stored_blocks() {
        let frame = open(1, &[("a", "bc")], true, compression().to_vec());
        let pairs = [&[0, 0, 0, 1, 0, 0, 0, 1][..], b"a", &[0, 0, 0, 2], b"bc"].concat();
        let expected = [
            &[0x80, 3, 0, 1, FIN, 0, 0, 41][..],
            &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
            &ZLIB,
            &[0, 15, 0, 240, 255],
            &pairs,
            &[0, 0, 0, 255, 255],
        ]
        .concat();
        assert_eq!(frame, expected);
        assert_eq!(u32::from_be_bytes([0, frame[5], frame[6], frame[7]]) as usize, frame.len() - 8);
    }
}
