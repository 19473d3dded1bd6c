//! krew makes a plugin of kubectl of a release: of its archive and its manifest.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::setup::client;
use crate::plugin::manifest_of;
use crate::support::process::MK8S;
use crate::support::{Output, kubernetes, run};

/// kubectl with a home of its own, and with krew and what it installs there on the PATH.
fn kubectl(home: &Path, krew: &Path, args: &[&str]) -> Output {
    let bin = home.join("bin");
    if !bin.exists() {
        fs::create_dir(&bin).expect("create");
        std::os::unix::fs::symlink(krew, bin.join("kubectl-krew")).expect("symlink");
    }
    let mut command = Command::new(&kubernetes().kubectl);
    command.env_clear().env("HOME", home).env("KREW_ROOT", home.join("krew")).env("KREW_NO_UPGRADE_CHECK", "1");
    command.env("PATH", format!("{}:{}:/usr/bin:/bin", bin.display(), home.join("krew/bin").display()));
    run(command.args(args), b"")
}

/// Packs what the release packs for this machine, and returns its hash.
fn archive(dir: &Path) -> String {
    let packed = dir.join("packed");
    fs::create_dir(&packed).expect("create");
    fs::copy(MK8S, packed.join("mk8s")).expect("copy");
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("LICENSE"), packed.join("LICENSE")).expect("copy");
    let mut tar = Command::new("tar");
    tar.args(["--use-compress-program", "gzip -1", "-cf"]).arg(dir.join("mk8s.tar.gz")).arg("-C").arg(&packed).arg(".");
    run(&mut tar, b"").expect(0);
    let hash = run(Command::new("sha256sum").arg(dir.join("mk8s.tar.gz")), b"").expect(0).out();
    hash.split(' ').next().expect("a hash").to_owned()
}

#[test]
fn installs_and_removes_it() {
    let Some(krew) = client("krew") else { return };
    let dir = tempfile::Builder::new().prefix("mk8s-client-").tempdir().expect("temporary directory");
    let home = dir.path();
    let hash = archive(home);
    let install = |hash: &str| {
        fs::write(home.join("mk8s.yaml"), manifest_of(hash)).expect("write");
        let [manifest, archive] = ["mk8s.yaml", "mk8s.tar.gz"].map(|name| home.join(name).display().to_string());
        let places = [format!("--manifest={manifest}"), format!("--archive={archive}")];
        kubectl(home, &krew, &["krew", "install", &places[0], &places[1]])
    };

    let another = install(&"0a".repeat(32));
    assert!(
        another.code != 0 && another.err().contains("checksum"),
        "an archive that is not the release's: {another:?}"
    );
    assert_ne!(kubectl(home, &krew, &["mk8s", "version"]).code, 0, "it was installed all the same");

    let installed = install(&hash).expect(0);
    assert!(installed.err().contains("kubectl mk8s login"), "no word of what to do next: {installed:?}");
    let version = kubectl(home, &krew, &["mk8s", "version"]).expect(0).out();
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    let plugins = kubectl(home, &krew, &["plugin", "list"]).expect(0).out();
    assert!(plugins.contains("krew/bin/kubectl-mk8s"), "{plugins}");

    // It removes nothing without an index of plugins, which is in the network; an empty one is enough.
    fs::create_dir_all(home.join("krew/index/default/.git")).expect("create");
    kubectl(home, &krew, &["krew", "uninstall", "mk8s"]).expect(0);
    assert_ne!(kubectl(home, &krew, &["mk8s", "version"]).code, 0, "it is there still");
}
