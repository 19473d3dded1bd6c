//! Central behind a proxy that ends TLS: whom it believes when it is told where a request comes from.

use jiff::{SignedDuration, Timestamp};
use mk8s::store::login_attempts::{self, Attempt};
use serde_json::{Value, json};

use super::setup::append;
use crate::auth::in_database;
use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Central, PATIENCE, run};

/// A central without TLS of its own, with these lines more.
fn central(lines: &str) -> Central {
    let dir = Central::prepared();
    append(dir.path(), lines);
    Central::start_in(dir, &[])
}

/// Tries to log in, by way of a proxy that says this; the status.
fn log_in(central: &Central, password: &str, forwarded: &[&str]) -> u16 {
    let mut curl = central.anonymous_curl();
    curl.args(["--max-time", "300", "--output", "/dev/null", "--write-out", "%{http_code}", "--data-binary", "@-"]);
    for line in forwarded {
        curl.args(["--header", &format!("X-Forwarded-For: {line}")]);
    }
    let login = json!({ "email": "admin@localhost", "password": password }).to_string();
    let status = run(curl.arg(format!("{}/auth/login", central.url)), login.as_bytes()).expect(0).out();
    status.parse().expect("a status")
}

/// Where central says that refused logins came from.
fn sources(central: &Central) -> Vec<String> {
    let refused = |line: String| {
        let line: Value = serde_json::from_str(&line).ok()?;
        (line["message"] == "login refused").then(|| line["ip"].as_str().map(str::to_owned)).flatten()
    };
    central.process.stderr().into_iter().filter_map(refused).collect()
}

/// Whether another attempt of the admin from this network would have been refused at the time of those that failed.
fn is_blocked(central: &Central, network: &str) -> bool {
    let key = format!("admin@localhost {network}");
    let hour_ago = Timestamp::now() - SignedDuration::from_hours(1);
    let attempt = in_database(central, move |c| login_attempts::charge(c, &key, hour_ago));
    matches!(attempt, Attempt::Blocked { .. })
}

#[test]
fn a_trusted_proxy_says_where_logins_come_from() {
    let central =
        central("tls: {mode: \"off\", terminated_by_proxy: true}\ntrusted_proxies: [127.0.0.1, 10.0.0.0/8]\n");
    // What the client has sent itself stands before what proxies have added.
    for forwarded in [&["203.0.113.9"][..], &["192.0.2.1, 203.0.113.9"], &["192.0.2.1", "203.0.113.9, 10.1.2.3"]] {
        for _ in 0..2 {
            assert_eq!(log_in(&central, "wrong password", forwarded), 401);
        }
    }
    crate::support::wait_for("the log", PATIENCE, || (sources(&central).len() == 6).then_some(()));
    assert_eq!(sources(&central), ["203.0.113.9"; 6]);
    // Five attempts are free.
    assert!(is_blocked(&central, "203.0.113.0/24") && !is_blocked(&central, "127.0.0.0/24"));
    assert_eq!(log_in(&central, ADMIN_PASSWORD, &["198.51.100.1"]), 200);
}

#[test]
fn nobody_else_is_believed() {
    for lines in ["tls: {mode: \"off\"}\n", "trusted_proxies: [10.0.0.0/8]\n"] {
        let central = central(lines);
        for i in 0..6 {
            assert_eq!(log_in(&central, "wrong password", &[&format!("203.0.{i}.9")]), 401);
        }
        crate::support::wait_for("the log", PATIENCE, || (sources(&central).len() == 6).then_some(()));
        assert_eq!(sources(&central), ["127.0.0.1"; 6], "{lines}");
        assert!(is_blocked(&central, "127.0.0.0/24") && !is_blocked(&central, "203.0.5.0/24"));
    }
}
