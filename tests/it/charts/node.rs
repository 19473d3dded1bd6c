//! A node for the pods of the charts. The node of the test cluster has neither volumes nor images; this one lays out what
//! a pod mounts, runs its command with the paths of this machine in place of the mounts, asks its readiness probe, and
//! tells the API server what came of it: so that `helm install --wait` and `helm test` wait for the real program.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::kubelet::{Machine, Prepared, free_port, list};
use crate::support::{PATIENCE, Process, kubernetes, run};

/// Between two looks at the pods.
const PERIOD: Duration = Duration::from_millis(200);

/// What keeps a pod away from the node of the test cluster, and leaves it to this one.
pub const OWN: &str = "nodeSelector.node=charts";

/// The node; it ends with its pods.
pub struct Node {
    /// Where central listens, as its Service would lead there.
    pub url: String,
    machine: Arc<Machine>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _dir: TempDir,
}

/// A pod that runs until it is deleted.
struct Running {
    prepared: Prepared,
    container: Value,
    process: Process,
    is_ready: bool,
}

impl Node {
    /// A node for the pods of a namespace; `service` is the name of central's Service there.
    pub fn start(namespace: &str, service: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("mk8s-charts-").tempdir().expect("temporary directory");
        let port = free_port();
        let url = format!("https://localhost:{port}");
        let addresses = vec![(format!("https://{service}.{namespace}.svc:8443"), url.clone())];
        let machine = Machine { namespace: namespace.to_owned(), dir: dir.path().to_owned(), addresses, port };
        let (machine, stop) = (Arc::new(machine), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (machine, stop) = (machine.clone(), stop.clone());
            move || work(&machine, &stop)
        });
        Self { url, machine, stop, thread: Some(thread), _dir: dir }
    }

    /// The authority that central has made on its volume.
    pub fn authority(&self, claim: &str) -> std::path::PathBuf {
        self.machine.dir.join("claims").join(claim).join("tls/ca.crt")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended
            && !std::thread::panicking()
        {
            panic!("the node has failed, see above");
        }
    }
}

/// Looks at the pods until it is told to stop.
fn work(machine: &Arc<Machine>, stop: &AtomicBool) {
    let (mut running, mut once) = (BTreeMap::<String, Running>::new(), BTreeMap::<String, JoinHandle<()>>::new());
    while !stop.load(Ordering::Relaxed) {
        let pods = pods(machine);
        let is_there = |uid: &String| pods.iter().any(|pod| pod["metadata"]["uid"] == uid.as_str());
        let gone: Vec<String> = running.keys().filter(|uid| !is_there(uid)).cloned().collect();
        for mut pod in gone.iter().filter_map(|uid| running.remove(uid)) {
            pod.process.signal(Signal::SIGTERM);
            assert_eq!(pod.process.wait(PATIENCE), 0, "{:#?}", pod.process.stderr());
        }
        for pod in &pods {
            let uid = pod["metadata"]["uid"].as_str().expect("a uid").to_owned();
            if pod["spec"]["restartPolicy"] == "Never" {
                let run_once = || {
                    let (machine, pod) = (machine.clone(), pod.clone());
                    std::thread::spawn(move || to_the_end(&machine, &pod))
                };
                once.entry(uid).or_insert_with(run_once);
                continue;
            }
            look_after(machine, pod, running.entry(uid).or_insert_with(|| begin(machine, pod)));
        }
        std::thread::sleep(PERIOD);
    }
    once.into_values().for_each(|thread| thread.join().expect("a pod that ends"));
}

/// The pods that are this node's.
fn pods(machine: &Machine) -> Vec<Value> {
    let mut get = kubernetes().direct(Some(&machine.namespace));
    let text = run(get.args(["get", "pods", "--selector=app.kubernetes.io/part-of=mk8s", "--output=json"]), b"");
    let pods: Value = serde_json::from_slice(&text.expect(0).stdout).expect("JSON");
    let is_own = |pod: &&Value| pod["spec"]["nodeSelector"]["node"] == "charts";
    list(&pods["items"]).filter(is_own).filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).cloned().collect()
}

/// Starts the one container of a pod.
fn begin(machine: &Machine, pod: &Value) -> Running {
    let prepared = machine.prepare(pod);
    let container = pod["spec"]["containers"][0].clone();
    let process = Process::start(&mut machine.command(&prepared, &container));
    Running { prepared, container, process, is_ready: false }
}

/// Tells the API server whether it is ready, when that changes.
fn look_after(machine: &Machine, pod: &Value, running: &mut Running) {
    assert!(running.process.is_running(), "it has ended: {:#?}", running.process.stderr());
    let is_ready = machine.is_ready(&running.prepared, &running.container);
    if is_ready != running.is_ready {
        running.is_ready = is_ready;
        let conditions =
            [("PodScheduled", true), ("Initialized", true), ("ContainersReady", is_ready), ("Ready", is_ready)]
                .map(|(kind, holds)| json!({"type": kind, "status": if holds { "True" } else { "False" }}));
        tell(machine, pod, &json!({"phase": "Running", "conditions": conditions}));
    }
}

/// Runs all containers of a pod to their end; it has succeeded if all of them have.
fn to_the_end(machine: &Machine, pod: &Value) {
    let prepared = machine.prepare(pod);
    let mut has_succeeded = true;
    for container in list(&pod["spec"]["containers"]) {
        let mut command: Command = machine.command(&prepared, container);
        let output = run(&mut command, b"");
        println!("{} {}: {} {}{}", pod["metadata"]["name"], container["name"], output.code, output.out(), output.err());
        has_succeeded &= output.code == 0;
    }
    tell(machine, pod, &json!({"phase": if has_succeeded { "Succeeded" } else { "Failed" }}));
}

/// Changes the status of a pod, unless it has been deleted meanwhile.
fn tell(machine: &Machine, pod: &Value, status: &Value) {
    let name = pod["metadata"]["name"].as_str().expect("a name");
    let patch = json!({"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}).to_string();
    let mut kubectl = kubernetes().direct(Some(&machine.namespace));
    let output =
        run(kubectl.args(["patch", "pod", name, "--subresource=status", "--type=merge", "--patch", &patch]), b"");
    assert!(
        output.code == 0 || output.err().contains("NotFound") || output.err().contains("Conflict"),
        "{}",
        output.err()
    );
}
