//! What is shown of things that take time: a line on a terminal, which goes, and nothing anywhere else.

use std::fs;
use std::process::Command;

use crate::support::process::MK8S;
use crate::support::{Link, Namespace, Stack, Terminal, run};

/// A cleared line.
const CLEAR: &str = "\r\u{1b}[K";

/// A file that takes three seconds over a link.
const BYTES: usize = 12 << 20;
const RATE: u64 = 4 << 20;

/// A command of the client in a shell, with its standard output in the file `out`.
fn in_shell(stack: &Stack, link: &Link, line: &str, dir: &std::path::Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("\"$0\" {line} > out"), MK8S]).current_dir(dir);
    for (name, value) in stack.central.mk8s().get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("MK8S_SERVER", link.url(&stack.central)).env("TERM", "xterm");
    command
}

#[test]
fn what_takes_long_is_shown_on_a_terminal_and_goes() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    namespace.pod("web", "exec sleep 100000");
    let link = Link::slow(&stack.central, RATE);
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::write(dir.path().join("large"), vec![b'x'; BYTES]).expect("write");
    let out = || fs::read_to_string(dir.path().join("out")).expect("read");
    let upload = "kubectl create configmap x --dry-run=client -o name --from-file=large";
    let up = format!("cp -n {} large web:large", namespace.0);
    let down = format!("cp -n {} web:large back", namespace.0);
    for (line, shown, printed) in
        [(upload, "sending 1 file: ", "configmap/x\n"), (&up, "copying large: ", ""), (&down, "copying large: ", "")]
    {
        let mut terminal = Terminal::start_sized(&in_shell(&stack, &link, line, dir.path()), (24, 60));
        terminal.expect(&format!("{CLEAR}{shown}")).expect(" MiB").expect("/s").expect(CLEAR);
        let screen = terminal.end(0);
        assert!(screen.ends_with(CLEAR) && !screen.contains('\n'), "{line}: {screen:?}");
        if line == down {
            assert!(!screen.contains(" of "), "how much comes is not known: {screen:?}");
        } else {
            assert!(screen.contains(" MiB of 12.0 MiB, "), "{line}: {screen:?}");
        }
        // Five times a second at most, and not in the first second.
        let updates = screen.matches(shown).count();
        assert!((2..40).contains(&updates), "{updates}: {screen:?}");
        assert_eq!(out(), printed, "{line}");
    }
    assert_eq!(fs::metadata(dir.path().join("back")).expect("the file").len(), BYTES as u64);

    // Neither in a pipe, nor on a terminal that can do nothing.
    let output = run(&mut in_shell(&stack, &link, upload, dir.path()), b"").expect(0);
    assert_eq!((output.err().as_str(), out().as_str()), ("", "configmap/x\n"));
    let screen = Terminal::start(in_shell(&stack, &link, upload, dir.path()).env("TERM", "dumb")).end(0);
    assert_eq!(screen, "");
}

#[test]
fn what_is_fast_shows_nothing_and_waiting_is_shown() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::write(dir.path().join("small"), "text").expect("write");
    let mut command = stack.central.mk8s();
    command.args(["kubectl", "create", "configmap", "x", "--dry-run=client", "-o", "name", "--from-file=small"]);
    let screen = Terminal::start(command.current_dir(dir.path()).env("TERM", "xterm")).end(0);
    assert_eq!(screen, "configmap/x\r\n");
    let service = serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "none"},
        "spec": {"selector": {"app": "nosuch"}, "ports": [{"port": 80}]}});
    namespace.kubectl(&["apply", "-f", "-"], &service.to_string());
    let mut command = stack.central.mk8s();
    command.args(["port-forward", "-n", &namespace.0, "svc/none", ":80", "--pod-running-timeout=4s"]);
    let mut terminal = Terminal::start(command.env("TERM", "xterm"));
    terminal.expect(&format!("{CLEAR}waiting for a pod of service/none to run: 1 s")).expect(CLEAR);
    let screen = terminal.end(7);
    assert!(!screen.contains("run: 0 s"), "nothing in the first second: {screen:?}");
    assert!(screen.contains(&format!("{CLEAR}error: no pod of service/none runs after 4 s")), "{screen:?}");
}
