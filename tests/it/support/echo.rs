//! An API server that keeps the bytes which it gets, and answers with the bytes that it was told.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::http1::{Message, Wire};

/// What it answers to a request for which it was told nothing.
const FOUND: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// How the targets begin that agents ask for by themselves.
const OF_AGENTS: [&str; 4] = ["/version", "/api?timeout", "/apis?timeout", "/api/v1/nodes?"];

/// A request, or other bytes, as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The number of its connection.
    pub connection: usize,
    /// The request. What is none has no head, and is the body.
    pub message: Message,
}

/// An API server over plain HTTP/1.1 on a port of its own.
pub struct Echo {
    /// The kubeconfig of an agent that has this for its cluster.
    pub kubeconfig: PathBuf,
    /// Its port.
    pub port: u16,
    state: Arc<State>,
    _dir: TempDir,
    _runtime: Runtime,
}

#[derive(Default)]
struct State {
    asked: Mutex<Vec<Asked>>,
    /// How a target begins, and the answer to it.
    answers: Mutex<Vec<(String, String)>>,
    connections: AtomicUsize,
}

impl Echo {
    /// Starts one; `user` is the credential of its agent, as in a kubeconfig.
    pub fn start(user: &Value) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("listen");
        let port = listener.local_addr().expect("address").port();
        let state = Arc::new(State::default());
        runtime.spawn({
            let state = state.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, state.clone()));
                }
            }
        });
        let dir = tempfile::Builder::new().prefix("mk8s-echo-").tempdir().expect("temporary directory");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "e",
            "clusters": [{"name": "e", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
            "users": [{"name": "e", "user": user}],
            "contexts": [{"name": "e", "context": {"cluster": "e", "user": "e"}}],
        });
        let kubeconfig = dir.path().join("kubeconfig");
        std::fs::write(&kubeconfig, config.to_string()).expect("write");
        Self { kubeconfig, port, state, _dir: dir, _runtime: runtime }
    }

    /// What to write when a target is asked for that begins like this.
    pub fn answers(&self, target: &str, answer: impl Into<String>) {
        self.state.answers.lock().expect("lock").insert(0, (target.to_owned(), answer.into()));
    }

    /// What was asked since this was last called, but for what the agent asks by itself.
    pub fn taken(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.state.asked.lock().expect("lock"))
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let connection = state.connections.fetch_add(1, Ordering::Relaxed);
    let mut wire = Wire::new(stream);
    while let Some(message) = wire.message().await {
        let target = message.start().split(' ').nth(1).unwrap_or_default().to_owned();
        if !OF_AGENTS.iter().any(|own| target.starts_with(own)) {
            state.asked.lock().expect("lock").push(Asked { connection, message });
        }
        let answers = state.answers.lock().expect("lock").clone();
        let told = answers.into_iter().find(|(begin, _)| target.starts_with(begin.as_str()));
        let answer = told.map_or_else(|| FOUND.to_owned(), |(_, answer)| answer);
        if wire.send(answer.as_bytes()).await.is_err() {
            return;
        }
    }
    let body = wire.rest().await;
    if !body.is_empty() {
        let message = Message { head: String::new(), body };
        state.asked.lock().expect("lock").push(Asked { connection, message });
    }
}
