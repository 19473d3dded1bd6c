//! Fifty clusters, whose commands run at the same time: each waits until all have begun.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use mk8s::config::AgentConfig;
use mk8s::config::agent::SandboxMode;
use tokio_util::sync::CancellationToken;

use super::{central_with, token, wait_online};
use crate::support::process::run_within;
use crate::support::{Central, PATIENCE};

/// How many clusters there are.
const CLUSTERS: usize = 50;

/// The address of an API server that nobody asks.
const KUBECONFIG: &str = "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: a, user: {}}]\n\
                          contexts: [{name: a, context: {cluster: a, user: a}}]\ncurrent-context: a\n";

/// Stands in for kubectl: `get` ends when fifty of it are running.
const KUBECTL: &str = r#"#!/bin/sh
case "$1" in
version) echo '{"clientVersion":{"gitVersion":"v1.36.3"}}' ;;
get)
    : > DIR/$$
    while set -- DIR/*; [ $# -lt COUNT ]; do /bin/sleep 0.2; done
    printf 'NAME   AGE\nnode   1d\n' ;;
esac
"#;

/// Agents in this process, which need little; they end with it.
struct Fleet {
    runtime: Option<tokio::runtime::Runtime>,
    stop: CancellationToken,
}

impl Fleet {
    fn start(central: &Central, names: &[String], kubectl: &std::path::Path) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
        let stop = CancellationToken::new();
        for name in names {
            let mut config = AgentConfig {
                central: Some(central.url.clone()),
                token_file: Some(central.dir.path().join(format!("token-{name}"))),
                kubeconfig: Some(central.dir.path().join("kubeconfig")),
                work_dir: Some(central.dir.path().join("work")),
                ..AgentConfig::default()
            };
            config.tls.ca_file = Some(central.ca_file());
            config.kubectl.path = kubectl.to_owned();
            config.kubectl.sandbox = SandboxMode::Off;
            let run = mk8s::agent::run(config, stop.clone());
            runtime.spawn(async move { run.await.expect("an agent") });
        }
        Self { runtime: Some(runtime), stop }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[test]
fn fifty_clusters_run_at_the_same_time() {
    let names: Vec<String> = (0..CLUSTERS).map(|number| format!("fleet-{number:02}")).collect();
    assert_eq!(token(&names[0]).len(), token(&names[49]).len());
    let central = central_with(&names);
    let dir = central.dir.path();
    fs::create_dir(dir.join("running")).expect("mkdir");
    let running = dir.join("running");
    let script = KUBECTL.replace("DIR", running.to_str().expect("a path")).replace("COUNT", &CLUSTERS.to_string());
    let kubectl = dir.join("kubectl");
    fs::write(&kubectl, script).expect("write");
    fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755)).expect("chmod");
    fs::write(dir.join("kubeconfig"), KUBECONFIG).expect("write");
    let _fleet = Fleet::start(&central, &names, &kubectl);
    wait_online(&central, "fleet-", CLUSTERS);

    let mut command = central.mk8s();
    command.args(["kubectl", "--clusters", "fleet-*", "--", "get", "nodes"]);
    let output = run_within(&mut command, "", PATIENCE).expect(0);
    let rows: String = names.iter().map(|name| format!("{name}   node   1d\n")).collect();
    assert_eq!(output.out(), format!("CLUSTER    NAME   AGE\n{rows}"));
    assert_eq!(output.err(), "");
}
