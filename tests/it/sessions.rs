//! One's own sessions, those on other machines too: seen and ended by their owner and by admins, by nobody else.

use jiff::Timestamp;
use mk8s::model::audit::{AuditDecision, AuditKind, AuditOutcome};
use mk8s::store::settings;
use serde_json::{Value, json};

use crate::auth::in_database;
use crate::cli::{Client, assert_fails, json as parsed};
use crate::database;
use crate::support::postgres::Database;
use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Central, Output, run};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

/// A session, and what it is known by.
struct Session {
    id: String,
    access: String,
    refresh: String,
}

impl Session {
    fn begin(central: &Central, email: &str) -> Self {
        let tokens = central.login(email, ADMIN_PASSWORD).expect(200);
        let access = tokens.text("access_token");
        let sessions = listed(central, "/auth/sessions", &access);
        let current: Vec<&Value> = sessions.iter().filter(|session| session["current"] == true).collect();
        let [current] = current[..] else { panic!("one is the one that asks: {sessions:?}") };
        let id = current["id"].as_str().expect("an id").to_owned();
        Self { id, access, refresh: tokens.text("refresh_token") }
    }

    #[track_caller]
    fn expect_live(&self, central: &Central, live: bool) {
        central.get("/auth/me", &self.access).expect(if live { 200 } else { 401 });
    }

    /// Its tokens are worth nothing, the one for new tokens included.
    #[track_caller]
    fn expect_ended(&self, central: &Central) {
        self.expect_live(central, false);
        central.get("/clusters", &self.access).expect(401);
        central.post("/auth/refresh", "", &json!({ "refresh_token": self.refresh })).expect(401);
    }
}

fn listed(central: &Central, path: &str, token: &str) -> Vec<Value> {
    let body = central.get(path, token).expect(200).body;
    body["sessions"].as_array().unwrap_or_else(|| panic!("no sessions in {body}")).clone()
}

fn ids(sessions: &[Value]) -> Vec<&str> {
    sessions.iter().map(|session| session["id"].as_str().expect("an id")).collect()
}

/// The refusal, without what differs from one request to the next.
#[track_caller]
fn not_found(central: &Central, path: &str, token: &str) -> Value {
    let mut answer = central.api("DELETE", path, token, None).expect(404).body;
    answer.as_object_mut().expect("an object").remove("request_id");
    answer
}

/// What each central does, whatever its database. `admin` is a token of its admin.
fn sessions_of_their_owner(central: &Central, admin: &str, policy_version: &dyn Fn() -> i64) {
    for email in [ANN, BOB] {
        let user = json!({ "email": email, "password": ADMIN_PASSWORD, "roles": ["viewer"] });
        central.post("/admin/users", admin, &user).expect(201);
    }
    let [first, second, third] = [(); 3].map(|()| Session::begin(central, ANN));
    let bob = Session::begin(central, BOB);

    let sessions = listed(central, "/auth/sessions", &second.access);
    assert_eq!(ids(&sessions), [&third.id, &second.id, &first.id]);
    assert_eq!(sessions.iter().map(|one| one["current"] == true).collect::<Vec<_>>(), [false, true, false]);
    let fields: Vec<&String> = sessions[0].as_object().expect("an object").keys().collect();
    let all = ["created_at", "current", "expires_at", "id", "refreshed_at", "source_ip", "user_agent"];
    assert_eq!(fields, all, "no token, and no hash of one");
    let time = |name: &str| {
        let text = sessions[0][name].as_str().expect("a time");
        assert!(text.ends_with('Z'), "{text}");
        text.parse::<Timestamp>().expect("a time of RFC 3339")
    };
    assert!(time("created_at") == time("refreshed_at") && time("created_at") < time("expires_at"));
    assert!(sessions[0]["user_agent"].as_str().expect("a text").starts_with("curl/"), "{sessions:?}");
    assert!(["127.0.0.1", "::1"].contains(&sessions[0]["source_ip"].as_str().expect("an address")), "{sessions:?}");
    assert_eq!(ids(&listed(central, "/auth/sessions", &bob.access)), [&bob.id]);

    // What is not one's own is not there, and nothing changes for it.
    let version = policy_version();
    let unknown = not_found(central, "/auth/sessions/0193e7a0-0000-7000-8000-000000000000", &first.access);
    for id in [&bob.id, "nonsense", &bob.id.replace('-', "")] {
        assert_eq!(not_found(central, &format!("/auth/sessions/{id}"), &first.access), unknown, "{id}");
    }
    bob.expect_live(central, true);
    assert_eq!(policy_version(), version, "nothing has changed");

    let end = |id: &str, by: &Session| central.api("DELETE", &format!("/auth/sessions/{id}"), &by.access, None);
    assert_eq!(end(&first.id, &second).expect(204).body, Value::Null);
    assert_eq!(policy_version(), version + 1, "every central hears of it");
    first.expect_ended(central);
    assert_eq!(not_found(central, &format!("/auth/sessions/{}", first.id), &second.access), unknown);
    assert_eq!(ids(&listed(central, "/auth/sessions", &second.access)), [&third.id, &second.id]);
    // And the one that asks.
    end(&second.id, &second).expect(204);
    second.expect_ended(central);
    for other in [&third, &bob] {
        other.expect_live(central, true);
    }

    // Admins, for whom a session belongs to its user all the same.
    let of = |email: &str| format!("/admin/users/{email}/sessions");
    let sessions = listed(central, &of(ANN), admin);
    assert_eq!((ids(&sessions), &sessions[0]["current"]), (vec![third.id.as_str()], &json!(false)));
    assert_eq!(not_found(central, &format!("{}/{}", of(BOB), third.id), admin), unknown);
    assert_eq!(not_found(central, &format!("{}/nonsense", of(BOB)), admin), unknown);
    central.get(&of("nobody@example.com"), admin).expect(404);
    central.api("DELETE", &format!("{}/{}", of("nobody@example.com"), third.id), admin, None).expect(404);
    third.expect_live(central, true);
    let version = policy_version();
    central.api("DELETE", &format!("{}/{}", of(ANN), third.id), admin, None).expect(204);
    assert_eq!(policy_version(), version + 1);
    third.expect_ended(central);
    bob.expect_live(central, true);
    assert_eq!(listed(central, &of(ANN), admin), [] as [Value; 0]);
    assert_eq!(not_found(central, &format!("{}/{}", of(ANN), third.id), admin), unknown);
}

#[test]
fn sessions_are_seen_and_ended_by_their_owner_and_by_admins() {
    let central = Central::start();
    let version = || in_database(&central, settings::policy_version);
    sessions_of_their_owner(&central, Central::token(), &version);
}

#[test]
fn the_same_on_postgres() {
    let database = Database::create();
    let central = database::start(database.url());
    let admin = central.admin().text("access_token");
    let version = || {
        let rows = database.execute("SELECT value FROM settings WHERE key = 'policy_version'");
        rows[0][0].parse().expect("a number")
    };
    sessions_of_their_owner(&central, &admin, &version);
}

#[test]
fn api_tokens_have_no_sessions_and_every_end_is_recorded() {
    let central = Central::start();
    central.make_user(ANN, &["viewer"]);
    central.make_user(BOB, &["viewer"]);
    let [ann, other] = [(); 2].map(|()| Session::begin(&central, ANN));
    let bob = Session::begin(&central, BOB);
    let token = central.post("/tokens", &ann.access, &json!({ "name": "ci" })).expect(201).text("token");
    let path = |session: &Session| format!("/auth/sessions/{}", session.id);
    central.get("/auth/sessions", &token).expect(403);
    central.api("DELETE", &path(&ann), &token, None).expect(403);
    ann.expect_live(&central, true);
    // The end of a session leaves the API tokens that were made in it.
    central.api("DELETE", &path(&other), &ann.access, None).expect(204);
    central.api("DELETE", &path(&bob), &ann.access, None).expect(404);
    central.api("DELETE", &path(&ann), &ann.access, None).expect(204);
    central.get("/auth/me", &token).expect(200);
    let by_admin = format!("/admin/users/{BOB}/sessions/{}", bob.id);
    central.api("DELETE", &by_admin, Central::token(), None).expect(204);

    let credential = Some(format!("session:{}", ann.id));
    for (target, kind, status, outcome) in [
        (path(&other), AuditKind::Account, 204, AuditOutcome::Complete),
        (path(&bob), AuditKind::Account, 404, AuditOutcome::Refused),
        (by_admin, AuditKind::Admin, 204, AuditOutcome::Complete),
    ] {
        let record = central.recorded(&target, |record| record.target.as_ref() == Some(&target));
        assert_eq!((record.kind, record.verb.as_deref()), (Some(kind), Some("delete")), "{target}");
        assert_eq!((record.status, record.outcome), (Some(status), Some(outcome)), "{target}");
        if kind == AuditKind::Account {
            assert_eq!((record.user.as_deref(), &record.credential), (Some(ANN), &credential), "{target}");
        }
    }
    let own = path(&ann);
    let denied = central.recorded("the refusal of the token", |record| {
        record.target.as_ref() == Some(&own) && record.decision == Some(AuditDecision::Denied)
    });
    assert_eq!((denied.kind, denied.status), (Some(AuditKind::Account), Some(403)));
    central
        .recorded("the end of one's own", |record| record.target.as_ref() == Some(&own) && record.status == Some(204));
}

/// A client in which a user has logged in.
fn client(central: &Central, email: &str) -> Client {
    let client = Client::new();
    let mut login = client.command();
    login.args(["login", &central.url, "--email", email, "--password-stdin", "--ca-file"]).arg(central.ca_file());
    run(&mut login, ADMIN_PASSWORD.as_bytes()).expect(0);
    client
}

/// The session that a client is in.
fn current(client: &Client) -> String {
    let list = parsed(&client.run(&["sessions", "list", "-o", "json"]).expect(0));
    let current = list.as_array().expect("a list").iter().find(|session| session["current"] == true);
    current.and_then(|session| session["id"].as_str()).expect("the one that asks").to_owned()
}

fn words(output: &Output) -> Vec<Vec<String>> {
    output.out().lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn a_lost_machine_is_logged_out_from_another() {
    let central = Central::start();
    central.make_user(ANN, &["viewer"]);
    let [lost, here] = [(); 2].map(|()| client(&central, ANN));
    let [lost_id, here_id] = [current(&lost), current(&here)];

    let table = here.run(&["sessions", "list"]).expect(0);
    let rows = words(&table);
    assert_eq!(rows[0], ["ID", "CREATED", "LAST", "USED", "EXPIRES", "ADDRESS", "CLIENT"]);
    assert_eq!((rows[1][0].as_str(), &rows[1][1], &rows[2][0]), ("*", &here_id, &lost_id), "{}", table.out());
    assert!(table.out().contains(&format!("mk8s/{}", env!("CARGO_PKG_VERSION"))), "{}", table.out());
    assert!(table.out().contains(" ago") && table.out().contains("in "), "{}", table.out());
    assert_eq!(here.run(&["sessions", "ls", "-o", "name"]).expect(0).out(), format!("{here_id}\n{lost_id}\n"));
    assert_eq!(words(&here.run(&["sessions", "list", "--no-headers"]).expect(0)).len(), 2);

    let said = here.run(&["sessions", "revoke", &lost_id]).expect(0);
    let client = format!("mk8s/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (said.out(), said.err()),
        (String::new(), format!("revoked session {lost_id} ({client} from 127.0.0.1)\n"))
    );
    assert_fails(&lost.run(&["clusters", "list"]), 4, &["mk8s login"]);
    here.run(&["clusters", "list"]).expect(0);
    for wanted in [lost_id.as_str(), "nosuch", ""] {
        assert_fails(&here.run(&["sessions", "revoke", wanted]), 5, &["there is no session", "mk8s sessions list"]);
    }

    // All others at once, and again.
    let [one, two] = [(); 2].map(|()| self::client(&central, ANN));
    let said = here.run(&["sessions", "revoke", "--others"]).expect(0).err();
    assert_eq!(said.lines().filter(|line| line.starts_with("revoked session ")).count(), 2, "{said}");
    for ended in [&one, &two] {
        assert_fails(&ended.run(&["clusters", "list"]), 4, &["mk8s login"]);
    }
    assert_eq!(here.run(&["sessions", "revoke", "--others"]).expect(0).err(), "you have no other sessions\n");
    here.run(&["clusters", "list"]).expect(0);

    // The one that is in use: as a logout.
    let mut with_token = here.command();
    assert_fails(
        &run(with_token.env("MK8S_TOKEN", Central::token()).args(["sessions", "list"]), b""),
        3,
        &["MK8S_TOKEN"],
    );
    let state = here.state();
    let said = here.run(&["sessions", "revoke", &here_id]).expect(0).err();
    assert!(said.contains(&here_id) && said.contains(&format!("logged out of {}", central.url)), "{said}");
    assert!(state.contains("refresh_token") && !here.state().contains("token"), "{}", here.state());
    assert!(here.state().contains(&central.url), "the server stays remembered");
    assert_fails(&here.run(&["sessions", "list"]), 4, &["not logged in", "mk8s login"]);
}

#[test]
fn an_admin_sees_and_ends_the_sessions_of_a_user() {
    let central = Central::start();
    central.make_user(ANN, &["viewer"]);
    let (ann, other) = (client(&central, ANN), client(&central, ANN));
    let admin = |args: &[&str]| run(central.mk8s().args(["admin", "users", "session"]).args(args), b"");
    let id = current(&ann);
    assert!(admin(&["list", ANN]).expect(0).out().contains(&id));
    let said = admin(&["revoke", ANN, &id]).expect(0).err();
    assert!(said.starts_with(&format!("revoked session {id} (")) && said.ends_with(" of ann@example.com\n"), "{said}");
    assert_fails(&ann.run(&["clusters", "list"]), 4, &["mk8s login"]);
    assert_eq!(admin(&["list", ANN, "-o", "name"]).expect(0).out(), format!("{}\n", current(&other)));
    assert_fails(
        &admin(&["revoke", ANN, &id]),
        5,
        &["there is no session", "mk8s admin users session list ann@example.com"],
    );
    assert_fails(&admin(&["revoke", "admin@localhost", &current(&other)]), 5, &["there is no session"]);
    assert_fails(&admin(&["list", "nobody@example.com"]), 5, &["mk8s admin users list"]);
    admin(&["revoke", ANN, &current(&other)]).expect(0);
    assert_eq!(admin(&["list", ANN]).expect(0).err(), "no sessions\n");

    // An admin's own, the one that is in use.
    central.log_in();
    let own = run(central.client().args(["sessions", "list", "-o", "name"]), b"").expect(0).out();
    let id = own.lines().next().expect("a session");
    let revoke = ["admin", "users", "session", "revoke", "admin@localhost", id];
    assert!(run(central.client().args(revoke), b"").expect(0).err().contains("logged out of "));
    assert_fails(&run(central.client().args(["clusters", "list"]), b""), 4, &["not logged in"]);
}

/// Whoever has a password, or the database, can give a session any name.
#[test]
fn the_name_of_a_client_does_nothing_to_a_terminal() {
    let central = Central::start();
    central.make_user(ANN, &["viewer"]);
    let here = client(&central, ANN);
    let mut login = central.anonymous_curl();
    let body = json!({ "email": ANN, "password": ADMIN_PASSWORD }).to_string();
    let url = format!("{}/auth/login", central.url);
    run(login.args(["--fail", "--user-agent", "tab\there", "--data", &body, &url]), b"").expect(0);
    central.sql("UPDATE sessions SET user_agent = 'evil' || char(27) || '[2J' || char(155) || '2J' || char(10) || 'x' WHERE user_agent LIKE 'mk8s%'");
    let id = current(&here);
    let harmless = |output: Output| {
        let text = output.out() + &output.err();
        assert!(text.contains("evil") && !text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    };
    for form in ["table", "wide", "json", "yaml"] {
        harmless(here.run(&["sessions", "list", "-o", form]).expect(0));
        harmless(central.run(&["admin", "users", "session", "list", ANN, "-o", form]).expect(0));
    }
    assert!(here.run(&["sessions", "list"]).expect(0).out().contains("tab here"));
    harmless(here.run(&["sessions", "revoke", &id]).expect(0));
}
