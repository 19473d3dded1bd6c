//! Attempts to log in, counted so that guessing is slow: here and not in memory, so that neither a crash nor another
//! central gives free guesses.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use jiff::{SignedDuration, Timestamp};

use super::conn::{Conn, each};
use super::error::Result;
use super::schema::login_attempts;
use super::time::{loaded, stored};

/// How many attempts are free.
const FREE: i32 = 5;

/// The longest time for which attempts are refused.
const MAX_BLOCK: SignedDuration = SignedDuration::from_mins(15);

/// After this time without an attempt the count starts anew.
const FORGET: SignedDuration = SignedDuration::from_hours(24);

/// Whether a password may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It may; the attempt is counted.
    Allowed,
    /// Not before that time; the attempt does not count.
    Blocked {
        /// The time.
        until: Timestamp,
    },
}

/// Counts an attempt, before its password is looked at. The first ones are free; after each further one the key is
/// blocked for 1, 2, 4 … seconds.
#[allow(clippy::missing_errors_doc)]
pub fn charge(conn: &mut Conn, key: &str, now: Timestamp) -> Result<Attempt> {
    // The row is there and locked from here on, so that attempts at the same moment count one after the other.
    let fresh = (
        login_attempts::key.eq(key),
        login_attempts::attempts.eq(0),
        login_attempts::last_attempt_at.eq(stored(now)),
        login_attempts::blocked_until.eq(stored(now)),
    );
    each!(conn, |c| diesel::insert_into(login_attempts::table).values(fresh).on_conflict_do_nothing().execute(c))?;
    let row = || login_attempts::table.filter(login_attempts::key.eq(key));
    diesel::update(row()).set(login_attempts::key.eq(key)).execute(conn)?;
    let (attempts, last, until): (i32, NaiveDateTime, NaiveDateTime) = row()
        .select((login_attempts::attempts, login_attempts::last_attempt_at, login_attempts::blocked_until))
        .first(conn)?;
    let (last, until) = (loaded(last), loaded(until));
    if until > now {
        return Ok(Attempt::Blocked { until });
    }
    let attempts = if now.duration_since(last) > FORGET { 1 } else { attempts.saturating_add(1) };
    diesel::update(row())
        .set((
            login_attempts::attempts.eq(attempts),
            login_attempts::last_attempt_at.eq(stored(now)),
            login_attempts::blocked_until.eq(stored(now + block_after(attempts))),
        ))
        .execute(conn)?;
    Ok(Attempt::Allowed)
}

/// For how long so many attempts block the next one.
fn block_after(attempts: i32) -> SignedDuration {
    match u32::try_from(attempts - FREE - 1) {
        Err(_) => SignedDuration::ZERO,
        Ok(doublings) => SignedDuration::from_secs(1_i64 << doublings.min(20)).min(MAX_BLOCK),
    }
}

/// Forgets the attempts of a key, because one was right.
#[allow(clippy::missing_errors_doc)]
pub fn clear(conn: &mut Conn, key: &str) -> Result<()> {
    diesel::delete(login_attempts::table.filter(login_attempts::key.eq(key))).execute(conn)?;
    Ok(())
}

/// Removes counts that start anew in any case; how many.
#[allow(clippy::missing_errors_doc)]
pub fn delete_old(conn: &mut Conn, now: Timestamp) -> Result<usize> {
    let old = login_attempts::table.filter(login_attempts::last_attempt_at.lt(stored(now - FORGET)));
    Ok(diesel::delete(old).execute(conn)?)
}
