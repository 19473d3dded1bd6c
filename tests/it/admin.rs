//! Administration: users, roles, clusters, tokens, and who may not.

use mk8s::model::audit::AuditKind;
use serde_json::{Value, json};

use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Agent, Central, PATIENCE, wait_for};

/// Method and path of every operation, and its right, from the description that central gives of itself.
fn operations(central: &Central) -> Vec<(String, String, String)> {
    let description = central.get("/openapi.json", "").expect(200).body;
    let mut all = Vec::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let right = operation["x-right"].as_str().unwrap_or_else(|| panic!("{method} {path} declares no right"));
            let public = operation["security"].as_array().expect("security").is_empty();
            assert_eq!(public, right == "public", "{method} {path}");
            all.push((method.to_uppercase(), path.clone(), right.to_owned()));
        }
    }
    assert!(all.len() > 25, "{all:?}");
    all
}

const SOME_ID: &str = "0193e7a0-0000-7000-8000-000000000000";

/// A path with something in the place of each parameter.
fn filled(path: &str) -> String {
    path.replace("{name}", "dev").replace("{id}", SOME_ID).replace("{token}", SOME_ID).replace("{session}", SOME_ID)
}

#[test]
fn every_operation_has_a_right_and_it_is_enforced() {
    let central = Central::start();
    let viewer = central.user("viewer@example.com", &["viewer", "developer"]);
    let public = ["/health", "/ready", "/auth/login", "/auth/refresh", "/.well-known/jwks.json", "/openapi.json"];
    let ask = |method: &str, path: &str, token: &str| {
        let body = json!({});
        central.api(method, &filled(path), token, (method != "GET").then_some(&body)).status
    };
    for (method, path, right) in operations(&central) {
        assert_eq!(right == "public", public.contains(&path.as_str()), "{method} {path}");
        if right == "public" {
            continue;
        }
        for token in
            ["", "nonsense", "mk8s_pat_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", crate::support::stack::TOKEN]
        {
            assert_eq!(ask(&method, &path, token), 401, "{method} {path}");
        }
        assert_eq!(path.starts_with("/admin"), right == "admin", "{method} {path}");
        if right == "admin" {
            assert_eq!(ask(&method, &path, &viewer), 403, "{method} {path}");
        }
        if right == "session" {
            assert_eq!(ask(&method, &path, Central::token()), 403, "{method} {path}");
        }
    }
}

#[test]
fn admins_manage_users() {
    let central = Central::start();
    let admin = Central::token();
    let made = central.make_user("Ann@Example.com", &["viewer"]);
    let (id, email) = (made.text("id"), made.text("email"));
    assert_eq!((email.as_str(), &made.body["roles"]), ("ann@example.com", &json!(["viewer"])));
    assert!(made.body.get("initial_password").is_none());
    let again = json!({ "email": "ANN@example.com", "password": ADMIN_PASSWORD });
    central.post("/admin/users", admin, &again).expect(409);
    let user = |body: Value| central.post("/admin/users", admin, &body);
    user(json!({ "email": "x@y", "roles": ["nosuch"] })).expect(400);
    user(json!({ "email": "no address" })).expect(400);
    user(json!({ "email": "x@y", "password": "short" })).expect(400);
    user(json!({ "email": "x@y", "admin": true })).expect(400);

    // Without a password one is made up, and shown this once.
    let made_up = user(json!({ "email": "bob@example.com" })).expect(201).text("initial_password");
    let bob = central.login("bob@example.com", &made_up).expect(200).text("access_token");
    // Nothing granted: nothing to see.
    assert_eq!(central.get("/clusters", &bob).expect(200).body, json!({ "clusters": [] }));
    central.get("/clusters/dev", &bob).expect(404);
    central.post("/clusters/dev/exec", &bob, &json!({ "command": ["version"] })).expect(404);

    for name in [id.as_str(), "ann@example.com", "Ann%40example.com"] {
        assert_eq!(central.get(&format!("/admin/users/{name}"), admin).expect(200).text("id"), id);
    }
    central.get("/admin/users/nobody@example.com", admin).expect(404);
    let roles = |name: &str, roles: &[&str]| {
        central.api("PUT", &format!("/admin/users/{name}/roles"), admin, Some(&json!({ "roles": roles })))
    };
    assert_eq!(
        roles("bob@example.com", &["viewer", "developer", "viewer"]).expect(200).body["roles"],
        json!(["developer", "viewer"])
    );
    central.get("/clusters/dev", &bob).expect(200);
    roles("bob@example.com", &["nosuch"]).expect(400);

    let change =
        |name: &str, change: Value| central.api("PATCH", &format!("/admin/users/{name}"), admin, Some(&change));
    change("bob@example.com", json!({ "password": "another long password" })).expect(200);
    central.get("/clusters", &bob).expect(401);
    central.login("bob@example.com", "another long password").expect(200);
    let listed = central.get("/admin/users", admin).expect(200).body;
    let emails: Vec<_> = listed["users"].as_array().expect("users").iter().map(|u| u["email"].clone()).collect();
    assert_eq!(json!(emails), json!(["admin@localhost", "ann@example.com", "bob@example.com"]));
    central.api("DELETE", "/admin/users/bob@example.com", admin, None).expect(204);
    central.login("bob@example.com", "another long password").expect(401);
    central.api("DELETE", "/admin/users/bob@example.com", admin, None).expect(404);
    assert_eq!(central.get("/admin/roles", admin).expect(200).body["roles"].as_array().expect("roles").len(), 3);
}

#[test]
fn the_last_admin_stays() {
    let central = Central::start();
    let admin = Central::token();
    let path = "/admin/users/admin@localhost";
    let refused = || {
        central.api("DELETE", path, admin, None).expect(409);
        central.api("PATCH", path, admin, Some(&json!({ "disabled": true }))).expect(409);
        central.api("PUT", &format!("{path}/roles"), admin, Some(&json!({ "roles": ["viewer"] }))).expect(409);
    };
    refused();
    central.make_user("second@example.com", &["admin"]);
    central.api("PATCH", "/admin/users/second@example.com", admin, Some(&json!({ "disabled": true }))).expect(200);
    // A disabled admin is none.
    refused();
    central.api("PATCH", "/admin/users/second@example.com", admin, Some(&json!({ "disabled": false }))).expect(200);
    let second = central.login("second@example.com", ADMIN_PASSWORD).expect(200).text("access_token");
    central.api("PUT", &format!("{path}/roles"), &second, Some(&json!({ "roles": ["viewer"] }))).expect(200);
    // The token has no more than its owner.
    central.get("/admin/users", admin).expect(403);
    central.get("/clusters", admin).expect(200);
    central.api("DELETE", path, &second, None).expect(204);
    central.get("/clusters", admin).expect(401);
    central.api("DELETE", "/admin/users/second@example.com", &second, None).expect(409);
}

#[test]
fn api_tokens_have_no_more_than_their_owner() {
    let central = Central::start();
    let user = central.user("ann@example.com", &["viewer", "developer"]);
    let create = |body: Value| central.post("/tokens", &user, &body);
    let made = create(json!({ "name": "ci", "roles": ["viewer"], "expires_in_days": 7 })).expect(201);
    let token = made.text("token");
    assert!(token.starts_with("mk8s_pat_"), "{token}");
    let me = central.get("/auth/me", &token).expect(200).body;
    assert_eq!((&me["user"]["roles"], &me["api_token"]), (&json!(["viewer"]), &made.body["id"]));
    create(json!({ "name": "ci" })).expect(409);
    create(json!({ "name": "more", "roles": ["admin"] })).expect(403);
    create(json!({ "name": "" })).expect(400);
    create(json!({ "name": "long", "expires_in_days": 366 })).expect(400);
    create(json!({ "name": "short", "expires_in_days": 0 })).expect(400);
    // A token makes no tokens.
    central.post("/tokens", &token, &json!({ "name": "child" })).expect(403);
    wait_for("the time of the last use", PATIENCE, || {
        let listed = central.get("/tokens", &user).expect(200).body;
        assert!(listed["tokens"][0].get("token").is_none(), "{listed}");
        listed["tokens"][0]["last_used_at"].is_string().then_some(())
    });
    // Nobody else's token can be revoked.
    let other = central.user("bob@example.com", &["viewer"]);
    let path = format!("/tokens/{}", made.text("id"));
    central.api("DELETE", &path, &other, None).expect(404);
    central.api("DELETE", &path, &user, None).expect(204);
    central.get("/auth/me", &token).expect(401);
    central.api("DELETE", &path, &user, None).expect(404);
    create(json!({ "name": "ci" })).expect(201);
}

#[test]
fn admins_see_and_end_the_api_tokens_of_others() {
    let central = Central::start();
    let user = central.user("ann@example.com", &["viewer"]);
    let create = |name: &str| central.post("/tokens", &user, &json!({ "name": name })).expect(201);
    let (one, two) = (create("one"), create("two"));
    let path = "/admin/users/ann@example.com/tokens";
    let names = || {
        let listed = central.get(path, Central::token()).expect(200).body;
        let names = listed["tokens"].as_array().expect("tokens").iter().map(|token| token["name"].clone());
        Value::Array(names.collect())
    };
    assert_eq!(names(), json!(["one", "two"]));
    let end = |user: &str, id: &str| {
        central.api("DELETE", &format!("/admin/users/{user}/tokens/{id}"), Central::token(), None).status
    };
    assert_eq!(end("admin@localhost", &one.text("id")), 404, "the token of another user");
    assert_eq!(end("nobody@example.com", &one.text("id")), 404);
    assert_eq!(end("ann@example.com", "one"), 404);
    assert_eq!(end("ann@example.com", &one.text("id")), 204);
    assert_eq!(end("ann@example.com", &one.text("id")), 404);
    assert_eq!(names(), json!(["two"]));
    central.get("/auth/me", &one.text("token")).expect(401);
    central.get("/auth/me", &two.text("token")).expect(200);
    central.recorded("the end of a token", |record| {
        record.kind == Some(AuditKind::Admin)
            && record.target == Some(format!("/admin/users/ann@example.com/tokens/{}", one.text("id")))
            && record.status == Some(204)
    });
}

/// Whoever had the password may have made tokens.
#[test]
fn another_password_and_a_way_out_end_api_tokens() {
    let central = Central::start();
    let path = "/admin/users/ann@example.com";
    let change = |body: Value| central.api("PATCH", path, Central::token(), Some(&body)).expect(200);
    let mut session = central.user("ann@example.com", &["viewer"]);
    for (change_of, back) in [
        (json!({ "password": "another password" }), json!({})),
        (json!({ "disabled": true }), json!({ "disabled": false, "password": "another password" })),
    ] {
        let token = central.post("/tokens", &session, &json!({ "name": "ci" })).expect(201).text("token");
        central.get("/auth/me", &token).expect(200);
        change(change_of);
        central.get("/auth/me", &token).expect(401);
        change(back);
        central.get("/auth/me", &token).expect(401);
        session = central.login("ann@example.com", "another password").expect(200).text("access_token");
    }
    // Who changes the own password knows the tokens, and lists them.
    let token = central.post("/tokens", &session, &json!({ "name": "ci" })).expect(201).text("token");
    let own = json!({ "current_password": "another password", "new_password": "one more password" });
    central.post("/auth/password", &session, &own).expect(204);
    central.get("/auth/me", &token).expect(200);
}

#[test]
fn agent_tokens_are_rotated_without_a_gap() {
    let central = Central::start();
    let admin = Central::token();
    central.post("/admin/clusters", admin, &json!({ "name": "prod" })).expect(201);
    central.post("/admin/clusters", admin, &json!({ "name": "prod" })).expect(409);
    central.post("/admin/clusters", admin, &json!({ "name": "No Name" })).expect(400);
    let create = || central.post("/admin/clusters/prod/tokens", admin, &json!({}));
    let (first, second) = (create().expect(201), create().expect(201));
    assert!(create().expect(409).text("detail").contains("revoke one first"));
    assert_eq!(first.text("central"), central.url);
    assert!(first.text("ca_pin").starts_with("sha256:"));

    let revoke = |token: &str| central.api("DELETE", &format!("/admin/clusters/prod/tokens/{token}"), admin, None);
    let mut agent = Agent::start_with(&central, &first.text("token"), &["--cluster", "prod"]);
    agent.process.wait_for_line("tunnel open", PATIENCE);
    revoke(&first.text("id")).expect(204);
    agent.process.wait_for_line("tunnel closed", PATIENCE);
    revoke(&first.text("id")).expect(404);
    let mut agent = Agent::start_with(&central, &second.text("token"), &["--cluster", "prod"]);
    agent.process.wait_for_line("tunnel open", PATIENCE);
    wait_for("the time of the last use", PATIENCE, || {
        let listed = central.get("/admin/clusters/prod/tokens", admin).expect(200).body;
        assert_eq!(listed["tokens"].as_array().expect("tokens").len(), 1);
        listed["tokens"][0]["last_used_at"].is_string().then_some(())
    });
    // A token is for its cluster alone, and for nothing of the user API.
    central.get("/clusters", &second.text("token")).expect(401);
    let mut other = Agent::start_with(&central, &second.text("token"), &["--cluster", "dev"]);
    assert_eq!(other.process.wait(PATIENCE), 3);

    // Deleted, the cluster takes its tunnels along; another of its name has nothing of it.
    central.api("DELETE", "/admin/clusters/prod", admin, None).expect(204);
    agent.process.wait_for_line("tunnel closed", PATIENCE);
    let again = central.post("/admin/clusters", admin, &json!({ "name": "prod" })).expect(201);
    assert_eq!(again.body["tokens"], 0);
    agent.process.wait_for_line("central refused the tunnel", PATIENCE);
    let shown = central.get("/clusters/prod", admin).expect(200).body;
    assert_eq!((&shown["status"], shown.get("last_seen")), (&json!("offline"), None));
}
