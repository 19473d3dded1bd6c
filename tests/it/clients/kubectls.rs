//! kubectl of several versions, with WebSocket and with SPDY: the same results through the gateway as directly.

mod commands;
mod drain;
mod ports;
mod streams;
mod terminals;

use std::path::Path;
use std::process::Command;
use std::thread;

use regex_lite::Regex;

use super::setup::{Way, client};
use crate::same_as_direct::normalise;
use crate::support::attempt::words;
use crate::support::{Output, PATIENCE, Process, Stack, kubernetes, run, wait_for};

/// The exit code that kubectl must give, the command line, and its standard input.
type Case = (i32, &'static str, &'static str);

/// What was done, and what came of it: for a person who reads of a difference.
type Outcome = (String, String);

/// Which protocol is asked for; a kubectl that does not know the variable ignores it.
const PROTOCOLS: [(&str, &str); 2] = [("WebSocket", "true"), ("SPDY", "false")];

#[test]
fn this_kubectl() {
    compare("kubectl of the test cluster", &kubernetes().kubectl, "");
}

#[test]
fn kubectl_1_27() {
    older("kubectl-1.27");
}

#[test]
fn kubectl_1_30() {
    older("kubectl-1.30");
}

#[test]
fn kubectl_1_33() {
    older("kubectl-1.33");
}

fn older(name: &str) {
    if let Some(program) = client(name) {
        // Before 1.34 `--raw` forgot the path of the server: https://github.com/kubernetes/kubernetes/pull/131165.
        compare(name, &program, "/clusters/dev/k8s");
    }
}

/// The program.
#[derive(Clone, Copy)]
struct Program<'a> {
    path: &'a Path,
    /// What has to stand before a path that is given as `--raw`, when the server has a path of its own.
    before_raw: &'a str,
}

/// One kubectl at one way to the cluster.
struct Kubectl<'a> {
    program: Program<'a>,
    way: &'a Way,
    web_socket: &'static str,
}

/// Does everything both ways, and fails with all that differs.
#[track_caller]
fn compare(name: &str, path: &Path, before_raw: &str) {
    let program = Program { path, before_raw };
    let stack = Stack::start();
    let ways = [Way::direct(), Way::through(&stack.central)];
    assert_eq!(ways[0].namespace.0.len(), ways[1].namespace.0.len(), "columns have the same widths");
    for way in &ways {
        way.namespace.pod("web", commands::WEB);
    }
    let mut problems = both(&ways, |way| Kubectl { program, way, web_socket: "true" }.run_commands());
    problems.extend(drain::compare(program, &ways));
    for (protocol, web_socket) in PROTOCOLS {
        let found = both(&ways, |way| {
            let kubectl = Kubectl { program, way, web_socket };
            [kubectl.run_streams(), kubectl.run_terminals(), kubectl.run_ports()].concat()
        });
        problems.extend(found.into_iter().map(|problem| format!("with {protocol}: {problem}")));
    }
    assert!(problems.is_empty(), "{name}: {} differ\n\n{}", problems.len(), problems.join("\n"));
}

/// Does the same both ways at the same time; what differs.
fn both(ways: &[Way; 2], does: impl Fn(&Way) -> Vec<Outcome> + Sync) -> Vec<String> {
    let (expected, found) = thread::scope(|scope| {
        let direct = scope.spawn(|| does(&ways[0]));
        let through = does(&ways[1]);
        (direct.join().expect("directly"), through)
    });
    assert_eq!(expected.len(), found.len());
    let pairs = expected.into_iter().zip(found).filter(|(expected, found)| expected != found);
    pairs.map(|((what, a), (_, b))| format!("{what}\n  directly: {a}\n  through mk8s: {b}\n")).collect()
}

impl Kubectl<'_> {
    fn command(&self, line: &str) -> Command {
        let mut command = self.way.command(self.program.path);
        command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", self.web_socket);
        command.env("KUBECTL_PORT_FORWARD_WEBSOCKETS", self.web_socket);
        command.args(words(line));
        command
    }

    /// Runs commands one after the other; what each gave.
    fn run_all<'a>(&self, cases: impl IntoIterator<Item = (i32, &'a str, &'a str)>) -> Vec<Outcome> {
        let before_raw = if self.way.name == "directly" { "" } else { self.program.before_raw };
        let run_one = |(code, line, stdin): (i32, &str, &str)| {
            let written = line.replace("--raw /", &format!("--raw {before_raw}/"));
            let output = run(&mut self.command(&written), stdin.as_bytes());
            let wrong = if output.code == code { "" } else { "WRONG " };
            (line.to_owned(), format!("{wrong}{}", self.text(&output)))
        };
        let all: Vec<_> = cases.into_iter().map(run_one).collect();
        let wrong: Vec<_> = all.iter().filter(|(_, text)| text.starts_with("WRONG")).collect();
        assert!(wrong.is_empty() || self.way.name != "directly", "kubectl itself: {wrong:#?}");
        all
    }

    /// The exit code and the two streams.
    fn text(&self, output: &Output) -> String {
        format!("{} {:?} {:?}", output.code, self.normalise(&output.stdout), self.normalise(&output.stderr))
    }

    /// The text without what differs between two runs.
    fn normalise(&self, text: &[u8]) -> String {
        let rules = [
            (r"\b(node-debugger-\S+)-[a-z0-9]{5}\b", "${1}-NAME"),
            // client-go of 1.30 and 1.33 reads from a WebSocket before it is ready, and says so now and then.
            (r"E\d{4} [^\n]* websocket\.go:\d+\] Unknown stream id \d, discarding message\r?\n", ""),
        ];
        rules.iter().fold(normalise(text, &self.way.namespace.0), |text, (pattern, with)| {
            Regex::new(pattern).expect("pattern").replace_all(&text, *with).into_owned()
        })
    }
}

/// Waits until standard output is this text.
#[track_caller]
fn wait_for_output(process: &Process, text: &str) {
    wait_for(&format!("{text:?}"), PATIENCE, || (process.stdout() == text.as_bytes()).then_some(()));
}
