//! What lasts: watches, followed logs, output and input of a container, files.

use std::fs;

use nix::sys::signal::Signal::SIGINT;

use super::{Kubectl, Outcome, wait_for_output};
use crate::support::{PATIENCE, Process, number, run, wait_for};

/// A pod that says more when it finds the file `go`.
const TALKER: &str = "echo first; while [ ! -e go ]; do sleep 0.1; done; echo second; exec sleep 0.2";

/// One that talks until it finds it.
const TICKER: &str = "while [ ! -e go ]; do echo tick; sleep 0.1; done; echo last; echo words >&2; exec sleep 0.2";

impl Kubectl<'_> {
    /// Does all of it; what came of each.
    pub fn run_streams(&self) -> Vec<Outcome> {
        let named = |name: &str, text: String| (name.to_owned(), text);
        vec![
            named("get --watch", self.watch()),
            named("logs --follow", self.follow()),
            named("attach", self.attach()),
            named("run -i", self.feed()),
            named("cp", self.copy()),
        ]
    }

    /// A change is seen by a watch that has been there before.
    fn watch(&self) -> String {
        let name = format!("seen-{}", self.web_socket);
        self.way.namespace.kubectl(&["create", "configmap", &name, "--from-literal=n=1"], "");
        let line = format!(r#"get configmap {name} --watch -o 'jsonpath={{.data.n}}{{"\n"}}'"#);
        let mut watch = Process::start(&mut self.command(&line));
        wait_for_output(&watch, "1\n");
        self.way.namespace.kubectl(&["patch", "configmap", &name, r#"--patch={"data": {"n": "2"}}"#], "");
        wait_for_output(&watch, "1\n2\n");
        watch.signal(SIGINT);
        format!("{} {:?}", watch.wait(PATIENCE), String::from_utf8_lossy(&watch.stdout()))
    }

    /// A log is shown as it is written, and ends with its container.
    fn follow(&self) -> String {
        let pod = format!("talker-{}", self.web_socket);
        self.way.namespace.pod(&pod, TALKER);
        let mut logs = Process::start(&mut self.command(&format!("logs --follow {pod}")));
        wait_for_output(&logs, "first\n");
        self.way.namespace.kubectl(&["exec", &pod, "--", "touch", "go"], "");
        wait_for_output(&logs, "first\nsecond\n");
        format!("{} {:?}", logs.wait(PATIENCE), String::from_utf8_lossy(&logs.stdout()))
    }

    /// What a container writes is shown from then on, and ends with it.
    fn attach(&self) -> String {
        let pod = format!("ticker-{}", self.web_socket);
        self.way.namespace.pod(&pod, TICKER);
        let mut attach = Process::start(&mut self.command(&format!("attach {pod}")));
        wait_for("a tick", PATIENCE, || attach.stdout().starts_with(b"tick\n").then_some(()));
        self.way.namespace.kubectl(&["exec", &pod, "--", "touch", "go"], "");
        let code = attach.wait(PATIENCE);
        // How many ticks it has seen is chance.
        let out = String::from_utf8_lossy(&attach.stdout()).replace("tick\n", "");
        format!("{code} {out:?} {:?}", self.normalise(attach.stderr().join("\n").as_bytes()))
    }

    /// A pod that is made for what comes in, and goes with it.
    fn feed(&self) -> String {
        let name = format!("piped-{}", self.web_socket);
        let line =
            format!("run {name} -i --rm --image=shell --restart=Never --command -- sh -c 'cat; echo and an end'");
        self.text(&run(&mut self.command(&line), b"what goes in\n"))
    }

    /// A file of 5 MiB, or 50 with the slow tests, comes back as it went.
    fn copy(&self) -> String {
        let size = number("MK8S_TEST_CLIENTS", 0).min(1) * 45 + 5;
        let bytes: Vec<u8> = (0..size << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        fs::write(self.way.dir().join("file"), &bytes).expect("write");
        let there = run(&mut self.command("cp file web:copied"), b"");
        let back = run(&mut self.command("cp web:copied back"), b"");
        let sum = run(&mut self.command("exec web -- sha256sum copied"), b"");
        let back_file = self.way.dir().join("back");
        let same = fs::read(&back_file).is_ok_and(|came| came == bytes);
        assert!(same || self.way.name != "directly", "kubectl itself: {}", self.text(&back));
        let _ = fs::remove_file(back_file);
        format!("{same} {} {} {}", self.text(&there), self.text(&back), self.text(&sum))
    }
}
