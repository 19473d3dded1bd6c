//! The release of central's chart, and what a person does with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::node::{Node, OWN};
use super::setup::{Helm, directory};
use crate::cli::Client;
use crate::support::stack::ADMIN_PASSWORD;
use crate::support::{Namespace, Output, kubernetes, run};

/// A namespace in which central is installed, with a node that runs its pods.
pub struct Installed {
    /// The node; dropped first.
    pub node: Node,
    /// The name of the release, and of its objects.
    pub name: String,
    /// What the client trusts.
    pub authority: PathBuf,
    /// A client of the first admin.
    pub client: Client,
    /// Where all of it is.
    pub namespace: Namespace,
    /// helm.
    pub helm: Helm,
}

impl Installed {
    /// Installs central with these flags of helm, waits until it is ready, and logs its admin in. The authority of its
    /// certificate is in a file, or on its volume.
    pub fn new(helm: Helm, namespace: Namespace, args: &[&str], authority: Option<&Path>) -> Self {
        kubernetes()
            .kubectl(&["label", "namespace", &namespace.0, "pod-security.kubernetes.io/enforce=restricted"], "");
        let password = format!("--from-literal=password={ADMIN_PASSWORD}");
        namespace.kubectl(&["create", "secret", "generic", "admin", &password], "");
        let name = "mk8s-central".to_owned();
        let node = Node::start(&namespace.0, &name);
        let authority = authority.map_or_else(|| node.authority(&format!("data-{name}-0")), Path::to_owned);
        let this = Self { node, name, authority, client: Client::new(), namespace, helm };
        let common = ["--set", "bootstrap.adminPassword.existingSecret=admin"];
        let said = this.apply("install", &this.name, "mk8s-central", &[&common[..], args].concat()).expect(0).out();
        assert!(said.contains("mk8s admin clusters create dev"), "the next command: {said}");
        this.log_in("admin@localhost", ADMIN_PASSWORD).expect(0);
        this
    }

    /// Installs or upgrades a release, and waits until it is ready.
    pub fn apply(&self, what: &str, release: &str, chart: &str, args: &[&str]) -> Output {
        let directory = directory(chart);
        let mut all = vec![what, release, directory.to_str().expect("a path"), "--namespace", &self.namespace.0];
        all.extend(["--wait", "--timeout=120s", "--set", OWN]);
        all.extend(args);
        self.helm.run(&all)
    }

    /// `helm test`, `helm uninstall` and the like.
    pub fn helm(&self, what: &str, release: &str) -> Output {
        self.helm.run(&[what, release, "--namespace", &self.namespace.0, "--timeout=120s"])
    }

    /// Logs somebody in, in place of who was.
    pub fn log_in(&self, email: &str, password: &str) -> Output {
        let mut login = self.client.command();
        login.args(["login", &self.node.url, "--email", email, "--password-stdin", "--ca-file"]).arg(&self.authority);
        run(&mut login, password.as_bytes())
    }

    /// A command of the client.
    pub fn mk8s(&self, args: &[&str]) -> Output {
        self.client.run(args)
    }

    /// The same with something on standard input.
    pub fn mk8s_with(&self, args: &[&str], stdin: &str) -> Output {
        run(self.client.command().args(args), stdin.as_bytes())
    }

    /// Lines of a shell in a directory, with helm, kubectl and the kubeconfig of the administrator.
    pub fn shell(&self, dir: &Path, script: &str) -> Command {
        let mut shell = Command::new("sh");
        let programs =
            [&self.helm.program, &kubernetes().kubectl].map(|program| program.parent().expect("a directory"));
        let path = format!("{}:{}:/usr/bin:/bin", programs[0].display(), programs[1].display());
        shell.env_clear().env("PATH", path).env("HOME", dir).env("KUBECONFIG", &kubernetes().kubeconfig);
        shell.current_dir(dir).args(["-c", script]);
        shell
    }

    /// The objects of the namespace that Kubernetes has not made itself, and those of the cluster that belong to it.
    pub fn objects(&self) -> Vec<String> {
        let kinds = "deployments,statefulsets,replicasets,pods,services,configmaps,secrets,serviceaccounts,roles,\
                     rolebindings,networkpolicies,poddisruptionbudgets,ingresses,persistentvolumeclaims";
        let here = self.namespace.kubectl(&["get", kinds, "--output=name"], "");
        let everywhere = kubernetes().kubectl(
            &[
                "get",
                "clusterroles,clusterrolebindings",
                "--output=name",
                "--selector=app.kubernetes.io/managed-by=Helm",
            ],
            "",
        );
        let is_made = |name: &&str| !["configmap/kube-root-ca.crt", "serviceaccount/default"].contains(name);
        let own = everywhere.lines().filter(|name| name.contains(&self.namespace.0));
        here.lines().filter(is_made).chain(own).map(str::to_owned).collect()
    }
}
