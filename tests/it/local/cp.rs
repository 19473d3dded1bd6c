//! Copied files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{WAYS, command, setup};
use crate::support::{Link, Namespace, Output, Stack, run};

struct Copy<'a> {
    stack: &'a Stack,
    namespace: &'a Namespace,
    dir: &'a Path,
}

impl Copy<'_> {
    fn run(&self, way: &[&str], args: &[&str]) -> Output {
        run(command(&self.stack.central, way, &self.namespace.0, "cp", args).current_dir(self.dir), b"")
    }

    /// What a shell in the pod writes.
    fn sh(&self, script: &str) -> String {
        self.namespace.kubectl(&["exec", "web", "--", "sh", "-c", script], "")
    }
}

fn sum(path: &Path) -> String {
    let output = run(std::process::Command::new("sha256sum").arg(path), b"").expect(0).out();
    output.split(' ').next().expect("a sum").to_owned()
}

#[test]
fn files_go_and_come_back_as_they_were() {
    let (stack, namespace) = setup();
    let dir = tempfile::tempdir().expect("temporary directory");
    let copy = Copy { stack: &stack, namespace: &namespace, dir: dir.path() };
    let bytes: Vec<u8> = (0..50u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(dir.path().join("large"), &bytes).expect("write");
    fs::create_dir_all(dir.path().join("tree/empty")).expect("mkdir");
    let long = format!("{}.txt", "n".repeat(200));
    for (name, text) in [("a b", "one"), ("run.sh", "two"), (long.as_str(), "three")] {
        fs::write(dir.path().join("tree").join(name), text).expect("write");
    }
    fs::set_permissions(dir.path().join("tree/run.sh"), fs::Permissions::from_mode(0o750)).expect("chmod");
    for way in WAYS {
        let place = format!("web:there-{}", way.len());
        copy.run(way, &["large", &place]).expect(0);
        let there = copy.sh(&format!("sha256sum there-{}", way.len()));
        assert_eq!(there.split(' ').next(), Some(sum(&dir.path().join("large")).as_str()));
        copy.run(way, &[&place, "back"]).expect(0);
        assert!(fs::read(dir.path().join("back")).expect("read") == bytes, "the file came back different");

        // A directory that is there takes the other one; one that is not becomes it.
        copy.sh(&format!("mkdir -p into-{}", way.len()));
        let output = copy.run(way, &["tree", &format!("{}/web:into-{}", namespace.0, way.len()), "-c", "main"]);
        assert_eq!(output.expect(0).out(), "");
        let mode = copy.sh(&format!("cd into-{}/tree && cat 'a b' && ls && stat -c %a run.sh", way.len()));
        assert_eq!(mode, format!("onea b\nempty\n{long}\nrun.sh\n750\n"));
        let again = format!("again-{}", way.len());
        copy.run(way, &["--no-preserve", "tree", &format!("web:{again}")]).expect(0);
        copy.sh(&format!("ln -s /etc/passwd {again}/link && mkfifo {again}/pipe && ln {again}/run.sh {again}/same"));
        let output = copy.run(way, &[&format!("web:./{again}/"), "tree-back"]).expect(0);
        assert!(output.err().contains("skipping the link tree-back/link -> /etc/passwd"), "{}", output.err());
        assert!(output.err().contains("skipping tree-back/pipe"), "{}", output.err());
        let back = dir.path().join("tree-back");
        assert_eq!(fs::read_to_string(back.join("a b")).expect("read"), "one");
        assert_eq!(fs::read_to_string(back.join(&long)).expect("read"), "three");
        assert_eq!(fs::read_to_string(back.join("same")).expect("read"), "two");
        assert!(back.join("empty").is_dir() && !back.join("link").exists() && !back.join("pipe").exists());
        fs::remove_dir_all(back).expect("rm");
    }
}

/// An archive made by hand: names, as they are, of files that hold `evil`; then more than fits on the way.
fn archive(names: &[&str]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, content).expect("append");
    };
    names.iter().for_each(|name| add(name, b"evil"));
    add("d/large", &vec![0; 4 << 20]);
    archive.into_inner().expect("an archive")
}

/// What a `tar` writes is up to whoever owns its container. This one's gives an archive that was made by hand.
#[test]
fn an_archive_that_leads_elsewhere_is_refused() {
    let (stack, namespace) = setup();
    let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "evil"},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "main", "image": "shell",
            "command": ["sleep", "100000"],
            "env": [{"name": "TAR_OPTIONS", "value": "--use-compress-program=./fake"}]}]}});
    namespace.kubectl(&["apply", "-f", "-"], &pod.to_string());
    namespace.kubectl(&["wait", "--for=jsonpath={.status.phase}=Running", "pod/evil", "--timeout=60s"], "");
    let sh = |script: &str, input: &str| namespace.kubectl(&["exec", "-i", "evil", "--", "sh", "-c", script], input);
    sh("mkdir d; cat > fake; chmod +x fake", "#!/bin/sh\ncat > /dev/null\nexec cat archive\n");
    for (name, code) in [("d/good", 0), ("../evil", 1), ("d/../../evil", 1), ("/tmp/evil-of-a-pod", 1), ("evil", 1)] {
        sh("base64 -d > archive", &STANDARD.encode(archive(&["d/good", name])));
        for way in WAYS {
            let dir = tempfile::tempdir().expect("temporary directory");
            let out = dir.path().join("out");
            fs::create_dir(&out).expect("mkdir");
            let mut command = command(&stack.central, way, &namespace.0, "cp", &["evil:d", "got"]);
            let output = run(command.current_dir(&out), b"");
            let code = if code == 1 && !way.is_empty() { 2 } else { code };
            assert_eq!(output.code, code, "{name}: {}", output.err());
            assert_eq!(
                output.err().contains(&format!("refused: the archive of the container holds {name:?}")),
                code != 0
            );
            assert_eq!(fs::read_to_string(out.join("got/good")).expect("read"), "evil");
            assert!(!dir.path().join("evil").exists() && !out.join("evil").exists() && !out.join("got/evil").exists());
            assert!(!Path::new("/tmp/evil-of-a-pod").exists());
        }
    }
}

#[test]
fn failures_say_what_and_where() {
    let (stack, namespace) = setup();
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::write(dir.path().join("file"), "text").expect("write");
    let copy = Copy { stack: &stack, namespace: &namespace, dir: dir.path() };
    for (args, code, words) in [
        (&["web:nosuch", "x"][..], 1, &["tar in the container failed with exit code 2", "nosuch"][..]),
        (&["file", "web:nosuch/x"], 1, &["tar in the container failed", "nosuch"]),
        (&["nosuch", "web:x"], 1, &["cannot read nosuch"]),
        (&["nosuch:x", "y"], 5, &["pods \"nosuch\" not found", "request: ", "mk8s kubectl get pods"]),
        (&["web:x", "y", "-c", "nosuch"], 5, &["has no container \"nosuch\"", "main"]),
        (&["a", "b"], 2, &["one of both paths"]),
        (&["web:a", "web:b"], 2, &["one of both paths"]),
        (&["web:", "b"], 2, &["behind the colon"]),
    ] {
        let output = copy.run(WAYS[0], args);
        assert_eq!((output.code, output.out().as_str()), (code, ""), "{args:?}: {}", output.err());
        for word in words {
            assert!(output.err().contains(word), "{args:?}: {}", output.err());
        }
    }
    let output = copy.run(WAYS[1], &["web:a", "b", "--retries=x"]);
    assert!(output.code == 2 && output.err().contains("a number, such as 3"), "{}", output.err());
    let mut offline = command(&stack.central, WAYS[0], &namespace.0, "cp", &["web:a", "b"]);
    assert_eq!(run(offline.env("MK8S_CLUSTER", "ghost"), b"").code, 6);
}

#[test]
fn a_copy_goes_on_when_its_connection_has_broken() {
    let (stack, namespace) = setup();
    let dir = tempfile::tempdir().expect("temporary directory");
    let copy = Copy { stack: &stack, namespace: &namespace, dir: dir.path() };
    copy.sh("mkdir 'a b' && seq 2000000 > 'a b/numbers' && seq 10 > 'a b/few'");
    for (way, retries, code) in [(WAYS[0], "3", 0), (WAYS[1], "-1", 0), (WAYS[0], "0", 1)] {
        let link = Link::breaking(&stack.central, 4 << 20);
        let back = dir.path().join(format!("back{retries}"));
        let flag = format!("--retries={retries}");
        let args = ["web:a b", back.to_str().expect("a path"), &flag];
        let mut command = command(&stack.central, way, &namespace.0, "cp", &args);
        let output = run(command.env("MK8S_SERVER", link.url(&stack.central)), b"");
        assert!(link.has_broken() && output.code == code, "{retries}: {} {}", output.code, output.err());
        assert_eq!(output.err().contains("going on in a moment (retry 1 of "), code == 0, "{}", output.err());
        if code == 0 {
            let expected: String = (1..=2_000_000).map(|number| format!("{number}\n")).collect();
            assert!(fs::read_to_string(back.join("numbers")).expect("read") == expected, "it came back different");
            assert_eq!(fs::read_to_string(back.join("few")).expect("read").lines().count(), 10);
        } else {
            assert!(output.err().contains("the connection to central was lost"), "{}", output.err());
        }
    }
}
