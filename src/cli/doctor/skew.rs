//! Two versions, or two clocks, that should be about the same.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::report::Finding;

/// From when on a difference of the clocks is worth a word: tokens of minutes still work.
const NOTICED: SignedDuration = SignedDuration::from_secs(30);

/// From when on tokens and certificates are refused for it.
const TOO_MUCH: SignedDuration = SignedDuration::from_mins(5);

/// Major and minor of `0.1.0`, `v1.36.3` or `v1.36.3+k3s1`.
fn parts(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.strip_prefix('v').unwrap_or(version).split('.');
    let major = parts.next()?.parse().ok()?;
    let minor: String = parts.next()?.chars().take_while(char::is_ascii_digit).collect();
    Some((major, minor.parse().ok()?))
}

/// Whether two parts of mk8s, or kubectl and Kubernetes, are at most one minor version apart.
pub fn versions(ours: (&str, &str), theirs: (&str, &str)) -> Finding {
    let text = format!("{} {}, {} {}", ours.0, ours.1, theirs.0, theirs.1);
    let (Some(a), Some(b)) = (parts(ours.1), parts(theirs.1)) else {
        return Finding::skipped(format!("not compared: {text}"), None);
    };
    if a.0 == b.0 && a.1.abs_diff(b.1) <= 1 {
        return Finding::ok(text);
    }
    let older = if a < b { ours.0 } else { theirs.0 };
    Finding::warning(
        format!("{text}: more than one minor version apart"),
        format!("a newer {older}, or an older one of the other side"),
    )
}

/// Whether the clock of central, which told its time in whole seconds, and that of this machine agree.
pub fn clocks(date: Timestamp, asked_at: Timestamp, took: Duration) -> Finding {
    // It told its time somewhere between question and answer, and left out the fraction.
    let half = SignedDuration::try_from(took / 2).unwrap_or_default();
    let ahead = date.duration_since(asked_at) + SignedDuration::from_millis(500) - half;
    let (seconds, side) = (ahead.abs().as_secs(), if ahead.is_positive() { "behind" } else { "ahead of" });
    if ahead.abs() < NOTICED {
        return Finding::ok(format!("within {} s of central's", seconds + 1));
    }
    let text = format!("the clock of this machine is {seconds} s {side} central's");
    let hint = "set the clock by NTP (timedatectl status), here or there";
    if ahead.abs() < TOO_MUCH { Finding::warning(text, hint) } else { Finding::failed(text, hint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(finding: &Finding, words: &[&str]) {
        let said = format!("{finding:?}");
        assert!(words.iter().all(|word| said.contains(word)), "{said} has not all of {words:?}");
    }

    #[test]
    fn one_minor_version_apart_is_well() {
        for (a, b) in [("0.1.0", "0.1.9"), ("0.1.0", "0.2.0"), ("v1.36.3", "v1.35.0+k3s1"), ("v1.36.3", "v1.37.0-rc.1")]
        {
            is(&versions(("client", a), ("central", b)), &["Ok", a, b]);
        }
        is(&versions(("kubectl", "v1.36.3"), ("Kubernetes", "v1.34.1")), &["Warning", "newer Kubernetes"]);
        is(&versions(("kubectl", "v1.36.3"), ("Kubernetes", "v1.38.0")), &["Warning", "newer kubectl"]);
        is(&versions(("client", "1.0.0"), ("central", "2.0.0")), &["Warning", "newer client"]);
        for odd in ["", "v1", "1.x", "unknown"] {
            is(&versions(("client", odd), ("central", "1.0.0")), &["Skipped"]);
        }
    }

    #[test]
    fn clocks_may_differ_a_little() {
        let now: Timestamp = "2026-01-02T15:04:05Z".parse().unwrap();
        let at = |seconds| clocks(now + SignedDuration::from_secs(seconds), now, Duration::from_millis(20));
        for seconds in [0, 1, -1, 29, -29] {
            is(&at(seconds), &["Ok"]);
        }
        is(&at(0), &["within 1 s"]);
        is(&at(31), &["Warning", "31 s behind", "NTP"]);
        is(&at(-31), &["Warning", "30 s ahead of", "NTP"]);
        is(&at(299), &["Warning"]);
        is(&at(300), &["Failed", "300 s behind"]);
        is(&at(-3600), &["Failed", "ahead of"]);
        // A slow answer is no difference.
        is(&clocks(now + SignedDuration::from_secs(20), now, Duration::from_secs(40)), &["Ok", "within 1 s"]);
        is(&clocks(now - SignedDuration::from_secs(29), now, Duration::from_secs(5)), &["Warning", "31 s"]);
    }
}
