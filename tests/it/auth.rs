//! Sessions: what lets a user in, what keeps others out, and what a session survives.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mk8s::model::audit::{AuditKind, AuditOutcome};
use mk8s::store::login_attempts::{self, Attempt};
use mk8s::store::{Conn, Store};
use nix::sys::signal::Signal::SIGKILL;
use serde_json::{Value, json};

use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Central, PATIENCE};

const EMAIL: &str = "admin@localhost";

#[test]
fn a_session_begins_is_renewed_and_ends() {
    let central = Central::start();
    let tokens = central.admin();
    assert_eq!(tokens.body["token_type"], "Bearer");
    assert_eq!(tokens.body["expires_in"], 600);
    assert_eq!(tokens.body["user"]["roles"], json!(["admin"]));
    let access = tokens.text("access_token");
    let me = central.get("/auth/me", &access).expect(200);
    assert_eq!((&me.body["user"]["email"], &me.body["api_token"]), (&json!(EMAIL), &Value::Null));

    let refresh = |token: &str| central.post("/auth/refresh", "", &json!({ "refresh_token": token }));
    let next = refresh(&tokens.text("refresh_token")).expect(200);
    assert_ne!(next.text("refresh_token"), tokens.text("refresh_token"));
    assert_ne!(next.text("access_token"), access);
    central.get("/clusters", &next.text("access_token")).expect(200);

    central.api("POST", "/auth/logout", &next.text("access_token"), None).expect(204);
    // Both access tokens are of that session.
    for token in [&access, &next.text("access_token")] {
        central.get("/clusters", token).expect(401);
    }
    refresh(&next.text("refresh_token")).expect(401);
}

#[test]
fn every_refused_login_looks_alike() {
    let central = Central::start();
    let id = central.make_user("disabled@example.com", &["viewer"]).text("id");
    let disable = json!({ "disabled": true });
    central.api("PATCH", &format!("/admin/users/{id}"), Central::token(), Some(&disable)).expect(200);
    let mut seen = Vec::new();
    for (email, password) in [
        (EMAIL, "wrong password"),
        ("nobody@example.com", ADMIN_PASSWORD),
        ("disabled@example.com", ADMIN_PASSWORD),
        ("no address", ADMIN_PASSWORD),
        (EMAIL, ""),
        (EMAIL, &"x".repeat(73)),
        (EMAIL, &format!("{ADMIN_PASSWORD}\0")),
    ] {
        let mut answer = central.login(email, password).expect(401).body;
        answer.as_object_mut().expect("object").remove("request_id");
        seen.push(answer);
    }
    assert!(seen.iter().all(|answer| *answer == seen[0]), "{seen:#?}");
    let said = central.login(EMAIL, &"x".repeat(100_000)).expect(413).text("detail");
    assert!(said.contains("more than 16 KiB"), "{said}");
    for email in ["Admin@LOCALHOST", " admin@localhost ", "\u{ff41}dmin@localhost"] {
        central.login(email, ADMIN_PASSWORD).expect(200);
    }
}

/// The counter is in the database, it counts spellings of one address as one, and other names do not push it out.
#[test]
fn guessing_is_slowed_down_across_restarts_and_spellings() {
    let mut central = Central::start();
    let guess = |central: &Central, email: &str| drop(central.login(email, "wrong password").expect(401));
    for email in [EMAIL, "ADMIN@localhost", " admin@localhost", "\u{ff41}dmin@localhost", EMAIL] {
        guess(&central, email);
    }
    for i in 0..20 {
        guess(&central, &format!("user{i}@example.com"));
    }
    // Five were free; the sixth blocks the address, and is the last thing that this central does.
    guess(&central, "aDMIN@localhost");
    central.process.signal(SIGKILL);
    central.process.wait(PATIENCE);
    let hour_ago = Timestamp::now() - Duration::from_secs(3600);
    assert!(matches!(charge(&central, hour_ago), Attempt::Blocked { .. }), "the count is gone");

    // The waits add up to 1,023 s before the one of 15 minutes that is not over yet.
    let mut at = Timestamp::now() - Duration::from_secs(1_100);
    clear(&central);
    for _ in 0..6 {
        charge(&central, at);
    }
    while let Attempt::Blocked { until } = charge(&central, at) {
        if until > Timestamp::now() + Duration::from_secs(60) {
            break;
        }
        at = until;
        charge(&central, at);
    }
    central = central.restart();
    for email in [EMAIL, "ADMIN@localhost"] {
        central.login(email, ADMIN_PASSWORD).expect(401);
    }
    central.get("/auth/me", Central::token()).expect(200);
    clear(&central);
    central.login(EMAIL, ADMIN_PASSWORD).expect(200);
}

/// What the attempts of the admin are counted by, from this machine.
const KEY: &str = "admin@localhost 127.0.0.0/24";

/// Works on the database of a central, past it.
pub fn in_database<T: Send + 'static>(
    central: &Central,
    work: impl FnOnce(&mut Conn) -> Result<T, mk8s::store::Error> + Send + 'static,
) -> T {
    let url = format!("sqlite://{}", central.dir.path().join("data/mk8s.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let store = Store::open(&url.into(), 1).expect("the database");
    runtime.block_on(store.write(work)).expect("an answer")
}

fn charge(central: &Central, now: Timestamp) -> Attempt {
    in_database(central, move |c| login_attempts::charge(c, KEY, now))
}

fn clear(central: &Central) {
    in_database(central, |c| login_attempts::clear(c, KEY));
}

/// A flood of logins is turned away, not queued for ever, and nobody who is logged in notices.
#[test]
fn logins_beyond_the_queue_are_refused_and_the_rest_goes_on() {
    let central = Central::start();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let flood: Vec<_> = (0..80)
            .map(|i| {
                let central = &central;
                scope.spawn(move || central.login(&format!("user{i}@example.com"), "wrong password").status)
            })
            .collect();
        for _ in 0..5 {
            central.get("/clusters", Central::token()).expect(200);
        }
        flood.into_iter().map(|login| login.join().expect("an answer")).collect()
    });
    let count = |status: u16| statuses.iter().filter(|s| **s == status).count();
    assert!(count(429) > 0 && count(401) > 0 && count(429) + count(401) == 80, "{statuses:?}");
    central.login(EMAIL, ADMIN_PASSWORD).expect(200);
}

/// A stolen refresh token shows itself: whoever comes second ends the session of both.
#[test]
fn a_refresh_token_that_is_used_again_ends_the_session() {
    let central = Central::start();
    let refresh = |token: &str| central.post("/auth/refresh", "", &json!({ "refresh_token": token }));
    let first = central.admin();
    let second = refresh(&first.text("refresh_token")).expect(200);
    // A lost answer is no theft: the same request gets the same token for a while.
    let again = refresh(&first.text("refresh_token")).expect(200);
    assert_eq!(again.text("refresh_token"), second.text("refresh_token"));
    let third = refresh(&second.text("refresh_token")).expect(200);
    thread::sleep(Duration::from_millis(10_500));
    let said = refresh(&first.text("refresh_token")).expect(401).text("detail");
    assert!(said.contains("used before"), "{said}");
    let record = central.recorded("the theft", |record| record.verb.as_deref() == Some("refresh"));
    assert_eq!((record.kind, record.outcome), (Some(AuditKind::Login), Some(AuditOutcome::Refused)));
    assert_eq!((record.user.as_deref(), record.status), (Some(EMAIL), Some(401)));
    assert!(record.credential.is_some_and(|credential| credential.starts_with("session:")));
    assert!(record.source_ip.is_some() && record.detail.is_some_and(|detail| detail.contains("used before")));
    refresh(&third.text("refresh_token")).expect(401);
    central.get("/clusters", &third.text("access_token")).expect(401);
    refresh("mk8s_refresh_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").expect(401);
}

#[test]
fn a_password_is_changed_by_its_owner() {
    let central = Central::start();
    let (mine, other) = (central.admin(), central.admin());
    let change = |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        central.post("/auth/password", &mine.text("access_token"), &body)
    };
    change("not the password", "a new long password").expect(403);
    for (weak, why) in [
        ("short", "at least 12"),
        (&"x".repeat(73), "at most 72"),
        (&"\u{1f600}".repeat(19), "at most 72"),
        ("with a \0 inside it", "NUL"),
    ] {
        let said = change(ADMIN_PASSWORD, weak).expect(400).text("detail");
        assert!(said.contains(why), "{said}");
    }
    let longest = "\u{1f600}".repeat(18);
    change(ADMIN_PASSWORD, &longest).expect(204);
    central.login(EMAIL, ADMIN_PASSWORD).expect(401);
    central.login(EMAIL, &longest).expect(200);
    // The session that changed it goes on, the others end.
    central.get("/clusters", &mine.text("access_token")).expect(200);
    central.get("/clusters", &other.text("access_token")).expect(401);
    central.post("/auth/refresh", "", &json!({ "refresh_token": other.text("refresh_token") })).expect(401);
    central
        .post(
            "/auth/password",
            Central::token(),
            &json!({ "current_password": longest, "new_password": "x".repeat(12) }),
        )
        .expect(403);
}

/// Unknown users cost the same time as wrong passwords: the ratio of the medians of 30 runs. A noisy machine gets three
/// chances; a missing hash is a ratio of 0.1.
#[test]
fn an_unknown_user_takes_as_long_as_a_wrong_password() {
    let central = Central::start();
    let time = |email: &str| {
        let since = Instant::now();
        central.login(email, "wrong password").expect(401);
        since.elapsed()
    };
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let ratio = |round: usize| {
        // Five attempts each, as more are slowed down.
        let user = |i: usize| format!("user{}-{round}@example.com", i / 5);
        (0..30).step_by(5).for_each(|i| drop(central.make_user(&user(i), &[])));
        let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
        for i in 0..30 {
            wrong.push(time(&user(i)));
            unknown.push(time(&format!("nobody{i}-{round}@example.com")));
        }
        median(unknown) / median(wrong)
    };
    let mut ratios = Vec::new();
    for round in 0..3 {
        ratios.push(ratio(round));
        if (0.9..=1.1).contains(&ratios[round]) {
            return;
        }
    }
    panic!("{ratios:?}");
}
