//! The real program in its roles: central, agents, and a client that is set up for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use super::process::{MK8S, Output, Process, run};
use super::rbac::AGENT_NAMESPACE;
use super::{PATIENCE, kubernetes, wait_for};

/// The token of every test agent; its cluster is `dev`.
pub const TOKEN: &str = "mk8s_agent_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// The password of every first admin, `admin@localhost`.
pub const ADMIN_PASSWORD: &str = "correct horse battery";

/// The database and the key of a central that has started once, and an API token of its admin: a password hash takes
/// its time, and not every test wants one.
struct Template {
    dir: PathBuf,
    token: String,
}

fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let central = Central::start_in(Central::files(), &[]);
        central.log_in();
        let mut create = central.client();
        let token = run(create.args(["tokens", "create", "tests"]), b"").expect(0).out().trim().to_owned();
        let Central { mut process, dir, .. } = central;
        process.signal(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(process.wait(PATIENCE), 0);
        Template { dir: dir.keep().join("data"), token }
    })
}

/// A central with the cluster `dev`, and another, `ghost`, whose agent never comes.
pub struct Central {
    /// Its process.
    pub process: Process,
    /// Its URL.
    pub url: String,
    /// Its files.
    pub dir: TempDir,
}

/// An agent of the cluster `dev`.
pub struct Agent {
    /// Its process.
    pub process: Process,
    /// Its files.
    pub dir: TempDir,
}

/// A central, an agent that is connected to it, and a client.
pub struct Stack {
    /// The agent; dropped first.
    pub agent: Agent,
    /// Central.
    pub central: Central,
}

impl Central {
    /// Starts one on a free port, whose admin has the API token of [`Central::token`].
    pub fn start() -> Self {
        Self::start_in(Self::prepared(), &[])
    }

    /// The files of one whose admin has that token.
    pub fn prepared() -> TempDir {
        let (dir, template) = (Self::files(), &template().dir);
        fs::create_dir_all(dir.path().join("data/keys")).expect("mkdir");
        // After an orderly end the file of the database is complete without its log.
        for file in ["mk8s.db", "keys/signing.pem"] {
            fs::copy(template.join(file), dir.path().join("data").join(file)).expect("copy");
        }
        dir
    }

    /// The configuration of one that has never started.
    pub fn files() -> TempDir {
        let dir = tempfile::Builder::new().prefix("mk8s-central-").tempdir().expect("temporary directory");
        fs::write(dir.path().join("token"), TOKEN).expect("write");
        fs::write(dir.path().join("ghost-token"), format!("{TOKEN}-ghost")).expect("write");
        let config = "listen: 127.0.0.1:0\ndata_dir: data\nlog: {format: json}\nshutdown_grace_seconds: 5\n\
                      bootstrap:\n  admin_password_file: admin-password\n\
                      \x20 clusters: [{name: dev, token_file: token}, {name: ghost, token_file: ghost-token}]\n";
        fs::write(dir.path().join("admin-password"), ADMIN_PASSWORD).expect("write");
        fs::write(dir.path().join("central.yaml"), config).expect("write");
        dir
    }

    /// The API token of the admin.
    pub fn token() -> &'static str {
        &template().token
    }

    /// Starts one with the files of another, and more flags.
    pub fn start_in(dir: TempDir, flags: &[&str]) -> Self {
        Self::start_program(Path::new(MK8S), dir, flags)
    }

    /// The same with another build of the program.
    pub fn start_program(program: &Path, dir: TempDir, flags: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(["serve", "central", "--config"]).arg(dir.path().join("central.yaml")).args(flags);
        Self::start_command(&mut command, dir)
    }

    /// The same by a command of one's own.
    pub fn start_command(command: &mut Command, dir: TempDir) -> Self {
        let mut process = Process::start(quiet(command));
        let line = process.wait_for_line("central is listening", PATIENCE);
        let line: serde_json::Value = serde_json::from_str(&line).expect("a JSON log line");
        Self { process, url: line["url"].as_str().expect("url").to_owned(), dir }
    }

    /// The file with its authority.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("data/tls/ca.crt")
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("port")
    }

    /// Kills it and starts it again at the same address.
    pub fn restart(self) -> Self {
        let listen = format!("127.0.0.1:{}", self.port());
        let Self { process, dir, .. } = self;
        drop(process);
        Self::start_in(dir, &["--listen", &listen])
    }

    /// Lets it stop by itself, and starts it again at the same address.
    pub fn restart_gently(self) -> Self {
        let listen = format!("127.0.0.1:{}", self.port());
        let Self { mut process, dir, .. } = self;
        process.signal(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(process.wait(PATIENCE), 0);
        Self::start_in(dir, &["--listen", &listen])
    }

    /// A client command of the admin, with the cluster `dev` chosen.
    pub fn mk8s(&self) -> Command {
        let mut command = self.client();
        command.env("MK8S_TOKEN", Self::token());
        command
    }

    /// Logs the admin in, with a password, for client commands without a token.
    pub fn log_in(&self) {
        let mut login = self.client();
        let args = ["login", "--email", "admin@localhost", "--password-stdin"];
        run(login.args(args), ADMIN_PASSWORD.as_bytes()).expect(0);
    }

    /// A client command of whoever has logged in, with the cluster `dev` chosen.
    pub fn client(&self) -> Command {
        let mut command = Command::new(MK8S);
        quiet(&mut command)
            .env("MK8S_SERVER", &self.url)
            .env("MK8S_CA_FILE", self.ca_file())
            .env("MK8S_CONFIG", self.dir.path().join("client.yaml"))
            .env("MK8S_CLUSTER", "dev");
        command
    }

    /// Runs a client command to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        run(self.mk8s().args(args), b"")
    }

    /// curl, set up to trust this central, with the token of the admin.
    pub fn curl(&self) -> Command {
        let mut command = self.anonymous_curl();
        command.args(["--header", &format!("Authorization: Bearer {}", Self::token())]);
        command
    }

    /// curl, set up to trust this central.
    pub fn anonymous_curl(&self) -> Command {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "60", "--cacert"]).arg(self.ca_file());
        command
    }

    /// Whether it calls `dev` online.
    pub fn is_online(&self) -> bool {
        let output = self.run(&["clusters", "show", "dev", "--output", "json"]);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).is_ok_and(|c| c["status"] == "online")
    }

    /// Waits until it calls `dev` online, or offline.
    #[track_caller]
    pub fn wait_until(&self, online: bool, limit: Duration) {
        wait_for(if online { "cluster online" } else { "cluster offline" }, limit, || {
            (self.is_online() == online).then_some(())
        });
    }
}

impl Agent {
    /// Starts one, without waiting for its connection.
    pub fn start(central: &Central) -> Self {
        Self::start_with(central, TOKEN, &[])
    }

    /// Starts one with this token and more flags.
    pub fn start_with(central: &Central, token: &str, flags: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("mk8s-agent-test-").tempdir().expect("temporary directory");
        let process = Process::start(Self::command(&dir, central, token).args(flags));
        Self { process, dir }
    }

    /// The command that starts one, with its files in `dir`.
    pub fn command(dir: &TempDir, central: &Central, token: &str) -> Command {
        Self::command_of(Path::new(MK8S), dir, central, token)
    }

    /// The same with another build of the program.
    pub fn command_of(program: &Path, dir: &TempDir, central: &Central, token: &str) -> Command {
        fs::write(dir.path().join("token"), token).expect("write");
        let config = serde_json::json!({
            "central": central.url,
            "cluster": "dev",
            "token_file": "token",
            "tls": {"ca_file": central.ca_file()},
            "kubeconfig": kubernetes().agent_kubeconfig(),
            "kubernetes": {"namespace": AGENT_NAMESPACE},
            "kubectl": {"path": kubernetes().kubectl},
            "work_dir": "work",
            "shutdown_grace_seconds": 5,
            "log": {"format": "json"},
        });
        fs::write(dir.path().join("agent.yaml"), config.to_string()).expect("write");
        let mut command = Command::new(program);
        quiet(&mut command).args(["serve", "agent", "--config"]).arg(dir.path().join("agent.yaml"));
        command
    }

    /// The kubectl processes that it has started.
    pub fn children(&self) -> Vec<i32> {
        children_of(self.process.pid())
    }
}

/// The children of a process, by /proc.
pub fn children_of(pid: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
        .collect()
}

/// Whether a process exists and is not a zombie.
pub fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z')))
}

impl Stack {
    /// Starts both and waits until they are connected.
    pub fn start() -> Self {
        let central = Central::start();
        let agent = Agent::start(&central);
        central.wait_until(true, PATIENCE);
        Self { agent, central }
    }

    /// Runs a client command to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.central.run(args)
    }
}

/// Without anything from the environment of the test that would change what the program does.
pub fn quiet(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("MK8S_") || name.to_ascii_lowercase().ends_with("_proxy") || name.starts_with("KUBE") {
            command.env_remove(name.as_ref());
        }
    }
    command
}
