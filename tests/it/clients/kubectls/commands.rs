//! Commands that ask, change, and end by themselves.

use super::{Case, Kubectl, Outcome};
use crate::support::run;

/// In this order.
const COMMANDS: &[Case] = &[
    (0, "get pods", ""),
    (0, "get pods,configmaps -o name", ""),
    (0, "get pod web -o jsonpath={.status.phase}", ""),
    (1, "get pod nosuch", ""),
    (1, "get nosuch", ""),
    (0, "describe configmap kube-root-ca.crt", ""),
    (0, "api-resources -o name", ""),
    (0, "api-versions", ""),
    (0, "get --raw /version", ""),
    (0, "get --raw /apis/apps/v1?timeout=5s", ""),
    (1, "get --raw /nosuch", ""),
    (0, "explain deployment.spec.strategy", ""),
    (0, "apply -f -", MAP),
    (0, "apply -f -", CHANGED_MAP),
    (1, "apply -f -", WRONG_MAP),
    (0, "apply --server-side --force-conflicts -f - -o yaml", MAP),
    (0, "diff -f -", MAP),
    (1, "diff -f -", CHANGED_MAP),
    (0, r#"patch configmap map -p '{"data": {"a": "c"}}'"#, ""),
    (0, r#"patch configmap map --type=merge -p '{"data": {"a": "d"}}'"#, ""),
    (0, r#"patch configmap map --type=json -p '[{"op": "remove", "path": "/data/a"}]'"#, ""),
    (1, "patch configmap map -p '{'", ""),
    (0, "get configmap map -o yaml", ""),
    (0, "create deployment app --image=shell -- sleep 100000", ""),
    (0, "scale deployment app --replicas=2", ""),
    (0, "wait --for=jsonpath={.status.availableReplicas}=2 deployment/app --timeout=60s", ""),
    // Before that it would tell the steps that it happens to see.
    (0, "rollout status deployment/app", ""),
    // What is added to a pod that runs, and a copy of a pod.
    (0, "debug web -c helper --image=shell -- echo helped", ""),
    (0, "wait --for=jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}=0 pod/web", ""),
    (0, "logs web -c helper", ""),
    (1, "debug nosuch -c helper --image=shell -- true", ""),
    (0, "debug web --copy-to=copy -c extra --image=shell -- sleep 100000", ""),
    (0, "get pod copy -o jsonpath={.spec.containers[*].name}", ""),
    (1, "debug web --copy-to=web -c extra --image=shell -- true", ""),
    (0, "logs web", ""),
    (0, "logs web --tail=1", ""),
    (0, "exec web -- echo hello", ""),
    (7, "exec web -- sh -c 'echo out; echo err >&2; exit 7'", ""),
    (0, "exec -i web -- cat", "one\ntwo without an end"),
    (0, "exec -i web -- cat", ""),
    (1, "exec nosuch -- true", ""),
    (1, "exec web -c nosuch -- true", ""),
    (1, "attach nosuch", ""),
    (1, "port-forward pod/nosuch :80", ""),
    (0, "auth can-i create pods", ""),
    (0, "auth can-i '*' '*'", ""),
    (1, "auth can-i nosuch", ""),
    // There are no metrics.
    (1, "top pods", ""),
    (1, "top nodes", ""),
    (0, "delete configmap map", ""),
    (1, "delete configmap map", ""),
    (0, "delete deployment app", ""),
];

/// Commands whose exit code depends on the version: some of these kubectls are too old for the cluster, some overlook a
/// mistake. `version` fails in those that do not know their own.
const VARYING: &[&str] =
    &["version -o json", "auth whoami", "auth whoami -o json", "debug web -c helper --image=shell -- echo again"];

/// What differs: the exit code is the same, the text is not, and why.
const DIFFERENT: &[(&str, &str)] =
    &[("auth can-i --list", "the rules are those of the policy, and the cluster's own are not in it")];

// In the block style: kubectl 1.27 takes a text that begins with a brace for JSON.
const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {key: value}\n";
const CHANGED_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {key: changed}\n";
const WRONG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndtaa: {}\n";

/// A pod that has said something.
pub const WEB: &str = "for i in $(seq 20); do echo line $i; done; exec sleep 100000";

impl Kubectl<'_> {
    /// Runs them; what each gave.
    pub fn run_commands(&self) -> Vec<Outcome> {
        let varying = VARYING.iter().map(|line| {
            let output = run(&mut self.command(line), b"");
            ((*line).to_owned(), self.text(&output))
        });
        let different = DIFFERENT.iter().map(|(line, _)| {
            let output = run(&mut self.command(line), b"");
            ((*line).to_owned(), output.code.to_string())
        });
        self.run_all(COMMANDS.iter().copied()).into_iter().chain(varying).chain(different).collect()
    }
}
