//! Many clusters at a terminal: a line of progress that is never mixed with what commands write.

use super::{ENDLESS, Scene};
use crate::support::Terminal;

/// What the line of progress is cleared with.
const CLEAR: &str = "\r\x1b[K";

#[test]
fn progress_is_shown_and_cleared() {
    let scene = Scene::with_map();
    let wait = ["wait", "--for=jsonpath={.data.key}=changed", "--timeout=1h", "configmap/map"];
    let mut command = scene.command(&["--clusters", "prod-*,off"], &wait);
    let mut terminal = Terminal::start_sized(command.env("TERM", "xterm"), (24, 200));
    terminal.expect("off       | error: cluster \"off\" is offline");
    terminal.expect("1/4 done, 1 failed, waiting for prod-a, prod-b, prod-long");
    scene.namespace.kubectl(&["patch", "configmap", "map", "-p", r#"{"data":{"key":"changed"}}"#], "");
    let screen = terminal.end(6);
    for name in ["prod-a   ", "prod-b   ", "prod-long"] {
        let line = format!("{name} | configmap/map condition met\r\n");
        let before = screen.split(&line).next().filter(|before| before.len() < screen.len());
        let before = before.unwrap_or_else(|| panic!("no {line:?} in {screen:?}"));
        assert!(
            before.ends_with('\n') || before.ends_with(CLEAR),
            "{line:?} is not at the beginning of a line: {screen:?}"
        );
    }
    let summary = screen.rsplit("error: failed in 1 of 4 clusters: off\r\n").next().expect("the end");
    assert!(!summary.contains("done") && !summary.contains('\x1b'), "{screen:?}");
}

#[test]
fn a_dumb_terminal_has_no_progress_and_ctrl_c_works() {
    let scene = Scene::with_map();
    for (term, shows) in [("dumb", false), ("xterm", true)] {
        let mut command = scene.command(&["--clusters", "prod-*"], &ENDLESS);
        let mut terminal = Terminal::start_sized(command.env("TERM", term), (24, 200));
        scene.wait_for_children(3);
        if shows {
            terminal.expect("0/3 done, waiting for prod-a, prod-b, prod-long");
        }
        let screen = terminal.control('c').end(130);
        assert_eq!(screen.contains('\x1b'), shows, "{screen:?}");
        assert!(screen.contains("not finished in 3 clusters\r\n  3 stopped\r\n"), "{screen:?}");
        scene.wait_for_children(0);
    }
}
