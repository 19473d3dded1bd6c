//! What the tests of clients share: the programs, and the two ways to the cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Central, Namespace, kubernetes};

/// A way to the cluster: a kubeconfig, a namespace of its own, and a directory for what the client keeps.
pub struct Way {
    /// How a failure names it.
    pub name: &'static str,
    /// The kubeconfig, whose context has the namespace.
    pub kubeconfig: PathBuf,
    /// The namespace.
    pub namespace: Namespace,
    dir: TempDir,
}

impl Way {
    /// Without mk8s, as the cluster sees the admin of mk8s.
    pub fn direct() -> Self {
        let text = run_config(kubernetes().direct_as_admin());
        Self::with("directly", |namespace| {
            let mut config: serde_json::Value = serde_json::from_str(&text).expect("a kubeconfig in JSON");
            config["contexts"][0]["context"]["namespace"] = json!(namespace);
            config
        })
    }

    /// Through the gateway, with the API token of the admin.
    pub fn through(central: &Central) -> Self {
        Self::with("through mk8s", |namespace| kubeconfig(central, Central::token(), namespace))
    }

    fn with(name: &'static str, config: impl FnOnce(&str) -> serde_json::Value) -> Self {
        let dir = tempfile::Builder::new().prefix("mk8s-client-").tempdir().expect("temporary directory");
        let (kubeconfig, namespace) = (dir.path().join("kubeconfig"), Namespace::called("client"));
        fs::write(&kubeconfig, config(&namespace.0).to_string()).expect("write");
        Self { name, kubeconfig, namespace, dir }
    }

    /// A directory of its own.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A client with this kubeconfig and with nothing of this process's environment. On its PATH is the kubectl of the
    /// test cluster, and then those of the machine.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let kubectl = kubernetes().kubectl.parent().expect("a directory").display();
        command.env_clear().env("KUBECONFIG", &self.kubeconfig).env("HOME", self.dir()).current_dir(self.dir());
        command.env("PATH", format!("{kubectl}:/usr/local/bin:/usr/bin:/bin"));
        command.envs([("KUBERC", "off"), ("TERM", "xterm-256color"), ("LANG", "C.UTF-8")]);
        command
    }
}

/// A kubeconfig with an API token for the gateway to the cluster `dev`.
fn kubeconfig(central: &Central, token: &str, namespace: &str) -> serde_json::Value {
    let server = format!("{}/clusters/dev/k8s", central.url);
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "dev",
        "clusters": [{"name": "dev", "cluster": {"server": server, "certificate-authority": central.ca_file()}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "admin", "namespace": namespace}}],
    })
}

fn run_config(mut kubectl: Command) -> String {
    let view = kubectl.args(["config", "view", "--raw", "--minify", "--output=json"]);
    crate::support::run(view, b"").expect(0).out()
}

/// Whether the clients that take minutes to build are asked for.
fn all_wanted() -> bool {
    std::env::var("MK8S_TEST_CLIENTS").is_ok_and(|value| value == "1")
}

/// A client of `tests/clients`; `None` when it has not been built and is not asked for.
pub fn client(name: &str) -> Option<PathBuf> {
    let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/build"));
    if !all_wanted() {
        script.env("MK8S_TEST_CACHED", "1");
    }
    let output = script.arg(name).stderr(Stdio::inherit()).output().expect("run tests/clients/build");
    if output.status.success() {
        return Some(String::from_utf8(output.stdout).expect("a path").trim().into());
    }
    assert!(!all_wanted(), "tests/clients/build {name} failed");
    println!("{name} is not tested: it has not been built, see `just clients`");
    None
}
