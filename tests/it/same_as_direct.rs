//! Same as direct: a command line gives the same bytes and the same exit code through mk8s as with kubectl itself.

use std::process::Command;
use std::thread;

use regex_lite::Regex;

use crate::support::attempt::{WAYS, Way, words, words_in};
use crate::support::{Central, Namespace, Output, Stack, kubernetes, run};

/// The exit code that kubectl must give, the command line, and its standard input.
///
/// A command line is split at spaces; single quotes keep words together. `--namespace` is added to it unless it has `-n`.
type Case = (i32, &'static str, &'static str);

/// Commands that change nothing: both ways ask about the same objects.
const READING: &[Case] = &[
    // get, in every form of output
    (0, "get pods", ""),
    (0, "get pods -o wide", ""),
    (0, "get pods -o yaml", ""),
    (0, "get pods,configmaps -o json", ""),
    (0, "get pods -o name", ""),
    (0, "get pods -o jsonpath={.items[*].metadata.uid}", ""),
    (0, r#"get pods -o 'go-template={{range .items}}{{.metadata.name}}{{"\n"}}{{end}}'"#, ""),
    (0, "get pods -o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName", ""),
    (0, "get pods --no-headers", ""),
    (0, "get pods --show-labels", ""),
    (0, "get pods -L app", ""),
    (0, "get pods -l app=web -o name", ""),
    (0, "get pods --sort-by=.metadata.name", ""),
    (0, "get pods --field-selector=status.phase=Running -o name", ""),
    (0, "get pods web -o yaml --show-managed-fields", ""),
    (0, "get pod nosuch --ignore-not-found", ""),
    (0, "get all", ""),
    // Not those that a test makes.
    (0, "get node -l kubernetes.io/os=linux -o wide", ""),
    (0, "get -f -", MAP),
    (0, "get --raw /version", ""),
    (1, "get --raw /nosuch", ""),
    (1, "get pod nosuch", ""),
    (1, "get nosuch", ""),
    (1, "get", ""),
    (0, "-n default get configmaps -o name", ""),
    (0, "get pods -n nosuch", ""),
    // the others that look
    (0, "describe pod web", ""),
    (0, "describe deployment app", ""),
    (0, "describe configmap map", ""),
    (1, "describe pod nosuch", ""),
    (0, "explain pods", ""),
    (0, "explain deployment.spec.strategy --recursive", ""),
    (1, "explain nosuch", ""),
    (0, "api-resources", ""),
    (0, "api-resources -o name --namespaced=false", ""),
    (0, "api-versions", ""),
    (0, "version", ""),
    (0, "version -o json", ""),
    (0, "auth can-i create pods", ""),
    (0, "auth whoami", ""),
    (1, "top pods", ""),
    (1, "certificate approve nosuch", ""),
    (0, "rollout status deployment/app", ""),
    (0, "rollout history deployment/app", ""),
    (0, "wait --for=condition=Ready pod/web --timeout=30s", ""),
    (1, "wait --for=condition=Nosuch pod/web --timeout=100ms", ""),
    (0, "logs web", ""),
    (0, "logs web --tail=3 --timestamps", ""),
    (0, "logs -f web --limit-bytes=100", ""),
    (1, "logs nosuch", ""),
    (0, "diff -f -", MAP),
    (1, "diff -f -", CHANGED_MAP),
    (0, "create configmap x --from-literal=a=b --dry-run=client -o yaml", ""),
    (0, "apply -f - --dry-run=server", CHANGED_MAP),
    // what only explains
    (0, "get --help", ""),
    (0, "help rollout", ""),
];

/// Commands in a container; its output may be anything.
const IN_A_POD: &[Case] = &[
    (0, "exec web -- echo hello", ""),
    (7, "exec web -- sh -c 'echo out; echo err >&2; exit 7'", ""),
    (137, "exec web -- sh -c 'kill -9 $$'", ""),
    (0, r"exec web -- printf '\377\000\r\n'", ""),
    (0, "exec -i web -- cat", "one\ntwo without an end"),
    (0, "exec -i web -- cat", ""),
    (0, "exec -it web -- cat", "not a terminal\n"),
    (1, "exec web -c nosuch -- true", ""),
    (1, "exec nosuch -- true", ""),
    (1, "exec web", ""),
];

/// Commands that change something, in this order: each way has a namespace of its own.
const WRITING: &[Case] = &[
    (0, "apply -f -", MAP),
    (0, "apply -f -", MAP),
    (0, "apply -f -", CHANGED_MAP),
    (1, "apply -f -", "a: [\n"),
    (1, "apply -f -", "{apiVersion: v1, kind: ConfigMap, metadata: {name: map}, dtaa: {}}\n"),
    (1, "apply -f -", "{apiVersion: v1, kind: Nosuch, metadata: {name: x}}\n"),
    (1, "apply -f -", ""),
    (0, "apply --server-side --force-conflicts -f - -o yaml", MAP),
    (0, "create -f -", "{apiVersion: v1, kind: ConfigMap, metadata: {name: made}}\n"),
    (1, "create -f -", "{apiVersion: v1, kind: ConfigMap, metadata: {name: made}}\n"),
    (0, "create -f -", "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: gen-}}\n"),
    (0, "create configmap literal --from-literal=a=b -o yaml", ""),
    (0, "create configmap other --from-literal=c=d --from-literal=e='two words'", ""),
    (1, "create configmap x -n nosuch", ""),
    (0, "label configmap literal a=b", ""),
    (1, "label configmap literal a=c", ""),
    (0, "label configmap literal a=c --overwrite", ""),
    (0, "label configmap literal a-", ""),
    (0, "annotate configmap literal 'note=two words'", ""),
    (0, r#"patch configmap literal -p '{"data": {"a": "c"}}'"#, ""),
    (0, r#"patch configmap literal --type=json -p '[{"op": "remove", "path": "/data/a"}]'"#, ""),
    (1, "patch configmap literal -p '{'", ""),
    (0, "replace -f -", MAP),
    (0, "get configmap map literal other -o yaml", ""),
    (0, "apply -f -", APP),
    (0, "scale deployment app --replicas=2", ""),
    (1, "scale deployment nosuch --replicas=2", ""),
    (0, "wait --for=jsonpath={.status.availableReplicas}=2 deployment/app --timeout=60s", ""),
    (0, "rollout status deployment/app", ""),
    (0, "set env deployment/app A=B", ""),
    (0, "rollout restart deployment/app", ""),
    (0, "expose deployment app --port=80", ""),
    (0, "run once --image=shell --restart=Never --command -- sh -c 'echo from the pod'", ""),
    (0, "wait --for=jsonpath={.status.phase}=Succeeded pod/once --timeout=60s", ""),
    (0, "logs once", ""),
    (0, "delete pod once", ""),
    (0, "delete configmap literal other", ""),
    (1, "delete configmap literal", ""),
    (0, "delete -f - --wait=false", APP),
];

/// Command lines that kubectl runs and mk8s refuses, and the word under which `docs/kubectl.md` says why.
const REFUSED: &[(&str, &str, &str)] = &[
    ("get pods --kubeconfig=/nonexistent", "", "--kubeconfig"),
    ("get pods --context=nosuch", "", "--context"),
    ("get pods --cluster=mk8s", "", "--cluster"),
    ("get pods --user=mk8s", "", "--user"),
    ("get pods -s https://127.0.0.1:1", "", "--server"),
    ("get pods --token=x", "", "--token"),
    ("get pods --as=nobody", "", "--as"),
    ("auth can-i create pods --as=nobody", "", "--as"),
    ("get pods --cache-dir=/tmp/x", "", "--cache-dir"),
    ("get pods --profile=cpu", "", "--profile"),
    ("get pods -v=9", "", "-v"),
    ("get -f http://127.0.0.1:1/map.yaml", "", "-f URL"),
    ("apply -k https://127.0.0.1:1/x", "", "-k URL"),
    ("create configmap x --from-env-file=/dev/stdin", "A\n", "a line of only a name"),
    ("cluster-info dump --output-directory=/tmp/x", "", "--output-directory"),
    ("create -f - --edit", MAP, "--edit"),
    ("apply edit-last-applied configmap map", "", "edit-last-applied"),
    ("kustomize .", "", "kustomize"),
    ("config view", "", "config"),
    ("plugin list", "", "plugin"),
    ("kuberc", "", "kuberc"),
    ("alpha", "", "alpha"),
    ("completion bash", "", "completion"),
    ("nosuch", "", "plugins"),
    ("create nosuch", "", "plugins"),
    ("get pods --nosuch", "", "flags that kubectl's help does not show"),
    ("get pods -o nosuch", "", "with an unknown format"),
];

/// The differences that remain, each with its reason.
const DIFFERENT: &[(&str, &str)] = &[
    ("options", "the default of --cache-dir is named: an agent keeps the cache in its own directory"),
    ("cluster-info", "kubectl speaks to the agent, which speaks to the API server: the address is the agent's"),
    ("", "kuberc is switched off at an agent, so kubectl's help does not name the command that edits it"),
];

const MAP: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: map}, data: {key: value}}\n";
const CHANGED_MAP: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: map}, data: {key: changed}}\n";
/// A deployment.
pub const APP: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: shell, command: [sleep, "100000"]}]
"#;

/// A namespace with what the commands ask about.
fn furnished() -> Namespace {
    let namespace = Namespace::create();
    namespace.kubectl(&["apply", "-f", "-"], MAP);
    namespace.kubectl(&["apply", "-f", "-"], APP);
    namespace.pod("web", "for i in $(seq 100); do echo line $i; echo warning $i >&2; done; exec sleep 100000");
    namespace.kubectl(&["rollout", "status", "deployment/app", "--timeout=60s"], "");
    namespace
}

#[test]
fn commands_that_only_look() {
    let (stack, namespace) = (Stack::start(), furnished());
    compare(&stack, READING, &namespace, &namespace);
    for (line, why) in DIFFERENT {
        let (direct, ours) = both(&stack, line, b"", &namespace, &namespace);
        assert_eq!(direct.code, ours.code, "{line}");
        assert_ne!(direct, ours, "{line} differs no more; it was explained with: {why}");
    }
}

#[test]
fn what_is_refused_is_documented() {
    let stack = Stack::start();
    let documented = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/kubectl.md")).expect("read");
    let mut problems = Vec::new();
    for (line, stdin, word) in REFUSED {
        for way in WAYS {
            let attempt = stack.central.attempt(way, Central::token(), &words(line), stdin);
            let code = if way == Way::Client { 2 } else { 400 };
            if attempt.code != code || !attempt.stdout.is_empty() || attempt.stderr.is_empty() {
                problems.push(format!("kubectl {line} ({way:?}): {}", attempt.brief()));
            }
        }
        if !documented.contains(word) {
            problems.push(format!("docs/kubectl.md does not say why {word:?} is refused"));
        }
    }
    // The client does this with the editor of its user.
    let edit = stack.central.attempt(Way::Post, Central::token(), &words("edit configmap map"), "");
    assert!(edit.code == 400 && edit.stderr.contains("mk8s kubectl edit"), "{}", edit.brief());
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn commands_in_a_pod() {
    let (stack, namespace) = (Stack::start(), furnished());
    compare(&stack, IN_A_POD, &namespace, &namespace);
    let megabyte: Vec<u8> = (0..1u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (direct, ours) = both(&stack, "exec -i web -- cat", &megabyte, &namespace, &namespace);
    assert!(direct.stdout == megabyte && ours == direct, "1 MiB through cat: {} bytes", ours.stdout.len());
}

#[test]
fn commands_that_change_something() {
    let (stack, one, two) = (Stack::start(), Namespace::create(), Namespace::create());
    assert_eq!(one.0.len(), two.0.len(), "columns have the same widths");
    compare(&stack, WRITING, &one, &two);
}

/// Runs all of them both ways, and fails with all that differ.
#[track_caller]
fn compare(stack: &Stack, cases: &[Case], direct: &Namespace, through: &Namespace) {
    let problems: Vec<String> = cases
        .iter()
        .filter_map(|(code, line, stdin)| {
            let (expected, found) = both(stack, line, stdin.as_bytes(), direct, through);
            let problem = if expected.code == *code {
                difference(&expected, &direct.0, &found, &through.0)?
            } else {
                format!("kubectl itself ended with {}, not {code}: {}\n", expected.code, expected.err())
            };
            Some(format!("kubectl {line}\n{problem}"))
        })
        .collect();
    assert!(problems.is_empty(), "{} of {} differ\n\n{}", problems.len(), cases.len(), problems.join("\n"));
}

/// Runs a command directly and through mk8s, at the same time, so that ages are the same.
fn both(stack: &Stack, line: &str, stdin: &[u8], direct: &Namespace, through: &Namespace) -> (Output, Output) {
    let kubectl = |mut command: Command, namespace: &Namespace| run(command.args(words_in(line, &namespace.0)), stdin);
    let mut mk8s = stack.central.mk8s();
    mk8s.arg("kubectl");
    thread::scope(|scope| {
        let direct = scope.spawn(|| kubectl(kubernetes().direct_as_admin(), direct));
        let through = kubectl(mk8s, through);
        (direct.join().expect("kubectl"), through)
    })
}

/// What differs between two outputs: nothing, or each differing stream with the first line in which it does.
pub fn difference(expected: &Output, namespace: &str, found: &Output, other: &str) -> Option<String> {
    let mut text = String::new();
    if expected.code != found.code {
        text += &format!("  exit code: {} directly, {} through mk8s\n", expected.code, found.code);
    }
    let streams = [("stdout", &expected.stdout, &found.stdout), ("stderr", &expected.stderr, &found.stderr)];
    for (name, expected, found) in streams {
        let (direct, through) = (normalise(expected, namespace), normalise(found, other));
        if expected == found || direct == through {
            continue;
        }
        let (mut a, mut b) = (direct.split_inclusive('\n'), through.split_inclusive('\n'));
        let mut number = 1;
        let (a, b) = loop {
            match (a.next(), b.next()) {
                (a, b) if a == b && a.is_some() => number += 1,
                pair => break pair,
            }
        };
        text += &format!("  {name}, line {number}:\n    directly     {a:?}\n    through mk8s {b:?}\n");
    }
    (!text.is_empty()).then_some(text)
}

/// The text without what differs between two runs of the same kubectl: the name of the namespace, times, ages and with
/// them the widths of columns, uids, resource versions, names that the server or kubectl makes up, and the directory for
/// temporary files.
pub fn normalise(output: &[u8], namespace: &str) -> String {
    let rules = [
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000)", "TIME"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID"),
        (r#"(resourceVersion"?: )"\d+""#, "${1}VERSION"),
        (r"\b(\d+[dhms])+\b", "AGE"),
        (r"\S*\b(LIVE|MERGED)-\d+", "${1}-N"),
        (r"\bgen-[a-z0-9]{5}\b", "gen-NAME"),
        (r"  +", "  "),
    ];
    let text = String::from_utf8_lossy(output).replace(namespace, "NAMESPACE");
    rules.iter().fold(text, |text, (pattern, with)| {
        Regex::new(pattern).expect("pattern").replace_all(&text, *with).into_owned()
    })
}
