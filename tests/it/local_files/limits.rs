//! Large files: they stream, and whoever leaves in the middle leaves nothing behind.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{Home, left_over, mk8s};
use crate::support::{Namespace, PATIENCE, Stack, wait_for};

/// How many objects are in the large file; each has a mebibyte.
const OBJECTS: usize = 50;

/// What the memory of central may grow by, in kibibytes, while 50 MiB go through it.
const GROWTH: u64 = 16 << 10;

/// A value in /proc of a process, in kibibytes.
fn memory(pid: i32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the value");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

fn write_large(home: &Home) {
    let file = fs::File::create(home.work().join("large.yaml")).expect("create");
    let mut file = std::io::BufWriter::new(file);
    for number in 0..OBJECTS {
        write!(file, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: large-{number}}}\ndata:\n")
            .expect("write");
        for line in 0..16 {
            writeln!(file, "  k{line}: {}", "x".repeat((64 << 10) - 10)).expect("write");
        }
    }
    file.flush().expect("flush");
}

#[test]
fn fifty_mebibytes_stream_through_central() {
    let (stack, home, namespace) = (Stack::start(), Home::new(), Namespace::create());
    write_large(&home);
    let pid = stack.central.process.pid();
    home.run(mk8s(&stack), "create --dry-run=client -o name -f map.yaml", &namespace, b"").expect(0);
    let before = memory(pid, "VmHWM:");
    let line = "create --dry-run=client --validate=false -o name -f large.yaml";
    let output = home.run(mk8s(&stack), line, &namespace, b"").expect(0);
    assert_eq!(output.out().lines().count(), OBJECTS);
    let grown = memory(pid, "VmHWM:") - before;
    assert!(grown < GROWTH, "central needed {grown} KiB more for a file of {OBJECTS} MiB");
    // What went through is counted, and nothing of it is kept. The end of a command is recorded a moment after it.
    let record = wait_for("the end in the audit log", PATIENCE, || {
        let audit = stack.run(&["audit", "--kind", "exec", "--limit", "1", "-o", "json"]).expect(0).out();
        audit.contains("bytes_in").then_some(audit)
    });
    assert!(record.len() < 4096 && !record.contains("xxxx"));
    let record: serde_json::Value = serde_json::from_str(record.lines().next().expect("a record")).expect("JSON");
    assert!(record["bytes_in"].as_u64() > Some((OBJECTS as u64) << 20), "{record}");
    assert!(record["command"].as_str().is_some_and(|line| line.contains("--filename=large.yaml")), "{record}");
}

#[test]
fn who_leaves_in_the_middle_leaves_nothing() {
    let (stack, home) = (Stack::start(), Home::new());
    write_large(&home);
    let mut command: Command = mk8s(&stack);
    command.args(["exec", "-i", "-f", "large.yaml", "--", "cat"]).current_dir(home.work());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("spawn");
    wait_for("files of the command", PATIENCE, || (!left_over(&stack).is_empty()).then_some(()));
    child.kill().expect("kill");
    child.wait().expect("wait");
    wait_for("nothing is left", PATIENCE, || {
        (left_over(&stack).is_empty() && stack.agent.children().is_empty()).then_some(())
    });
}
