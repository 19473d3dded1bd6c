//! The program as a plugin of kubectl, its manifest for krew, and its manual pages.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::process::MK8S;
use crate::support::stack::quiet;
use crate::support::{Central, Output, kubernetes, run};

/// kubectl with the program as `kubectl-mk8s` in a directory of its PATH.
fn kubectl_mk8s(central: &Central, args: &[&str]) -> Output {
    let dir = tempfile::tempdir().expect("temporary directory");
    symlink(MK8S, dir.path().join("kubectl-mk8s")).expect("symlink");
    let mut command = Command::new(&kubernetes().kubectl);
    quiet(&mut command);
    for (name, value) in central.mk8s().get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    run(command.env("PATH", path).env("HOME", dir.path()).arg("mk8s").args(args), b"")
}

#[test]
fn kubectl_runs_it_as_a_plugin() {
    let central = Central::start();
    assert_eq!(kubectl_mk8s(&central, &["clusters", "list", "-o", "name"]).expect(0).out(), "dev\nghost\n");
    let help = kubectl_mk8s(&central, &["--help"]).expect(0).out();
    assert!(help.contains("Usage: kubectl mk8s "), "{help}");
    let help = kubectl_mk8s(&central, &["clusters", "use", "--help"]).expect(0).out();
    assert!(help.contains("Usage: kubectl mk8s clusters use "), "{help}");
    let wrong = kubectl_mk8s(&central, &["clusters", "usee"]);
    assert!(wrong.code == 2 && wrong.err().contains("kubectl mk8s clusters"), "{wrong:?}");
    // Words behind `kubectl` are kubectl's here too.
    let refused = kubectl_mk8s(&central, &["kubectl", "get", "pods", "--kubeconfig=x"]);
    assert!(refused.code == 2 && refused.err().contains("--kubeconfig"), "{refused:?}");
    let own = run(central.mk8s().arg("--help"), b"").expect(0).out();
    assert!(own.contains("Usage: mk8s "), "{own}");
}

/// The manifest as a release fills it in whose archives have this hash.
pub fn manifest_of(hash: &str) -> String {
    let template = include_str!("../../deploy/krew/mk8s.yaml");
    let filled = [
        ("${VERSION}", env!("CARGO_PKG_VERSION")),
        ("${HOMEPAGE}", "https://mk8s.example.com"),
        ("${DOWNLOADS}", "https://mk8s.example.com/releases/0.1.0"),
        ("${SHA256_AMD64}", hash),
        ("${SHA256_ARM64}", hash),
    ]
    .iter()
    .fold(template.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!filled.contains("${"), "a variable that nobody fills in: {filled}");
    filled
}

/// The keys of a table are these, the ones with `?` perhaps.
#[track_caller]
fn has_keys(value: &Value, keys: &[&str]) {
    let found: Vec<&str> = value.as_object().expect("a table").keys().map(String::as_str).collect();
    for key in keys.iter().filter(|key| !key.ends_with('?')) {
        assert!(found.contains(key), "no {key} in {value}");
    }
    for key in &found {
        assert!(keys.iter().any(|known| known.trim_end_matches('?') == *key), "{key} means nothing to krew");
    }
}

/// What krew demands of a manifest: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/
#[test]
fn the_manifest_is_one_of_krew() {
    let manifest: Value = serde_saphyr::from_str(&manifest_of(&"0a".repeat(32))).expect("YAML");
    has_keys(&manifest, &["apiVersion", "kind", "metadata", "spec"]);
    assert_eq!(manifest["apiVersion"], "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!((&manifest["kind"], &manifest["metadata"]["name"]), (&"Plugin".into(), &"mk8s".into()));
    let spec = &manifest["spec"];
    has_keys(spec, &["version", "homepage?", "shortDescription", "description?", "caveats?", "platforms"]);
    assert_eq!(spec["version"], format!("v{}", env!("CARGO_PKG_VERSION")));
    let short = spec["shortDescription"].as_str().expect("text");
    assert!(short.len() <= 50 && !short.contains('\n'), "{short}");
    let lines = ["description", "caveats"].map(|key| spec[key].as_str().expect("text"));
    assert!(lines.iter().flat_map(|text| text.lines()).all(|line| line.len() <= 80));
    let platforms = spec["platforms"].as_array().expect("a list");
    let mut archs = Vec::new();
    for platform in platforms {
        has_keys(platform, &["selector", "uri", "sha256", "files?", "bin"]);
        let labels = &platform["selector"]["matchLabels"];
        assert_eq!(labels["os"], "linux");
        let arch = labels["arch"].as_str().expect("text");
        archs.push(arch);
        let uri = platform["uri"].as_str().expect("text");
        assert!(uri.starts_with("https://") && uri.ends_with(&format!("-linux-{arch}.tar.gz")), "{uri}");
        let hash = platform["sha256"].as_str().expect("text");
        assert!(hash.len() == 64 && hash.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')), "{hash}");
        for file in platform["files"].as_array().expect("a list") {
            has_keys(file, &["from", "to"]);
        }
        let bin = platform["bin"].as_str().expect("text");
        assert!(platform["files"].as_array().expect("a list").iter().any(|file| file["from"] == bin), "{bin}");
    }
    assert_eq!(archs, ["amd64", "arm64"]);
}

/// How many commands there are that people see, and below them.
fn count(command: &clap::Command) -> usize {
    let shown = command.get_subcommands().filter(|child| !child.is_hide_set() && child.get_name() != "help");
    1 + shown.map(count).sum::<usize>()
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let target = Path::new(MK8S).parent().and_then(Path::parent).expect("the target directory");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--locked", "--quiet", "--example", "man", "--target-dir"]).arg(target);
    run(cargo.arg("--").arg(dir.path()).current_dir(env!("CARGO_MANIFEST_DIR")), b"").expect(0);
    let pages: Vec<PathBuf> = std::fs::read_dir(&dir).expect("read").flatten().map(|entry| entry.path()).collect();
    assert_eq!(pages.len(), count(&mk8s::cli::command()));
    for page in ["mk8s.1", "mk8s-doctor.1", "mk8s-clusters-use.1", "mk8s-admin-users-create.1"] {
        assert!(dir.path().join(page).is_file(), "{page}");
    }
    assert!(!pages.iter().any(|page| page.to_string_lossy().contains("__")), "{pages:?}");
    let groff = Command::new("groff").arg("--version").output().is_ok_and(|output| output.status.success());
    for page in pages.iter().filter(|_| groff) {
        let output = run(Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(page), b"").expect(0);
        assert_eq!(output.err(), "", "{}", page.display());
    }
}
