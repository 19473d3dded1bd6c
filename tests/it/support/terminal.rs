//! A terminal with a person at it: what they see, and what they type.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};

use super::process::{code, run};
use super::{PATIENCE, wait_for};

/// A command whose standard streams are a terminal, which is its controlling one.
pub struct Terminal {
    child: Child,
    /// Its device.
    path: PathBuf,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    /// Copies to the screen until the last process has closed the terminal.
    reader: JoinHandle<()>,
    /// How much of the screen has been waited for.
    read: usize,
}

impl Terminal {
    /// Starts it.
    pub fn start(command: &Command) -> Self {
        Self::start_sized(command, (0, 0))
    }

    /// The same in a window of so many rows and columns.
    pub fn start_sized(command: &Command, (ws_row, ws_col): (u16, u16)) -> Self {
        let size = Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).expect("a terminal");
        let path = fs::read_link(format!("/proc/self/fd/{}", pty.slave.as_raw_fd())).expect("a device");
        let slave = || pty.slave.try_clone().expect("clone");
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => session.env(name, value),
                None => session.env_remove(name),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            session.current_dir(dir);
        }
        let child = session.stdin(slave()).stdout(slave()).stderr(slave()).spawn().expect("spawn");
        let mut master = File::from(pty.master.try_clone().expect("clone"));
        let screen = Arc::new(Mutex::new(Vec::new()));
        let reader = thread::spawn({
            let screen = screen.clone();
            move || {
                let mut buffer = [0; 4096];
                while let Ok(n @ 1..) = master.read(&mut buffer) {
                    screen.lock().expect("lock").extend_from_slice(&buffer[..n]);
                }
            }
        });
        Self { child, path, keyboard: File::from(pty.master), screen, reader, read: 0 }
    }

    /// All that was on the screen.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().expect("lock")).into_owned()
    }

    /// Waits until the text appears behind what was waited for before.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> &mut Self {
        let (screen, read) = (&self.screen, self.read);
        let deadline = Instant::now() + PATIENCE;
        self.read = loop {
            // Asked first: what is on the screen after that is all there will be.
            let ended = self.reader.is_finished();
            let seen = screen.lock().expect("lock")[read..].to_vec();
            if let Some(at) = seen.windows(text.len()).position(|window| window == text.as_bytes()) {
                break read + at + text.len();
            }
            let seen = String::from_utf8_lossy(&seen).into_owned();
            assert!(Instant::now() < deadline, "no {text:?} in {seen:?}");
            assert!(!ended, "ended without {text:?} in {seen:?}");
            thread::sleep(Duration::from_millis(5));
        };
        self
    }

    /// Types a line.
    pub fn enter(&mut self, line: &str) -> &mut Self {
        self.keyboard.write_all(format!("{line}\r").as_bytes()).expect("write");
        self
    }

    /// Types these keys at once.
    pub fn strike(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).expect("write");
        self
    }

    /// Types these keys one after the other, as a person does.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.as_bytes() {
            self.keyboard.write_all(&[*key]).expect("write");
            thread::sleep(Duration::from_millis(30));
        }
        self
    }

    /// Types one key; how long it takes until the screen shows something for it.
    #[track_caller]
    pub fn echo_of(&mut self, key: char) -> Duration {
        let seen = || self.screen.lock().expect("lock").len();
        let (before, since) = (seen(), Instant::now());
        (&self.keyboard).write_all(key.to_string().as_bytes()).expect("write");
        while seen() == before {
            assert!(since.elapsed() < PATIENCE, "no echo of {key:?}");
            thread::sleep(Duration::from_micros(50));
        }
        since.elapsed()
    }

    /// Its device.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("pid")
    }

    /// Waits for a question and answers it.
    #[track_caller]
    pub fn answer(&mut self, question: &str, line: &str) -> &mut Self {
        self.expect(question).enter(line)
    }

    /// The same with an answer that is not to be seen: it is typed when the terminal does not show it any more.
    #[track_caller]
    pub fn answer_hidden(&mut self, question: &str, line: &str) -> &mut Self {
        self.expect(question);
        wait_for("a terminal that shows nothing", PATIENCE, || (!self.echoes()).then_some(()));
        self.enter(line)
    }

    /// Whether it shows what is typed.
    pub fn echoes(&self) -> bool {
        tcgetattr(&self.keyboard).expect("tcgetattr").local_flags.contains(LocalFlags::ECHO)
    }

    /// Types Ctrl and a letter.
    pub fn control(&mut self, letter: char) -> &mut Self {
        self.keyboard.write_all(&[letter.to_ascii_lowercase() as u8 & 0x1f]).expect("write");
        self
    }

    /// Gives the window another size, of which the command is told.
    pub fn resize(&mut self, (rows, columns): (u16, u16)) -> &mut Self {
        let size = ["rows", &rows.to_string(), "columns", &columns.to_string()];
        run(Command::new("stty").arg("-F").arg(&self.path).args(size), b"").expect(0);
        self
    }

    /// Waits for the end, which must come with this exit code; all that was on the screen.
    #[track_caller]
    pub fn end(&mut self, expected: i32) -> String {
        let (code, screen) = self.finish();
        assert_eq!(code, expected, "{screen}");
        screen
    }

    /// Waits for the end; the exit code, and all that was on the screen.
    #[track_caller]
    pub fn finish(&mut self) -> (i32, String) {
        let status =
            wait_for(&format!("the end after {:?}", self.screen()), PATIENCE, || self.child.try_wait().expect("wait"));
        wait_for("the last words", PATIENCE, || self.reader.is_finished().then_some(()));
        (code(status), self.screen())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
