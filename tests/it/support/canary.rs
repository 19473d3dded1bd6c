//! Things beside an agent that no remote kubectl may reach, and whether one has.

use std::collections::HashSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use tempfile::TempDir;

use super::stack::children_of;

/// Files with a secret in them, a place for files where none may appear, programs that must not run, and a listener to
/// which nothing may connect.
pub struct Canary {
    /// The text that must not come out.
    pub secret: String,
    dir: TempDir,
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Canary {
    /// New ones.
    pub fn new() -> Self {
        let secret = format!("canary{:032x}", rand::random::<u128>());
        let dir = tempfile::Builder::new().prefix("mk8s-canary-").tempdir().expect("temporary directory");
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let this = Self { secret, dir, port, connections: connections.clone() };
        this.write_files();
        let manifest = this.manifest();
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let _ = client.set_read_timeout(Some(Duration::from_millis(200)));
                let _ = client.read(&mut [0; 4096]);
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", manifest.len());
                let _ = client.write_all((head + &manifest).as_bytes());
            }
        });
        this
    }

    /// An object with the secret, which is its name too: it is in the message when there is no such object.
    fn manifest(&self) -> String {
        let secret = &self.secret;
        let metadata = json!({ "name": secret });
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": { "canary": secret } })
            .to_string()
    }

    fn write_files(&self) {
        let secret = &self.secret;
        let kustomization = "helmCharts: [{name: x, repo: 'http://127.0.0.1:1', version: '1'}]\n";
        for directory in ["kustom", "helm", "made", "bin"] {
            fs::create_dir(self.path(directory)).expect("mkdir");
        }
        for (name, text) in [
            ("file", secret.clone()),
            ("cm.yaml", self.manifest()),
            ("env", format!("CANARY={secret}\n")),
            ("patch", format!("{{\"data\": {{\"canary\": \"{secret}\"}}}}\n")),
            ("columns", format!("{secret}\n.metadata.name\n")),
            ("kubeconfig", self.fill(KUBECONFIG)),
            ("kustom/kustomization.yaml", "configMapGenerator: [{name: canary, files: [cm.yaml]}]\n".to_owned()),
            ("kustom/cm.yaml", self.manifest()),
            ("helm/kustomization.yaml", kustomization.to_owned()),
        ] {
            fs::write(self.path(name), text).expect("write");
        }
        for program in ["helm", "vi", "kubectl-canary", "kubectl-create-canary", "external"] {
            let path = self.path("bin").join(program);
            let made = self.path("made").join(program);
            fs::write(&path, format!("#!/bin/sh\necho {secret}\n: > '{}'\n", made.display())).expect("write");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The directory with programs.
    pub fn programs(&self) -> PathBuf {
        self.path("bin")
    }

    /// A text with our paths and addresses in the places of `{file}`, `{yaml}`, `{url}` and so on.
    pub fn fill(&self, text: &str) -> String {
        let names = [
            ("{file}", "file"),
            ("{yaml}", "cm.yaml"),
            ("{env}", "env"),
            ("{patch}", "patch"),
            ("{columns}", "columns"),
            ("{config}", "kubeconfig"),
            ("{kustom}", "kustom"),
            ("{helmdir}", "helm"),
            ("{made}", "made"),
            ("{bin}", "bin"),
            ("{dir}", ""),
        ];
        let text = names.iter().fold(text.to_owned(), |text, (place, name)| {
            text.replace(place, self.path(name).to_str().expect("a path").trim_end_matches('/'))
        });
        text.replace("{url}", &format!("http://127.0.0.1:{}", self.port)).replace("{port}", &self.port.to_string())
    }

    /// What has happened since the last call that should not have, with this text as all that came out.
    pub fn harm(&self, said: &str) -> Vec<String> {
        let mut harm = Vec::new();
        if reveals(said, &self.secret) {
            harm.push("the secret came out".to_owned());
        }
        let made: Vec<PathBuf> = fs::read_dir(self.path("made")).expect("made").flatten().map(|e| e.path()).collect();
        for path in made {
            harm.push(format!("{} was made", path.file_name().expect("name").display()));
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("remove");
        }
        // A file may begin in a pod before kubectl sees that it cannot read it here; what counts is what is in it.
        let arrived = self.path("arrived");
        if let Ok(content) = fs::read(&arrived) {
            if reveals(&String::from_utf8_lossy(&content), &self.secret) {
                harm.push("the secret went into a pod".to_owned());
            }
            fs::remove_file(arrived).expect("remove");
        }
        match self.connections.swap(0, Ordering::SeqCst) {
            0 => {}
            n => harm.push(format!("{n} connections came")),
        }
        harm
    }
}

/// Whether a text has a secret in it, as it is or in base64.
pub fn reveals(text: &str, secret: &str) -> bool {
    // Behind other text its base64 may begin in the middle of three bytes; its last letters depend on what follows.
    let encoded = |skip: usize| BASE64_STANDARD.encode(&secret.as_bytes()[skip..]);
    text.contains(secret) || (0..3).any(|skip| text.contains(&encoded(skip)[..36]))
}

/// A kubeconfig that runs a program.
pub const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
clusters: [{name: x, cluster: {server: "https://127.0.0.1:{port}", insecure-skip-tls-verify: true}}]
users:
- name: x
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, args: [-c, ": > {made}/plugin"], interactiveMode: Never}
contexts: [{name: x, context: {cluster: x, user: x}}]
current-context: x
"#;

/// Looks all the time whether a process that an agent has started listens on a port.
pub struct ListenerWatch {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<HashSet<String>>,
}

impl ListenerWatch {
    /// Starts to look at the children of a process.
    pub fn start(agent: i32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let stop = stop.clone();
            move || {
                let mut found = HashSet::new();
                while !stop.load(Ordering::Relaxed) {
                    found.extend(children_of(agent).into_iter().flat_map(|pid| listening(agent, pid)));
                    thread::sleep(Duration::from_millis(2));
                }
                found
            }
        });
        Self { stop, thread }
    }

    /// What was seen: addresses as /proc writes them.
    pub fn end(self) -> HashSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the watch")
    }
}

/// The addresses on which a process listens, but those of its parent: until it is kubectl it has the parent's sockets.
fn listening(parent: i32, pid: i32) -> Vec<String> {
    let inherited = sockets(parent);
    let sockets = &sockets(pid) - &inherited;
    ["net/tcp", "net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/{pid}/{table}")).ok())
        .flat_map(|table| table.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // The state 0A is LISTEN.
            (fields.get(3) == Some(&"0A") && fields.get(9).is_some_and(|inode| sockets.contains(*inode)))
                .then(|| fields[1].to_owned())
        })
        .collect()
}

/// The sockets that a process has open, by inode.
fn sockets(pid: i32) -> HashSet<String> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let inode = |link: PathBuf| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
    descriptors.filter_map(|fd| inode(fs::read_link(fd.path()).ok()?)).collect()
}
