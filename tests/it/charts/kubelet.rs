//! What a kubelet would give a pod: its volumes as directories, and its containers as commands that find them there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::process::MK8S;
use crate::support::stack::quiet;
use crate::support::{kubernetes, run};

/// What is the same for all pods of a node.
pub struct Machine {
    /// The namespace of its pods.
    pub namespace: String,
    /// Where their files are.
    pub dir: PathBuf,
    /// Texts that stand for others here, such as the address of a Service.
    pub addresses: Vec<(String, String)>,
    /// The port of central's listener, which is that of the address.
    pub port: u16,
}

/// A pod whose volumes are there.
pub struct Prepared {
    /// The directory that is mounted at each path.
    mounts: Vec<(String, String)>,
    home: PathBuf,
    kubeconfig: Option<PathBuf>,
    /// The port that stands for 9090.
    metrics: u16,
}

/// Whether a path goes on with this.
fn goes_on(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

impl Machine {
    /// An object of the namespace; the test fails if there is none, as the pod would never start.
    fn get(&self, kind: &str, name: &str) -> Value {
        let text = kubernetes().kubectl(&["--namespace", &self.namespace, "get", kind, name, "--output=json"], "");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Lays the volumes of a pod out.
    pub fn prepare(&self, pod: &Value) -> Prepared {
        let name = pod["metadata"]["name"].as_str().expect("a name");
        let home = self.dir.join(name);
        let volumes: BTreeMap<&str, &Value> =
            list(&pod["spec"]["volumes"]).filter_map(|volume| Some((volume["name"].as_str()?, volume))).collect();
        let place = |volume: &str| match volumes[volume]["persistentVolumeClaim"]["claimName"].as_str() {
            Some(claim) => self.dir.join("claims").join(claim),
            None => home.join("volumes").join(volume),
        };
        let mut mounts: Vec<(String, String)> = list(&pod["spec"]["containers"])
            .flat_map(|container| list(&container["volumeMounts"]))
            .map(|mount| {
                let directory = place(&word(&mount["name"]));
                let place =
                    if mount["subPath"].is_null() { directory } else { directory.join(word(&mount["subPath"])) };
                (word(&mount["mountPath"]), place.display().to_string())
            })
            .collect();
        mounts.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        mounts.dedup();
        let kubeconfig = (pod["spec"]["automountServiceAccountToken"] == true)
            .then(|| self.kubeconfig(&word(&pod["spec"]["serviceAccountName"]), &home));
        let prepared = Prepared { mounts, home: home.clone(), kubeconfig, metrics: free_port() };
        for (name, volume) in &volumes {
            // The kubelet's own.
            if !name.starts_with("kube-api-access-") {
                self.fill(&prepared, volume, &place(name));
            }
        }
        prepared
    }

    /// Fills the directory of a volume.
    fn fill(&self, prepared: &Prepared, volume: &Value, directory: &Path) {
        fs::create_dir_all(directory).expect("mkdir");
        if let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() {
            self.get("persistentvolumeclaim", claim);
        } else if let Some(map) = volume["configMap"].as_object() {
            let data = self.get("configmap", &word(&map["name"]))["data"].clone();
            // Central itself is to be what others see.
            let addresses = |key: &str| if key == "central.yaml" { &[][..] } else { &self.addresses[..] };
            let content = |key: &str| Some(with(prepared, addresses(key), data[key].as_str()?).into_bytes());
            write(directory, map.get("items"), &data, content);
        } else if let Some(secret) = volume["secret"].as_object() {
            self.secret(&word(&secret["secretName"]), secret.get("items"), directory);
        } else if volume["projected"].is_object() {
            for source in list(&volume["projected"]["sources"]) {
                self.secret(&word(&source["secret"]["name"]), source["secret"].get("items"), directory);
            }
        } else {
            assert!(volume["emptyDir"].is_object(), "a volume of another kind: {volume}");
        }
    }

    fn secret(&self, name: &str, items: Option<&Value>, directory: &Path) {
        let data = self.get("secret", name)["data"].clone();
        let content = |key: &str| base64::engine::general_purpose::STANDARD.decode(data[key].as_str()?).ok();
        write(directory, items, &data, content);
    }

    /// A kubeconfig with a token of this account, and nothing else.
    fn kubeconfig(&self, account: &str, home: &Path) -> PathBuf {
        fs::create_dir_all(home).expect("mkdir");
        let token = kubernetes().kubectl(&["--namespace", &self.namespace, "create", "token", account], "");
        let view = kubernetes().kubectl(&["config", "view", "--raw", "--minify", "--output=json"], "");
        let mut config: Value = serde_json::from_str(&view).expect("JSON");
        config["users"][0]["user"] = json!({"token": token.trim()});
        let file = home.join("kubeconfig");
        fs::write(&file, config.to_string()).expect("write");
        file
    }

    /// A text of the pod, as it is to be read on this machine.
    fn here(&self, prepared: &Prepared, text: &str) -> String {
        with(prepared, &self.addresses, text)
    }

    /// The command of a container, with what is special to this machine in its environment.
    pub fn command(&self, prepared: &Prepared, container: &Value) -> Command {
        let words: Vec<String> = list(&container["command"])
            .chain(list(&container["args"]))
            .map(|text| self.here(prepared, text.as_str().expect("a text")))
            .collect();
        let kubectl = &kubernetes().kubectl;
        let mut command = match words[0].as_str() {
            "mk8s" => Command::new(MK8S),
            "/usr/local/bin/kubectl" => Command::new(kubectl),
            other => panic!("the image has no {other}"),
        };
        quiet(command.env_clear()).args(&words[1..]).current_dir(&self.dir);
        command.env("PATH", "/usr/bin:/bin").env("HOME", &prepared.home);
        for variable in list(&container["env"]) {
            command.env(word(&variable["name"]), self.here(prepared, &word(&variable["value"])));
        }
        let metrics = format!("127.0.0.1:{}", prepared.metrics);
        match (words[1].as_str(), words[2..].first().map(String::as_str)) {
            ("serve", Some("central")) => {
                command.env("MK8S_CENTRAL_LISTEN", format!("127.0.0.1:{}", self.port));
                command.env("MK8S_CENTRAL_METRICS__LISTEN", metrics);
            }
            ("serve", Some("agent")) => {
                command.env("MK8S_AGENT_METRICS__LISTEN", metrics).env("MK8S_AGENT_KUBECTL__PATH", kubectl);
                command.env("MK8S_AGENT_KUBERNETES__NAMESPACE", &self.namespace);
                command.env("MK8S_AGENT_KUBECONFIG", prepared.kubeconfig.as_ref().expect("a token"));
            }
            _ => {
                command.envs(prepared.kubeconfig.iter().map(|file| ("KUBECONFIG", file)));
            }
        }
        command
    }

    /// Whether the readiness probe of a container succeeds; one without is ready.
    pub fn is_ready(&self, prepared: &Prepared, container: &Value) -> bool {
        let Some(get) = container["readinessProbe"]["httpGet"].as_object() else { return true };
        let named = list(&container["ports"]).find(|port| port["name"] == get["port"]).expect("the port of the probe");
        let port = match named["containerPort"].as_u64() {
            Some(8443) => self.port,
            Some(9090) => prepared.metrics,
            other => panic!("a port that is not conventional: {other:?}"),
        };
        let url = format!("{}://127.0.0.1:{port}{}", word(&get["scheme"]).to_lowercase(), word(&get["path"]));
        let mut curl = Command::new("curl");
        // As the kubelet, it takes any certificate.
        let output = run(curl.args(["--silent", "--insecure", "--fail", "--max-time", "5", &url]), b"");
        output.code == 0
    }
}

/// A text with the directories of a pod in place of what is mounted, and with other texts for some.
fn with(prepared: &Prepared, replaced: &[(String, String)], text: &str) -> String {
    let text = replaced.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    let (mut out, mut rest) = (String::with_capacity(text.len()), text.as_str());
    while let Some(c) = rest.chars().next() {
        let mount = prepared.mounts.iter().find_map(|(path, place)| {
            rest.strip_prefix(path.as_str()).filter(|rest| !goes_on(rest)).map(|rest| (place, rest))
        });
        (out, rest) = match mount {
            Some((place, rest)) => (out + place, rest),
            None => (out + &rest[..c.len_utf8()], &rest[c.len_utf8()..]),
        };
    }
    out
}

/// The elements of a list; none if it is not there.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A text; empty if it is not there.
fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Writes the keys of a ConfigMap or a Secret, all of them or the chosen ones; each must be there.
fn write(directory: &Path, items: Option<&Value>, data: &Value, content: impl Fn(&str) -> Option<Vec<u8>>) {
    let all: Vec<(String, String)> = match items {
        Some(items) => list(items).map(|item| (word(&item["key"]), word(&item["path"]))).collect(),
        None => data.as_object().into_iter().flatten().map(|(key, _)| (key.clone(), key.clone())).collect(),
    };
    for (key, path) in all {
        let file = directory.join(path);
        fs::create_dir_all(file.parent().expect("a directory")).expect("mkdir");
        fs::write(&file, content(&key).unwrap_or_else(|| panic!("no key {key}"))).expect("write");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).expect("chmod");
    }
}
