//! The end of a certificate: when it is near, and how often that is said.

use jiff::{SignedDuration, Timestamp};
use tracing::{error, warn};

/// From when on the end is near.
const NEAR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often it is said.
const EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Whether it is time to renew.
pub fn is_near(not_after: Timestamp, now: Timestamp) -> bool {
    not_after.duration_since(now) < NEAR
}

/// Says it at the start, and then every day.
#[derive(Default)]
pub(super) struct Reminder {
    last: Option<(Timestamp, Timestamp)>,
}

impl Reminder {
    /// Says it, if it is due.
    pub(super) fn look(&mut self, not_after: Timestamp, now: Timestamp) {
        if !self.is_due(not_after, now) {
            return;
        }
        let days_left = not_after.duration_since(now).as_hours() / 24;
        match now < not_after {
            true => warn!(%not_after, days_left, "the certificate expires soon: renew it"),
            false => error!(%not_after, "the certificate has expired: clients refuse it until it is renewed"),
        }
    }

    /// Another certificate, and the moment of the end itself, are said at once.
    fn is_due(&mut self, not_after: Timestamp, now: Timestamp) -> bool {
        let said = self.last.is_some_and(|(of, at)| {
            of == not_after && now.duration_since(at) < EVERY && (at < not_after) == (now < not_after)
        });
        let due = is_near(not_after, now) && !said;
        if due {
            self.last = Some((not_after, now));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_said_every_day_from_thirty_days_before_it() {
        let end: Timestamp = "2026-06-30T00:00:00Z".parse().unwrap();
        let before = |hours: i64| end - SignedDuration::from_hours(hours);
        let mut reminder = Reminder::default();
        let mut said = |end, hours| reminder.is_due(end, before(hours));
        assert!(!said(end, 30 * 24), "not yet");
        assert!(said(end, 30 * 24 - 1) && !said(end, 29 * 24) && said(end, 29 * 24 - 1));
        assert!(said(end, 5) && !said(end, 4) && said(end, -1) && !said(end, -2) && said(end, -25));
        let next = end + SignedDuration::from_hours(24 * 60);
        assert!(!said(next, 5), "it was renewed");
        assert!(said(end, 5), "and changed back");
    }
}
