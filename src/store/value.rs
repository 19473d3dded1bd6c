//! How values are kept: times as timestamps in UTC with microseconds, ids and names as text.

use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Error, Result};

/// A time in the database. Both databases keep microseconds; what is finer is cut off here, the same for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Timestamp)]
pub(super) struct Time(NaiveDateTime);

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        // All that jiff can express (the years -9999 to 9999) chrono can too.
        Self(DateTime::from_timestamp_micros(time.as_microsecond()).unwrap_or_default().naive_utc())
    }
}

impl From<Time> for Timestamp {
    fn from(Time(time): Time) -> Self {
        let micros = time.and_utc().timestamp_micros();
        // PostgreSQL knows later years than jiff does; nothing of ours writes them.
        Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }
}

impl<DB: Backend> FromSql<sql_types::Timestamp, DB> for Time
where
    NaiveDateTime: FromSql<sql_types::Timestamp, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        NaiveDateTime::from_sql(bytes).map(Self)
    }
}

impl<DB: Backend> ToSql<sql_types::Timestamp, DB> for Time
where
    NaiveDateTime: ToSql<sql_types::Timestamp, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

/// A text of the database as the id or the name that it was written from.
#[derive(Debug, FromSqlRow)]
pub(super) struct Parsed<T>(pub T);

impl<DB: Backend, T: FromStr> FromSql<sql_types::Text, DB> for Parsed<T>
where
    String: FromSql<sql_types::Text, DB>,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(String::from_sql(bytes)?.parse()?))
    }
}

/// A text of the database as what it is the JSON of.
#[derive(Debug, FromSqlRow)]
pub(super) struct Json<T>(pub T);

impl<DB: Backend, T: DeserializeOwned> FromSql<sql_types::Text, DB> for Json<T>
where
    String: FromSql<sql_types::Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_str(&String::from_sql(bytes)?)?))
    }
}

/// The JSON of a value, to be written.
pub(super) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Other(error.into()))
}
