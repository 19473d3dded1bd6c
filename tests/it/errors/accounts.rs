//! Who the user is, and what they may do.

use serde_json::json;

use super::{Problems, User};
use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Central, Namespace, Stack, run};

#[test]
fn logins_and_tokens() {
    let central = Central::start();
    let (user, mut problems) = (User::of(&central), Problems::default());
    let check =
        |problems: &mut Problems, name: &str, command: &mut std::process::Command| user.check(problems, name, command);
    check(&mut problems, "no-central", &mut user.command("clusters list"));
    check(&mut problems, "not-logged-in", user.at(&central, "clusters list").env_remove("MK8S_TOKEN"));
    check(&mut problems, "login-without-a-url", &mut user.command("login"));
    check(&mut problems, "login-without-a-terminal", &mut user.at(&central, "login --email ann@example.com"));
    check(&mut problems, "login-without-an-email", &mut user.at(&central, "login --password-stdin"));
    let wrong = &mut user.at(&central, "login --email ann@example.com --password-stdin");
    user.check_with(&mut problems, "wrong-password", wrong.env_remove("MK8S_TOKEN"), "nonsense\n");
    let empty = &mut user.at(&central, "login --email ann@example.com --password-stdin");
    user.check_with(&mut problems, "empty-password", empty, "\n");
    check(&mut problems, "password-in-argv", &mut user.at(&central, "login --password hunter2"));
    check(
        &mut problems,
        "revoked-token",
        user.at(&central, "clusters list").env("MK8S_TOKEN", format!("mk8s_pat_{}", "x".repeat(43))),
    );
    check(&mut problems, "malformed-token", user.at(&central, "clusters list").env("MK8S_TOKEN", "two words"));
    check(&mut problems, "session-command-with-a-token", &mut user.at(&central, "tokens create x"));
    check(&mut problems, "sessions-with-a-token", &mut user.at(&central, "sessions list"));

    let mut login = user.at(&central, "login --email admin@localhost --password-stdin");
    run(login.env_remove("MK8S_TOKEN"), ADMIN_PASSWORD.as_bytes()).expect(0);
    check(&mut problems, "unknown-token", user.at(&central, "tokens revoke nosuch").env_remove("MK8S_TOKEN"));
    let one = "sessions revoke 01a210a3-0b0d-7252-9a6e-07461f01c863";
    check(&mut problems, "unknown-session", user.at(&central, one).env_remove("MK8S_TOKEN"));
    let passwd = &mut user.at(&central, "passwd --password-stdin");
    user.check_with(
        &mut problems,
        "passwd-wrong-password",
        passwd.env_remove("MK8S_TOKEN"),
        "nonsense\nanother password 1\n",
    );
    // A session that central knows nothing of, such as one that was ended by a change of the password.
    let path = user.dir.path().join("config.yaml");
    let state = std::fs::read_to_string(&path).expect("the state");
    let ended: String = state
        .lines()
        .map(|line| match line.trim_start().split(':').next() {
            Some("refresh_token") => format!(
                "{}refresh_token: mk8s_refresh_{}\n",
                &line[..line.len() - line.trim_start().len()],
                "x".repeat(43)
            ),
            Some("access_expires_at") => {
                format!("{}access_expires_at: 2026-01-01T00:00:00Z\n", &line[..line.len() - line.trim_start().len()])
            }
            _ => format!("{line}\n"),
        })
        .collect();
    std::fs::write(&path, ended).expect("write");
    check(&mut problems, "expired-session", user.at(&central, "clusters list").env_remove("MK8S_TOKEN"));
    problems.expect_none();
}

#[test]
fn rights() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let central = &stack.central;
    let (user, mut problems) = (User::of(central), Problems::default());
    let permissions =
        json!([{"clusters": ["dev"], "namespaces": ["team"], "resources": ["pods"], "verbs": ["get", "list"]}]);
    central.make_role(&json!({ "name": "team", "permissions": permissions }));
    let viewer = central.user("viewer@example.com", &["viewer"]);
    let team = central.user("team@example.com", &["team"]);
    let nobody = central.user("nobody@example.com", &[]);
    for (name, token, line) in [
        ("forbidden-verb", &viewer, "kubectl delete pod x"),
        ("forbidden-secrets", &viewer, "kubectl get secrets"),
        ("forbidden-namespace", &team, "kubectl -n other get pods"),
        ("forbidden-all-namespaces", &team, "kubectl get pods -A"),
        ("forbidden-admin", &viewer, "admin users list"),
        ("forbidden-audit", &viewer, "audit"),
        ("no-roles", &nobody, "kubectl get pods"),
    ] {
        user.check(&mut problems, name, user.at(central, line).env("MK8S_TOKEN", token));
    }
    namespace.kubectl(&["create", "configmap", "map", "--from-literal=a=b"], "");
    user.write("editor", "sed -i 's/a: b/a: c/' \"$1\"");
    let mut edit = user.at(central, &format!("kubectl -n {} edit cm/map", namespace.0));
    user.check(&mut problems, "forbidden-edit", edit.env("MK8S_TOKEN", &viewer).env("EDITOR", "sh editor"));
    problems.expect_none();
}

#[test]
fn administration() {
    let central = Central::start();
    let (user, mut problems) = (User::of(&central), Problems::default());
    let permissions = json!([{"clusters": ["dev"], "namespaces": ["team"], "resources": ["pods"], "verbs": ["get"]}]);
    central.make_role(&json!({ "name": "team", "permissions": permissions }));
    central.make_user("ann@example.com", &["viewer", "team"]);
    user.write(
        "unknown-key.yaml",
        "name: team\npermissions:\n- clusters: [dev]\n  namespaces: ['*']\n  resources: [pods]\n  verb: [get]\n",
    );
    user.write(
        "star.yaml",
        "name: team\npermissions:\n- clusters: [*]\n  namespaces: ['*']\n  resources: [pods]\n  verbs: [get]\n",
    );
    user.write(
        "verb.yaml",
        "name: team\npermissions:\n- clusters: [dev]\n  namespaces: ['*']\n  resources: [pods]\n  verbs: [gte]\n",
    );
    for (name, line) in [
        ("cluster-exists", "admin clusters create dev"),
        ("cluster-name", "admin clusters create Dev_1"),
        ("user-exists", "admin users create ann@example.com"),
        ("user-email", "admin users create ann"),
        ("user-session-unknown", "admin users session revoke ann@example.com 01a210a3-0b0d-7252-9a6e-07461f01c863"),
        ("user-session-of-nobody", "admin users session list nosuch@example.com"),
        ("user-unknown", "admin users show nosuch@example.com"),
        ("user-with-an-unknown-role", "admin users create eve@example.com --role nosuch"),
        ("last-admin", "admin users roles admin@localhost --none"),
        ("last-admin-disabled", "admin users disable admin@localhost"),
        ("delete-without-yes", "admin users delete ann@example.com"),
        ("role-built-in", "admin roles delete viewer --yes"),
        ("role-in-use", "admin roles delete team --yes"),
        ("role-unknown", "admin roles show nosuch"),
        ("role-file-missing", "admin roles apply -f nosuch.yaml"),
        ("role-file-unknown-key", "admin roles apply -f unknown-key.yaml"),
        ("role-file-star", "admin roles apply -f star.yaml"),
        ("role-file-verb", "admin roles apply -f verb.yaml"),
        ("agent-token-unknown", "admin clusters token revoke dev 01a210a3-0b0d-7252-9a6e-07461f01c863"),
        ("audit-time", "audit --since yesterday"),
    ] {
        user.check(&mut problems, name, &mut user.at(&central, line));
    }
    let short = &mut user.at(&central, "admin users create bob@example.com --password-stdin");
    user.check_with(&mut problems, "short-password", short, "x\n");
    problems.expect_none();
}
