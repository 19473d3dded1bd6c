//! What the checks came to: text for people, JSON for programs.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::time::{Instant, timeout};

use crate::model::printable::printable;

/// How long a check may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// What a check came to, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Not looked at.
    Skipped,
    /// It works, but somebody should know.
    Warning,
    /// It does not work.
    Failed,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }

    /// The colour of the word on a terminal.
    fn colour(self) -> &'static str {
        match self {
            Self::Ok => "\x1b[32m",
            Self::Skipped => "\x1b[2m",
            Self::Warning => "\x1b[33m",
            Self::Failed => "\x1b[31m",
        }
    }
}

/// What was found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    outcome: Outcome,
    text: String,
    hint: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub fn ok(text: impl Into<String>) -> Self {
        Self { outcome: Outcome::Ok, text: text.into(), hint: None }
    }

    /// It works, but.
    pub fn warning(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warning, text: text.into(), hint: Some(hint.into()) }
    }

    /// It does not work.
    pub fn failed(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, text: text.into(), hint: Some(hint.into()) }
    }

    /// A failure in the words that every command has for it, with their hint or else this one.
    pub fn error(error: &anyhow::Error, hint: &str) -> Self {
        Self::failed(format!("{error:#}"), crate::cli::exit::hint_of(error).unwrap_or_else(|| hint.to_owned()))
    }

    /// It could not be looked at.
    pub fn skipped(text: impl Into<String>, hint: Option<&str>) -> Self {
        Self { outcome: Outcome::Skipped, text: text.into(), hint: hint.map(str::to_owned) }
    }

    /// Whether what depends on it can be looked at.
    pub fn is_failure(&self) -> bool {
        self.outcome == Outcome::Failed
    }
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    group: &'static str,
    /// Its name.
    pub check: &'static str,
    result: Outcome,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
    took: Duration,
}

fn milliseconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

/// A check that has been made and is not in the report yet.
pub struct Done {
    check: &'static str,
    finding: Finding,
    took: Duration,
}

/// Makes a check, and gives what it has found for those that follow. It ends with its deadline at the latest.
pub async fn timed<T: Default>(check: &'static str, work: impl Future<Output = (Finding, T)>) -> (Done, T) {
    within(DEADLINE, check, work).await
}

async fn within<T: Default>(
    limit: Duration,
    check: &'static str,
    work: impl Future<Output = (Finding, T)>,
) -> (Done, T) {
    let since = Instant::now();
    let (finding, found) = timeout(limit, work).await.unwrap_or_else(|_| {
        let text = format!("no answer within {} s", limit.as_secs());
        (Finding::failed(text, "try again; a firewall or a proxy may swallow what is sent"), T::default())
    });
    (Done { check, finding, took: since.elapsed() }, found)
}

/// The same for what may block, on a thread of its own.
pub async fn local<T: Default + Send + 'static>(
    check: &'static str,
    work: impl FnOnce() -> (Finding, T) + Send + 'static,
) -> (Done, T) {
    let lost =
        |e: tokio::task::JoinError| (Finding::failed(format!("the check broke: {e}"), "try again"), T::default());
    timed(check, async { tokio::task::spawn_blocking(work).await.unwrap_or_else(lost) }).await
}

/// All checks, in their order.
#[derive(Default)]
pub struct Report {
    checks: Vec<Check>,
    /// How many were shown.
    shown: usize,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            result: Outcome,
            checks: &'a [Check],
        }
        Form { result: self.result(), checks: &self.checks }.serialize(serializer)
    }
}

impl Report {
    /// Adds a check; whether it did not fail.
    pub fn add(&mut self, group: &'static str, done: Done) -> bool {
        let Done { check, finding, took } = done;
        let works = !finding.is_failure();
        let Finding { outcome, text, hint } = finding;
        let (text, hint) = (without_users(&text), hint.map(|hint| without_users(&hint)));
        self.checks.push(Check { group, check, result: outcome, text, hint, took });
        works
    }

    /// Adds what needed no time.
    pub fn note(&mut self, group: &'static str, check: &'static str, finding: Finding) -> bool {
        self.add(group, Done { check, finding, took: Duration::ZERO })
    }

    /// Adds checks that cannot be made because of another one.
    pub fn skip(&mut self, group: &'static str, checks: &[&'static str], because: &str) {
        for check in checks {
            self.note(group, check, Finding::skipped(format!("not checked: {because}"), None));
        }
    }

    /// The worst of all. What was skipped does not count.
    pub fn result(&self) -> Outcome {
        let counted = self.checks.iter().map(|check| check.result).filter(|result| *result != Outcome::Skipped);
        counted.max().unwrap_or(Outcome::Ok)
    }

    /// Those that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.result == Outcome::Failed)
    }

    /// What was added since this was last called, as a table with the name of its group.
    pub fn next_group(&mut self, colours: bool) -> String {
        let mut text = String::new();
        for check in self.checks.iter().skip(self.shown) {
            if text.is_empty() {
                let _ = writeln!(text, "{}\n{}", check.group, "-".repeat(check.group.len()));
            }
            line(&mut text, check, colours);
        }
        self.shown = self.checks.len();
        text.push('\n');
        text
    }

    /// How many of each there are.
    pub fn summary(&self) -> String {
        let count = |outcome| self.checks.iter().filter(|check| check.result == outcome).count();
        let [ok, warnings, failed, skipped] =
            [Outcome::Ok, Outcome::Warning, Outcome::Failed, Outcome::Skipped].map(count);
        format!("{ok} ok, {warnings} warnings, {failed} failed, {skipped} skipped\n")
    }
}

/// A check with its hint below it.
fn line(text: &mut String, check: &Check, colours: bool) {
    let word = format!("{:<8}", check.result.as_str());
    let word = if colours { format!("{}{word}\x1b[0m", check.result.colour()) } else { word };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{word}{:<17} {}", check.check, printable(&check.text));
    if let Some(hint) = &check.hint {
        let _ = writeln!(text, "{:26}try: {}", "", printable(hint));
    }
}

/// URLs without users and passwords, which people write into them.
fn without_users(text: &str) -> String {
    let mut parts = text.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c == '/' || c == '"' || c.is_whitespace()).unwrap_or(part.len());
        let user = part[..end].rfind('@').map_or(0, |at| at + 1);
        out.push_str("://");
        out.push_str(&part[user..]);
    }
    out
}

/// Whether standard output is a terminal that wants colours.
pub fn colours() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    std::io::stdout().is_terminal() && set("NO_COLOR").is_none() && set("TERM").is_some_and(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        assert!(report.note("client", "config", Finding::ok("/c.yaml")));
        assert!(report.note("client", "version", Finding::warning("old", "a newer one")));
        report
    }

    #[test]
    fn a_table_has_a_group_a_check_a_line_and_a_hint_below() {
        let mut report = report();
        assert!(!report.note("client", "config-mode", Finding::failed("0644\x1b[2J", "chmod 600 /c.yaml")));
        let text = report.next_group(false);
        assert_eq!(
            text,
            "client\n------\nok      config            /c.yaml\nwarning version           old\n                          \
             try: a newer one\nfailed  config-mode       0644 [2J\n                          try: chmod 600 /c.yaml\n\n"
        );
        report.skip("server", &["tls"], "tcp failed");
        assert!(report.next_group(true).starts_with("server\n------\n\x1b[2mskipped \x1b[0mtls"));
        assert_eq!(report.summary(), "1 ok, 1 warnings, 1 failed, 1 skipped\n");
    }

    #[test]
    fn passwords_in_urls_are_not_shown() {
        for (text, shown) in [
            ("https://a:8443 answers", "https://a:8443 answers"),
            ("\"https://ann:s3cret@a\" contains", "\"https://a\" contains"),
            ("http://s3c@ret@a/x@y and ftp://u@b", "http://a/x@y and ftp://b"),
            ("ann@example.com", "ann@example.com"),
        ] {
            assert_eq!(without_users(text), shown);
        }
        let mut report = Report::default();
        report.note("client", "server", Finding::failed("https://ann:s3cret@a", "https://ann:s3cret@b"));
        assert!(!serde_json::to_string(&report).unwrap().contains("s3cret"));
    }

    #[test]
    fn the_worst_counts_and_what_was_skipped_does_not() {
        let mut report = report();
        assert_eq!(report.result(), Outcome::Warning);
        report.skip("server", &["tls"], "x");
        assert_eq!(report.result(), Outcome::Warning);
        report.note("server", "tcp", Finding::failed("x", "y"));
        assert_eq!(report.result(), Outcome::Failed);
        assert_eq!(report.failed().map(|check| check.check).collect::<Vec<_>>(), ["tcp"]);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["result"], "failed");
        let first = serde_json::json!({"group": "client", "check": "config", "result": "ok", "text": "/c.yaml", "milliseconds": 0});
        assert_eq!(json["checks"][0], first);
        assert_eq!(json["checks"][1]["hint"], "a newer one");
    }

    #[tokio::test]
    async fn a_check_that_does_not_end_has_failed_after_its_deadline() {
        let limit = Duration::from_millis(20);
        let (done, found) = within(limit, "tcp", std::future::pending::<(Finding, Option<u8>)>()).await;
        assert!(done.finding.is_failure() && done.finding.text.contains("no answer within") && found.is_none());
        assert!(done.took >= limit);
    }
}
