//! The manifests in `deploy/manifests` are what the charts make, and the API server takes them.
//!
//! `MK8S_TEST_UPDATE=1` writes them anew.

use std::fs;
use std::path::Path;

use super::setup::{Helm, root};
use crate::support::{kubernetes, run};

/// The texts of the manifests in a directory, by name.
fn manifests(directory: &Path) -> Vec<(String, String)> {
    let files = fs::read_dir(directory).expect("read_dir").flatten().map(|entry| entry.path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), fs::read_to_string(path).expect("read"))).collect()
}

#[test]
fn the_manifests_are_those_of_the_charts() {
    let Some(helm) = Helm::find() else { return };
    let directory = root().join("deploy/manifests");
    let fresh = tempfile::tempdir().expect("temporary directory");
    let to = if std::env::var_os("MK8S_TEST_UPDATE").is_some() { &directory } else { fresh.path() };
    let mut render = std::process::Command::new(directory.join("render"));
    render.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", fresh.path()).env("HELM", &helm.program);
    run(render.arg(to), b"").expect(0);
    let (now, wanted) = (manifests(&directory), manifests(to));
    let names = |of: &[(String, String)]| of.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&now), names(&wanted), "a manifest is missing, or made by nothing");
    for ((name, now), (_, wanted)) in now.iter().zip(&wanted) {
        assert!(now == wanted, "deploy/manifests/{name} is stale: run deploy/manifests/render");
        let mut apply = kubernetes().direct(None);
        let output = run(apply.args(["apply", "--dry-run=server", "-f", "-"]), now.as_bytes());
        assert!(output.code == 0 && !output.err().contains("would violate"), "{name}: {}", output.err());
    }
}
