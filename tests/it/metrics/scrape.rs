//! The page of a server's metrics, read as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::support::process::{Process, run};
use crate::support::stack::{Agent, Central, TOKEN};
use crate::support::{PATIENCE, wait_for};

/// A value, with its labels.
#[derive(Clone, Debug)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// A metric: its type, its help, and the labels of its values, `le` of buckets not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    pub kind: String,
    pub help: String,
    pub labels: BTreeSet<String>,
}

/// All that a server said.
#[derive(Debug)]
pub struct Scrape {
    pub text: String,
    pub metrics: BTreeMap<String, Described>,
    pub samples: Vec<Sample>,
}

/// A listener for metrics, on a port of this machine.
#[derive(Clone, Copy)]
pub struct Listener(pub u16);

impl Listener {
    /// That of a process which logs JSON.
    pub fn of(process: &mut Process) -> Self {
        let line = process.wait_for_line("listening for metrics", PATIENCE);
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        Self(line["address"].as_str().and_then(|a| a.rsplit(':').next()?.parse().ok()).expect("a port"))
    }

    /// The status of an answer, and its text.
    pub fn ask(self, path: &str, args: &[&str]) -> (u16, String) {
        let mut curl = std::process::Command::new("curl");
        curl.args(["--silent", "--show-error", "--insecure", "--max-time", "60", "--write-out", "\n%{http_code}"]);
        let output = run(curl.args(args).arg(format!("https://localhost:{}{path}", self.0)), b"").expect(0).out();
        let (text, status) = output.rsplit_once('\n').expect("a status");
        (status.parse().expect("a status"), text.to_owned())
    }

    /// Whether it is ready, and what it says.
    pub fn ready(self) -> (u16, String) {
        let (status, text) = self.ask("/ready", &[]);
        (status, text.trim().to_owned())
    }

    /// All metrics.
    #[track_caller]
    pub fn scrape(self) -> Scrape {
        let (status, text) = self.ask("/metrics", &[]);
        assert_eq!(status, 200, "{text}");
        Scrape::read(text)
    }

    /// Waits until the metrics are as they should be.
    #[track_caller]
    pub fn wait_for(self, what: &str, holds: impl Fn(&Scrape) -> bool) -> Scrape {
        wait_for(what, PATIENCE, || Some(self.scrape()).filter(|scrape| holds(scrape)))
    }
}

impl Scrape {
    fn read(text: String) -> Self {
        let mut metrics: BTreeMap<String, Described> = BTreeMap::new();
        let mut samples = Vec::new();
        for line in text.lines() {
            if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
                let described = Described { help: help.to_owned(), ..Described::default() };
                assert!(metrics.insert(name.to_owned(), described).is_none(), "{name} is there twice");
            } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                metrics.get_mut(name).expect("help").kind = kind.to_owned();
            } else {
                let sample = Sample::read(line).unwrap_or_else(|| panic!("not a sample: {line}"));
                let base = base(&sample.name, |name| metrics.get(name).is_some_and(|m| m.kind == "histogram"));
                let described = metrics.get_mut(&base).unwrap_or_else(|| panic!("{} is not described", sample.name));
                described.labels.extend(sample.labels.keys().filter(|label| *label != "le").cloned());
                samples.push(sample);
            }
        }
        Self { text, metrics, samples }
    }

    /// The sum of the values of this name that have these labels, as `name=value`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let labels: Vec<(&str, &str)> = labels.iter().map(|label| label.split_once('=').expect("=")).collect();
        let fits = |sample: &&Sample| {
            let has = |(key, value): &(&str, &str)| sample.labels.get(*key).is_some_and(|found| found == value);
            sample.name == name && labels.iter().all(has)
        };
        self.samples.iter().filter(fits).map(|sample| sample.value).sum()
    }

    /// Whether there is any value of this name.
    pub fn has(&self, name: &str) -> bool {
        self.samples.iter().any(|sample| sample.name == name)
    }
}

/// The metric that a sample belongs to: a histogram has three names of samples.
pub fn base(name: &str, is_histogram: impl Fn(&str) -> bool) -> String {
    let stripped = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
    stripped.filter(|name| is_histogram(name)).unwrap_or(name).to_owned()
}

impl Sample {
    fn read(line: &str) -> Option<Self> {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = match series.split_once('{') {
            None => (series, ""),
            Some((name, labels)) => (name, labels.strip_suffix('}')?),
        };
        let mut read = BTreeMap::new();
        // No label of ours has a comma or a quotation mark in it.
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (key, value) = label.split_once('=')?;
            read.insert(key.to_owned(), value.strip_prefix('"')?.strip_suffix('"')?.to_owned());
        }
        Some(Self { name: name.to_owned(), labels: read, value: value.parse().ok()? })
    }
}

/// The files of a central that serves metrics, with more lines of configuration.
pub fn files(more: &str) -> tempfile::TempDir {
    let dir = Central::prepared();
    add(&dir, more);
    dir
}

/// Lets a central serve metrics, and be configured in other ways.
pub fn add(dir: &tempfile::TempDir, more: &str) {
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read");
    fs::write(&file, format!("{config}metrics: {{listen: '127.0.0.1:0'}}\n{more}")).expect("write");
}

/// An agent that serves metrics, with more variables of its environment.
pub fn agent(central: &Central, variables: &[(&str, &str)]) -> Agent {
    let dir = tempfile::Builder::new().prefix("mk8s-agent-test-").tempdir().expect("temporary directory");
    let mut command = Agent::command(&dir, central, TOKEN);
    command.env("MK8S_AGENT_METRICS__LISTEN", "127.0.0.1:0").envs(variables.iter().copied());
    Agent { process: Process::start(&mut command), dir }
}

/// A central and an agent that serve metrics and are connected.
pub struct Site {
    _agent: Agent,
    pub central: Central,
    pub of_agent: Listener,
    pub of_central: Listener,
}

impl Site {
    /// Starts both.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more variables for the agent.
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
        let mut central = Central::start_in(files(""), &[]);
        let mut agent = agent(&central, variables);
        let of_agent = Listener::of(&mut agent.process);
        wait_for("the agent", PATIENCE, || (of_agent.ready().0 == 200).then_some(()));
        central.wait_until(true, PATIENCE);
        let of_central = Listener::of(&mut central.process);
        Self { _agent: agent, central, of_agent, of_central }
    }

    /// The status of a request to the API of the cluster.
    pub fn through_the_gateway(&self, token: &str, path: &str) -> u16 {
        self.central.get(&format!("/clusters/dev/k8s{path}"), token).status
    }
}
