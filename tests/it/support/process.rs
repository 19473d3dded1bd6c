//! Processes of a test: they end with it, and what they write is kept.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::wait_for;

/// The program under test.
pub const MK8S: &str = env!("CARGO_BIN_EXE_mk8s");

/// What a finished process left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; 128 + n for a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Itself, if the exit code is the expected one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out(), self.err());
        self
    }
}

/// Runs a command to its end with the given input.
pub fn run(command: &mut Command, stdin: &[u8]) -> Output {
    finish(spawn(command), stdin)
}

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("spawn")
}

fn finish(mut child: Child, stdin: &[u8]) -> Output {
    let mut pipe = child.stdin.take().expect("stdin");
    let input = stdin.to_vec();
    let feeder = thread::spawn(move || {
        // A command that does not read its input closes the pipe.
        let _ = pipe.write_all(&input);
    });
    let output = child.wait_with_output().expect("wait");
    feeder.join().expect("feeder");
    Output { code: code(output.status), stdout: output.stdout, stderr: output.stderr }
}

/// The same, ended by SIGKILL after some time.
pub fn run_within(command: &mut Command, stdin: &str, limit: Duration) -> Output {
    let child = spawn(command);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("pid"));
    let (done, timer) = mpsc::channel::<()>();
    // The number is the child's until it has been waited for, which is before `done` is dropped.
    let killer = thread::spawn(move || {
        if timer.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    });
    let output = finish(child, stdin.as_bytes());
    drop(done);
    killer.join().expect("killer");
    output
}

/// The exit code as a shell reports it.
pub fn code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// A process in the background; killed when dropped.
pub struct Process {
    child: Child,
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<String>>>,
    readers: [thread::JoinHandle<()>; 2],
}

impl Process {
    /// Starts it. Standard input stays open until `close_stdin` or the end.
    pub fn start(command: &mut Command) -> Self {
        let mut child = spawn(command);
        let (stdout, stderr) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let mut out = child.stdout.take().expect("stdout");
        let err = child.stderr.take().expect("stderr");
        let reads_out = thread::spawn({
            let stdout = stdout.clone();
            move || {
                let mut buffer = [0; 64 << 10];
                while let Ok(n @ 1..) = out.read(&mut buffer) {
                    stdout.lock().expect("lock").extend_from_slice(&buffer[..n]);
                }
            }
        });
        let reads_err = thread::spawn({
            let stderr = stderr.clone();
            move || {
                for line in BufReader::new(err).lines().map_while(Result::ok) {
                    stderr.lock().expect("lock").push(line);
                }
            }
        });
        Self { child, stdout, stderr, readers: [reads_out, reads_err] }
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("pid")
    }

    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> Vec<u8> {
        self.stdout.lock().expect("lock").clone()
    }

    /// What it wrote to standard error so far, by line.
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.lock().expect("lock").clone()
    }

    /// Writes to its standard input.
    pub fn write(&mut self, data: &[u8]) {
        self.child.stdin.as_mut().expect("stdin").write_all(data).expect("write");
    }

    /// Its standard input, for a thread that may block in writing it.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("stdin")
    }

    /// Ends its standard input.
    pub fn close_stdin(&mut self) {
        self.child.stdin.take();
    }

    /// Waits until a line on standard error contains the text; that line.
    #[track_caller]
    pub fn wait_for_line(&mut self, text: &str, limit: Duration) -> String {
        wait_for(&format!("a line with {text:?}"), limit, || {
            let found = self.stderr().into_iter().find(|line| line.contains(text));
            if found.is_none()
                && let Ok(Some(status)) = self.child.try_wait()
            {
                thread::sleep(Duration::from_millis(50));
                panic!("ended with {status} before a line with {text:?}: {:#?}", self.stderr());
            }
            found
        })
    }

    /// Waits for its end; the exit code.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> i32 {
        let code = wait_for("the end of a process", limit, || self.child.try_wait().expect("wait").map(code));
        // Its last words are in the pipes; but a process that it has left behind may hold them open.
        let patience = Instant::now() + Duration::from_secs(2);
        while !self.readers.iter().all(thread::JoinHandle::is_finished) && Instant::now() < patience {
            thread::sleep(Duration::from_millis(1));
        }
        code
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_none()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).expect("kill");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
