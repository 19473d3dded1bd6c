//! The parser agrees with kubectl: kubectl run with the arguments that the parser makes of a command line asks the same
//! things of the API server, prints the same and ends the same as with the arguments as they were given.
//!
//! `MK8S_TEST_COMMANDS=2000` runs more command lines than CI does.

#[path = "support/command_lines.rs"]
mod command_lines;
#[path = "support/recorder.rs"]
mod recorder;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use mk8s::kubernetes::kubectl::CommandLine;
use regex_lite::Regex;

use self::command_lines::Generator;
use self::recorder::{MANIFEST, Recorder, Server};
use crate::kubectl_table::parallel;
use crate::support::{kubernetes, run};

/// How many command lines are tried.
const COMMANDS: usize = 500;

/// How many kubectl processes run at once, each with a recorder of its own.
const PARALLEL: usize = 4;

/// How long a kubectl may take, in seconds, before it is killed; it then counts with what it asked until then.
const LIMIT: &str = "20";

/// How often a command line that differs is tried. A wrong argument differs each time; a `--timeout=1s` of the line, or
/// our own limit, cuts a kubectl short only where the machine is slow.
const ATTEMPTS: usize = 3;

/// What a run of kubectl did.
#[derive(PartialEq, Eq)]
struct Deed {
    code: i32,
    stdout: String,
    /// Without repetitions: how often kubectl asks again depends on time.
    requests: BTreeSet<String>,
}

#[test]
fn canonical_arguments_mean_the_same_to_kubectl() {
    let count = std::env::var("MK8S_TEST_COMMANDS").map_or(COMMANDS, |count| count.parse().expect("a number"));
    let lines = Generator::new(6).lines(count, |line| CommandLine::parse(line).is_ok());
    let server = Server::start();
    let pieces: Vec<(Recorder, &[Vec<String>])> =
        lines.chunks(count.div_ceil(PARALLEL)).map(|piece| (server.recorder(), piece)).collect();
    let (asking, writing, stuck) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let problems = parallel(&pieces, |(recorder, lines)| {
        // Fills the cache of what the API server offers.
        recorder.kubectl(&["api-resources".to_owned()]);
        let differing = |line: &&Vec<String>| {
            let canonical = CommandLine::parse(line).expect("accepted before").canonical();
            let given = deed(recorder, line);
            asking.fetch_add(usize::from(!given.requests.is_empty()), Ordering::Relaxed);
            writing.fetch_add(usize::from(given.requests.iter().any(|r| !r.starts_with("GET"))), Ordering::Relaxed);
            stuck.fetch_add(usize::from(given.code == 124), Ordering::Relaxed);
            given != deed(recorder, &canonical)
                && !(1..ATTEMPTS).any(|_| deed(recorder, line) == deed(recorder, &canonical))
        };
        lines.iter().filter(differing).map(|line| difference(recorder, line)).collect::<Vec<_>>()
    })
    .concat();
    let (asking, writing, stuck) = (asking.into_inner(), writing.into_inner(), stuck.into_inner());
    eprintln!("{count} command lines: {asking} ask something, {writing} write, {stuck} were killed");
    assert!(problems.is_empty(), "{} of {count} differ\n\n{}", problems.len(), problems.join("\n"));
    assert!(asking * 5 > count * 2 && writing * 5 > count && stuck * 50 < count, "the command lines show too little");
}

fn deed(recorder: &Recorder, args: &[String]) -> Deed {
    let (output, requests) = recorder.kubectl(args);
    let requests = requests.iter().map(|request| normalise(&sorted(request))).collect();
    Deed { code: output.code, stdout: normalise(&output.out()), requests }
}

/// Both runs once more, in words.
fn difference(recorder: &Recorder, line: &[String]) -> String {
    let canonical = CommandLine::parse(line).expect("accepted before").canonical();
    let mut text = String::new();
    for args in [line, &canonical] {
        let (output, requests) = recorder.kubectl(args);
        let out = output.out().chars().take(600).collect::<String>();
        text += &format!("kubectl {args:?}\n  code {}\n  {out}\n  {}  {requests:#?}\n", output.code, output.err());
    }
    text
}

/// The request with the parts of its field selector in order: kubectl keeps them in a map.
fn sorted(request: &str) -> String {
    let Some((before, selector)) = request.split_once("fieldSelector=") else { return request.to_owned() };
    let end = selector.find('&').unwrap_or(selector.len());
    let mut parts: Vec<&str> = selector[..end].split("%2C").collect();
    parts.sort_unstable();
    format!("{before}fieldSelector={}{}", parts.join("%2C"), &selector[end..])
}

/// The text without times and made-up names.
fn normalise(text: &str) -> String {
    let rules = [
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", "TIME"),
        (r"timeoutSeconds=\d+", "timeoutSeconds=N"),
        (r"debugger-(n1-)?[a-z0-9]{5}\b", "debugger-NAME"),
        (r"kubectl-[a-z]+-\d+", "FILE"),
        (r"(LIVE|MERGED)-\d+", "${1}-N"),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, with)| {
        Regex::new(pattern).expect("pattern").replace_all(&text, *with).into_owned()
    })
}

/// kubectl, ended after a while, with nothing of this environment, as agents run it.
fn bounded(kubeconfig: &Path, cache: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg(LIMIT).arg(&kubernetes().kubectl).env_clear();
    command.envs([("KUBECONFIG", kubeconfig), ("KUBECACHEDIR", cache)]);
    command.envs([("HOME", "/nonexistent"), ("PATH", "/usr/bin:/bin"), ("KUBECTL_KUBERC", "false"), ("TERM", "dumb")]);
    command
}

impl Recorder {
    /// Runs kubectl; what it wrote, and what it asked, without what is only about the API itself.
    fn kubectl(&self, args: &[String]) -> (crate::support::Output, Vec<String>) {
        self.forget();
        let output = run(bounded(&self.kubeconfig, &self.cache).args(args), MANIFEST.as_bytes());
        (output, self.requests())
    }
}
