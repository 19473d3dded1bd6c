//! k9s as a person uses it, in tmux: lists pods, shows the logs of one, opens a shell in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::setup::{Way, client};
use crate::support::{PATIENCE, Stack, run, wait_for};

#[test]
fn k9s_lists_pods_shows_logs_and_opens_a_shell() {
    let Some(k9s) = client("k9s") else { return };
    if run(Command::new("sh").args(["-c", "command -v tmux"]), b"").code != 0 {
        println!("k9s is not tested: there is no tmux");
        return;
    }
    let stack = Stack::start();
    let way = Way::through(&stack.central);
    way.namespace.pod("talker", "echo a line of the log; exec sleep 100000");
    let screen = Screen::start(&way, &k9s);
    screen.wait_for("talker");
    screen.wait_for("Running");
    screen.type_keys(&["l"]);
    screen.wait_for("a line of the log");
    screen.type_keys(&["Escape"]);
    screen.wait_for("Running");
    screen.type_keys(&["s"]);
    screen.wait_for("<<K9s-Shell>>");
    screen.type_keys(&["echo a$((1+1))b", "Enter"]);
    screen.wait_for("a2b");
    screen.type_keys(&["exit", "Enter"]);
    screen.wait_for("Running");
}

/// A screen of 160 by 40 with k9s on it; ended when dropped.
struct Screen {
    socket: PathBuf,
}

impl Screen {
    fn start(way: &Way, k9s: &Path) -> Self {
        let this = Self { socket: way.dir().join("tmux") };
        let mut tmux = way.command(Path::new("tmux"));
        tmux.arg("-S").arg(&this.socket).args(["-f", "/dev/null", "new-session", "-d", "-x", "160", "-y", "40"]);
        tmux.arg(k9s).args(["--logoless", "--splashless", "--command=pods", "--refresh=1"]);
        run(&mut tmux, b"").expect(0);
        this
    }

    fn tmux(&self, args: &[&str]) -> String {
        run(Command::new("tmux").arg("-S").arg(&self.socket).args(args), b"").expect(0).out()
    }

    /// Presses keys, by their names in tmux.
    fn type_keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Waits until the text is on the screen.
    #[track_caller]
    fn wait_for(&self, text: &str) {
        let mut last = String::new();
        let deadline = std::time::Instant::now() + PATIENCE;
        while !last.contains(text) {
            assert!(std::time::Instant::now() < deadline, "no {text:?} on the screen:\n{last}");
            std::thread::sleep(std::time::Duration::from_millis(50));
            last = self.tmux(&["capture-pane", "-p"]);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        run(Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server"), b"");
        wait_for("the end of tmux", PATIENCE, || {
            let mut tmux = Command::new("tmux");
            (run(tmux.arg("-S").arg(&self.socket).arg("list-sessions"), b"").code != 0).then_some(())
        });
    }
}
