//! The records as lines in a file.

use std::fs;

use mk8s::model::audit::{AuditFilter, Checker, Link, WriterList};

use crate::support::{Central, PATIENCE, wait_for};

/// All lines of the file.
fn lines(central: &Central) -> Vec<Link> {
    let text = fs::read_to_string(central.dir.path().join("audit.jsonl")).expect("read");
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

#[test]
fn all_rows_are_exported_as_they_were_written() {
    let dir = Central::prepared();
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read");
    fs::write(&file, config + "audit: {export_file: audit.jsonl}\n").expect("write");
    let central = Central::start_in(dir, &[]);
    for name in ["a", "b", "c"] {
        let body = serde_json::json!({ "name": name });
        central.api("POST", "/admin/clusters", Central::token(), Some(&body)).expect(201);
    }
    let central = central.restart_gently();
    let records = wait_for("the records", PATIENCE, || {
        let records = central.audit(&AuditFilter { verb: Some("post".into()), ..AuditFilter::default() });
        let records: Vec<_> =
            records.into_iter().filter(|record| record.target.as_deref() == Some("/admin/clusters")).collect();
        (records.len() == 3).then_some(records)
    });
    let links = lines(&central);
    assert!(records.iter().all(|record| links.iter().any(|link| link.record.id == record.id)));
    // Who has the file needs no central to see that it is whole.
    let answer = central.get("/admin/audit/writers", Central::token()).expect(200);
    let writers: WriterList = serde_json::from_value(answer.body).expect("writers");
    let writer = writers.writers.into_iter().find(|writer| writer.id == links[0].writer).expect("the first run");
    let mut checker = Checker::new(writer);
    links.iter().for_each(|link| checker.check(link).expect("a row in its place"));
    checker.finish().expect("the last row");
}

#[test]
fn a_file_that_cannot_be_written_is_named_at_the_start() {
    let dir = Central::prepared();
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read");
    fs::write(&file, config + "audit: {export_file: missing/audit.jsonl}\n").expect("write");
    let mut command = std::process::Command::new(crate::support::process::MK8S);
    command.args(["serve", "central", "--config"]).arg(&file);
    let output = crate::support::run(&mut command, b"");
    assert_ne!(output.code, 0);
    assert!(output.err().contains("missing/audit.jsonl"), "{}", output.err());
}
