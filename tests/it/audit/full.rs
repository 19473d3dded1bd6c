//! No room on the disk, or no database: nothing is done that cannot be recorded, and all goes on when it is back.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::database;
use crate::support::postgres::{Server, execute};
use crate::support::process::MK8S;
use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Agent, Central, Namespace, Output, PATIENCE, run, wait_for};

/// What plain reads are to do while nothing can be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    GoOn,
    AreRefused,
    /// They go on as long as central may trust what it knows of the caller.
    Either,
}

/// A central with an agent, and a place in its cluster.
struct Site {
    central: Central,
    _agent: Agent,
    namespace: Namespace,
    token: String,
}

impl Site {
    fn start(central: Central) -> Self {
        let token = central.admin().text("access_token");
        let agent = Agent::start(&central);
        wait_for("the agent", PATIENCE, || {
            (central.get("/clusters/dev", &token).body["status"] == "online").then_some(())
        });
        let namespace = Namespace::create();
        namespace.pod("web", "exec sleep 100000");
        Self { central, _agent: agent, namespace, token }
    }

    /// A request through the gateway: the status and the body of the answer.
    fn ask(&self, method: &str, rest: &str, body: Option<&Value>) -> (u16, String) {
        let url = format!("{}/api/v1/namespaces/{}/{rest}", self.central.gateway("dev"), self.namespace.0);
        let mut curl = self.central.anonymous_curl();
        curl.args(["--request", method, "--write-out", "\n%{http_code}", &url]);
        curl.args(["--header", &format!("Authorization: Bearer {}", self.token)]);
        if body.is_some() {
            curl.args(["--header", "Content-Type: application/json", "--data-binary", "@-"]);
        }
        let input = body.map(Value::to_string).unwrap_or_default();
        let output = run(&mut curl, input.as_bytes()).expect(0).out();
        let (body, status) = output.rsplit_once('\n').expect("a status");
        (status.parse().expect("a status"), body.to_owned())
    }

    fn create(&self, name: &str) -> (u16, String) {
        self.ask("POST", "configmaps", Some(&json!({ "metadata": { "name": name } })))
    }

    /// A file in the pod, made by kubectl through the gateway.
    fn touch(&self, name: &str) -> Output {
        let file = self.central.dir.path().join(name).display().to_string();
        run(
            self.central.through_as(&self.token, Some(&self.namespace.0)).args(["exec", "web", "--", "touch", &file]),
            b"",
        )
    }

    /// The same by the kubectl of the agent.
    fn command(&self, args: &[&str]) -> Output {
        let mut command = self.central.client();
        run(command.env("MK8S_TOKEN", &self.token).args(["kubectl", "-n", &self.namespace.0]).args(args), b"")
    }

    fn has(&self, name: &str) -> bool {
        self.central.dir.path().join(name).exists()
    }

    /// All of this is refused with the reason, and nothing comes of it.
    fn refuses(&self, reads: Reads) {
        let file = self.central.dir.path().join("lost").display().to_string();
        let said = |(status, body): (u16, String)| assert!(status == 503 && !body.is_empty(), "{status}: {body}");
        let refusal = self.create("lost");
        assert_eq!(refusal.0, 503, "{}", refusal.1);
        assert!(refusal.1.contains("audit log") || refusal.1.contains("the database of central"), "{}", refusal.1);
        said(self.ask("DELETE", "configmaps/kept", None));
        said(self.ask("GET", "secrets", None));
        for args in [&["create", "configmap", "lost"][..], &["exec", "web", "--", "touch", &file]] {
            let command = self.command(args).expect(6).err();
            assert!(command.contains("audit log") || command.contains("the database of central"), "{command}");
        }
        self.touch("lost").expect(1);
        assert_eq!(self.central.post("/admin/clusters", &self.token, &json!({ "name": "lost" })).status, 503);
        self.central.login("admin@localhost", ADMIN_PASSWORD).expect(503);
        let (status, body) = self.ask("GET", "pods", None);
        match reads {
            Reads::GoOn => assert_eq!(status, 200, "{body}"),
            Reads::AreRefused => assert_eq!(status, 503, "{body}"),
            Reads::Either => assert!(matches!(status, 200 | 503), "{status}: {body}"),
        }
        // Whoever looks past mk8s sees that it is true.
        assert_eq!(self.namespace.kubectl(&["get", "configmaps", "lost", "--ignore-not-found"], ""), "");
        self.namespace.kubectl(&["get", "configmap", "kept"], "");
        assert!(!self.has("lost"), "the exec was done");
    }

    /// All of it works, and the log is whole. `round` makes names that were not there.
    fn works(&mut self, round: &str) {
        wait_for("a central that writes", PATIENCE, || (self.create(round).0 == 201).then_some(()));
        self.namespace.kubectl(&["get", "configmap", round], "");
        wait_for("an agent", PATIENCE, || (self.command(&["get", "pods"]).code == 0).then_some(()));
        self.touch(&format!("gateway-{round}")).expect(0);
        let file = self.central.dir.path().join(format!("command-{round}")).display().to_string();
        self.command(&["exec", "web", "--", "touch", &file]).expect(0);
        assert!(self.has(&format!("gateway-{round}")) && self.has(&format!("command-{round}")));
        assert_eq!((self.ask("GET", "pods", None).0, self.ask("GET", "secrets", None).0), (200, 200));
        self.central.post("/admin/clusters", &self.token, &json!({ "name": format!("c-{round}") })).expect(201);
        assert_eq!(self.central.get("/admin/clusters/lost", &self.token).status, 404);
        assert!(self.central.process.is_running());
        let mut verify = self.central.client();
        run(verify.env("MK8S_TOKEN", &self.token).args(["audit", "verify"]), b"").expect(0);
        // No record says that something was done which was not.
        let mut list = self.central.client();
        let lines =
            run(list.env("MK8S_TOKEN", &self.token).env_remove("MK8S_CLUSTER").args(["audit", "-o", "json"]), b"")
                .expect(0)
                .out();
        assert!(lines.contains("/admin/clusters"), "{lines}");
        for line in lines.lines().filter(|line| line.contains("lost")) {
            assert!(line.contains(r#""outcome":"refused""#), "{line}");
        }
    }
}

/// Starts a central that is told, and not ended, when a file gets too large.
fn start_patient(dir: TempDir) -> Central {
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#, MK8S, "serve", "central", "--config"]);
    command.arg(dir.path().join("central.yaml"));
    Central::start_command(&mut command, dir)
}

/// Lets a process write no file beyond this size.
fn limit(central: &Central, size: &str) {
    let pid = central.process.pid().to_string();
    run(Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={size}:")]), b"").expect(0);
}

#[test]
fn on_a_full_disk_nothing_happens_unrecorded() {
    for (setting, reads) in [("batch", Reads::GoOn), ("strict", Reads::AreRefused)] {
        let dir = Central::prepared();
        let file = dir.path().join("central.yaml");
        let config = fs::read_to_string(&file).expect("read");
        fs::write(&file, format!("{config}audit: {{reads: {setting}}}\n")).expect("write");
        let mut site = Site::start(start_patient(dir));
        site.works("kept");
        for round in ["first", "second"] {
            limit(&site.central, "1");
            site.refuses(reads);
            limit(&site.central, "unlimited");
            site.works(round);
        }
    }
}

/// A file system of its own for the database, which really fills up. It takes root to mount one.
#[test]
fn on_a_file_system_without_room_nothing_happens_unrecorded() {
    if run(Command::new("unshare").args(["--mount", "true"]), b"").code != 0 {
        return;
    }
    let dir = Central::prepared();
    let disk = dir.path().join("disk");
    fs::create_dir(&disk).expect("mkdir");
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read");
    fs::write(&file, format!("{config}database: {{url: \"sqlite://{}/mk8s.db\"}}\n", disk.display())).expect("write");
    // The file system is there for central alone, and goes with it.
    let script = r#"mount -t tmpfs -o size=16m none "$1" && cp "$1/../data/mk8s.db" "$1" && exec "$0" serve central --config "$2""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, MK8S]).arg(&disk).arg(&file);
    let mut site = Site::start(Central::start_command(&mut command, dir));
    let filler = PathBuf::from(format!("/proc/{}/root{}/filler", site.central.process.pid(), disk.display()));
    site.works("kept");
    for round in ["first", "second"] {
        let mut file = File::create(&filler).expect("create");
        let full = std::iter::repeat_with(|| file.write_all(&[0; 4096])).find_map(Result::err).expect("an end");
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        drop(file);
        site.refuses(Reads::GoOn);
        fs::remove_file(&filler).expect("remove");
        site.works(round);
    }
}

#[test]
fn without_postgres_nothing_happens_unrecorded() {
    let mut server = Server::start();
    execute(&server.url("postgres"), "CREATE DATABASE mk8s").expect("create");
    let mut site = Site::start(database::start(&server.url("mk8s")));
    site.works("kept");
    server.signal("STOP");
    site.refuses(Reads::Either);
    server.signal("CONT");
    site.works("stopped");
    server.signal("KILL");
    site.refuses(Reads::Either);
    server.restart();
    site.works("killed");
}
