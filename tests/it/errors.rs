//! What users see when something goes wrong: the whole of it, as a person reads it, kept in `errors/*.txt`.
//!
//! `MK8S_TEST_UPDATE=1` writes the files anew. Read what has changed: does it say what failed, why, and what to do?

mod accounts;
mod clusters;
mod machine;
mod usage;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex_lite::Regex;
use tempfile::TempDir;

use crate::support::process::MK8S;
use crate::support::stack::quiet;
use crate::support::{Central, Output, run};

/// What is different each time, and what stands for it.
const MASKS: [(&str, &str); 10] = [
    (r"request: \S+", "request: ID"),
    (r"sha256:[0-9a-f]{64}", "sha256:PIN"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:PORT"),
    (r"localhost:\d{4,5}", "localhost:PORT"),
    (r"it-\d+-\d{4}", "NAMESPACE"),
    (r"mk8s-edit-\w+", "mk8s-edit-X"),
    (r"\d+[smhd] ago", "5s ago"),
    (r"\(version \S+\)", "(version VERSION)"),
];

/// A user, with a directory of their own.
struct User {
    dir: TempDir,
    /// The texts that stand for others.
    masks: Vec<(String, &'static str)>,
}

impl User {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("mk8s-user-").tempdir().expect("temporary directory");
        let mut masks = vec![(dir.path().display().to_string(), "HOME")];
        // Paths are shown without the links in them, too.
        masks.push((fs::canonicalize(dir.path()).expect("a path").display().to_string(), "HOME"));
        Self { dir, masks }
    }

    /// One who has to do with a central.
    fn of(central: &Central) -> Self {
        let mut user = Self::new();
        user.masks.push((central.dir.path().display().to_string(), "CENTRAL"));
        user
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("mkdir");
        fs::write(&path, text).expect("write");
        path
    }

    /// `mk8s`, with no settings but the file for its state.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(MK8S);
        quiet(&mut command).env("MK8S_CONFIG", self.dir.path().join("config.yaml")).current_dir(self.dir.path());
        command.env("TMPDIR", self.dir.path()).env("EDITOR", "false").args(words(line));
        command
    }

    /// The same for a central, with the token of its admin and the cluster `dev`.
    fn at(&self, central: &Central, line: &str) -> Command {
        let mut command = self.command(line);
        command.env("MK8S_SERVER", &central.url).env("MK8S_CA_FILE", central.ca_file());
        command.env("MK8S_TOKEN", Central::token()).env("MK8S_CLUSTER", "dev");
        command
    }

    /// Runs a command and compares what it leaves with the file of this name.
    fn check(&self, problems: &mut Problems, name: &str, command: &mut Command) {
        self.check_with(problems, name, command, "");
    }

    fn check_with(&self, problems: &mut Problems, name: &str, command: &mut Command, stdin: &str) {
        let line: Vec<String> = command.get_args().map(|arg| quoted(&arg.to_string_lossy())).collect();
        let output = run(command, stdin.as_bytes());
        problems.compare(name, &self.masked(&text(&line.join(" "), &output)));
    }

    fn masked(&self, text: &str) -> String {
        let text = self.masks.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        MASKS.iter().fold(text, |text, (pattern, to)| {
            Regex::new(pattern).expect("a pattern").replace_all(&text, *to).into_owned()
        })
    }
}

/// The words of a line; those between single quotation marks are one.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate();
    quoted
        .flat_map(|(number, part)| match number % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

fn quoted(word: &str) -> String {
    if word.contains([' ', '*']) || word.is_empty() { format!("'{word}'") } else { word.to_owned() }
}

fn text(line: &str, output: &Output) -> String {
    let mut text = format!("$ mk8s {line}\n");
    if !output.stdout.is_empty() {
        text += &format!("--- standard output\n{}", output.out());
    }
    text += &format!("--- standard error\n{}--- exit code {}\n", output.err(), output.code);
    text
}

/// What is not as it is written down.
#[derive(Default)]
struct Problems {
    found: Vec<String>,
    seen: BTreeSet<String>,
}

impl Problems {
    fn compare(&mut self, name: &str, text: &str) {
        assert!(self.seen.insert(name.to_owned()), "{name} is there twice");
        let path = directory().join(format!("{name}.txt"));
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if std::env::var_os("MK8S_TEST_UPDATE").is_some() {
            fs::write(&path, text).expect("write");
        } else if text != expected {
            self.found.push(format!("{name}\n--- expected\n{expected}\n--- found\n{text}"));
        }
    }

    /// Nothing differs.
    #[track_caller]
    fn expect_none(self) {
        let found = self.found.join("\n");
        assert!(found.is_empty(), "MK8S_TEST_UPDATE=1 writes these anew; read them then:\n\n{found}");
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/errors")
}

/// All have one form: what failed, why, what to do, and which request it was.
#[test]
fn every_error_has_the_same_form() {
    let mut count = 0;
    for entry in fs::read_dir(directory()).expect("read").map(|entry| entry.expect("entry").path()) {
        if entry.extension().is_none_or(|ending| ending != "txt") {
            continue;
        }
        let (name, text) = (entry.display().to_string(), fs::read_to_string(&entry).expect("read"));
        let errors = text.split("--- standard error\n").nth(1).unwrap_or_else(|| panic!("{name}: no standard error"));
        let (errors, code) = errors.rsplit_once("--- exit code ").unwrap_or_else(|| panic!("{name}: no exit code"));
        assert_ne!(code, "0\n", "{name}");
        assert!(!errors.contains('\u{1b}') && !errors.contains("panicked"), "{name}");
        // What kubectl itself says is kubectl's; all others begin in one way, and go on in one.
        let starts = ["error: ", "  why: ", "  try: ", "  request: ", "  usage: ", "A copy of your changes "];
        let is_ours = |line: &str| starts.iter().any(|start| line.starts_with(start));
        if !name.ends_with("-by-kubectl.txt") {
            let first = errors.lines().find(|line| line.starts_with("error: "));
            assert!(first.is_some_and(|line| !line.ends_with('.')), "{name}: {errors}");
            let after = errors.lines().skip_while(|line| !line.starts_with("error: "));
            let strange: Vec<&str> = after.filter(|line| !is_ours(line)).collect();
            assert!(strange.is_empty(), "{name}: {strange:?}");
        }
        count += 1;
    }
    assert!(count >= 30, "{count}");
}
