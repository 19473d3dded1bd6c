//! What the tests of the charts share: helm, the charts, and their sets of values.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::clients::setup::client;
use crate::support::{Output, kubernetes, run};

/// The charts, each with the role of the program that it runs.
pub const CHARTS: [(&str, &str); 2] = [("mk8s-central", "central"), ("mk8s-agent", "agent")];

/// helm, with files of its own.
pub struct Helm {
    /// Where it is.
    pub program: PathBuf,
    home: TempDir,
}

impl Helm {
    /// `None` when it has not been built and is not asked for.
    pub fn find() -> Option<Self> {
        let program = client("helm")?;
        Some(Self { program, home: tempfile::tempdir().expect("temporary directory") })
    }

    /// A command that knows no cluster, with nothing of this process's environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin").current_dir(root());
        command
    }

    /// Runs it with the kubeconfig of the administrator.
    pub fn run(&self, args: &[&str]) -> Output {
        run(self.command().env("KUBECONFIG", &kubernetes().kubeconfig).args(args), b"")
    }

    /// What a chart is with these values.
    pub fn template(&self, chart: &str, namespace: &str, args: &[&str]) -> Output {
        let mut command = self.command();
        command.args(["template", chart]).arg(directory(chart)).args(["--namespace", namespace]).args(args);
        run(&mut command, b"")
    }
}

/// The directory of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directory of a chart.
pub fn directory(chart: &str) -> PathBuf {
    root().join("deploy/charts").join(chart)
}

/// The sets of values of a chart, by file.
pub fn value_sets(chart: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(directory(chart).join("ci")).expect("read_dir").flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    files
}

/// A YAML text.
pub fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The objects of a text with several documents.
pub fn objects(text: &str) -> Vec<Value> {
    let is_object = |part: &&str| part.lines().any(|line| line.starts_with("kind:"));
    text.split("\n---\n").filter(is_object).map(yaml).collect()
}

/// Those of a kind.
pub fn of_kind<'a>(objects: &'a [Value], kinds: &'a [&str]) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(|object| object["kind"].as_str().is_some_and(|kind| kinds.contains(&kind)))
}

/// All keys of a table with their values, those of tables in it with dots.
pub fn leaves(value: &Value, prefix: &str) -> Vec<(String, Value)> {
    let Some(keys) = value.as_object().filter(|keys| !keys.is_empty()) else {
        return vec![(prefix.to_owned(), value.clone())];
    };
    let path = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    keys.iter().flat_map(|(key, value)| leaves(value, &path(key))).collect()
}
