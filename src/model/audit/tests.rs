//! What a record keeps, and that a change to the log is seen.

use super::chain::{Broken, Checker};
use super::*;

fn record(id: &str) -> AuditRecord {
    AuditRecord { id: id.to_owned(), ..AuditRecord::new(&RequestId::generate()) }
}

fn chain(count: usize) -> (Writer, Vec<Link>) {
    let mut links: Vec<Link> = Vec::new();
    for i in 0..count {
        let before = links.last().map_or((0, String::new()), |link| (link.seq, link.hash.clone()));
        links.push(Link::next("w", (before.0, &before.1), Phase::Begin, record(&format!("r{i}"))));
    }
    let last = links.last().unwrap();
    let writer = Writer {
        id: "w".into(),
        started_at: now(),
        seq: last.seq,
        hash: last.hash.clone(),
        pruned_seq: 0,
        pruned_hash: String::new(),
    };
    (writer, links)
}

fn verify(writer: &Writer, links: &[Link]) -> Result<(), Broken> {
    let mut checker = Checker::new(writer.clone());
    links.iter().try_for_each(|link| checker.check(link))?;
    checker.finish()
}

#[test]
fn what_was_written_verifies_and_nothing_else() {
    let (writer, links) = chain(5);
    assert_eq!(verify(&writer, &links), Ok(()));
    let broken = |change: &dyn Fn(&mut Vec<Link>)| {
        let mut links = links.clone();
        change(&mut links);
        verify(&writer, &links).expect_err("it must be seen")
    };
    let changed = broken(&|links| links[2].record.user = Some("other".into()));
    assert_eq!(changed, Broken::Changed { writer: "w".into(), seq: 3, id: "r2".into() });
    let changed = broken(&|links| {
        links[2].record.user = Some("other".into());
        links[2].hash = links[2].digest(&links[1].hash);
    });
    assert!(matches!(changed, Broken::Changed { seq: 4, .. }), "the next row tells: {changed}");
    assert!(matches!(broken(&|links| drop(links.remove(1))), Broken::Gap { after: 1, found: 3, .. }));
    assert!(matches!(broken(&|links| links.swap(1, 2)), Broken::Gap { .. }));
    assert!(matches!(broken(&|links| drop(links.pop())), Broken::End { last: 4, expected: 5, .. }));
    assert!(matches!(broken(&|links| links[0].phase = Phase::End), Broken::Changed { seq: 1, .. }));
    let renumbered = broken(&|links| {
        links.remove(1);
        (links[1].seq, links[2].seq, links[3].seq) = (2, 3, 4);
    });
    assert!(matches!(renumbered, Broken::Changed { seq: 2, .. }), "{renumbered}");
}

#[test]
fn rows_that_were_removed_for_their_age_are_not_missed() {
    let (mut writer, links) = chain(5);
    (writer.pruned_seq, writer.pruned_hash) = (2, links[1].hash.clone());
    assert_eq!(verify(&writer, &links[2..]), Ok(()));
    assert!(verify(&writer, &links[3..]).is_err(), "one more is missing");
}

#[test]
fn rows_that_come_meanwhile_do_no_harm() {
    let (writer, mut links) = chain(3);
    links.push(Link::next("w", (3, &links[2].hash), Phase::End, record("r0")));
    assert_eq!(verify(&writer, &links), Ok(()));
}

#[test]
fn texts_have_bounds_and_no_control_characters() {
    let mut long = record("r");
    long.command = Some("x".repeat(10_000));
    long.user_agent = Some("ä".repeat(1_000));
    long.name = Some("a\0b\nc\u{85}d".into());
    long.verb = Some(String::new());
    let bounded = long.bounded();
    assert_eq!(bounded.command.as_deref().map(str::len), Some(MAX_COMMAND));
    assert!(bounded.user_agent.is_some_and(|text| text.len() <= MAX_TEXT && text.ends_with("ä…")));
    assert_eq!(bounded.name.as_deref(), Some("a b c d"));
    assert_eq!(bounded.verb, None);
}

#[test]
fn a_record_is_the_same_after_its_way_through_json() {
    let mut all = record("r");
    (all.kind, all.decision, all.outcome) =
        (Some(AuditKind::ApiCall), Some(AuditDecision::Denied), Some(AuditOutcome::Gone));
    let text = serde_json::to_string(&all).unwrap();
    assert!(text.contains(r#""kind":"api_call""#) && !text.contains("null"), "{text}");
    assert_eq!(serde_json::from_str::<AuditRecord>(&text).unwrap(), all);
    assert_eq!("gateway".parse(), Ok(AuditKind::Gateway));
    for (word, json) in AuditKind::ALL.iter().map(|kind| (kind.as_str(), serde_json::to_value(kind).unwrap())) {
        assert_eq!(word, json, "one word, in JSON too");
    }
    assert_eq!("x".parse::<AuditDecision>().unwrap_err().to_string(), "it must be one of allowed, denied");
}
