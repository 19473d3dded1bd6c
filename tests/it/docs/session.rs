//! A person with a fresh home at a terminal, who types what pages say and answers what is asked.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::Command;

use tempfile::TempDir;

use super::markdown::pattern;
use super::root;
use super::shell::Typed;
use crate::support::process::MK8S;
use crate::support::stack::quiet;
use crate::support::{PATIENCE, Terminal, kubernetes, wait_for};

/// Runs the steps one after the other in one shell, and says how each has ended.
const DRIVER: &str = r#"
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
step=1
until [ -e "$STEPS/end" ]; do
    if [ -e "$STEPS/$step" ]; then
        source "$STEPS/$step"
        printf '\n@@ step %s ended with %s @@\n' "$step" "$?"
        step=$((step + 1))
    else
        sleep 0.02
    fi
done
"#;

/// What pages call the port of central.
const PORT: &str = "8443";

/// The password that is chosen where a new one is asked for.
const NEW_PASSWORD: &str = "four words are enough";

/// What is logged when a server that was started in the background does its work.
const READY: [&str; 2] = ["central is listening", "tunnel open"];

/// A shell at a terminal.
pub struct Session {
    dir: TempDir,
    port: u16,
    terminal: Terminal,
    steps: usize,
}

impl Session {
    /// A person who has the program, kubectl, the kubeconfig of a cluster, and the files of the repository.
    pub fn begin() -> Self {
        let dir = tempfile::Builder::new().prefix("mk8s-docs-").tempdir().expect("temporary directory");
        for name in ["home/.kube", "bin", "work", "steps"] {
            fs::create_dir_all(dir.path().join(name)).expect("mkdir");
        }
        fs::copy(&kubernetes().kubeconfig, dir.path().join("home/.kube/config")).expect("copy");
        symlink(MK8S, dir.path().join("bin/mk8s")).expect("link");
        symlink(&kubernetes().kubectl, dir.path().join("bin/kubectl")).expect("link");
        symlink(root().join("deploy"), dir.path().join("work/deploy")).expect("link");
        // Free at this moment; the pages name one port in several places.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let mut bash = Command::new("bash");
        quiet(&mut bash).args(["--noprofile", "--norc", "-c", DRIVER]).current_dir(dir.path().join("work"));
        bash.env("HOME", dir.path().join("home")).env("STEPS", dir.path().join("steps"));
        bash.env("PATH", format!("{}:/usr/bin:/bin", dir.path().join("bin").display())).env("TERM", "dumb");
        bash.env("MK8S_CENTRAL_LISTEN", format!("127.0.0.1:{port}")).env_remove("XDG_DATA_HOME");
        let terminal = Terminal::start_sized(&bash, (50, 200));
        Self { dir, port, terminal, steps: 0 }
    }

    /// Types something, answers what the page shows as a question, and waits for its end; what is wrong with it.
    pub fn step(&mut self, at: &str, typed: &Typed) -> Vec<String> {
        self.steps += 1;
        let text = typed.text.replace(PORT, &self.port.to_string());
        let before = self.terminal.screen().len();
        let steps = self.dir.path().join("steps");
        fs::write(steps.join("next"), format!("{text}\n")).expect("write");
        // At once or not at all, since the shell looks for it.
        fs::rename(steps.join("next"), steps.join(self.steps.to_string())).expect("rename");
        for line in &typed.shown {
            self.answer(line);
        }
        self.terminal.expect(&format!("@@ step {} ended with ", self.steps)).expect(" @@");
        let shown = self.terminal.screen()[before..].replace('\r', "");
        self.await_background(&typed.text);
        let end = shown.rsplit("ended with ").next().and_then(|end| end.split(' ').next()).unwrap_or_default();
        let mut problems = Vec::new();
        if end != "0" {
            problems.push(format!("{at}: `{text}` ended with {end}:\n{shown}"));
        } else if let Some(line) = first_missing(&typed.shown, &shown) {
            problems.push(format!("{at}: `{text}` does not show {line:?} but:\n{shown}"));
        }
        problems
    }

    /// Answers a question, if a line that the page shows is one.
    fn answer(&mut self, line: &str) {
        if let Some(question) = line.strip_suffix(" y") {
            self.terminal.answer(question, "y");
        } else if matches!(line.trim_end(), "New password:" | "Repeat it:") {
            self.terminal.answer_hidden(line.trim_end(), NEW_PASSWORD);
        } else if line.ends_with(':') && line.contains("assword") {
            // The file is there until the password has been changed.
            let file = self.dir.path().join("home/.local/share/mk8s/central/initial-admin-password");
            let password = fs::read_to_string(file).unwrap_or_else(|_| NEW_PASSWORD.to_owned());
            self.terminal.answer_hidden(line, password.trim());
        }
    }

    /// Waits until a server that a step has left in the background does its work, as its log says.
    fn await_background(&self, text: &str) {
        let Some(log) = pattern(r"2>\s*(\S+)\s*&\s*(?:#.*)?$").captures(text) else { return };
        let log = self.dir.path().join("work").join(&log[1]);
        wait_for(&format!("a server after {text:?}"), PATIENCE, || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            READY.iter().any(|ready| text.contains(ready)).then_some(())
        });
    }

    /// Closes the shell; what it has left in the background ends.
    pub fn end(mut self) {
        fs::write(self.dir.path().join("steps/end"), "").expect("write");
        self.terminal.end(0);
    }
}

/// The first line of a page that is not among what was shown, in this order. Words with digits are alike, `…` is anything.
fn first_missing<'a>(expected: &'a [String], shown: &str) -> Option<&'a String> {
    let mut lines = shown.lines();
    expected
        .iter()
        .filter(|line| !line.trim().is_empty() && line.trim() != "…")
        .find(|line| !lines.any(|shown| is_like(line, shown)))
}

fn is_like(expected: &str, shown: &str) -> bool {
    let word = |word: &str| match word {
        "…" => r".*".to_owned(),
        word if word.contains(|c: char| c.is_ascii_digit()) => r"\S*[0-9]\S*".to_owned(),
        word => regex_lite::escape(word).replace('…', ".*"),
    };
    // What was typed at a question that hides it is not there.
    let words: Vec<String> = expected.split_whitespace().map(word).collect();
    pattern(&format!(r"^\s*{}\s*$", words.join(r"\s*"))).is_match(shown)
}

#[test]
fn what_is_shown_is_compared_by_words() {
    let shown = "NAME   AGE\nweb    12s\nlast line 4\n";
    let missing =
        |lines: &[&str]| first_missing(&lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>(), shown).cloned();
    assert_eq!(missing(&["NAME AGE", "web   3s", "last … 9"]), None);
    assert_eq!(missing(&["web 1s", "NAME AGE"]).as_deref(), Some("NAME AGE"));
    assert_eq!(missing(&["api 1s"]).as_deref(), Some("api 1s"));
}
