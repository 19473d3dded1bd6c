//! A person at a terminal, with the remote kubectl: a shell, an editor, and every way in which a session can end. The
//! terminal is always left as it was.

use std::fs;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal::{self, SIGHUP, SIGKILL, SIGQUIT, SIGTERM};
use nix::unistd::Pid;
use serde_json::json;

use crate::support::process::MK8S;
use crate::support::stack::children_of;
use crate::support::{Central, Namespace, PATIENCE, Stack, Terminal, kubernetes, run, wait_for};

/// The size of the window at the start, and then.
const SMALL: (u16, u16) = (33, 101);
const LARGE: (u16, u16) = (44, 121);

/// Runs a command in a terminal that is set in an unusual way, and compares how it is set afterwards.
const COMPARED: &str = r#"
stty -ixon -imaxbel erase ^H
before=$(stty -g); "$@"; code=$?; after=$(stty -g)
if [ "$after" = "$before" ]; then echo "as before, $code"; else echo "changed, $code"; stty -a; fi
"#;

/// A stack, and a namespace with the pod `web`, which does nothing and in which commands can be run.
struct Scene {
    stack: Stack,
    namespace: Namespace,
}

impl Scene {
    fn start() -> Self {
        let scene = Self { stack: Stack::start(), namespace: Namespace::create() };
        scene.namespace.pod("web", "exec sleep 100000");
        scene
    }

    /// `mk8s kubectl` with these arguments, in the namespace.
    fn kubectl(&self, args: &[&str]) -> Command {
        let mut command = self.stack.central.mk8s();
        command.args(["kubectl", "--namespace", &self.namespace.0]).args(args);
        command
    }

    /// The same at a terminal, in a shell that compares how the terminal is set before and after.
    fn compared(&self, args: &[&str]) -> Terminal {
        self.compared_as(Central::token(), args)
    }

    /// The same with somebody's token.
    fn compared_as(&self, token: &str, args: &[&str]) -> Terminal {
        let mut shell = Command::new("sh");
        shell.args(["-c", COMPARED, "sh", MK8S, "kubectl", "--namespace", &self.namespace.0]).args(args);
        let client = self.kubectl(&[]);
        for (name, value) in client.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        Terminal::start_sized(shell.env("MK8S_TOKEN", token), SMALL)
    }

    /// A shell in the pod that says `ready` when it takes commands.
    fn remote_shell(&self) -> Terminal {
        let mut terminal = self.compared(&["exec", "-it", "web", "--", "sh"]);
        terminal.enter("echo rea$((0))dy").expect("rea0dy\r\n");
        terminal
    }

    /// Waits until the agent runs no kubectl.
    #[track_caller]
    fn wait_until_idle(&self) {
        wait_for("the end of kubectl at the agent", PATIENCE, || self.stack.agent.children().is_empty().then_some(()));
    }
}

/// The client that a shell runs.
fn client_of(terminal: &Terminal) -> Pid {
    Pid::from_raw(wait_for("the client", PATIENCE, || children_of(terminal.pid()).first().copied()))
}

fn signal(terminal: &Terminal, signal: Signal) {
    nix::sys::signal::kill(client_of(terminal), signal).expect("kill");
}

#[test]
fn a_shell_in_a_container_is_as_at_home() {
    let scene = Scene::start();
    let mut terminal = scene.remote_shell();
    terminal.enter("stty size; echo $((3*3))").expect("33 101\r\n").expect("9\r\n").resize(LARGE);
    terminal.enter("until [ \"$(stty size)\" = '44 121' ]; do sleep 0.1; done; echo lar$((0))ge").expect("lar0ge\r\n");
    // Ctrl-C is for the program in the container, and for no other.
    terminal.enter("sh -c 'echo slee$((0))ps; exec sleep 1000'").expect("slee0ps\r\n").control('c');
    terminal.enter("echo aft$((0))er $?").expect("aft0er 130\r\n");
    // So is Ctrl-Z, and the shell has it in its hands.
    terminal.enter("sh -c 'echo slee$((1))ps; exec sleep 1000'").expect("slee1ps\r\n").control('z').expect("Stopped");
    terminal.enter("kill -9 %1; echo kil$((0))led").expect("kil0led\r\n");
    // Ctrl-D ends what reads.
    terminal.enter("cat; echo c$((0))t").enter("a line").expect("a line\r\n").expect("a line\r\n");
    terminal.control('d').expect("c0t\r\n");
    // What looks like the way out, but stands in a line, is nothing but text; nor is what was pasted.
    terminal.keys("echo a").keys("~.~").enter("").expect("\r\na~.~\r\n");
    terminal.enter("cat >/dev/null; echo c$((1))t").enter("a paste\r~.\r~~").expect("\r\n~~\r\n").control('d');
    terminal.expect("c1t\r\n").enter("exit 7").expect("as before, 7\r\n").end(0);
    scene.wait_until_idle();
}

#[test]
fn a_typed_character_is_echoed_at_once() {
    let scene = Scene::start();
    let mut terminal = scene.compared(&["exec", "-it", "web", "--", "sh", "-c", "echo on; cat"]);
    terminal.expect("on\r\n");
    let mut delays: Vec<Duration> = ('a'..='z').cycle().take(200).map(|letter| terminal.echo_of(letter)).collect();
    delays.sort();
    eprintln!("from a key to its echo: p50 {:?}, p95 {:?}, max {:?}", delays[99], delays[189], delays[199]);
    terminal.enter("").control('d').expect("as before, 0\r\n").end(0);
}

#[test]
fn much_output_comes_complete_before_the_end() {
    let scene = Scene::start();
    let mut terminal = scene.compared(&["exec", "-it", "web", "--", "seq", "200000"]);
    let screen = terminal.expect("as before, 0\r\n").end(0);
    let expected: String = (1..=200_000).map(|number| format!("{number}\r\n")).collect();
    assert!(screen.starts_with(&expected), "{} bytes of {}", screen.len(), expected.len());
}

#[test]
fn an_editor_draws_its_screen() {
    let scene = Scene::start();
    let editor = ["vi", "vim", "less"].into_iter().find(|name| run(Command::new("which").arg(name), b"").code == 0);
    let Some(editor) = editor else { return eprintln!("no program that draws on a whole screen") };
    let script = format!("seq -f 'line %03g of the text' 200 > text; TERM=xterm {editor} text; cat text | head -1");
    let mut terminal = scene.compared(&["exec", "-it", "web", "--", "sh", "-c", &script]);
    // As many lines as there are rows but the last; no more.
    terminal.expect("\x1b[?1049h").expect("line 001 of the text").expect("line 032 of the text");
    terminal.resize(LARGE).expect("line 043 of the text");
    assert!(!terminal.screen().contains("line 044"), "{}", terminal.screen());
    if editor != "less" {
        terminal.keys("ihello ").expect("INSERT").keys("\x1b").keys(":wq\r");
        terminal.expect("\x1b[?1049l").expect("hello line 001 of the text\r\n");
    } else {
        terminal.keys("q").expect("\x1b[?1049l");
    }
    terminal.expect("as before, 0\r\n").end(0);
}

#[test]
fn sizes_that_no_window_has_do_no_harm() {
    let scene = Scene::start();
    let mut terminal = scene.compared(&["exec", "-it", "web", "--", "sh"]);
    for size in [(0, 0), (65_535, 65_535), (1, 1), (0, 80)] {
        let (rows, columns) = size;
        terminal.resize(size);
        terminal.enter(&format!("until [ \"$(stty size)\" = '{rows} {columns}' ]; do sleep 0.1; done; echo s$((0))n"));
        terminal.expect("s0n\r\n");
    }
    terminal.resize(SMALL).enter("exit").expect("as before, 0\r\n").end(0);
}

#[test]
fn the_way_out_leaves_a_session_that_hangs() {
    let scene = Scene::start();
    let mut terminal = scene.remote_shell();
    terminal.enter("sleep 1000").expect("sleep 1000\r\n");
    // A central that does not answer any more, and takes nothing.
    scene.stack.central.process.signal(Signal::SIGSTOP);
    terminal.strike("\r~.").expect("the session was left; the remote kubectl is ended\r\nas before, 130\r\n").end(0);
    scene.stack.central.process.signal(Signal::SIGCONT);
    scene.wait_until_idle();
}

#[test]
fn a_session_that_breaks_off_leaves_the_terminal_as_it_was() {
    let central_dies = (SIGKILL, "\r\nerror: the connection to central was lost; ", "as before, 2\r\n");
    let client_dies = |signal, code| (signal, "\x1b[?1049l", code);
    for (signal_sent, said, end) in [
        central_dies,
        client_dies(SIGTERM, "as before, 143\r\n"),
        client_dies(SIGHUP, "as before, 129\r\n"),
        client_dies(SIGQUIT, "as before, 131\r\n"),
    ] {
        let scene = Scene::start();
        // As an editor leaves it.
        let script = r"stty raw -echo; printf '\033[?1049h\033[?1000h\033[?25lin the middle'; exec sleep 1000";
        let mut terminal = scene.compared(&["exec", "-it", "web", "--", "sh", "-c", script]);
        terminal.expect("in the middle");
        if said.contains("central") {
            scene.stack.central.process.signal(signal_sent);
            terminal.expect("\x1b[?1049l\x1b[?1000l\x1b[?25h");
        } else {
            signal(&terminal, signal_sent);
        }
        terminal.expect(said).expect(end).end(0);
        scene.wait_until_idle();
    }
}

#[test]
fn a_right_that_is_taken_away_ends_a_session_and_says_why() {
    let scene = Scene::start();
    let central = &scene.stack.central;
    let token = central.user("ann@example.com", &["developer"]);
    let mut terminal =
        scene.compared_as(&token, &["exec", "-it", "web", "--", "sh", "-c", "printf '\\033[1mhere> '; cat"]);
    terminal.expect("here> ");
    let disabled = json!({ "disabled": true });
    drop(central.api("PATCH", "/admin/users/ann@example.com", Central::token(), Some(&disabled)).expect(200));
    terminal.expect("\x1b[0m\r").expect("\nerror: the command was ended: ").expect("as before, 2\r\n").end(0);
    scene.wait_until_idle();
}

#[test]
fn a_session_that_was_stopped_goes_on() {
    let scene = Scene::start();
    let mut terminal = scene.remote_shell();
    let client = client_of(&terminal);
    nix::sys::signal::kill(client, Signal::SIGSTOP).expect("kill");
    // As a shell that has taken the terminal back.
    run(Command::new("stty").arg("-F").arg(terminal.path()).arg("sane"), b"").expect(0);
    terminal.resize(LARGE);
    nix::sys::signal::kill(client, Signal::SIGCONT).expect("kill");
    wait_for("raw mode", PATIENCE, || (!terminal.echoes()).then_some(()));
    terminal.enter("until [ \"$(stty size)\" = '44 121' ]; do sleep 0.1; done; echo lar$((0))ge").expect("lar0ge\r\n");
    terminal.enter("exit 3").expect("as before, 3\r\n").end(0);
}

#[test]
fn run_attach_and_debug_have_a_terminal_too() {
    let scene = Scene::start();
    let script = "stty size; read -r line; echo \"got $line\"; exit 5";
    let ns = &scene.namespace;

    let args =
        ["run", "once", "-it", "--rm", "--image=shell", "--restart=Never", "--command", "--", "sh", "-c", script];
    let mut terminal = scene.compared(&args);
    // The size is set a moment after the container has begun.
    terminal.enter("a line").expect("got a line\r\n").expect("pod \"once\" deleted").expect("as before, 5\r\n").end(0);
    assert_eq!(ns.kubectl(&["get", "pods", "-o", "name"], ""), "pod/web\n");

    ns.pod_with("console", "while read -r line; do echo \"got $line, $(stty size)\"; done", true);
    let mut terminal = scene.compared(&["attach", "-it", "console"]);
    terminal.expect("If you don't see a command prompt, try pressing enter.");
    wait_for("the size of the window", PATIENCE, || {
        terminal.enter("x").expect("got x, ");
        terminal.screen().contains("got x, 33 101\r\n").then_some(())
    });
    terminal.keys("~").keys("/").enter("").expect("got ~/, ").enter("").strike("~.");
    terminal.expect("the session was left").expect("as before, 130\r\n").end(0);

    let debug = ["debug", "web", "-it", "-c", "debugger", "--image=shell", "--", "sh", "-c", script];
    let mut terminal = scene.compared(&debug);
    terminal.enter("a line").expect("got a line\r\n").expect("as before, ").end(0);
}

#[test]
fn ctrl_c_works_before_there_is_a_container() {
    let scene = Scene::start();
    let pods = || scene.namespace.kubectl(&["get", "pods", "-o", "name"], "");
    // Pods that stay pending for ever.
    let pending = r#"--overrides={"spec":{"nodeSelector":{"nosuch":"node"}}}"#;
    let args = |name| ["run", name, "-it", "--rm", "--image=shell", "--restart=Never", pending, "--", "sh"];
    let mut direct = Terminal::start(kubernetes().direct(Some(&scene.namespace.0)).args(args("direct")));
    wait_for("the pod", PATIENCE, || pods().contains("pod/direct").then_some(()));
    let (code, expected) = direct.control('c').finish();
    let mut terminal = scene.compared(&args("through"));
    wait_for("the pod", PATIENCE, || pods().contains("pod/through").then_some(()));
    terminal.control('c').expect(&expected).expect(&format!("as before, {code}\r\n")).end(0);
    scene.wait_until_idle();
}

#[test]
fn an_output_that_is_no_terminal_stays_apart() {
    let scene = Scene::start();
    let dir = tempfile::tempdir().expect("directory");
    let (out, err) = (dir.path().join("out"), dir.path().join("err"));
    let words = format!("{MK8S} kubectl -n {} exec -it web -- sh -c 'printf out; exit 4'", scene.namespace.0);
    for (redirection, file, expected) in
        [(format!(">{}", out.display()), &out, "out"), (format!("2>{}", err.display()), &err, "exit code 4")]
    {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{words} {redirection}")]);
        for (name, value) in scene.kubectl(&[]).get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        let screen = Terminal::start(&shell).end(4);
        let text = fs::read_to_string(file).expect("the file");
        assert!(text.contains(expected) && !screen.contains(expected), "{text:?} {screen:?}");
    }
}

#[test]
fn a_terminal_needs_the_web_socket() {
    let scene = Scene::start();
    let post = |body: serde_json::Value| {
        let answer = scene.stack.central.api("POST", "/clusters/dev/exec", Central::token(), Some(&body));
        answer.expect(400).text("detail")
    };
    let tty = json!({ "rows": 24, "columns": 80 });
    let refused = post(json!({ "command": ["exec", "-it", "web", "--", "sh"], "tty": tty }));
    assert!(refused.contains("needs the WebSocket"), "{refused}");
    let absurd =
        post(json!({ "command": ["exec", "-it", "web", "--", "sh"], "tty": { "rows": 65_536, "columns": 80 } }));
    assert!(absurd.contains("not valid"), "{absurd}");
    // Without a terminal it is as with kubectl itself.
    let args = ["exec", "-it", "web", "--", "echo", "hello"];
    let through = run(&mut scene.kubectl(&args), b"");
    let direct = run(kubernetes().direct(Some(&scene.namespace.0)).args(args), b"");
    assert!(direct.err().contains("Unable to use a TTY"), "{}", direct.err());
    assert_eq!(through, direct);
}
