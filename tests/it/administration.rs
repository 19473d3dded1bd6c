//! Tokens and administration through the program, and what it keeps out of arguments and output.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::cli::{Client, assert_fails, json as parsed};
use crate::support::process::MK8S;
use crate::support::stack::{ADMIN_PASSWORD, TOKEN, quiet};
use crate::support::{Agent, Central, Output, PATIENCE, Process, Terminal, kubernetes, run, wait_for};

const ANN: &str = "ann@example.com";

/// A central, and a client in which its admin has logged in.
fn admin() -> (Central, Client) {
    let (central, client) = (Central::start(), Client::new());
    client.log_in(&central);
    (central, client)
}

/// Logs a user in with the first line of a text, in a client of its own.
fn user(central: &Central, email: &str, password: &[u8]) -> (Client, Output) {
    let client = Client::new();
    let mut login = client.command();
    login.args(["login", &central.url, "--email", email, "--password-stdin", "--ca-file"]).arg(central.ca_file());
    let output = run(&mut login, password);
    (client, output)
}

/// Runs a command with a token in the environment.
fn with_token(client: &Client, token: &str, args: &[&str]) -> Output {
    run(client.command().env("MK8S_TOKEN", token).args(args), b"")
}

fn is_line(text: &str, prefix: &str) -> bool {
    text.strip_suffix('\n').is_some_and(|line| line.starts_with(prefix) && !line.contains(char::is_whitespace))
}

#[test]
fn a_token_is_made_used_and_ended() {
    let central = Central::start();
    central.make_user(ANN, &["developer", "viewer"]);
    let (client, output) = user(&central, ANN, ADMIN_PASSWORD.as_bytes());
    output.expect(0);
    let made = client.run(&["tokens", "create", "ci", "--role", "viewer", "--expires-in-days", "7"]).expect(0);
    assert!(is_line(&made.out(), "mk8s_pat_"), "{}", made.out());
    let token = made.out().trim().to_owned();
    assert!(!made.err().contains(&token) && (made.err().contains("(in 6d)") || made.err().contains("(in 7d)")));
    assert_fails(&client.run(&["tokens", "create", "ci"]), 1, &["ci", "mk8s tokens revoke"]);
    assert_fails(&client.run(&["tokens", "create", "x", "--expires-in-days", "366"]), 2, &["366"]);

    let listed = client.run(&["tokens", "list"]).expect(0).out();
    assert!(listed.starts_with("NAME") && listed.contains("ci") && listed.contains("viewer"), "{listed}");
    assert!(listed.contains("never") && !listed.contains(&token), "{listed}");
    assert!(client.run(&["tokens", "list", "-o", "name"]).expect(0).out().lines().any(|name| name == "ci"));
    let all = parsed(&client.run(&["tokens", "list", "-o", "json"]).expect(0));
    let ci = all.as_array().expect("a list").iter().find(|token| token["name"] == "ci").expect("ci");

    // It goes before the session, and is kept nowhere.
    let state = client.state();
    let status = parsed(&with_token(&client, &token, &["status", "-o", "json"]).expect(0));
    assert_eq!((&status["credential"], &status["roles"]), (&json!("api_token"), &json!(["viewer"])));
    assert_fails(&with_token(&client, &token, &["admin", "users", "list"]), 3, &["MK8S_TOKEN"]);
    with_token(&client, &token, &["clusters", "use", "ghost"]).expect(0);
    assert!(!client.state().contains(&token) && client.state().contains("session:"));
    assert_fails(&with_token(&client, &token, &["tokens", "create", "more"]), 3, &["session"]);
    assert_fails(&client.run(&["tokens", "create", "more", "--role", "admin"]), 3, &["\"admin\""]);
    assert_fails(&with_token(&client, "", &["tokens", "revoke", "nosuch"]), 5, &["nosuch", "mk8s tokens list"]);

    let said = client.run(&["tokens", "revoke", ci["id"].as_str().expect("id")]).expect(0);
    assert!(said.out().is_empty() && said.err().contains("\"ci\""), "{said:?}");
    for args in [&["clusters", "list"][..], &["status"], &["kubectl", "get", "pods"]] {
        let refused = with_token(&client, &token, args);
        assert_fails(&refused, 4, &["the API token (MK8S_TOKEN) was refused", "unset it"]);
        assert!(!refused.err().contains(&token));
    }
    client.run(&["clusters", "list"]).expect(0);
    assert_eq!(client.state().replace("cluster: ghost\n", ""), state);
    for bad in ["two words", "line\nbreak"] {
        let refused = with_token(&client, bad, &["clusters", "list"]);
        assert_fails(&refused, 2, &["MK8S_TOKEN"]);
        assert!(!refused.err().contains(bad));
    }
}

#[test]
fn a_user_from_the_first_day_to_the_last() {
    let (central, client) = admin();
    let users = |args: &[&str]| client.run(&[&["admin", "users"], args].concat());
    let made = users(&["create", "Ann@Example.com", "--role", "viewer", "--role", "developer"]).expect(0);
    assert_eq!(made.out().lines().count(), 1, "{}", made.out());
    assert!(made.err().contains("created user ann@example.com with the roles developer,viewer"), "{}", made.err());
    assert_fails(&users(&["create", ANN]), 1, &["mk8s admin users show"]);
    assert_fails(&users(&["create", "x@y", "--role", "nosuch"]), 2, &["nosuch"]);
    assert_fails(&users(&["create", "no address"]), 2, &["no address"]);

    // What stands on standard output is what logs in.
    let (ann, output) = user(&central, ANN, &made.stdout);
    assert!(output.expect(0).err().contains("roles: developer,viewer"));
    assert_eq!(users(&["list", "-o", "name"]).expect(0).out(), "admin@localhost\nann@example.com\n");
    let listed = users(&["list"]).expect(0).out();
    assert!(
        listed.starts_with("EMAIL") && listed.contains("developer,viewer") && listed.contains("active"),
        "{listed}"
    );
    let shown = parsed(&users(&["show", ANN, "-o", "json"]).expect(0));
    let id = shown["id"].as_str().expect("id");
    assert_eq!(users(&["show", id, "-o", "name"]).expect(0).out(), "ann@example.com\n");
    assert!(!users(&["show", ANN]).expect(0).out().contains("never"), "the login is noted");

    let said = users(&["roles", ANN, "--role", "viewer"]).expect(0).err();
    assert_eq!(said, "user ann@example.com has the roles viewer\n");
    assert_eq!(parsed(&ann.run(&["status", "-o", "json"]).expect(0))["roles"], json!(["viewer"]));
    assert!(users(&["roles", ANN, "--none"]).expect(0).err().ends_with("has no roles\n"));
    assert_eq!(ann.run(&["clusters", "list", "-o", "name"]).expect(0).out(), "");
    assert_fails(&users(&["roles", ANN, "--role"]), 2, &["ROLE"]);
    assert_fails(&users(&["roles", ANN, "--role", "nosuch"]), 2, &["nosuch"]);

    assert_eq!(users(&["disable", ANN]).expect(0).err(), "user ann@example.com is disabled\n");
    assert_fails(&ann.run(&["clusters", "list"]), 4, &["mk8s login"]);
    assert_fails(&user(&central, ANN, &made.stdout).1, 4, &["cannot log in"]);
    assert_eq!(users(&["enable", ANN]).expect(0).err(), "user ann@example.com is active\n");
    let (ann, output) = user(&central, ANN, &made.stdout);
    output.expect(0);

    let mut reset = client.command();
    reset.args(["admin", "users", "reset-password", ANN, "--password-stdin"]);
    run(&mut reset, b"another long password\n").expect(0);
    assert_fails(&ann.run(&["clusters", "list"]), 4, &["mk8s login"]);
    assert_fails(&user(&central, ANN, &made.stdout).1, 4, &[]);
    user(&central, ANN, b"another long password").1.expect(0);
    let mut terminal = Terminal::start(client.command().args(["admin", "users", "reset-password", ANN]));
    terminal.answer_hidden("New password: ", "typed at a terminal");
    let screen = terminal.answer_hidden("Repeat it: ", "typed at a terminal").end(0);
    assert!(!screen.contains("typed"), "{screen}");
    user(&central, ANN, b"typed at a terminal").1.expect(0);

    let mut terminal = Terminal::start(client.command().args(["admin", "users", "delete", ANN]));
    terminal.answer("Type ann@example.com to delete this user: ", "yes").expect("was not deleted").end(1);
    users(&["show", ANN]).expect(0);
    let mut terminal = Terminal::start(client.command().args(["admin", "users", "delete", ANN]));
    terminal.answer("to delete this user: ", ANN).expect("deleted user ann@example.com").end(0);
    for args in [&["show", ANN][..], &["disable", ANN], &["roles", ANN, "--role", "viewer"], &["delete", ANN, "--yes"]]
    {
        assert_fails(&users(args), 5, &["mk8s admin users list"]);
    }

    let mut create = client.command();
    create.args(["admin", "users", "create", "bob@example.com", "--password-stdin"]);
    assert_eq!(run(&mut create, b"a password of bob\n").expect(0).out(), "", "a password that is known is not shown");
    user(&central, "bob@example.com", b"a password of bob").1.expect(0);
    users(&["delete", "bob@example.com", "--yes"]).expect(0);
}

#[test]
fn the_last_admin_stays_and_others_may_not_administer() {
    let (central, client) = admin();
    for args in [
        &["delete", "admin@localhost", "--yes"][..],
        &["disable", "admin@localhost"],
        &["roles", "admin@localhost", "--role", "viewer"],
        &["roles", "admin@localhost", "--none"],
    ] {
        let refused = client.run(&[&["admin", "users"], args].concat());
        assert_fails(&refused, 1, &["last", "admin", "request: "]);
    }
    client.run(&["admin", "users", "list"]).expect(0);

    central.make_user(ANN, &["developer", "viewer"]);
    let (ann, output) = user(&central, ANN, ADMIN_PASSWORD.as_bytes());
    output.expect(0);
    let id = "0193e7a0-0000-7000-8000-000000000000";
    for args in [
        &["users", "list"][..],
        &["users", "show", ANN],
        &["users", "create", "x@y"],
        &["users", "roles", ANN, "--role", "admin"],
        &["users", "disable", "admin@localhost"],
        &["users", "enable", ANN],
        &["users", "delete", "admin@localhost", "--yes"],
        &["users", "session", "list", ANN],
        &["users", "session", "revoke", ANN, id],
        &["roles", "list"],
        &["clusters", "list"],
        &["clusters", "show", "dev"],
        &["clusters", "create", "prod"],
        &["clusters", "delete", "dev", "--yes"],
        &["clusters", "token", "create", "dev"],
        &["clusters", "token", "list", "dev"],
        &["clusters", "token", "revoke", "dev", id],
    ] {
        assert_fails(&ann.run(&[&["admin"], args].concat()), 3, &["mk8s status shows your roles", "request: "]);
    }
    let mut reset = ann.command();
    reset.args(["admin", "users", "reset-password", "admin@localhost", "--password-stdin"]);
    assert_fails(&run(&mut reset, b"a new long password\n"), 3, &["mk8s status"]);
    assert_eq!(client.run(&["admin", "roles", "list", "-o", "name"]).expect(0).out(), "admin\ndeveloper\nviewer\n");
    assert_eq!(
        parsed(&client.run(&["admin", "clusters", "list", "-o", "json"]).expect(0)).as_array().map(Vec::len),
        Some(2)
    );
}

/// Runs lines of a shell in a directory, with mk8s on the `PATH`.
fn shell(dir: &Path, script: &str) -> Command {
    let mut shell = Command::new("sh");
    let path = Path::new(MK8S).parent().expect("directory").display().to_string() + ":/usr/bin:/bin";
    quiet(&mut shell).env("PATH", path).current_dir(dir).args(["-c", script]);
    shell
}

/// The line that is indented as a command and begins so.
fn command_in<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines().filter_map(|line| line.strip_prefix("    ")).find(|line| line.starts_with(start)).expect(start)
}

#[test]
fn a_cluster_is_added_by_pasting_what_is_printed_and_removed_again() {
    let (_central, client) = admin();
    let made = client.run(&["admin", "clusters", "create", "prod"]).expect(0);
    assert!(is_line(&made.out(), "mk8s_agent_"), "{}", made.out());
    let said = made.err();
    assert!(!said.contains(made.out().trim()), "the token is on standard output alone");
    let online = |wanted: &str| {
        wait_for(wanted, PATIENCE, || {
            let shown = parsed(&client.run(&["clusters", "show", "prod", "-o", "json"]).expect(0));
            (shown["status"] == wanted).then_some(())
        });
    };
    let status = || parsed(&client.run(&["clusters", "show", "prod", "-o", "json"]).expect(0))["status"].clone();
    assert_eq!(status(), "offline");

    let dir = tempfile::tempdir().expect("temporary directory");
    run(&mut shell(dir.path(), command_in(&said, "(umask 077; cat > ")), &made.stdout).expect(0);
    let agent = command_in(&said, "mk8s serve agent ");
    let kubernetes = kubernetes();
    let more =
        format!(" --kubeconfig '{}' --kubectl '{}'", kubernetes.kubeconfig.display(), kubernetes.kubectl.display());
    let start = || Process::start(&mut shell(dir.path(), &format!("exec {agent}{more}")));
    let mut first = start();
    online("online");
    let pods = client.run(&["--cluster", "prod", "kubectl", "get", "namespace", "default", "-o", "name"]);
    assert_eq!(pods.expect(0).out(), "namespace/default\n");

    // The token is changed: two may be valid, then the first one ends.
    let token = |args: &[&str]| client.run(&[&["admin", "clusters", "token"], args].concat());
    let second = token(&["create", "prod", "--expires-in-days", "30"]).expect(0);
    assert!(is_line(&second.out(), "mk8s_agent_") && command_in(&second.err(), "mk8s serve agent ") == agent);
    assert_fails(&token(&["create", "prod"]), 1, &["mk8s admin clusters token list prod"]);
    let ids = token(&["list", "prod", "-o", "name"]).expect(0).out();
    let listed = token(&["list", "prod"]).expect(0).out();
    assert!(ids.lines().count() == 2 && ids.lines().all(|id| listed.contains(id)), "{ids}{listed}");
    assert!(listed.contains("never") && (listed.contains("in 30d") || listed.contains("in 29d")), "{listed}");
    let listed = parsed(&token(&["list", "prod", "-o", "json"]).expect(0));
    let old = listed.as_array().expect("tokens").iter().find(|token| token["expires_at"].is_null()).expect("the first");
    token(&["revoke", "prod", old["id"].as_str().expect("id")]).expect(0);
    online("offline");
    assert_fails(&token(&["revoke", "prod", "0193e7a0-0000-7000-8000-000000000000"]), 5, &["token list prod"]);
    first.signal(nix::sys::signal::Signal::SIGTERM);
    first.wait(PATIENCE);
    run(&mut shell(dir.path(), command_in(&said, "(umask 077; cat > ")), &second.stdout).expect(0);
    let _second = start();
    online("online");

    let delete = |answer: &str| {
        let mut terminal = Terminal::start(client.command().args(["admin", "clusters", "delete", "prod"]));
        terminal.answer("Type prod to delete this cluster: ", answer);
        terminal
    };
    for wrong in ["y", "dev", ""] {
        assert!(delete(wrong).end(1).contains("was not deleted"));
    }
    assert_eq!(status(), "online");
    assert!(delete("prod").end(0).contains("deleted cluster"));
    for args in
        [&["show", "prod"][..], &["delete", "prod", "--yes"], &["token", "list", "prod"], &["token", "create", "prod"]]
    {
        assert_fails(&client.run(&[&["admin", "clusters"], args].concat()), 5, &["mk8s admin clusters list"]);
    }
    assert_fails(&client.run(&["--cluster", "prod", "kubectl", "get", "pods"]), 5, &["prod"]);
}

#[test]
fn clusters_are_listed_and_shown_and_made_once() {
    let (central, client) = admin();
    let clusters = |args: &[&str]| client.run(&[&["admin", "clusters"], args].concat());
    assert_eq!(clusters(&["list", "-o", "name"]).expect(0).out(), "dev\nghost\n");
    let listed = clusters(&["list"]).expect(0).out();
    assert!(listed.starts_with("NAME") && listed.contains("configuration"), "{listed}");
    assert_fails(&clusters(&["create", "dev"]), 1, &["mk8s admin clusters token create dev"]);
    assert_fails(&clusters(&["create", "Not_A_Name"]), 2, &["Not_A_Name"]);
    clusters(&["create", "prod"]).expect(0);
    let shown = clusters(&["show", "prod"]).expect(0).out();
    assert!(shown.contains("Declared by:  admin") && shown.contains("Tokens:       1"), "{shown}");
    // A further token brings an agent in as the first one does.
    let token = clusters(&["token", "create", "dev"]).expect(0).out();
    let _agent = Agent::start_with(&central, token.trim(), &[]);
    central.wait_until(true, PATIENCE);
    let said = clusters(&["delete", "dev", "--yes"]).expect(0);
    assert!(said.out().is_empty() && said.err().contains("cut off"), "{said:?}");
    assert_eq!(clusters(&["list", "-o", "name"]).expect(0).out(), "ghost\nprod\n");
    assert_ne!(token.trim(), TOKEN);
}

/// All commands, with the text of their help.
fn commands(client: &Client, words: &[&str], all: &mut Vec<(String, String)>) {
    let help = client.run(&[words, &["--help"]].concat()).expect(0).out();
    let section = help.split("\nCommands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    // A description that goes on in the next line is indented deeper.
    let names = section.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    for name in
        names.filter_map(|line| line.split_whitespace().next()).filter(|name| !["help", "kubectl"].contains(name))
    {
        commands(client, &[words, &[name]].concat(), all);
    }
    all.push((words.join(" "), help.clone()));
}

#[test]
fn no_option_takes_a_secret() {
    let client = Client::new();
    let mut all = Vec::new();
    commands(&client, &[], &mut all);
    assert!(all.len() > 30 && all.iter().any(|(name, _)| name == "admin clusters token revoke"), "{all:?}");
    let mut found = BTreeSet::new();
    for (_, help) in &all {
        let words = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| word.starts_with("--"));
        let secret =
            |word: &&str| ["password", "token", "secret", "key", "credential"].iter().any(|s| word.contains(s));
        found.extend(words.filter(secret).map(str::to_owned));
    }
    assert_eq!(Vec::from_iter(found), ["--client-key-file", "--password-stdin", "--token-file"]);

    for command in
        ["login", "login https://localhost", "passwd", "admin users create a@b", "admin users reset-password a@b"]
    {
        for (option, more) in [("--password", Some("p4ss-w0rd")), ("--password=p4ss-w0rd", None), ("--password", None)]
        {
            let refused = run(client.command().args(command.split(' ')).arg(option).args(more), b"");
            assert_fails(&refused, 2, &["--password-stdin"]);
            assert!(!refused.err().contains("p4ss"), "{}", refused.err());
        }
    }
    for option in ["--token=mk8s_pat_p4ss", "--refresh-token=mk8s_pat_p4ss"] {
        let refused = client.run(&[option, "clusters", "list"]);
        assert_fails(&refused, 2, &["unexpected argument"]);
        assert!(!refused.err().contains("p4ss"), "{}", refused.err());
    }
}

/// Whoever has central's own machine gets in again, whatever was forgotten or taken away.
#[test]
fn an_operator_gets_in_again() {
    let central = Central::start();
    let second = central.user("second@example.com", &["admin"]);
    let path = "/admin/users/admin@localhost";
    central.api("PATCH", path, &second, Some(&json!({ "disabled": true }))).expect(200);
    central.api("PUT", &format!("{path}/roles"), &second, Some(&json!({ "roles": [] }))).expect(200);
    for _ in 0..8 {
        central.login("admin@localhost", "forgotten password").expect(401);
    }
    let mut recover = central.client();
    recover.args(["admin", "recover", "--config"]).arg(central.dir.path().join("central.yaml"));
    let said = run(&mut recover, b"").expect(0).err();
    let file = central.dir.path().join("data/initial-admin-password");
    let password = std::fs::read_to_string(&file).expect("the password").trim().to_owned();
    assert!(said.contains("initial-admin-password") && !said.contains(&password), "{said}");
    let tokens = central.login("admin@localhost", &password).expect(200);
    assert_eq!(tokens.body["user"]["roles"], json!(["admin"]));
    let session = tokens.text("access_token");
    central.get("/admin/users", &session).expect(200);

    // Whoever had the password may have made tokens.
    let token = central.post("/tokens", &session, &json!({ "name": "ci" })).expect(201).text("token");
    run(&mut recover, b"").expect(0);
    central.get("/auth/me", &token).expect(401);

    // Another database would be of no use.
    let mut elsewhere = central.client();
    elsewhere.args(["admin", "recover", "--config"]).arg(central.dir.path().join("central.yaml"));
    let nowhere = central.dir.path().join("elsewhere");
    let said = run(elsewhere.env("MK8S_CENTRAL_DATA_DIR", &nowhere), b"");
    assert!(said.code != 0 && said.err().contains("there is no database"), "{said:?}");
    assert!(!nowhere.exists());

    // Also when it is gone.
    central.api("DELETE", path, &second, None).expect(204);
    run(&mut recover, b"").expect(0);
    let password = std::fs::read_to_string(&file).expect("the password").trim().to_owned();
    central.login("admin@localhost", &password).expect(200);
}

#[test]
fn an_admin_sees_and_ends_the_api_tokens_of_a_user() {
    let central = Central::start();
    let ann = central.user("ann@example.com", &["viewer"]);
    let token = central.post("/tokens", &ann, &json!({ "name": "ci" })).expect(201).text("token");
    let admin = |args: &[&str]| run(central.mk8s().args(["admin", "users", "token"]).args(args), b"");
    let listed = admin(&["list", "ann@example.com"]).expect(0).out();
    assert!(listed.contains("ci") && listed.contains("viewer"), "{listed}");
    central.get("/auth/me", &token).expect(200);
    let said = admin(&["revoke", "ann@example.com", "ci"]).expect(0).err();
    assert!(said.contains("revoked token \"ci\"") && said.contains("of ann@example.com"), "{said}");
    central.get("/auth/me", &token).expect(401);
    assert_eq!(admin(&["list", "ann@example.com", "-o", "name"]).expect(0).out(), "");
    assert_fails(&admin(&["revoke", "ann@example.com", "ci"]), 5, &["mk8s admin users token list ann@example.com"]);
    assert_fails(&admin(&["list", "nobody@example.com"]), 5, &["mk8s admin users list"]);
}
