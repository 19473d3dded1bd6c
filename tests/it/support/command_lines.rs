//! Command lines of kubectl, made up from its table of commands and flags, in every way of writing them.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

const TABLE: &str = include_str!("../../../src/kubernetes/kubectl/table.txt");

/// What ends commands that wait.
const TIMEOUT: &str = "timeout";

/// A command of the table.
struct Command {
    words: &'static str,
    aliases: Vec<&'static str>,
    flags: Vec<Flag>,
}

#[derive(Clone, Copy)]
struct Flag {
    name: &'static str,
    short: Option<&'static str>,
    kind: char,
}

/// Makes up command lines; the same for the same seed.
pub struct Generator {
    random: StdRng,
    commands: Vec<Command>,
    global: Vec<Flag>,
}

impl Generator {
    /// A generator with a seed.
    pub fn new(seed: u64) -> Self {
        let mut commands: Vec<Command> = TABLE.split("\n:").skip(1).map(command).collect();
        let global = commands.remove(0).flags;
        Self { random: StdRng::seed_from_u64(seed), commands, global }
    }

    /// That many command lines that are accepted.
    pub fn lines(mut self, count: usize, accepted: impl Fn(&[String]) -> bool) -> Vec<Vec<String>> {
        let mut lines = Vec::new();
        for _ in 0..count * 100 {
            let line = self.line();
            if accepted(&line) {
                lines.push(line);
            }
            if lines.len() == count {
                return lines;
            }
        }
        panic!("only {} of {count} command lines are accepted", lines.len());
    }

    fn line(&mut self) -> Vec<String> {
        let number = self.random.random_range(0..self.commands.len());
        let words = self.commands[number].words;
        let (arguments, rest) = arguments(words, &mut self.random);
        // Flags and arguments in any order, each with the words that belong together.
        let mut pieces: Vec<Vec<String>> = arguments.iter().map(|word| vec![(*word).to_owned()]).collect();
        for flag in self.flags(number) {
            let piece = self.spelled(flag);
            let place = self.random.random_range(0..=pieces.len());
            pieces.insert(place, piece);
        }
        let mut line = Vec::new();
        for (depth, word) in words.split(' ').enumerate() {
            if self.random.random_ratio(1, 10) {
                let flag = *self.global.choose(&mut self.random).expect("flags");
                line.extend(self.spelled(flag));
            }
            let is_last = depth == words.split(' ').count() - 1;
            let alias = self.commands[number].aliases.choose(&mut self.random).filter(|_| is_last);
            line.push((*alias.unwrap_or(&word)).to_owned());
        }
        line.extend(pieces.concat());
        if self.random.random_ratio(1, 3) {
            line.push("--".to_owned());
            line.extend(rest.iter().map(|word| (*word).to_owned()));
        }
        line
    }

    /// Some flags of a command, some of them twice.
    fn flags(&mut self, number: usize) -> Vec<Flag> {
        let own = &self.commands[number].flags;
        let mut flags: Vec<Flag> = Vec::new();
        for _ in 0..self.random.random_range(0..5) {
            let all = if self.random.random_ratio(1, 5) || own.is_empty() { &self.global } else { own };
            flags.extend(all.choose(&mut self.random).copied());
        }
        let wait = ["wait", "rollout status", "drain", "delete", "apply", "replace", "run"];
        if wait.contains(&self.commands[number].words) {
            flags.retain(|flag| flag.name != TIMEOUT);
            flags.extend(own.iter().find(|flag| flag.name == TIMEOUT).copied());
        }
        for name in needed(self.commands[number].words) {
            flags.extend(own.iter().find(|flag| flag.name == *name).copied());
        }
        flags
    }

    /// A flag in one of the ways of writing it.
    fn spelled(&mut self, flag: Flag) -> Vec<String> {
        let random = &mut self.random;
        let value = value(flag.name, random).to_owned();
        let long = match random.random_range(0..4) {
            0 => flag.name.replace('-', "_"),
            _ => flag.name.to_owned(),
        };
        let short = flag.short.filter(|_| random.random_bool(0.6));
        match (flag.kind, short, random.random_range(0..3)) {
            ('=', Some(short), 0) => vec![format!("-{short}"), value],
            ('=', Some(short), 1) => vec![format!("-{short}{value}")],
            ('=', Some(short), _) => vec![format!("-{short}={value}")],
            ('=', None, 0) => vec![format!("--{long}"), value],
            ('=', None, _) => vec![format!("--{long}={value}")],
            ('?', _, 0) => vec![format!("--{long}")],
            ('?', _, _) => vec![format!("--{long}={value}")],
            (_, Some(short), 0) => vec![format!("-{short}={}", switch(random))],
            (_, Some(short), 1) => vec![format!("-{short}n"), "grouped".to_owned()],
            (_, Some(short), _) => vec![format!("-{short}")],
            (_, None, 0) => vec![format!("--{long}={}", switch(random))],
            (_, None, _) => vec![format!("--{long}")],
        }
    }
}

fn command(block: &'static str) -> Command {
    let mut lines = block.lines();
    let mut head = lines.next().unwrap_or_default().split('|');
    let words = head.next().unwrap_or_default();
    Command { words, aliases: head.collect(), flags: lines.map(flag).collect() }
}

fn flag(line: &'static str) -> Flag {
    let (rest, kind) = match line.chars().last() {
        Some(kind @ ('=' | '?')) => (&line[..line.len() - 1], kind),
        _ => (line, ' '),
    };
    let (name, short) = rest.split_once(',').map_or((rest, None), |(name, short)| (name, Some(short)));
    Flag { name, short, kind }
}

fn switch(random: &mut StdRng) -> &'static str {
    ["true", "false", "1", "0", "t", "F", "TRUE"].choose(random).expect("values")
}

/// Flags without which a command does nothing.
fn needed(words: &str) -> &'static [&'static str] {
    match words {
        "create" | "apply" | "diff" | "replace" | "auth reconcile" | "apply set-last-applied" => &["filename"],
        "run" | "debug" | "create deployment" | "create job" => &["image"],
        "create cronjob" => &["image", "schedule"],
        "create role" | "create clusterrole" => &["verb", "resource"],
        "create rolebinding" | "create clusterrolebinding" => &["clusterrole"],
        "create ingress" => &["rule"],
        "create poddisruptionbudget" => &["selector", "min-available"],
        "create service clusterip" | "create service loadbalancer" | "create service nodeport" => &["tcp"],
        "create service externalname" => &["external-name"],
        "create priorityclass" => &["value"],
        "create secret docker-registry" => &["docker-username", "docker-password"],
        "expose" => &["port"],
        "scale" => &["replicas"],
        "autoscale" => &["max"],
        "patch" => &["patch"],
        "set resources" => &["limits"],
        "set subject" => &["user"],
        "wait" => &["for"],
        _ => &[],
    }
}

/// Values that a flag may have; some that look like flags.
fn value(name: &str, random: &mut StdRng) -> &'static str {
    let values: &[&str] = match name {
        "filename" => &["-"],
        "output" => {
            &["json", "yaml", "name", "wide", "jsonpath={.kind}", "go-template={{.kind}}", "custom-columns=A:.kind", ""]
        }
        "namespace" | "namespaces" => &["n1", "pods", "-x", "--", "get", "a=b"],
        "v" => &["0", "2", "6"],
        "timeout" | "pod-running-timeout" | "since" => &["1s"],
        // It is for each request, and machines are busy.
        "request-timeout" => &["20s"],
        "selector" | "pod-selector" => &["app=a", "a in (b,c)", "!x", ""],
        "field-selector" => &["metadata.name=x", "status.phase!=Running"],
        "dry-run" => &["none", "server", "client"],
        "validate" => &["true", "strict", "warn", "ignore", "false"],
        "cascade" => &["background", "orphan", "foreground"],
        "raw" => &["/api/v1/namespaces/x/pods?limit=1", "/healthz", "/apis/apps/v1/deployments/%2e"],
        "subresource" => &["status", "scale"],
        "type" => &["merge", "json", "strategic", "ClusterIP", "NodePort", "Opaque"],
        "patch" => &["{\"metadata\":{\"labels\":{\"x\":\"y\"}}}", "[{\"op\":\"remove\",\"path\":\"/data\"}]"],
        "overrides" => &["{\"metadata\":{\"labels\":{\"x\":\"y\"}}}"],
        "for" => &["condition=Ready", "delete", "pod/web", "jsonpath={.status.phase}=Running", "create"],
        "resource" => &["pods", "deployments.apps", "pods,services"],
        "verb" | "verbs" => &["get", "get,list"],
        "clusterrole" | "role" => &["view"],
        "serviceaccount" => &["home:default"],
        "from" => &["cronjob/cj", "configmap/map", "secret/s"],
        "rule" => &["example.com/=svc:80", "/x*=svc:80"],
        "schedule" => &["* * * * *"],
        "tcp" => &["80", "80:8080"],
        "restart" => &["Never", "OnFailure", "Always"],
        "image" => &["i", "registry/i:1"],
        "limits" | "requests" | "hard" => &["cpu=1", "cpu=1,memory=1Gi"],
        "sort-by" => &["name", ".metadata.name", "cpu", "memory"],
        "template" => &["{{.kind}}", "{.kind}"],
        "from-literal" | "labels" | "annotations" | "annotation" | "env" => &["a=b", "a=b=c", "a="],
        "node-port"
        | "cpu"
        | "memory"
        | "tail"
        | "port"
        | "target-port"
        | "replicas"
        | "max"
        | "min"
        | "value"
        | "revision"
        | "to-revision"
        | "grace-period"
        | "chunk-size"
        | "limit-bytes"
        | "current-replicas"
        | "concurrency"
        | "max-log-requests"
        | "min-available"
        | "max-unavailable"
        | "skip-wait-for-delete-timeout" => &["1", "2", "0"],
        "duration" => &["10m", "2h"],
        "profile" => &["general", "baseline", "none"],
        "output-directory" => &["-", ""],
        "container" | "containers" | "target" => &["c", "*", "-c"],
        _ => &["a", "a=b", "-", "-x", "--all", "x y", ""],
    };
    values.choose(random).expect("values")
}

/// What a command is about: arguments, and words for after `--`.
fn arguments(words: &str, random: &mut StdRng) -> (Vec<&'static str>, &'static [&'static str]) {
    let objects: &[&[&str]] = &[
        &["pods"],
        &["pod", "web"],
        &["po", "web", "missing"],
        &["pods,svc"],
        &["pod/web", "svc/s"],
        &["deploy", "app"],
        &["deployments.apps", "app"],
        &["deploy/app"],
        &["deployment.v1.apps/app"],
        &["nodes"],
        &["node", "n1"],
        &["ns", "x"],
        &["secrets", "-"],
        &["all"],
        &["widgets"],
        &[],
    ];
    let workloads: &[&[&str]] = &[&["deploy", "app"], &["deploy/app"], &["sts/x"], &["rs", "x"], &["ds/x"]];
    let one: &[&[&str]] = &[&["web"], &["pod/web"], &["deploy/app"], &["missing"]];
    let command: &[&str] = &["sh", "-c", "x", "--", "--kubeconfig=y", "-n", "z"];
    let none: &[&str] = &[];
    let (objects, changes, rest): (&[&[&str]], &[&str], &[&str]) = match words {
        "get" | "describe" | "delete" | "wait" | "patch" => (objects, none, &["x", "-y"]),
        "label" | "annotate" => (objects, &["a=b", "c-"], &["d=e"]),
        "taint" => (&[&["nodes", "n1"], &["node", "n1", "n2"]], &["a=b:NoSchedule"], &["c:NoSchedule-"]),
        "exec" | "attach" | "logs" => (one, none, command),
        "debug" => (&[&["web"], &["pod/web"], &["node/n1"]], none, command),
        "run" => (&[&["web"]], none, command),
        "create job" | "create deployment" | "create cronjob" => (&[&["x"]], none, command),
        "scale" | "autoscale" | "expose" => (workloads, none, none),
        "set env" => (workloads, &["A=B"], &["C=D", "E-"]),
        "set image" => (workloads, &["c=i:2"], none),
        "set resources" | "set subject" => (&[&["deploy", "app"], &["rolebinding/x"]], none, none),
        "set serviceaccount" => (workloads, &["sa"], none),
        "set selector" => (&[&["svc", "s"]], &["a=b"], none),
        "drain" | "cordon" | "uncordon" => (&[&["n1"], &["node/n1"], &["n1", "n2"]], none, none),
        "auth can-i" => (&[&["get", "pods"], &["*", "*"], &["get", "pods/web"], &["get", "/healthz"]], none, none),
        "certificate approve" | "certificate deny" => (&[&["csr"]], none, none),
        "explain" => (&[&["pods"], &["deployment.spec"]], none, none),
        "top pod" | "top node" => (&[&["x"], &[]], none, none),
        "help" => (&[&["get"], &["create", "cm"], &["nosuch"]], none, none),
        "create service clusterip" | "create service externalname" | "create secret generic" => (&[&["x"]], none, none),
        "apply view-last-applied" => (workloads, none, none),
        _ if words.starts_with("rollout ") => (workloads, none, none),
        _ if words.starts_with("create ") => (&[&["x"], &["x", "y"]], none, none),
        _ => (&[&[]], none, none),
    };
    let mut arguments = objects.choose(random).map(|words| words.to_vec()).unwrap_or_default();
    arguments.extend(changes.iter().filter(|_| random.random_bool(0.8)));
    (arguments, rest)
}
