//! Roles: made, changed and removed by admins, and what they allow, asked through the API and the program.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{Client, assert_fails, json as parsed};
use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Central, PATIENCE, Stack, Terminal, run, wait_for};

const ANN: &str = "ann@example.com";

fn entry(clusters: &[&str], namespaces: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "clusters": clusters, "namespaces": namespaces, "resources": resources, "verbs": verbs })
}

/// A role for reading pods in the namespaces of apps.
fn team(clusters: &[&str]) -> Value {
    json!({
        "name": "team", "description": "the apps",
        "permissions": [entry(clusters, &["app-*"], &["pods"], &["get", "list", "logs"])],
        "deny": [entry(&["*"], &["app-secret"], &["*"], &["*"])],
    })
}

fn put(central: &Central, role: &Value) -> crate::support::api::Answer {
    let path = format!("/admin/roles/{}", role["name"].as_str().expect("name"));
    central.api("PUT", &path, Central::token(), Some(role))
}

#[test]
fn admins_make_change_and_remove_roles() {
    let central = Central::start();
    let admin = Central::token();
    let made = central.post("/admin/roles", admin, &team(&["dev"])).expect(201).body;
    let mut wanted = team(&["dev"]);
    wanted["built_in"] = json!(false);
    assert_eq!(made, wanted);
    assert!(central.post("/admin/roles", admin, &team(&["dev"])).expect(409).text("detail").contains("team"));
    assert_eq!(central.get("/admin/roles/team", admin).expect(200).body, wanted);

    // What is replaced is replaced as a whole.
    let mut other = team(&["*"]);
    other.as_object_mut().expect("object").retain(|key, _| key == "name" || key == "permissions");
    let replaced = put(&central, &other).expect(200).body;
    assert_eq!((&replaced["description"], &replaced["deny"]), (&json!(""), &json!([])));
    let mut new = other.clone();
    new["name"] = json!("new");
    put(&central, &new).expect(200);
    let names = |list: Value| {
        let roles = list["roles"].as_array().expect("roles").clone();
        roles.iter().map(|role| role["name"].as_str().expect("name").to_owned()).collect::<Vec<_>>()
    };
    let all = central.get("/admin/roles", admin).expect(200).body;
    assert_eq!(names(all), ["admin", "developer", "new", "team", "viewer"]);
    let said = central.api("PUT", "/admin/roles/other", admin, Some(&new)).expect(400).text("detail");
    assert!(said.contains("other") && said.contains("new"), "{said}");

    let delete = |name: &str| central.api("DELETE", &format!("/admin/roles/{name}"), admin, None);
    let ann = central.user(ANN, &["team"]);
    central.post("/tokens", &ann, &json!({ "name": "ci" })).expect(201);
    let said = delete("team").expect(409).text("detail");
    assert!(said.contains("1 user and 1 API token"), "{said}");
    let none = json!({ "roles": [] });
    central.api("PUT", &format!("/admin/users/{ANN}/roles"), admin, Some(&none)).expect(200);
    assert!(delete("team").expect(409).text("detail").contains("0 users and 1 API token"));
    central.api("DELETE", &format!("/admin/users/{ANN}"), admin, None).expect(204);
    delete("team").expect(204);
    for (name, status) in [("team", 404), ("No_Name", 404), ("%2E%2E", 404)] {
        delete(name).expect(status);
        central.get(&format!("/admin/roles/{name}"), admin).expect(status);
    }
    for built_in in ["admin", "developer", "viewer"] {
        assert!(delete(built_in).expect(409).text("detail").contains("built in"));
    }
}

#[test]
fn a_wrong_role_is_refused_with_the_place_of_what_is_wrong() {
    let central = Central::start();
    let good = || entry(&["*"], &["*"], &["pods"], &["get"]);
    let with = |field: &str, value: Value| {
        let mut entry = good();
        entry[field] = value;
        json!({ "name": "wrong", "permissions": [good(), entry] })
    };
    for (role, words) in [
        (with("verbs", json!([])), &["permissions[1].verbs"][..]),
        (with("verbs", json!(["get", "gett"])), &["permissions[1].verbs[1]", "gett"]),
        (with("resources", json!(["pod"])), &["permissions[1].resources[0]", "pods"]),
        (with("clusters", json!(["Dev"])), &["permissions[1].clusters[0]", "Dev"]),
        (with("verb", json!(["get"])), &["unknown field `verb`"]),
        (with("namespaces", json!("*")), &["expected a sequence"]),
        (
            json!({ "name": "wrong", "permissions": [good()], "deny": [with("verbs", json!([]))["permissions"][1]] }),
            &["deny[0].verbs"],
        ),
        (json!({ "name": "wrong", "permissions": [] }), &["permissions: "]),
        (json!({ "name": "wrong" }), &["missing field `permissions`"]),
        (json!({ "name": "wrong", "permissions": [good()], "denny": [] }), &["unknown field `denny`"]),
        (json!({ "name": "Wrong", "permissions": [good()] }), &["Wrong"]),
        (json!({ "name": "wrong", "permissions": vec![good(); 101] }), &["101", "100"]),
        (json!({ "name": "wrong", "permissions": [good()], "description": "x".repeat(201) }), &["description"]),
        (json!({ "name": "wrong", "permissions": [good()], "built_in": true }), &["unknown field `built_in`"]),
    ] {
        let mut said = vec![central.post("/admin/roles", Central::token(), &role)];
        if role["name"] == "wrong" {
            said.push(put(&central, &role));
        }
        for said in said {
            let detail = said.expect(400).text("detail");
            assert!(words.iter().all(|word| detail.contains(word)), "{words:?}: {detail}");
        }
    }
    central.get("/admin/roles/wrong", Central::token()).expect(404);
}

#[test]
fn built_in_roles_can_be_changed_and_admin_cannot_be_emptied() {
    let central = Central::start();
    let pods = entry(&["*"], &["*"], &["pods"], &["get"]);
    let all = entry(&["*"], &["*"], &["*"], &["*"]);
    for role in [
        json!({ "name": "admin", "permissions": [pods] }),
        json!({ "name": "admin", "permissions": [all], "deny": [pods] }),
        json!({ "name": "admin", "permissions": [entry(&["dev"], &["*"], &["*"], &["*"])] }),
    ] {
        assert!(put(&central, &role).expect(400).text("detail").contains("admin"));
    }
    put(&central, &json!({ "name": "admin", "permissions": [pods, all], "description": "all" })).expect(200);
    let viewer = put(&central, &json!({ "name": "viewer", "permissions": [pods] })).expect(200).body;
    assert_eq!(viewer["built_in"], true);
    let user = central.user(ANN, &["viewer"]);
    let ask = |verb: &str| {
        let question = json!({ "verb": verb, "resource": "pods", "namespace": "default" });
        central.post("/clusters/dev/can-i", &user, &question).expect(200).body["allowed"].clone()
    };
    assert_eq!((ask("get"), ask("list")), (json!(true), json!(false)));
}

#[test]
fn only_admins_manage_roles_and_everyone_sees_the_own_ones() {
    let central = Central::start();
    put(&central, &team(&["dev"])).expect(200);
    let user = central.user(ANN, &["team", "viewer"]);
    for (method, path) in [
        ("GET", "/admin/roles"),
        ("POST", "/admin/roles"),
        ("GET", "/admin/roles/team"),
        ("PUT", "/admin/roles/team"),
        ("DELETE", "/admin/roles/team"),
    ] {
        let body = team(&["*"]);
        central.api(method, path, &user, (method != "GET").then_some(&body)).expect(403);
    }
    let mine = central.get("/auth/roles", &user).expect(200).body;
    let mut wanted = team(&["dev"]);
    wanted["built_in"] = json!(false);
    assert_eq!((&mine["roles"][0], &mine["roles"][1]["name"]), (&wanted, &json!("viewer")));
    // A token has those that it was made with.
    let token = central.post("/tokens", &user, &json!({ "name": "ci", "roles": ["viewer"] })).expect(201).text("token");
    let mine = central.get("/auth/roles", &token).expect(200).body["roles"].as_array().expect("roles").clone();
    assert_eq!((mine.len(), &mine[0]["name"]), (1, &json!("viewer")));
}

#[test]
fn a_cluster_is_seen_by_those_who_may_do_something_in_it() {
    let central = Central::start();
    put(&central, &team(&["dev"])).expect(200);
    let user = central.user(ANN, &["team"]);
    let seen = || {
        let list = central.get("/clusters", &user).expect(200).body["clusters"].as_array().expect("clusters").clone();
        list.iter().map(|cluster| cluster["name"].as_str().expect("name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seen(), ["dev"]);
    central.get("/clusters/dev", &user).expect(200);
    // A cluster that is not theirs looks like one that does not exist.
    let command = json!({ "command": ["get", "pods"] });
    let question = json!({ "verb": "get", "resource": "pods" });
    for (path, body) in [("", None), ("/exec", Some(&command)), ("/can-i", Some(&question))] {
        let method = if body.is_some() { "POST" } else { "GET" };
        let ask = |name: &str| {
            let mut body = central.api(method, &format!("/clusters/{name}{path}"), &user, body).expect(404).body;
            body.as_object_mut().expect("object").remove("request_id");
            body.to_string().replace(name, "NAME")
        };
        assert_eq!(ask("ghost"), ask("nosuch"), "{path}");
    }
    central.get("/clusters/ghost/exec", &user).expect(404);
    // Changed, it counts at once.
    put(&central, &team(&["gh*"])).expect(200);
    assert_eq!(seen(), ["ghost"]);
    central.post("/clusters/dev/exec", &user, &command).expect(404);
    put(&central, &json!({ "name": "team", "permissions": [], "deny": team(&["*"])["deny"] })).expect(200);
    assert!(seen().is_empty());
}

#[test]
fn can_i_tells_what_the_policy_says() {
    let central = Central::start();
    put(&central, &team(&["dev"])).expect(200);
    let user = central.user(ANN, &["team"]);
    let ask = |token: &str, question: Value| central.post("/clusters/dev/can-i", token, &question);
    for (verb, resource, namespace, allowed) in [
        ("get", "pods", Some("app-1"), true),
        ("list", "pods", Some("app-1"), true),
        ("logs", "pods", Some("app-1"), true),
        ("get", "pods/log", Some("app-1"), true),
        ("get", "pods", Some("default"), false),
        ("get", "pods", Some("app-secret"), false),
        ("list", "pods", None, false),
        ("delete", "pods", Some("app-1"), false),
        ("exec", "pods", Some("app-1"), false),
        ("create", "pods/exec", Some("app-1"), false),
        ("get", "secrets", Some("app-1"), false),
        ("get", "deployments.apps", Some("app-1"), false),
        ("get", "/version", None, true),
        ("get", "/metrics", None, false),
        ("list", "nodes", None, false),
    ] {
        let mut question = json!({ "verb": verb, "resource": resource });
        if let Some(namespace) = namespace {
            question["namespace"] = json!(namespace);
        }
        let answer = ask(&user, question.clone()).expect(200).body;
        assert_eq!(answer["allowed"], allowed, "{question}: {answer}");
        assert!(!answer["reason"].as_str().expect("reason").is_empty());
        // An admin hears the same about the user, and may do all of it.
        question["user"] = json!(ANN);
        assert_eq!(ask(Central::token(), question.clone()).expect(200).body, answer);
        question.as_object_mut().expect("object").remove("user");
        assert_eq!(ask(Central::token(), question).expect(200).body["allowed"], true);
    }
    let answer = ask(&user, json!({ "verb": "get", "resource": "pods", "namespace": "app-1" })).expect(200).body;
    assert_eq!(answer["reason"], "the role \"team\" permits it");

    let about = |who: &str| json!({ "verb": "get", "resource": "pods", "namespace": "app-1", "user": who });
    ask(&user, about("admin@localhost")).expect(403);
    ask(&user, about("nobody@example.com")).expect(403);
    assert_eq!(ask(&user, about(ANN)).expect(200).body["allowed"], true, "about oneself");
    ask(Central::token(), about("nobody@example.com")).expect(404);
    let path = format!("/admin/users/{ANN}");
    central.api("PATCH", &path, Central::token(), Some(&json!({ "disabled": true }))).expect(200);
    let answer = ask(Central::token(), about(ANN)).expect(200).body;
    assert_eq!((&answer["allowed"], &answer["reason"]), (&json!(false), &json!("the user is disabled")));

    for wrong in [
        json!({ "verb": "gets", "resource": "pods" }),
        json!({ "verb": "get", "resource": "pod" }),
        json!({ "verb": "get", "resource": "*" }),
        json!({ "verb": "get", "resource": "pods", "cluster": "dev" }),
        json!({ "verb": "get" }),
    ] {
        ask(Central::token(), wrong).expect(400);
    }
}

#[test]
fn roles_are_kept_in_files_and_applied() {
    let (central, client) = (Central::start(), Client::new());
    client.log_in(&central);
    let roles = |args: &[&str]| client.run(&[&["admin", "roles"], args].concat());
    let apply = |text: &str| run(client.command().args(["admin", "roles", "apply", "-f", "-"]), text.as_bytes());
    let file = client.0.path().join("roles.yaml");
    let text = format!("{}---\n{}\n", TEAM_YAML, team(&["dev"]).to_string().replace("\"team\"", "\"json\""));
    std::fs::write(&file, &text).expect("write");
    let applied = roles(&["apply", "-f", "roles.yaml"]).expect(0);
    assert_eq!(
        (applied.out().as_str(), applied.err().as_str()),
        ("", "role \"team\" created\nrole \"json\" created\n")
    );
    assert_eq!(apply(&text).expect(0).err(), "role \"team\" unchanged\nrole \"json\" unchanged\n");
    let changed = text.replace("get, logs", "get");
    assert_eq!(apply(&changed).expect(0).err(), "role \"team\" changed\nrole \"json\" unchanged\n");

    // What is shown is what is applied.
    for form in ["yaml", "json"] {
        let shown = roles(&["show", "team", "-o", form]).expect(0).out();
        assert_eq!(apply(&shown).expect(0).err(), "role \"team\" unchanged\n", "{shown}");
    }
    assert!(roles(&["show", "team"]).expect(0).out().starts_with("name: team\n"));
    assert_eq!(parsed(&roles(&["show", "viewer", "-o", "json"]).expect(0))["name"], "viewer");
    assert_eq!(roles(&["list", "-o", "name"]).expect(0).out(), "admin\ndeveloper\njson\nteam\nviewer\n");
    let listed = roles(&["list"]).expect(0).out();
    assert!(
        listed.starts_with("NAME") && listed.contains("BUILT IN") && listed.contains("the team's apps"),
        "{listed}"
    );
    assert_eq!(parsed(&roles(&["ls", "-o", "json"]).expect(0))[0]["built_in"], true);

    // All or nothing, and with the place of what is wrong.
    let wrong = format!("{}---\n{}", TEAM_YAML.replace("name: team", "name: third"), TEAM_YAML.replace("logs", "log"));
    assert_fails(&apply(&wrong), 2, &["role \"team\": permissions[0].verbs[1]", "log"]);
    assert_fails(&roles(&["show", "third"]), 5, &["mk8s admin roles list"]);
    assert_fails(&apply(""), 2, &["no role", "mk8s admin roles show"]);
    assert_fails(&apply("name: team\npermision: []\n"), 2, &["line 2", "permision"]);
    assert_fails(&roles(&["apply", "-f", "nosuch.yaml"]), 2, &["nosuch.yaml"]);
    assert_fails(&apply("name: admin\npermissions: []\n"), 2, &["admin"]);

    central.make_user(ANN, &["team"]);
    assert_fails(&roles(&["delete", "team", "--yes"]), 1, &["1 user", "mk8s admin users list"]);
    assert_fails(&roles(&["delete", "viewer", "--yes"]), 1, &["built in"]);
    let mut terminal = Terminal::start(client.command().args(["admin", "roles", "delete", "json"]));
    terminal.answer("Type json to delete this role: ", "no").expect("was not deleted").end(1);
    assert_eq!(roles(&["delete", "json", "--yes"]).expect(0).err(), "deleted role \"json\"\n");
    assert_fails(&roles(&["delete", "json", "--yes"]), 5, &["mk8s admin roles list"]);
}

const TEAM_YAML: &str = "name: team\ndescription: the team's apps\npermissions:\n- clusters: [\"*\"]\n  namespaces: [app-*]\n  \
                         resources: [pods]\n  verbs: [get, logs]\n";

#[test]
fn users_get_roles_and_ask_what_they_allow() {
    let (central, client) = (Central::start(), Client::new());
    client.log_in(&central);
    run(client.command().args(["admin", "roles", "apply", "-f", "-"]), TEAM_YAML.as_bytes()).expect(0);
    central.make_user(ANN, &[]);
    let users = |args: &[&str]| client.run(&[&["admin", "users", "roles", ANN], args].concat());
    assert_eq!(users(&[]).expect(0).out(), "");
    assert_eq!(
        users(&["--role", "team", "--role", "viewer"]).expect(0).err(),
        "user ann@example.com has the roles team,viewer\n"
    );
    assert_eq!(users(&[]).expect(0).out(), "team\nviewer\n");
    assert!(users(&["--none"]).expect(0).err().ends_with("has no roles\n"));
    assert_fails(&users(&["--role", "nosuch"]), 2, &["nosuch", "team"]);
    users(&["--role", "team"]).expect(0);

    let ann = Client::new();
    let mut login = ann.command();
    login.args(["login", &central.url, "--email", ANN, "--password-stdin", "--ca-file"]).arg(central.ca_file());
    run(&mut login, ADMIN_PASSWORD.as_bytes()).expect(0);
    assert_eq!(ann.run(&["auth", "roles", "-o", "name"]).expect(0).out(), "team\n");
    assert!(ann.run(&["auth", "roles"]).expect(0).out().contains("the team's apps"));
    let can_i = |who: &Client, args: &[&str]| who.run(&[&["--cluster", "dev", "auth", "can-i"], args].concat());
    assert_eq!(can_i(&ann, &["get", "pods", "-n", "app-1"]).expect(0).out(), "yes\n");
    assert_eq!(can_i(&ann, &["get", "pods/log", "web", "-n", "app-1"]).expect(0).out(), "yes\n");
    assert_eq!(can_i(&ann, &["get", "pods", "--subresource", "log", "-n", "app-1"]).expect(0).out(), "yes\n");
    for no in [&["get", "pods"][..], &["get", "pods", "-A"], &["exec", "pods", "-n", "app-1"], &["get", "/metrics"]] {
        let said = can_i(&ann, no).expect(1);
        assert!(said.out().starts_with("no - ") && said.out().len() > 8 && said.err().is_empty(), "{said:?}");
    }
    assert_eq!(can_i(&client, &["get", "pods", "-A"]).expect(0).out(), "yes\n");
    assert_eq!(can_i(&client, &["logs", "pods", "-n", "app-1", "--as", ANN]).expect(0).out(), "yes\n");
    assert!(can_i(&client, &["get", "pods", "--as", ANN]).expect(1).out().starts_with("no - "));
    assert_fails(&can_i(&ann, &["get", "pods", "--as", "admin@localhost"]), 3, &["admin"]);
    assert_fails(&can_i(&client, &["get", "pods", "--as", "bob@example.com"]), 5, &["mk8s admin users list"]);
    assert_fails(&can_i(&ann, &["gets", "pods"]), 2, &["verb: "]);
    // No failure may look like a no.
    let mut lost = ann.command();
    lost.args(["--server", "https://127.0.0.1:1", "auth", "can-i", "get", "pods"]).env("MK8S_TOKEN", Central::token());
    assert_fails(&run(lost.env("MK8S_CLUSTER", "dev"), b""), 2, &[]);
}

/// What certainly fails is refused before anything reaches the agent: here there is none, which would be a 503.
#[test]
fn a_command_that_cannot_succeed_is_refused_at_central() {
    let central = Central::start();
    put(&central, &team(&["*"])).expect(200);
    let user = central.user(ANN, &["team"]);
    let exec = |command: &[&str], namespace: Option<&str>| {
        let mut body = json!({ "command": command });
        if let Some(namespace) = namespace {
            body["namespace"] = json!(namespace);
        }
        central.post("/clusters/ghost/exec", &user, &body)
    };
    exec(&["get", "pods", "-n", "app-1"], None).expect(503);
    exec(&["get", "pods"], Some("app-1")).expect(503);
    exec(&["get", "pods"], None).expect(503);
    for (command, namespace, words) in [
        (&["get", "secrets", "-n", "app-1"][..], None, &["secrets", "app-1"][..]),
        (&["get", "pods"], Some("default"), &["pods", "default"]),
        (&["get", "pods", "-A"], None, &["pods"]),
        (&["delete", "pod", "web", "-n", "app-1"], None, &["delete", "pods"]),
    ] {
        let said = exec(command, namespace).expect(403).text("detail");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?}: {said}");
    }
    for command in
        [&["get", "pods", "--kubeconfig=x"][..], &["get", "pods", "--nosuch"], &["nosuch"], &["edit", "pod", "x"]]
    {
        exec(command, None).expect(400);
    }
    wait_for("the log of what was refused", PATIENCE, || {
        let refused = |line: &String| line.contains("\"verb\":\"delete\"") && line.contains("\"outcome\":\"refused\"");
        central.process.stderr().iter().any(refused).then_some(())
    });
}

/// How long a right may outlive its end.
const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn a_changed_role_ends_commands_that_run() {
    let stack = Stack::start();
    let central = &stack.central;
    let everything =
        |clusters: &str| json!({ "name": "everything", "permissions": [entry(&[clusters], &["*"], &["*"], &["*"])] });
    put(central, &everything("dev")).expect(200);
    let token = central.user(ANN, &["everything"]);
    let mut watch = crate::support::Process::start(central.client().env("MK8S_TOKEN", &token).args([
        "kubectl",
        "get",
        "namespaces",
        "--watch",
    ]));
    wait_for("output", PATIENCE, || (!watch.stdout().is_empty()).then_some(()));
    // A change that leaves the rights as they are leaves the command alone.
    put(central, &team(&["*"])).expect(200);
    std::thread::sleep(Duration::from_secs(2));
    assert!(watch.is_running());
    put(central, &everything("ghost")).expect(200);
    wait_for("no kubectl", LIMIT, || stack.agent.children().is_empty().then_some(()));
    assert_eq!(watch.wait(LIMIT), 2);
    let said = watch.stderr().join("\n");
    assert!(said.contains("the command was ended: the roles of the caller allow nothing"), "{said}");
}
