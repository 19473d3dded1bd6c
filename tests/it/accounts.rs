//! A session from the side of its user: login, trust, status, renewal, password and logout, through the program.

use std::fs;
use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::sys::signal::Signal::SIGTERM;
use serde_json::{Value, json};

use crate::cli::{Client, assert_fails, json as parsed};
use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Central, Output, PATIENCE, Process, Terminal, run, wait_for};

const ADMIN: &str = "admin@localhost";
const PAST: &str = "2000-01-01T00:00:00Z";

/// What the file says of a key, wherever it stands; a long value is in a line of its own.
fn kept(client: &Client, key: &str) -> String {
    let state = client.state();
    let mut lines = state.lines().map(str::trim_start);
    let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    let value = if value == Some(">-") { lines.next() } else { value };
    value.unwrap_or_else(|| panic!("no {key} in {state}")).trim_matches('"').to_owned()
}

/// What the file says apart from the session.
fn rest_of(state: &str) -> String {
    let rest = state.split_inclusive('\n').filter(|line| !line.starts_with("session:") && !line.starts_with(' '));
    rest.collect()
}

/// Makes the access token one that has to be renewed.
fn expire(client: &Client) {
    let state = client.state().replace(&kept(client, "access_expires_at"), PAST);
    fs::write(client.state_file(), state).expect("write");
    assert_eq!(kept(client, "access_expires_at"), PAST);
}

fn login(client: &Client, central: &Central, email: &str, password: &str) -> Output {
    let mut login = client.command();
    login.args(["login", &central.url, "--email", email, "--password-stdin", "--ca-file"]).arg(central.ca_file());
    run(&mut login, password.as_bytes())
}

/// Runs a command that is at a terminal.
fn at_terminal(client: &Client, args: &[&str]) -> Terminal {
    Terminal::start(client.command().args(args))
}

/// Stops a central; its files.
fn stop(central: Central) -> (tempfile::TempDir, u16) {
    let port = central.port();
    let Central { mut process, dir, .. } = central;
    process.signal(SIGTERM);
    process.wait(PATIENCE);
    (dir, port)
}

fn pin_of(central: &mut Central) -> String {
    let line = central.process.wait_for_line("development certificate authority", PATIENCE);
    let line: Value = serde_json::from_str(&line).expect("a JSON log line");
    line["ca_pin"].as_str().expect("ca_pin").to_owned()
}

/// A way to a central on which connections are counted; the client makes one for each request.
fn counted(central: &Central) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let (from, to) = (central.port(), listener.local_addr().expect("address").port());
    let count = Arc::new(AtomicUsize::new(0));
    thread::spawn({
        let count = count.clone();
        move || {
            for client in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                let server = TcpStream::connect(("127.0.0.1", from)).expect("connect");
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone().expect("clone"), to.try_clone().expect("clone"));
                    thread::spawn(move || {
                        let _ = copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        }
    });
    (central.url.replace(&from.to_string(), &to.to_string()), count)
}

#[test]
fn a_login_asks_on_a_terminal_and_shows_no_password() {
    let (central, client) = (Central::start(), Client::new());
    let ca_file = central.ca_file();
    let ca_file = ca_file.to_str().expect("path");
    let args = ["login", &central.url, "--ca-file", ca_file];
    let mut terminal = at_terminal(&client, &args);
    terminal.answer("Email: ", ADMIN).answer_hidden("Password of admin@localhost: ", ADMIN_PASSWORD);
    let screen = terminal.end(0);
    assert!(screen.contains(ADMIN) && !screen.contains(ADMIN_PASSWORD), "{screen}");
    let said = format!("logged in to {} (version {}) as {ADMIN}", central.url, env!("CARGO_PKG_VERSION"));
    assert!([&said, "roles: admin", "session ends: ", "next: mk8s clusters list"].iter().all(|w| screen.contains(*w)));
    assert!(terminal.echoes(), "the terminal is as it was");

    // The next time the address and the central are known; Enter takes them.
    let state = client.state();
    at_terminal(&client, &["login"])
        .answer("Email [admin@localhost]: ", "")
        .answer_hidden("Password of admin@localhost: ", "wrong password")
        .end(4);
    let mut empty = at_terminal(&client, &["login", "--email", ADMIN]);
    assert!(empty.answer_hidden("Password of ", "").end(2).contains("the password is empty"));
    assert!(at_terminal(&client, &["login"]).expect("Email [").control('d').end(1).contains("no answer was given"));
    assert_eq!(client.state(), state, "a login that fails changes nothing");
}

#[test]
fn ctrl_c_at_a_password_ends_the_command_and_leaves_the_terminal_as_it_was() {
    let (central, client) = (Central::start(), Client::new());
    client.log_in(&central);
    let state = client.state();
    for args in [&["login", "--email", ADMIN][..], &["passwd"]] {
        let mut terminal = at_terminal(&client, args);
        terminal.expect("assword");
        wait_for("a hidden question", PATIENCE, || (!terminal.echoes()).then_some(()));
        terminal.control('c').end(130);
        assert!(terminal.echoes(), "{args:?}: the terminal shows nothing any more");
    }
    assert_eq!(client.state(), state);
}

#[test]
fn a_login_that_fails_says_why_and_changes_nothing() {
    let (central, client) = (Central::start(), Client::new());
    assert_fails(&login(&client, &central, ADMIN, "wrong password"), 4, &["cannot log in to", "password", "request: "]);
    assert!(!client.state_file().exists());
    login(&client, &central, ADMIN, ADMIN_PASSWORD).expect(0);
    let state = client.state();

    let wrong = login(&client, &central, ADMIN, "wrong password");
    let nobody = login(&client, &central, "nobody@example.com", ADMIN_PASSWORD);
    let text = |output: &Output| output.err().replace("nobody@example.com", ADMIN);
    let said = |output: &Output| text(output).split("  request:").next().unwrap_or_default().to_owned();
    assert_eq!((wrong.code, nobody.code), (4, 4));
    assert_eq!(said(&wrong), said(&nobody), "whether there is such a user is not told");

    let attempt = |url: &str| {
        let mut login = client.command();
        run(login.args(["login", url, "--email", ADMIN, "--password-stdin"]), ADMIN_PASSWORD.as_bytes())
    };
    assert_fails(&attempt("https://127.0.0.1:1"), 1, &["127.0.0.1:1", "check that central runs"]);
    assert_fails(&attempt(&central.url.replace("https", "http")), 1, &["is this the URL of a central, https://"]);
    assert_fails(&attempt("https://nosuch.invalid"), 1, &["nosuch.invalid", "check that central runs"]);
    for (url, word) in [
        ("http://mk8s.example.com", "unencrypted"),
        ("ftp://localhost", "https://"),
        ("https://localhost/path", "https://"),
        ("https://user:p4ss@localhost", "https://"),
        ("not a url", "https://"),
    ] {
        assert_fails(&attempt(url), 2, &[word]);
    }
    assert_fails(&login(&client, &central, "no address", ADMIN_PASSWORD), 2, &["no address", "--email"]);
    for (input, word) in [("", "empty"), ("\n", "empty")] {
        assert_fails(&login(&client, &central, ADMIN, input), 2, &[word]);
    }
    assert_eq!(client.state(), state);
    client.run(&["clusters", "list"]).expect(0);
}

#[test]
fn nothing_waits_for_a_person_who_is_not_there() {
    let (central, client) = (Central::start(), Client::new());
    client.log_in(&central);
    let state = client.state();
    for (args, flags) in [
        (&["login"][..], &["--email", "--password-stdin"][..]),
        (&["login", "--password-stdin"], &["--email"]),
        (&["login", "--email", ADMIN], &["--password-stdin"]),
        (&["passwd"], &["--password-stdin"]),
        (&["admin", "users", "reset-password", ADMIN], &["--password-stdin"]),
        (&["admin", "users", "delete", ADMIN], &["--yes"]),
        (&["admin", "clusters", "delete", "dev"], &["--yes"]),
    ] {
        let mut process = Process::start(client.command().args(args));
        process.close_stdin();
        assert_eq!(process.wait(PATIENCE), 2, "{args:?}: {:?}", process.stderr());
        let hint =
            wait_for("a hint", PATIENCE, || process.stderr().into_iter().find(|line| line.contains("try: add ")));
        assert!(flags.iter().all(|flag| hint.contains(flag)), "{args:?}: {hint}");
    }
    assert_eq!(client.state(), state);
}

#[test]
fn an_authority_is_accepted_once_and_a_changed_one_is_refused() {
    let (mut central, client) = (Central::start(), Client::new());
    let pin = pin_of(&mut central);
    let url = central.url.clone();
    let args = ["login", &url, "--email", ADMIN];
    for answer in ["n", "", "sure"] {
        let mut terminal = at_terminal(&client, &args);
        terminal.expect(&pin).answer("Trust this authority? [y/N] ", answer).end(8);
        assert!(!client.state_file().exists(), "{answer:?} leaves nothing");
    }
    let mut terminal = at_terminal(&client, &args);
    terminal.expect(&pin).answer("Trust this authority?", "y").answer_hidden("Password of ", ADMIN_PASSWORD).end(0);
    assert_eq!(kept(&client, "ca_pin"), pin);
    client.run(&["clusters", "use", "ghost"]).expect(0);
    assert_eq!(kept(&client, "ca_pin"), pin);
    let screen = at_terminal(&client, &args).answer_hidden("Password of ", ADMIN_PASSWORD).end(0);
    assert!(!screen.contains("Trust"), "asked once: {screen}");
    assert_eq!((kept(&client, "ca_pin"), kept(&client, "cluster")), (pin.clone(), "ghost".into()));

    // Another central at the same address is not asked about.
    let (dir, port) = stop(central);
    fs::remove_dir_all(dir.path().join("data/tls")).expect("remove");
    let mut central = Central::start_in(dir, &["--listen", &format!("127.0.0.1:{port}")]);
    let changed = pin_of(&mut central);
    assert_ne!(changed, pin);
    let state = client.state();
    let screen = at_terminal(&client, &args).end(8);
    assert!(screen.contains(&changed) && !screen.contains("Trust") && !screen.contains("Password"), "{screen}");
    for args in [&["clusters", "list"][..], &["status"], &["tokens", "list"]] {
        assert_fails(&client.run(args), 8, &["--ca-pin"]);
    }
    assert_eq!(client.state(), state);
    client.run(&["logout"]).expect(0);
}

#[test]
fn a_pin_that_is_given_is_the_one_that_counts() {
    let (mut central, client) = (Central::start(), Client::new());
    let pin = pin_of(&mut central);
    let attempt = |pin: &str, more: &[&str]| {
        let mut login = client.command();
        login.args(["login", &central.url, "--email", ADMIN, "--password-stdin", "--ca-pin", pin]).args(more);
        run(&mut login, ADMIN_PASSWORD.as_bytes())
    };
    let wrong = format!("sha256:{}", "0a".repeat(32));
    assert_fails(&attempt(&wrong, &[]), 8, &[&pin, "operator"]);
    assert_fails(&attempt("sha256:0a", &[]), 2, &["--ca-pin sha256:"]);
    assert_fails(&attempt(&pin, &["--ca-file", "ca.pem"]), 2, &["--ca-file", "--ca-pin"]);
    assert!(!client.state_file().exists());
    attempt(&pin, &[]).expect(0);
    client.run(&["clusters", "list"]).expect(0);
    assert_fails(&attempt(&wrong, &[]), 8, &[&pin]);
    client.run(&["clusters", "list"]).expect(0);
}

/// A relative path means the same from any directory, by whichever command it came into the state.
#[test]
fn a_file_of_authorities_is_remembered_from_where_it_was_named() {
    let (central, client) = (Central::start(), Client::new());
    let mut choose = client.command();
    choose.current_dir(central.dir.path()).env("MK8S_TOKEN", Central::token());
    choose.args(["--server", &central.url, "--ca-file", "data/tls/ca.crt", "clusters", "use", "ghost"]);
    run(&mut choose, b"").expect(0);
    run(client.command().env("MK8S_TOKEN", Central::token()).args(["clusters", "list"]), b"").expect(0);
}

#[test]
fn many_commands_renew_a_session_once() {
    let (central, client) = (Central::start(), Client::new());
    let (url, count) = counted(&central);
    let mut login = client.command();
    login.args(["login", &url, "--email", ADMIN, "--password-stdin", "--ca-file"]).arg(central.ca_file());
    run(&mut login, ADMIN_PASSWORD.as_bytes()).expect(0);
    expire(&client);
    let refresh_token = kept(&client, "refresh_token");
    count.store(0, Ordering::Relaxed);
    thread::scope(|scope| {
        let commands: Vec<_> =
            (0..50).map(|_| scope.spawn(|| client.run(&["clusters", "list", "-o", "name"]))).collect();
        for command in commands {
            assert_eq!(command.join().expect("a command").expect(0).out(), "dev\nghost\n");
        }
    });
    assert_eq!(count.load(Ordering::Relaxed), 51, "one request each, and one that renews the session");
    assert_ne!(kept(&client, "refresh_token"), refresh_token);
    assert_ne!(kept(&client, "access_expires_at"), PAST);
}

/// An access token that lives for no longer than commands want it to have left is renewed by each of them.
#[test]
fn the_shortest_access_tokens_serve_many_commands() {
    let dir = Central::files();
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read") + "auth: {access_token_seconds: 60}\n";
    fs::write(&file, config).expect("write");
    let (central, client) = (Central::start_in(dir, &[]), Client::new());
    client.log_in(&central);
    thread::scope(|scope| {
        let commands: Vec<_> = (0..20).map(|_| scope.spawn(|| client.run(&["clusters", "list"]))).collect();
        commands.into_iter().for_each(|command| drop(command.join().expect("a command").expect(0)));
    });
}

#[test]
fn the_state_is_private_and_whole_whatever_happens_at_once() {
    let (central, client) = (Central::start(), Client::new());
    client.log_in(&central);
    client.run(&["clusters", "use", "dev"]).expect(0);
    let complete = |state: &str| {
        let keys = ["server: ", "ca_file: ", "cluster: ", "access_token: ", "refresh_token: ", "refresh_expires_at: "];
        keys.iter().all(|key| state.contains(key)) && state.ends_with('\n')
    };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let state = client.state();
                assert!(complete(&state), "{state}");
            }
        });
        let commands: Vec<_> = (0..30)
            .map(|i| {
                let client = &client;
                scope.spawn(move || match i % 3 {
                    0 => client.run(&["clusters", "use", "dev"]).expect(0),
                    1 => client.run(&["clusters", "use", "ghost"]).expect(0),
                    _ => client.run(&["config", "check", "client"]).expect(0),
                })
            })
            .collect();
        let again = login(&client, &central, ADMIN, ADMIN_PASSWORD);
        commands.into_iter().for_each(|command| drop(command.join().expect("a command")));
        done.store(true, Ordering::Relaxed);
        reader.join().expect("never half a file");
        again.expect(0);
    });
    let mode = |name: &str| fs::metadata(client.0.path().join(name)).expect(name).permissions().mode() & 0o777;
    assert_eq!((mode("config.yaml"), mode("config.yaml.lock")), (0o600, 0o600));
    assert_eq!(fs::read_dir(client.0.path()).expect("read").count(), 2, "nothing else is left");
    client.run(&["status"]).expect(0);
}

#[test]
fn a_session_that_central_has_ended_is_forgotten_and_nothing_else() {
    for disabled in [false, true] {
        let (central, client) = (Central::start(), Client::new());
        central.make_user("ann@example.com", &["developer"]);
        login(&client, &central, "ann@example.com", ADMIN_PASSWORD).expect(0);
        client.run(&["clusters", "use", "dev"]).expect(0);
        if disabled {
            let disable = json!({ "disabled": true });
            central.api("PATCH", "/admin/users/ann@example.com", Central::token(), Some(&disable)).expect(200);
        } else {
            central.api("POST", "/auth/logout", &kept(&client, "access_token"), None).expect(204);
        }
        let state = client.state();
        assert_fails(&client.run(&["clusters", "list"]), 4, &["mk8s login", "request: "]);
        expire(&client);
        let hint = format!("mk8s login {}", central.url);
        assert_fails(&client.run(&["clusters", "list"]), 4, &["has ended", &hint, "request: "]);
        assert_eq!(client.state(), rest_of(&state), "server, authority and cluster stay");
        assert_fails(&client.run(&["clusters", "list"]), 4, &["not logged in", &hint]);
        let text = client.run(&["status"]).expect(0).out();
        assert!(text.contains("not logged in") && text.contains(&central.url), "{text}");
    }
}

#[test]
fn a_session_outlives_a_central_that_is_away() {
    let (central, client) = (Central::start(), Client::new());
    client.log_in(&central);
    expire(&client);
    let state = client.state();
    let (dir, port) = stop(central);
    assert_fails(&client.run(&["clusters", "list"]), 1, &["check that central runs"]);
    assert_eq!(client.state(), state);
    let _central = Central::start_in(dir, &["--listen", &format!("127.0.0.1:{port}")]);
    client.run(&["clusters", "list"]).expect(0);
}

#[test]
fn logout_ends_the_session_at_central_and_touches_nothing_else() {
    let (central, client) = (Central::start(), Client::new());
    let kubeconfig = client.0.path().join("kubeconfig");
    fs::write(&kubeconfig, "current-context: precious\n").expect("write");
    let with_kubeconfig = |args: &[&str]| run(client.command().env("KUBECONFIG", &kubeconfig).args(args), b"");
    for renewed in [false, true] {
        client.log_in(&central);
        let other = central.admin().text("access_token");
        with_kubeconfig(&["clusters", "use", "ghost"]).expect(0);
        let (state, token) = (client.state(), kept(&client, "access_token"));
        central.get("/auth/me", &token).expect(200);
        if renewed {
            expire(&client);
        }
        let output = with_kubeconfig(&["logout"]).expect(0);
        assert_eq!(output.err(), format!("logged out of {}\n", central.url));
        central.get("/auth/me", &token).expect(401);
        central.get("/auth/me", &other).expect(200);
        assert_eq!(client.state(), rest_of(&state));
        assert_eq!(fs::read_to_string(&kubeconfig).expect("read"), "current-context: precious\n");
    }
    assert_eq!(with_kubeconfig(&["logout"]).expect(0).err(), "not logged in\n");

    client.log_in(&central);
    central.api("POST", "/auth/logout", &kept(&client, "access_token"), None).expect(204);
    let said = client.run(&["logout"]).expect(0).err();
    assert!(said.contains("had ended the session already"), "{said}");

    client.log_in(&central);
    let state = client.state();
    let _files = stop(central);
    let said = client.run(&["logout"]).expect(0).err();
    assert!(said.contains("on this machine only") && said.contains("it lives until "), "{said}");
    assert_eq!(client.state(), rest_of(&state));
}

#[test]
fn status_tells_people_and_programs_who_they_are() {
    let (central, client) = (Central::start(), Client::new());
    client.log_in(&central);
    let status = parsed(&client.run(&["status", "-o", "json"]).expect(0));
    for (key, value) in [
        ("server", json!(central.url)),
        ("logged_in", json!(true)),
        ("credential", json!("session")),
        ("user", json!(ADMIN)),
        ("roles", json!(["admin"])),
        ("expires_at", json!(kept(&client, "refresh_expires_at"))),
        ("cluster", Value::Null),
        ("clusters", json!(2)),
        ("clusters_online", json!(0)),
    ] {
        assert_eq!(status[key], value, "{key}: {status}");
    }
    let text = client.run(&["status"]).expect(0).out();
    assert!([ADMIN, "admin", "0 of 2 online", "none (mk8s clusters use <name>)"].iter().all(|w| text.contains(w)));

    client.run(&["logout"]).expect(0);
    let status = parsed(&client.run(&["status", "-o", "json"]).expect(0));
    assert_eq!((&status["logged_in"], &status["user"], &status["roles"]), (&json!(false), &Value::Null, &json!([])));
    assert_eq!(status["server"], central.url);
    assert_eq!(client.run(&["status", "-o", "name"]).expect(0).out(), format!("{}\n", central.url));
    let _files = stop(central);
    assert_fails(&client.run(&["status"]), 1, &["check that central runs"]);
}

#[test]
fn a_password_is_changed_by_two_lines_or_by_answers() {
    let (central, client) = (Central::start(), Client::new());
    client.log_in(&central);
    let other = central.admin().text("access_token");
    let passwd = |input: &str| run(client.command().args(["passwd", "--password-stdin"]), input.as_bytes());
    assert_fails(&passwd(ADMIN_PASSWORD), 2, &["empty", "each password as a line"]);
    assert_fails(&passwd(&format!("{ADMIN_PASSWORD}\nshort\n")), 2, &["at least 12"]);
    assert_fails(&passwd("wrong password\na new long password\n"), 3, &["the current password is wrong", "try: "]);
    central.get("/auth/me", &other).expect(200);
    let said = passwd(&format!("{ADMIN_PASSWORD}\na new long password\n")).expect(0);
    assert_eq!((said.out().as_str(), said.err().contains("your other sessions have ended")), ("", true));
    central.get("/auth/me", &other).expect(401);
    central.login(ADMIN, ADMIN_PASSWORD).expect(401);
    client.run(&["clusters", "list"]).expect(0);

    let dialog = |current: &str, new: &str, again: &str, code: i32| {
        let mut terminal = at_terminal(&client, &["passwd"]);
        terminal.answer_hidden("Current password: ", current).answer_hidden("New password: ", new);
        let screen = terminal.answer_hidden("Repeat it: ", again).end(code);
        assert!([current, new, again].iter().all(|secret| !screen.contains(secret)), "{screen}");
        screen
    };
    let screen = dialog("a new long password", "the third password", "the 3rd password", 2);
    assert!(screen.contains("the two passwords differ: nothing was changed"), "{screen}");
    central.login(ADMIN, "a new long password").expect(200);
    dialog("a new long password", "the third password", "the third password", 0);
    central.login(ADMIN, "the third password").expect(200);
    client.run(&["clusters", "list"]).expect(0);

    let mut with_token = client.command();
    with_token.env("MK8S_TOKEN", Central::token()).args(["passwd", "--password-stdin"]);
    assert_fails(&run(&mut with_token, b"the third password\nyet another one\n"), 3, &["MK8S_TOKEN", "session"]);
}
