//! The HTTP/2 settings of a tunnel, the same on both ends.
//!
//! The connection window is the largest there is, so that only the windows of single streams bound anything: a reader
//! that stalls holds one stream window of memory and slows nobody else.

use std::time::Duration;

/// Flow control of one stream: what a reader that stalls can hold in memory.
pub(super) const STREAM_WINDOW: u32 = 512 << 10;

/// Flow control of the connection: none.
pub(super) const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// The largest frame.
pub(super) const FRAME: u32 = 64 << 10;

/// What may wait to be sent on one stream.
pub(super) const SEND_BUFFER: usize = 256 << 10;

/// The largest header list: what a client may send to central (64 KiB), with what is added and counted on the way.
pub(super) const HEADER_LIST: u32 = 128 << 10;

/// How many streams an agent serves at once; every watch and every `logs -f` holds one.
pub(super) const MAX_STREAMS: u32 = 10_000;

/// How often a peer is asked whether it is still there, and how long it may take to answer.
pub(super) const PING_EVERY: Duration = Duration::from_secs(20);
/// See [`PING_EVERY`].
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the upgrade and the first request of a tunnel may take; pings start only after them.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
