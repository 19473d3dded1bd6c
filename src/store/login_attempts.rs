//! How often a login was tried lately, counted before the password is checked, so that neither parallel attempts nor a
//! crash give more of them.

use diesel::prelude::*;
use jiff::{SignedDuration, Timestamp};

use super::conn::each;
use super::schema::login_attempts::{self, dsl};
use super::value::Time;
use super::{Conn, Error, Result};

/// So many attempts are free.
const FREE: i32 = 5;

/// The wait after the first attempt that is not; it doubles with each further one.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(1);

/// The longest wait.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// So long after the last attempt all is forgotten.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// Whether a login may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It may, and was counted.
    Allowed,
    /// It may not yet, and was not counted.
    Blocked {
        /// When the next one may.
        until: Timestamp,
    },
}

/// Counts an attempt for `key`, unless it has to wait. The first five are free; each further one is followed by a wait
/// of 1 s, 2 s, 4 s and so on, at most 15 minutes.
pub fn charge(conn: &mut Conn, key: &str, now: Timestamp) -> Result<Attempt> {
    let (attempts, blocked_until) = lock(conn, key, now)?;
    if let Some(until) = blocked_until.filter(|until| *until > now) {
        return Ok(Attempt::Blocked { until });
    }
    let attempts = attempts.saturating_add(1);
    let blocked_until = wait_after(attempts).map(|wait| Time::from(now + wait));
    let change = (dsl::attempts.eq(attempts), dsl::last_at.eq(Time::from(now)), dsl::blocked_until.eq(blocked_until));
    diesel::update(dsl::login_attempts.find(key)).set(change).execute(conn)?;
    Ok(Attempt::Allowed)
}

/// Forgets the attempts for `key`: the right password was given.
pub fn clear(conn: &mut Conn, key: &str) -> Result<()> {
    diesel::delete(dsl::login_attempts.find(key)).execute(conn)?;
    Ok(())
}

/// Forgets the attempts for all keys that begin so.
pub fn clear_prefix(conn: &mut Conn, prefix: &str) -> Result<()> {
    // No text has this character, so the keys between the two are those that begin with the prefix.
    let end = format!("{prefix}{}", char::MAX);
    diesel::delete(dsl::login_attempts.filter(dsl::key.ge(prefix)).filter(dsl::key.lt(end))).execute(conn)?;
    Ok(())
}

/// Forgets the attempts of more than a day ago, and returns for how many keys.
pub fn delete_old(conn: &mut Conn, now: Timestamp) -> Result<usize> {
    Ok(diesel::delete(dsl::login_attempts.filter(dsl::last_at.le(Time::from(now - MEMORY)))).execute(conn)?)
}

/// The wait after so many attempts.
fn wait_after(attempts: i32) -> Option<SignedDuration> {
    let doublings = u32::try_from(attempts - FREE - 1).ok()?;
    let factor = 2_i32.checked_pow(doublings).unwrap_or(i32::MAX);
    Some(FIRST_WAIT.checked_mul(factor).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT))
}

/// The counter of `key`, made if there is none. Others that charge it wait until the end of the transaction.
fn lock(conn: &mut Conn, key: &str, now: Timestamp) -> Result<(i32, Option<Timestamp>)> {
    // It can be cleared between the two statements, hardly ever twice.
    for _ in 0..10 {
        let new = (dsl::key.eq(key), dsl::attempts.eq(0), dsl::last_at.eq(Time::from(now)));
        each!(conn, |c| diesel::insert_into(login_attempts::table).values(new).on_conflict_do_nothing().execute(c))?;
        let row: Option<(i32, Time, Option<Time>)> = diesel::update(dsl::login_attempts.find(key))
            .set(dsl::attempts.eq(dsl::attempts))
            .returning((dsl::attempts, dsl::last_at, dsl::blocked_until))
            .get_result(conn)
            .optional()?;
        match row {
            Some((_, last_at, _)) if now.duration_since(last_at.into()) >= MEMORY => return Ok((0, None)),
            Some((attempts, _, blocked_until)) => return Ok((attempts, blocked_until.map(Into::into))),
            None => {}
        }
    }
    Err(Error::Busy)
}
