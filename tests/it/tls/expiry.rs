//! The end of central's certificate: where it can be seen, and that it is said before.

use jiff::Timestamp;
use serde_json::Value;

use super::setup::{ONE_PORT, Site, append, localhost};
use crate::support::{Central, PATIENCE, run};

/// Days from now.
fn days(text: &str) -> i64 {
    let end: Timestamp = text.parse().expect("a time");
    end.duration_since(Timestamp::now()).as_hours() / 24
}

#[test]
fn the_end_of_the_certificate_is_shown_and_said() {
    let mut site = Site::start_with(&localhost().valid(-60, 10 * 86_400 + 3600), ONE_PORT);
    let line = site.central.process.wait_for_line("the certificate expires soon", PATIENCE);
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&line["level"], &line["days_left"]), (&"WARN".into(), &10.into()));

    let health = site.central.get("/health", "").expect(200);
    assert_eq!(days(&health.text("certificate_not_after")), 10);
    let status = site.central.run(&["status"]).expect(0).out();
    assert!(status.contains("Certificate:") && status.contains("(in 10d)"), "{status}");
    let status: Value =
        serde_json::from_slice(&site.central.run(&["status", "-o", "json"]).expect(0).stdout).expect("JSON");
    assert_eq!(status["certificate_not_after"], health.body["certificate_not_after"]);
}

#[test]
fn a_certificate_with_much_time_left_is_not_spoken_of() {
    let central = Central::start();
    assert_eq!(days(&central.get("/health", "").expect(200).text("certificate_not_after")), 364);
    assert!(!central.process.stderr().join("\n").contains("expires"));

    let dir = Central::prepared();
    append(dir.path(), "tls: {mode: \"off\"}\n");
    let plain = Central::start_in(dir, &[]);
    assert!(plain.get("/health", "").expect(200).body.get("certificate_not_after").is_none());
    let status = run(plain.mk8s().env_remove("MK8S_CA_FILE").arg("status"), b"").expect(0).out();
    assert!(!status.contains("Certificate"), "{status}");
}
