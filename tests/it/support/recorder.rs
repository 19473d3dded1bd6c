//! An API server that answers just enough to let kubectl go on, and remembers what it was asked.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::support::{kubernetes, run};

/// What kubectl finds at its standard input.
pub const MANIFEST: &str =
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: map, namespace: home}, data: {key: value}}\n";

/// What is only about the API itself, from the real cluster: path to answer.
type Documents = Arc<Mutex<HashMap<String, Option<String>>>>;

/// The runtime of all recorders.
pub struct Server {
    runtime: Runtime,
    documents: Documents,
}

/// One recorder, for one kubectl at a time.
pub struct Recorder {
    /// The kubeconfig that leads to it.
    pub kubeconfig: PathBuf,
    /// Where kubectl keeps its cache.
    pub cache: PathBuf,
    asked: Arc<Mutex<Vec<String>>>,
    _dir: TempDir,
}

#[derive(Clone)]
struct Memory {
    asked: Arc<Mutex<Vec<String>>>,
    documents: Documents,
}

impl Server {
    /// A server without recorders.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Self { runtime: runtime.expect("runtime"), documents: Documents::default() }
    }

    /// A new recorder.
    pub fn recorder(&self) -> Recorder {
        let dir = tempfile::tempdir().expect("directory");
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("listen");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": format!("http://{}", listener.local_addr().expect("address"))}}],
            "users": [{"name": "x", "user": {"token": "x"}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x", "namespace": "home"}}],
        });
        let kubeconfig = dir.path().join("kubeconfig");
        std::fs::write(&kubeconfig, config.to_string()).expect("write");
        let memory = Memory { asked: Arc::default(), documents: self.documents.clone() };
        let asked = memory.asked.clone();
        let app = Router::new().fallback(answer).with_state(memory);
        self.runtime.spawn(async move { axum::serve(listener, app).await });
        Recorder { kubeconfig, cache: dir.path().join("cache"), asked, _dir: dir }
    }
}

impl Recorder {
    /// Forgets what was asked so far.
    pub fn forget(&self) {
        self.asked.lock().expect("lock").clear();
    }

    /// What was asked: method, target and body.
    pub fn requests(&self) -> Vec<String> {
        self.asked.lock().expect("lock").clone()
    }
}

async fn answer(State(memory): State<Memory>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    if parts.method == Method::GET && is_about_the_api(&path) {
        let target = parts.uri.to_string();
        let document = tokio::task::spawn_blocking(move || memory.document(&target)).await.expect("document");
        return document.map_or_else(|| StatusCode::NOT_FOUND.into_response(), json_answer);
    }
    let body = to_bytes(body, usize::MAX).await.expect("body");
    let mut asked = format!("{} {}", parts.method, parts.uri);
    if !body.is_empty() {
        write!(asked, " {}", String::from_utf8_lossy(&body)).expect("write");
    }
    memory.asked.lock().expect("lock").push(asked);
    match path.split('/').collect::<Vec<_>>()[..] {
        _ if parts.method != Method::GET => status(StatusCode::FORBIDDEN, "Forbidden"),
        [.., "exec" | "attach" | "portforward"] => status(StatusCode::FORBIDDEN, "Forbidden"),
        [.., "log"] => "a line\n".into_response(),
        _ if query.contains("watch=true") => json_answer(String::new()),
        ["", "api", version, ref rest @ ..] => memory.object("", version, rest),
        ["", "apis", group, version, ref rest @ ..] => memory.object(group, version, rest),
        _ => status(StatusCode::NOT_FOUND, "NotFound"),
    }
}

/// Discovery, schemas and the version: what kubectl may keep in its cache.
fn is_about_the_api(path: &str) -> bool {
    let parts = path.trim_matches('/').split('/').count();
    path.starts_with("/openapi")
        || path == "/version"
        || path.starts_with("/apis") && parts <= 3
        || path.starts_with("/api") && !path.starts_with("/apis") && parts <= 2
}

impl Memory {
    /// A document of the real cluster.
    fn document(&self, target: &str) -> Option<String> {
        if let Some(known) = self.documents.lock().expect("lock").get(target) {
            return known.clone();
        }
        // kubectl wants that one in a form in which `get --raw` does not ask for it.
        let wanted = !target.starts_with("/openapi/v2");
        let output = wanted.then(|| run(kubernetes().direct(None).args(["get", "--raw", target]), b""));
        let found = output.filter(|output| output.code == 0).map(|output| output.out());
        self.documents.lock().expect("lock").insert(target.to_owned(), found.clone());
        found
    }

    /// An object or a list of them, for the rest of a path below a group's version.
    fn object(&self, group: &str, version: &str, rest: &[&str]) -> Response {
        let (namespace, resource, name) = match *rest {
            ["namespaces", namespace, resource] => (namespace, resource, None),
            ["namespaces", namespace, resource, name, ..] => (namespace, resource, Some(name)),
            [resource] => ("", resource, None),
            [resource, name, ..] => ("", resource, Some(name)),
            [] => return status(StatusCode::NOT_FOUND, "NotFound"),
        };
        let place = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let offered = self.documents.lock().expect("lock").get(&place).cloned().flatten().unwrap_or_default();
        let offered: Value = serde_json::from_str(&offered).unwrap_or_default();
        let entry = offered["resources"].as_array().into_iter().flatten().find(|entry| entry["name"] == resource);
        let (Some(kind), false) = (entry.and_then(|entry| entry["kind"].as_str()), name == Some("missing")) else {
            return status(StatusCode::NOT_FOUND, "NotFound");
        };
        let api = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let mut object = object(kind, name.unwrap_or("one"), namespace);
        object["apiVersion"] = api.clone().into();
        let answer = match name {
            Some(_) => object,
            None => {
                json!({"apiVersion": api, "kind": format!("{kind}List"), "metadata": {"resourceVersion": "1"}, "items": [object]})
            }
        };
        json_answer(answer.to_string())
    }
}

fn object(kind: &str, name: &str, namespace: &str) -> Value {
    let pod = json!({"containers": [{"name": "c", "image": "i"}], "nodeName": "n1"});
    let labels = json!({"app": "a"});
    let spec = match kind {
        "Pod" => pod,
        "Service" => json!({"selector": labels, "ports": [{"port": 80}]}),
        "ReplicationController" => json!({"selector": labels, "replicas": 1}),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" => json!({
            "replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod},
        }),
        "CronJob" => json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}}),
        _ => json!({}),
    };
    json!({
        "kind": kind, "spec": spec, "status": {"phase": "Running"},
        "metadata": {"name": name, "namespace": namespace, "uid": "u", "resourceVersion": "1", "labels": {"app": "a"}},
    })
}

fn json_answer(text: String) -> Response {
    Response::builder().header("content-type", "application/json").body(Body::from(text)).expect("answer")
}

fn status(code: StatusCode, reason: &str) -> Response {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": reason, "code": code.as_u16(),
        "message": "recorded",
    });
    (code, json_answer(status.to_string())).into_response()
}
