//! A person at a terminal: a shell, a container that has a terminal of its own, and one that is added to a pod.

use super::{Kubectl, Outcome};
use crate::support::Terminal;

/// The size of the window at the start, and then.
const SMALL: (u16, u16) = (33, 101);
const LARGE: (u16, u16) = (44, 121);

/// Shows nothing but what it says, so that what is on the screen does not depend on when a key is pressed; and waits for
/// the size of the window, of which it is told when it runs already.
const SCRIPT: &str = r#"
stty -echo
until [ "$(stty size)" = "33 101" ]; do sleep 0.1; done; echo small
until [ "$(stty size)" = "44 121" ]; do sleep 0.1; done; echo large
read -r line; echo "got $line"
trap 'echo interrupted; exit 7' INT
echo waiting; while true; do sleep 0.1; done
"#;

impl Kubectl<'_> {
    /// Does all of it; what was on the screen, and the exit code.
    pub fn run_terminals(&self) -> Vec<Outcome> {
        let console = format!("console-{}", self.web_socket);
        self.way.namespace.pod_with(&console, SCRIPT, true);
        let attach = format!("attach -it {console}");
        let debug = format!("debug web -it -c {console} --image=shell -- sh -c");
        let exec = "exec -it web -- sh -c";
        vec![
            ("exec -it".into(), self.shell()),
            ("exec -it with a size".into(), self.session(exec, Some(SCRIPT))),
            (attach.clone(), self.session(&attach, None)),
            (debug.clone(), self.session(&debug, Some(SCRIPT))),
        ]
    }

    /// A shell: a command, Ctrl-C, and an exit code.
    fn shell(&self) -> String {
        let mut terminal = Terminal::start(&self.command("exec -it web -- sh"));
        terminal.enter("echo a$((1+1))b").expect("a2b");
        // Who says that is who gets the signal: the shell alone would wait on.
        terminal.enter("sh -c 'echo sleeps; exec sleep 1000'").expect("sleeps\r\n").control('c');
        terminal.enter("echo c$((2+2))d").expect("c4d");
        terminal.enter("exit 7").end(7);
        "7".into()
    }

    /// The script: the window at the start and its change, a line, Ctrl-C, and the end.
    fn session(&self, line: &str, script: Option<&str>) -> String {
        let mut command = self.command(line);
        command.args(script);
        let mut terminal = Terminal::start_sized(&command, SMALL);
        terminal.expect("small\r\n").resize(LARGE).expect("large\r\n");
        terminal.enter("a line").expect("got a line\r\n");
        terminal.expect("waiting\r\n").control('c').expect("interrupted\r\n");
        let (code, screen) = terminal.finish();
        format!("{code} {:?}", self.normalise(screen.as_bytes()))
    }
}
