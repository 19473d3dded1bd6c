//! kubectl through the gateway: with a kubeconfig such as a user would write by hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::kubernetes;
use super::stack::Central;

impl Central {
    /// The URL of a cluster's API below it.
    pub fn gateway(&self, cluster: &str) -> String {
        format!("{}/clusters/{cluster}/k8s", self.url)
    }

    /// A kubeconfig for a cluster, with a token.
    pub fn kubeconfig(&self, cluster: &str, token: &str) -> PathBuf {
        let authority = std::fs::read(self.ca_file()).expect("read");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {
                "server": self.gateway(cluster), "certificate-authority-data": STANDARD.encode(authority),
            }}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        });
        let path = tempfile::Builder::new()
            .prefix("kubeconfig-")
            .tempfile_in(self.dir.path())
            .expect("temporary file")
            .into_temp_path()
            .keep()
            .expect("keep");
        std::fs::write(&path, config.to_string()).expect("write");
        path
    }

    /// kubectl of the admin, through the gateway.
    pub fn through(&self, namespace: Option<&str>) -> Command {
        self.through_as(Self::token(), namespace)
    }

    /// kubectl of whoever has this token, through the gateway.
    pub fn through_as(&self, token: &str, namespace: Option<&str>) -> Command {
        kubectl_with(&self.kubeconfig("dev", token), namespace)
    }
}

/// kubectl with this kubeconfig, with nothing of this process's environment.
pub fn kubectl_with(kubeconfig: &Path, namespace: Option<&str>) -> Command {
    let mut command = kubernetes().direct_with(kubeconfig, namespace);
    // Each kubeconfig is another server, and a cache would be for one of them.
    command.args(["--cache-dir", &format!("{}.cache", kubeconfig.display())]);
    command
}
