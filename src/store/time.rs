//! Times in the database: UTC without a zone, to the microsecond, on both databases.

use chrono::{DateTime, NaiveDateTime};
use jiff::Timestamp;

/// The time as it is stored.
pub fn stored(time: Timestamp) -> NaiveDateTime {
    DateTime::from_timestamp_micros(time.as_microsecond()).unwrap_or_default().naive_utc()
}

/// The time that was stored.
pub fn loaded(time: NaiveDateTime) -> Timestamp {
    Timestamp::from_microsecond(time.and_utc().timestamp_micros()).unwrap_or_default()
}
