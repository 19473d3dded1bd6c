//! A remote kubectl cannot get out: every way that is known is tried, through the client and through `POST exec`, by the
//! admin, who may do everything that is to be done in the cluster. Each is refused, and nothing happens.

pub mod lines;

use std::path::Path;

use lines::Line;

use crate::support::attempt::{WAYS, Way, words_in};
use crate::support::canary::{Canary, ListenerWatch};
use crate::support::process::MK8S;
use crate::support::stack::TOKEN;
use crate::support::{Agent, Attempt, Central, Namespace, PATIENCE, Process};

/// A stack whose agent has something to lose, and a namespace with something in it.
pub struct Prey {
    agent: Agent,
    /// Its central.
    pub central: Central,
    /// What must not be reached.
    pub canary: Canary,
    /// A namespace with the pod `web`, and the configmap `map`.
    pub namespace: Namespace,
}

impl Prey {
    /// One of the program under test.
    pub fn start() -> Self {
        Self::of(Path::new(MK8S))
    }

    /// One of another build of it.
    pub fn of(program: &Path) -> Self {
        let canary = Canary::new();
        let central = Central::start_program(program, Central::prepared(), &[]);
        let dir = tempfile::Builder::new().prefix("mk8s-agent-test-").tempdir().expect("temporary directory");
        let mut command = Agent::command_of(program, &dir, &central, TOKEN);
        let path = std::env::var("PATH").expect("PATH");
        let external = canary.programs().join("external");
        command
            .env("MK8S_CANARY", &canary.secret)
            .env("PATH", format!("{}:{path}", canary.programs().display()))
            .envs(["KUBECTL_EXTERNAL_DIFF", "EDITOR", "KUBE_EDITOR", "VISUAL", "SHELL"].map(|name| (name, &external)));
        let agent = Agent { process: Process::start(&mut command), dir };
        central.wait_until(true, PATIENCE);
        let namespace = Namespace::create();
        namespace.kubectl(&["create", "configmap", "map", "--from-literal=key=value"], "");
        namespace.pod("web", "exec sleep 100000");
        Self { agent, central, canary, namespace }
    }

    /// Tries a command line as the admin. What came of it, and what harm was done.
    pub fn attempt(&self, way: Way, (line, stdin): Line) -> (Attempt, Vec<String>) {
        let agent = self.agent.process.pid();
        let fill = |text: &str| self.canary.fill(text).replace("{agent}", &agent.to_string());
        let args: Vec<String> = words_in(line, &self.namespace.0).iter().map(|word| fill(word)).collect();
        let watch = ListenerWatch::start(agent);
        let attempt = self.central.attempt(way, Central::token(), &args, &fill(stdin));
        let mut harm: Vec<String> =
            watch.end().into_iter().map(|address| format!("it listened on {address}")).collect();
        harm.extend(self.canary.harm(&attempt.text()));
        (attempt, harm)
    }
}

/// Tries all of them; fails with all that were not refused, or did harm.
fn refused(lines: &[Line]) {
    refused_in(&WAYS, lines);
}

fn refused_in(ways: &[Way], lines: &[Line]) {
    let prey = Prey::start();
    let mut problems = Vec::new();
    for line in lines {
        for way in ways.iter().copied() {
            let (attempt, harm) = prey.attempt(way, *line);
            if !attempt.refused || !harm.is_empty() {
                problems.push(format!("kubectl {} ({way:?}): {harm:?}\n  {}", line.0, attempt.brief()));
            }
            if attempt.refused && attempt.stderr.len() < 20 {
                problems.push(format!("kubectl {} ({way:?}): no reason is given: {}", line.0, attempt.brief()));
            }
        }
    }
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    prey.central.run(&["kubectl", "get", "pods"]).expect(0);
}

#[test]
fn another_kubeconfig() {
    refused(lines::KUBECONFIGS);
}

#[test]
fn another_server() {
    refused(lines::SERVERS);
}

#[test]
fn another_identity() {
    refused(lines::IDENTITIES);
}

#[test]
fn files_of_the_agent() {
    // The client takes them for files of its own user, and sends those.
    refused_in(&[Way::Post], lines::FILES);
}

#[test]
fn files_that_would_be_written() {
    refused(lines::WRITES);
}

#[test]
fn the_environment_and_the_kubeconfig_of_the_agent() {
    refused(lines::ENVIRONMENT);
}

#[test]
fn programs_beside_kubectl() {
    refused(lines::PROGRAMS);
    // The client opens the editor of its user, on the user's machine.
    refused_in(&[Way::Post], lines::EDITORS);
}

#[test]
fn addresses_beside_the_api_server() {
    refused(lines::ADDRESSES);
}

#[test]
fn ports_and_sockets() {
    refused(lines::SOCKETS);
    // The client listens itself, on the machine of its user.
    refused_in(&[Way::Post], lines::LISTENERS);
}

#[test]
fn what_looks_dangerous_and_is_not() {
    let prey = Prey::start();
    for line in lines::HARMLESS {
        for way in WAYS {
            let (attempt, harm) = prey.attempt(way, *line);
            assert!(harm.is_empty(), "kubectl {} ({way:?}): {harm:?}\n  {}", line.0, attempt.brief());
            let well = line.0 == "version --client" || line.0.starts_with("create configmap");
            assert_eq!(attempt.succeeded, well, "kubectl {} ({way:?}): {}", line.0, attempt.brief());
        }
    }
    let (diff, _) = prey.attempt(Way::Client, ("diff -f -", lines::CHANGED));
    assert!(diff.code == 1 && diff.stdout.contains("+  key: changed"), "{}", diff.brief());
}
