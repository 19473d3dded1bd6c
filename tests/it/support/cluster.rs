//! The Kubernetes cluster of a test run: one that exists (`MK8S_TEST_KUBECONFIG`), or one that is started once.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::process::{Output, run};
use super::rbac::{self, Kubeconfigs};

/// A cluster, and the kubectl that speaks to it directly.
pub struct Kubernetes {
    /// The kubeconfig of an administrator.
    pub kubeconfig: PathBuf,
    derived: Option<Kubeconfigs>,
    /// kubectl, the same that agents run.
    pub kubectl: PathBuf,
    // The cluster ends when its standard input does, which is when this process ends, however it ends.
    _cluster: Option<Child>,
}

/// The cluster of this run.
pub fn kubernetes() -> &'static Kubernetes {
    static CLUSTER: OnceLock<Kubernetes> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let binaries = build();
        let kubectl = binaries.join("kubectl");
        if let Some(kubeconfig) = std::env::var_os("MK8S_TEST_KUBECONFIG") {
            let dir = tempfile::Builder::new().prefix("mk8s-test-kubeconfigs-").tempdir().expect("temporary directory");
            return Kubernetes::new(kubeconfig.into(), kubectl, &dir.keep(), None);
        }
        let dir = tempfile::Builder::new().prefix("mk8s-test-cluster-").tempdir().expect("temporary directory").keep();
        // The shell outlives this process, and removes the files when the cluster has ended.
        let mut child = Command::new("sh")
            .args(["-c", r#"trap : INT TERM; "$0" run "$1"; rm -rf "$1""#])
            .arg(binaries.join("cluster"))
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the cluster");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("read");
        assert_eq!(line, "ready\n", "the test cluster did not start");
        Kubernetes::new(dir.join("admin.kubeconfig"), kubectl, &dir, Some(child))
    })
}

/// For whoever changes which nodes the cluster has, or counts them: one at a time.
pub fn nodes() -> MutexGuard<'static, ()> {
    static NODES: Mutex<()> = Mutex::new(());
    NODES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Builds the binaries, which takes minutes the first time and nothing after that; their directory.
pub fn build() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubernetes/build");
    let output = Command::new(script).stderr(Stdio::inherit()).output().expect("run tests/kubernetes/build");
    assert!(output.status.success(), "tests/kubernetes/build failed");
    String::from_utf8(output.stdout).expect("a path").trim().into()
}

impl Kubernetes {
    /// A cluster that is ready, whose rights are set up.
    fn new(kubeconfig: PathBuf, kubectl: PathBuf, directory: &Path, cluster: Option<Child>) -> Self {
        let mut this = Self { kubeconfig, derived: None, kubectl, _cluster: cluster };
        this.derived = Some(rbac::prepare(&this, directory));
        this
    }

    fn derived(&self) -> &Kubeconfigs {
        self.derived.as_ref().expect("set by the constructor")
    }

    /// The kubeconfig of the agent's own identity, which may act for others and little else.
    pub fn agent_kubeconfig(&self) -> &Path {
        &self.derived().agent
    }

    /// The audit log of the API server.
    pub fn audit_log(&self) -> PathBuf {
        self.kubeconfig.with_file_name("audit.log")
    }

    /// How long the audit log is, for [`Self::ended_since`].
    pub fn audited(&self) -> u64 {
        fs::metadata(self.audit_log()).expect("audit log").len()
    }

    /// When the API server ended a request whose line in the audit log has these parts; `None` when it has not ended one
    /// since the log was so long.
    pub fn ended_since(&self, length: u64, parts: &[&str]) -> Option<jiff::Timestamp> {
        let mut file = fs::File::open(self.audit_log()).expect("audit log");
        // It is begun anew when it is large.
        let start = if file.metadata().expect("audit log").len() < length { 0 } else { length };
        file.seek(SeekFrom::Start(start)).expect("seek");
        let mut lines = Vec::new();
        file.read_to_end(&mut lines).expect("read");
        let lines = String::from_utf8_lossy(&lines);
        let is_end =
            |line: &&str| line.contains("\"ResponseComplete\"") && parts.iter().all(|part| line.contains(part));
        let line: serde_json::Value = serde_json::from_str(lines.lines().find(is_end)?).ok()?;
        line["stageTimestamp"].as_str()?.parse().ok()
    }

    /// kubectl, directly: in the manner in which agents run it, with nothing of this process's environment.
    pub fn direct(&self, namespace: Option<&str>) -> Command {
        self.direct_with(&self.kubeconfig, namespace)
    }

    /// The same as the cluster sees the admin of mk8s: what it writes about its caller is the same.
    pub fn direct_as_admin(&self) -> Command {
        self.direct_with(&self.derived().as_admin, None)
    }

    /// The same with another kubeconfig.
    pub fn direct_with(&self, kubeconfig: &Path, namespace: Option<&str>) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.env_clear().env("KUBECONFIG", kubeconfig).env("HOME", "/nonexistent").env("PATH", "/usr/bin:/bin");
        command.envs([("KUBERC", "off"), ("TERM", "dumb"), ("LANG", "C.UTF-8")]);
        if let Some(namespace) = namespace {
            command.args(["--namespace", namespace]);
        }
        command
    }

    /// Runs kubectl directly and expects success; its standard output.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str], stdin: &str) -> String {
        run(self.direct(None).args(args), stdin.as_bytes()).expect(0).out()
    }
}

/// A namespace of one test; deleted at its end.
pub struct Namespace(pub String);

impl Namespace {
    /// A new one.
    pub fn create() -> Self {
        Self::called("it")
    }

    /// A new one whose name begins with this.
    pub fn called(prefix: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // All names have the same length, and so have columns.
        let name = format!("{prefix}-{}-{:04}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        kubernetes().kubectl(&["create", "namespace", &name], "");
        Self(name)
    }

    /// Runs kubectl directly in it and expects success; its standard output.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str], stdin: &str) -> String {
        run(kubernetes().direct(Some(&self.0)).args(args), stdin.as_bytes()).expect(0).out()
    }

    /// A running pod with one container, which runs a shell script.
    #[track_caller]
    pub fn pod(&self, name: &str, script: &str) {
        self.pod_with(name, script, false);
    }

    /// The same; its container may have a terminal, and its standard input.
    #[track_caller]
    pub fn pod_with(&self, name: &str, script: &str, terminal: bool) {
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 0, "restartPolicy": "Never",
                     "containers": [{"name": "main", "image": "shell", "command": ["sh", "-c", script],
                                     "stdin": terminal, "tty": terminal}]}
        });
        self.kubectl(&["apply", "-f", "-"], &pod.to_string());
        self.kubectl(&["wait", "--for=jsonpath={.status.phase}=Running", &format!("pod/{name}"), "--timeout=60s"], "");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _: Output = run(kubernetes().direct(None).args(["delete", "namespace", &self.0, "--wait=false"]), b"");
    }
}
