//! What requests mean, compared with the API server's own code on generated requests.

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use mk8s::kubernetes::attributes::{Attributes, needed};
use mk8s::kubernetes::request_info::{RequestInfo, RequestInfoError, ResourceInfo};
use mk8s::kubernetes::target::Target;

mod generator;
use generator::Requests;

/// What the API server's own code says about a request; see `tests/kubernetes/requestinfo`.
#[derive(Debug, serde::Deserialize)]
struct Answer {
    error: String,
    utf8: bool,
    path: String,
    query: String,
    is_resource: bool,
    verb: String,
    group: String,
    version: String,
    namespace: String,
    resource: String,
    subresource: String,
    name: String,
    initial_events: Option<bool>,
}

impl Answer {
    fn info(&self) -> Result<RequestInfo, RequestInfoError> {
        match (self.error.as_str(), self.is_resource) {
            ("request", _) => Err(RequestInfoError::NoResource),
            (_, false) => Ok(RequestInfo::Path { verb: self.verb.clone(), path: self.path.clone() }),
            (_, true) => Ok(RequestInfo::Resource(ResourceInfo {
                verb: self.verb.clone(),
                group: self.group.clone(),
                version: self.version.clone(),
                namespace: self.namespace.clone(),
                resource: self.resource.clone(),
                subresource: self.subresource.clone(),
                name: self.name.clone(),
            })),
        }
    }
}

/// How many requests of each sort were seen, so that a generator that has gone blunt does not go unnoticed.
#[derive(Debug, Default)]
struct Seen {
    compared: usize,
    accepted: usize,
    not_a_url: usize,
    errors: usize,
    watches: usize,
    named_lists: usize,
    bad_options: usize,
    initial_events: usize,
}

impl Seen {
    /// Compares one request.
    ///
    /// # Errors
    /// What differs.
    fn compare(&mut self, method: &str, raw: &str, answer: &Answer) -> Result<(), String> {
        let target = Target::parse(raw);
        if answer.error == "target" {
            self.not_a_url += 1;
            return target.map_or(Ok(()), |_| Err("Go refuses this target, and we do not".into()));
        }
        let theirs = answer.info();
        if answer.utf8 {
            self.compared += 1;
            let ours = RequestInfo::resolve(method, &answer.path, &answer.query);
            if ours != theirs {
                return Err(format!("we say {ours:?}, the API server {theirs:?}"));
            }
        }
        match &theirs {
            Err(_) => self.errors += 1,
            Ok(RequestInfo::Resource(info)) if matches!(info.verb.as_str(), "list" | "watch") => {
                self.watches += usize::from(info.verb == "watch");
                self.named_lists += usize::from(!info.name.is_empty());
                self.bad_options += usize::from(answer.initial_events.is_none());
            }
            Ok(_) => {}
        }
        let Ok(target) = target else { return Ok(()) };
        self.accepted += 1;
        if target.path() != answer.path || target.query() != answer.query || target.as_str() != raw {
            return Err(format!("we read {target:?}, Go {answer:?}"));
        }
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method);
        let expected = match theirs {
            _ if !known => Err(RequestInfoError::Method),
            Ok(RequestInfo::Resource(info)) if info.verb.is_empty() => Err(RequestInfoError::NoVerb),
            other => other,
        };
        let ours = RequestInfo::of(method, &target);
        if ours != expected {
            return Err(format!("strictly we say {ours:?}, and it should be {expected:?}"));
        }
        let Ok(RequestInfo::Resource(info)) = &ours else { return Ok(()) };
        if let (true, Some(initial)) = (info.verb == "watch", answer.initial_events) {
            self.initial_events += usize::from(initial);
            let needed = needed(&RequestInfo::Resource(info.clone()), &target, None);
            let list = needed.iter().any(|a| matches!(a, Attributes::Resource { verb, .. } if verb == "list"));
            if list != initial {
                return Err(format!("the watch begins with a list: {initial}; and it needs {needed:?}"));
            }
        }
        Ok(())
    }
}

#[test]
fn requests_mean_the_same_as_to_the_api_server() {
    let number = |name: &str, default| match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|e| panic!("{name}: {e}")),
        Err(_) => default,
    };
    let seed = number("MK8S_TEST_SEED", 0x006d_6b38_7300);
    let count = usize::try_from(number("MK8S_TEST_REQUESTS", 50_000)).expect("a number of requests");

    let mut oracle =
        Command::new(oracle()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("start the oracle");
    let mut questions = BufWriter::new(oracle.stdin.take().expect("stdin"));
    let writer = std::thread::spawn(move || {
        for request in Requests::new(seed).take(count) {
            serde_json::to_writer(&mut questions, &request)?;
            questions.write_all(b"\n")?;
        }
        questions.flush()
    });
    let mut seen = Seen::default();
    let mut answers = BufReader::new(oracle.stdout.take().expect("stdout")).lines();
    for (index, (method, raw)) in Requests::new(seed).take(count).enumerate() {
        let line = answers.next().expect("an answer to each request").expect("read");
        let answer: Answer = serde_json::from_str(&line).expect("an answer");
        if let Err(difference) = seen.compare(method, &raw, &answer) {
            panic!("request {index} of MK8S_TEST_SEED={seed}: {method} {raw:?}: {difference}");
        }
    }
    writer.join().expect("the writer").expect("write");
    assert!(oracle.wait().expect("wait").success());
    println!("{count} requests: {seen:?}");

    for (what, number, least) in [
        ("compared", seen.compared, count / 2),
        ("accepted", seen.accepted, count / 4),
        ("no URLs", seen.not_a_url, count / 50),
        ("errors", seen.errors, count / 500),
        ("watches", seen.watches, count / 100),
        ("lists of one name", seen.named_lists, count / 200),
        ("bad options", seen.bad_options, count / 100),
        ("watches that begin with a list", seen.initial_events, count / 2000),
    ] {
        assert!(number >= least, "too few requests of one sort: {what}: {number} of {count}");
    }
}

/// The program that asks the API server's code; the first time it is built, which takes a minute.
fn oracle() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubernetes/build-tool");
    let output = Command::new(script).arg("requestinfo").stderr(Stdio::inherit()).output().expect("run build-tool");
    assert!(output.status.success(), "tests/kubernetes/build-tool failed");
    String::from_utf8(output.stdout).expect("a path").trim().to_owned()
}
