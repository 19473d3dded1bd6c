//! The audit log: what is added is found, what is left open is seen, what is old goes.

use jiff::{SignedDuration, Timestamp};

use super::{Db, at, on_both};
use crate::model::RequestId;
use crate::model::audit::{
    AuditDecision, AuditFilter, AuditKind, AuditOutcome, AuditPage, AuditRecord, Checker, Ending, Link, Phase, now,
};
use crate::store::audit;

on_both! {
    what_is_added_is_found_by_its_filters
    outcomes_are_found_and_joined
    pages_follow_one_another
    what_is_left_open_is_seen_once
    a_writer_that_comes_back_is_not_settled
    old_rows_go_from_the_front_and_the_rest_verifies
    all_columns_come_back_as_they_were
}

/// A writer of a test.
struct Rows<'a> {
    db: &'a Db,
    links: Vec<Link>,
}

impl<'a> Rows<'a> {
    async fn start(db: &'a Db) -> Self {
        db.write(|c| audit::start(c, "w", now())).await.unwrap();
        Self { db, links: Vec::new() }
    }

    fn add(&mut self, phase: Phase, record: AuditRecord) {
        let before = self.links.last().map_or((0, ""), |link| (link.seq, link.hash.as_str()));
        let link = Link::next("w", before, phase, record);
        self.links.push(link);
    }

    async fn write(&self) {
        let links = self.links.clone();
        self.db.write(move |c| audit::append(c, &links, now())).await.unwrap();
    }
}

fn record(change: impl FnOnce(&mut AuditRecord)) -> AuditRecord {
    let mut record = AuditRecord::new(&RequestId::generate());
    record.kind = Some(AuditKind::Gateway);
    change(&mut record);
    record
}

async fn page(db: &Db, filter: AuditFilter, before: Option<String>, limit: u16) -> AuditPage {
    let filter = AuditFilter { before, limit: Some(limit), ..filter };
    db.read(move |c| audit::page(c, &filter)).await.unwrap()
}

fn ids(page: &AuditPage) -> Vec<&str> {
    page.records.iter().map(|record| record.id.as_str()).collect()
}

async fn what_is_added_is_found_by_its_filters(db: Db) {
    let mut rows = Rows::start(&db).await;
    let mut all = Vec::new();
    // A time is told by the first bits of an id, in milliseconds.
    let later = |record: &mut AuditRecord, millis: i64| {
        record.time = at(0) + SignedDuration::from_millis(millis);
        let time = record.time.as_millisecond();
        record.id = format!("{:08x}-{:04x}-7000-8000-000000000000", time >> 16, time & 0xffff);
    };
    for (user, cluster, verb, namespace, decision) in [
        ("ann@example.com", "dev", "get", "a", AuditDecision::Allowed),
        ("ann@example.com", "prod", "delete", "a", AuditDecision::Denied),
        ("bob@example.com", "dev", "delete", "b", AuditDecision::Allowed),
    ] {
        let one = record(|record| {
            (record.user, record.cluster) = (Some(user.into()), Some(cluster.into()));
            (record.verb, record.namespace) = (Some(verb.into()), Some(namespace.into()));
            record.decision = Some(decision);
            later(record, all.len() as i64);
        });
        all.push(one.clone());
        rows.add(Phase::Begin, one);
    }
    let call = record(|record| {
        (record.kind, record.parent) = (Some(AuditKind::ApiCall), Some(all[0].id.clone()));
        later(record, 3);
    });
    all.push(call.clone());
    rows.add(Phase::Begin, call);
    rows.write().await;
    let none = AuditFilter::default;
    let text = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (none(), &[3, 2, 1, 0][..]),
        (AuditFilter { user: text("ann@example.com"), ..none() }, &[1, 0]),
        (AuditFilter { cluster: text("dev"), ..none() }, &[2, 0]),
        (AuditFilter { verb: text("delete"), ..none() }, &[2, 1]),
        (AuditFilter { namespace: text("b"), ..none() }, &[2]),
        (AuditFilter { kind: Some(AuditKind::ApiCall), ..none() }, &[3]),
        (AuditFilter { parent: text(&all[0].id), ..none() }, &[3]),
        (AuditFilter { decision: Some(AuditDecision::Denied), ..none() }, &[1]),
        (AuditFilter { decision: Some(AuditDecision::Allowed), ..none() }, &[2, 0]),
        (AuditFilter { user: text("ann@example.com"), verb: text("delete"), ..none() }, &[1]),
        (AuditFilter { since: Some(all[2].time), ..none() }, &[3, 2]),
        (AuditFilter { until: Some(all[2].time), ..none() }, &[1, 0]),
        (AuditFilter { user: text("eve@example.com"), ..none() }, &[]),
    ] {
        let found = page(&db, filter.clone(), None, 10).await;
        let expected: Vec<&str> = expected.iter().map(|&i: &usize| all[i].id.as_str()).collect();
        assert_eq!(ids(&found), expected, "{filter:?}");
    }
}

async fn outcomes_are_found_and_joined(db: Db) {
    let mut rows = Rows::start(&db).await;
    let (done, lost, open, late) = (record(|_| {}), record(|_| {}), record(|_| {}), record(|_| {}));
    let whole = record(|record| record.outcome = Some(AuditOutcome::Refused));
    for one in [&done, &lost, &open, &late, &whole] {
        rows.add(Phase::Begin, one.clone());
    }
    let end = |of: &AuditRecord, outcome, status| {
        let outcome = Some(outcome);
        AuditRecord::of_end(of, Ending { outcome, status, duration_micros: Some(7), ..Ending::default() })
    };
    rows.add(Phase::End, end(&done, AuditOutcome::Complete, Some(200)));
    rows.add(Phase::End, end(&lost, AuditOutcome::Lost, None));
    // Its writer was only slow.
    rows.add(Phase::Unfinished, end(&late, AuditOutcome::Unfinished, None));
    rows.add(Phase::End, end(&late, AuditOutcome::Complete, Some(201)));
    rows.write().await;
    let all = page(&db, AuditFilter::default(), None, 10).await;
    let of = |wanted: &AuditRecord| all.records.iter().find(|record| record.id == wanted.id).unwrap();
    assert_eq!((of(&done).outcome, of(&done).status), (Some(AuditOutcome::Complete), Some(200)));
    assert_eq!(of(&done).time, done.time, "the time is that of the request");
    assert_eq!(of(&done).duration_micros, Some(7));
    assert_eq!((of(&late).outcome, of(&late).status), (Some(AuditOutcome::Complete), Some(201)));
    assert_eq!(of(&open).outcome, None);
    for (outcome, expected) in [
        (AuditOutcome::Lost, vec![lost.id.as_str()]),
        (AuditOutcome::Refused, vec![whole.id.as_str()]),
        (AuditOutcome::Complete, vec![late.id.as_str(), done.id.as_str()]),
        (AuditOutcome::Unfinished, vec![]),
    ] {
        let found = page(&db, AuditFilter { outcome: Some(outcome), ..AuditFilter::default() }, None, 10).await;
        assert_eq!(ids(&found), expected, "{outcome}");
    }
}

async fn pages_follow_one_another(db: Db) {
    let mut rows = Rows::start(&db).await;
    for i in 0..1_203 {
        rows.add(
            Phase::Begin,
            record(|record| {
                record.verb = Some(if i % 2 == 0 { "get" } else { "list" }.into());
                record.outcome = Some(AuditOutcome::Lost);
            }),
        );
    }
    rows.write().await;
    let verb = Some("get".to_owned());
    for filter in [
        AuditFilter::default(),
        AuditFilter { verb: verb.clone(), ..AuditFilter::default() },
        AuditFilter { verb, outcome: Some(AuditOutcome::Lost), ..AuditFilter::default() },
    ] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let found = page(&db, filter.clone(), before, 100).await;
            assert!(found.records.len() <= 100);
            seen.extend(found.records.into_iter().map(|record| record.id));
            match found.next {
                Some(next) => before = Some(next),
                None => break,
            }
        }
        let mut expected: Vec<String> = rows
            .links
            .iter()
            .map(|link| link.record.clone())
            .filter(|record| filter.verb.is_none() || record.verb == filter.verb)
            .map(|record| record.id)
            .collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(seen, expected);
    }
}

async fn what_is_left_open_is_seen_once(db: Db) {
    let mut rows = Rows::start(&db).await;
    let (ended, open) = (record(|_| {}), record(|_| {}));
    rows.add(Phase::Begin, ended.clone());
    rows.add(Phase::Begin, open.clone());
    rows.add(Phase::Begin, record(|record| record.outcome = Some(AuditOutcome::Refused)));
    rows.add(Phase::End, AuditRecord::of_end(&ended, Ending::default()));
    rows.write().await;
    assert!(db.read(|c| audit::silent_since(c, at(-1_000_000_000))).await.unwrap().is_empty());
    let later = || Timestamp::now() + SignedDuration::from_secs(60);
    let silent = db.read(move |c| audit::silent_since(c, later())).await.unwrap();
    assert_eq!(silent, ["w"]);
    let mut found = Vec::new();
    let mut after = 0;
    loop {
        let step = db.read(move |c| audit::unfinished(c, "w", after, 2)).await.unwrap();
        found.extend(step.ids);
        match step.up_to {
            Some(seq) => after = seq,
            None => break,
        }
    }
    assert_eq!(found, std::slice::from_ref(&open.id));
    let before = rows.links.last().map(|link| (link.seq, link.hash.clone())).unwrap();
    let unfinished = AuditRecord::of_end(&open, Ending::default());
    let unfinished = Link::next("w", (before.0, &before.1), Phase::Unfinished, unfinished);
    db.write(move |c| audit::append(c, &[unfinished], now())).await.unwrap();
    let step = db.read(|c| audit::unfinished(c, "w", 0, 100)).await.unwrap();
    assert!(step.ids.is_empty());
    db.write(|c| audit::mark_settled(c, "w")).await.unwrap();
    assert!(db.read(move |c| audit::silent_since(c, later())).await.unwrap().is_empty());
}

/// Another central took it for gone while it only could not reach the database.
async fn a_writer_that_comes_back_is_not_settled(db: Db) {
    let mut rows = Rows::start(&db).await;
    let silent = async || {
        let later = Timestamp::now() + SignedDuration::from_secs(60);
        db.read(move |c| audit::silent_since(c, later)).await.unwrap()
    };
    let settle = async || db.write(|c| audit::mark_settled(c, "w")).await.unwrap();
    settle().await;
    assert!(silent().await.is_empty());
    rows.add(Phase::Begin, record(|_| {}));
    rows.write().await;
    assert_eq!(silent().await, ["w"], "it has written");
    settle().await;
    db.write(|c| audit::beat(c, "w", now())).await.unwrap();
    assert_eq!(silent().await, ["w"], "it has said that it lives");
}

async fn old_rows_go_from_the_front_and_the_rest_verifies(db: Db) {
    let mut rows = Rows::start(&db).await;
    for i in 0..10 {
        rows.add(Phase::Begin, record(|record| record.time = at(i)));
    }
    rows.write().await;
    assert_eq!(db.write(|c| audit::prune(c, at(-5), 3)).await.unwrap(), 0);
    assert_eq!(db.write(|c| audit::prune(c, at(4), 3)).await.unwrap(), 3, "not more at once");
    assert_eq!(db.write(|c| audit::prune(c, at(4), 3)).await.unwrap(), 1);
    assert_eq!(db.write(|c| audit::prune(c, at(4), 3)).await.unwrap(), 0);
    let writers = db.read(audit::writers).await.unwrap();
    assert_eq!((writers.len(), writers[0].seq, writers[0].pruned_seq), (1, 10, 4));
    let mut checker = Checker::new(writers[0].clone());
    let links = db.read(|c| audit::links(c, "w", 4, 100)).await.unwrap();
    assert_eq!(links.len(), 6);
    links.iter().for_each(|link| checker.check(link).unwrap());
    checker.finish().unwrap();
}

async fn all_columns_come_back_as_they_were(db: Db) {
    let text = |name: &str| Some(format!("{name} ä"));
    let full = AuditRecord {
        parent: text("parent"),
        kind: Some(AuditKind::Exec),
        user: text("user"),
        user_id: text("user id"),
        credential: text("credential"),
        source_ip: text("ip"),
        user_agent: text("agent"),
        cluster: text("cluster"),
        command: text("command"),
        verb: text("verb"),
        group: text("group"),
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
        target: text("target"),
        decision: Some(AuditDecision::Allowed),
        rule: text("rule"),
        status: Some(200),
        exit_code: Some(3),
        duration_micros: Some(1 << 40),
        bytes_in: Some(1 << 41),
        bytes_out: Some(1 << 42),
        outcome: Some(AuditOutcome::Cut),
        detail: text("detail"),
        ..AuditRecord::new(&RequestId::generate())
    };
    let mut rows = Rows::start(&db).await;
    rows.add(Phase::Begin, full);
    rows.write().await;
    assert_eq!(db.read(|c| audit::links(c, "w", 0, 10)).await.unwrap(), rows.links);
}
