//! Secrets stay where they belong: each kind is looked for in all that central, agent and client leave behind.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Central, PATIENCE, Process, Stack, run, wait_for};

/// All bytes of all files below a directory, but for the files that exist to hold secrets.
fn contents(dir: &Path, but: &[&str], into: &mut Vec<u8>) {
    for entry in fs::read_dir(dir).expect("read_dir").flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            contents(&path, but, into);
        } else if !but.contains(&name.as_str()) {
            into.extend(fs::read(&path).unwrap_or_default());
        }
    }
}

#[test]
fn secrets_are_found_nowhere() {
    let stack = Stack::start();
    let central = &stack.central;
    let mut found = Vec::new();
    let mut note =
        |answer: &crate::support::api::Answer| found.extend_from_slice(answer.body["detail"].to_string().as_bytes());

    central.log_in();
    let tokens = central.admin();
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let next = central.post("/auth/refresh", "", &json!({ "refresh_token": refresh })).expect(200);
    let made = central.post("/tokens", &access, &json!({ "name": "canary" })).expect(201);
    let agent_token = central.post("/admin/clusters/dev/tokens", &access, &json!({})).expect(201).text("token");
    let password = "canary password 4711";
    let bob = json!({ "email": "bob@example.com", "password": password });
    central.post("/admin/users", &access, &bob).expect(201);
    let made_up = central.post("/admin/users", &access, &json!({ "email": "eve@example.com" })).expect(201);
    let key = fs::read_to_string(central.dir.path().join("data/keys/signing.pem")).expect("the key");
    let secrets = [
        ("admin's password", ADMIN_PASSWORD.to_owned()),
        ("password", password.to_owned()),
        ("made up password", made_up.text("initial_password")),
        ("access token", access.clone()),
        ("refresh token", refresh.clone()),
        ("next refresh token", next.text("refresh_token")),
        ("API token", made.text("token")),
        ("agent token", agent_token.clone()),
        ("private key", key.lines().nth(2).expect("a line").to_owned()),
    ];

    // Errors that hold them if anything does.
    for (_, secret) in &secrets {
        note(&central.get("/clusters", &format!("{secret}x")));
        note(&central.login(secret, secret));
        note(&central.post("/auth/login", "", &json!({ "email": "a@b", "password": [secret] })));
        note(&central.post("/auth/refresh", "", &json!({ "refresh_token": { "x": secret } })));
        note(&central.post("/auth/refresh", "", &json!({ "refresh_token": format!("{secret}x") })));
        note(&central.post("/admin/users", &access, &json!({ "email": "a@b", "password": secret, "x": 1 })));
    }
    let mut client = central.client();
    client.env("MK8S_TOKEN", made.text("token")).args(["kubectl", "get", "namespaces", "--watch"]);
    let watch = Process::start(&mut client);
    wait_for("output", PATIENCE, || (!watch.stdout().is_empty()).then_some(()));
    let kubectl = wait_for("a kubectl", PATIENCE, || stack.agent.children().first().copied());
    for pid in [central.process.pid(), stack.agent.process.pid(), watch.pid(), kubectl] {
        found.extend(fs::read(format!("/proc/{pid}/cmdline")).expect("cmdline"));
        if pid != watch.pid() {
            found.extend(fs::read(format!("/proc/{pid}/environ")).expect("environ"));
        }
    }
    let config = central.dir.path().join("central.yaml");
    for role in ["central", "client"] {
        let mut show = central.client();
        show.args(["config", "show", role]);
        if role == "central" {
            show.arg("--config").arg(&config);
        }
        let shown = run(&mut show, b"").expect(0);
        found.extend([shown.stdout, shown.stderr].concat());
    }
    found.extend(central.process.stderr().join("\n").bytes());
    found.extend(stack.agent.process.stderr().join("\n").bytes());
    contents(&central.dir.path().join("data"), &["signing.pem"], &mut found);
    contents(stack.agent.dir.path(), &["token"], &mut found);

    for (kind, secret) in secrets {
        let at = found.windows(secret.len()).position(|window| window == secret.as_bytes());
        let around = at.map(|at| String::from_utf8_lossy(&found[at.saturating_sub(80)..at + 20]).into_owned());
        assert!(at.is_none(), "the {kind} was found: {around:?}");
    }
    // The search does find what is there.
    assert!(String::from_utf8_lossy(&found).contains("bob@example.com"));
}

#[test]
fn files_with_secrets_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = Central::files();
    // Without a password of its own the first admin gets one that is made up.
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read").replace("  admin_password_file: admin-password\n", "");
    fs::write(&file, config).expect("write");
    let mut central = Central::start_in(dir, &[]);
    let line = central.process.wait_for_line("the first admin was made", PATIENCE);
    let data = central.dir.path().join("data");
    let password = fs::read_to_string(data.join("initial-admin-password")).expect("the file").trim().to_owned();
    assert!(!line.contains(&password) && line.contains("initial-admin-password"), "{line}");
    central.login("admin@localhost", &password).expect(200);
    for file in ["initial-admin-password", "keys/signing.pem", "mk8s.db"] {
        let mode = fs::metadata(data.join(file)).expect(file).permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
}
