//! The user's own terminal: its size, and the raw mode in which every key goes to the remote side.

use std::io::{self, IsTerminal as _, Stdin, stderr, stdin, stdout};

use nix::unistd::getpgrp;
use rustix::termios::{OptionalActions, Pid, Termios, Winsize, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr};

use crate::model::{Tty, TtySize};

/// What standard input is, if it is a terminal.
pub struct Terminal(Stdin);

/// A terminal in raw mode. When it is dropped, the terminal is as it was.
pub struct Raw {
    terminal: Stdin,
    before: Termios,
}

impl Terminal {
    /// The terminal that is standard input, if it is one.
    pub fn of_stdin() -> Option<Self> {
        stdin().is_terminal().then(|| Self(stdin()))
    }

    /// What the remote side has to know of it.
    pub fn describe(&self) -> Tty {
        let TtySize { rows, columns } = self.size();
        Tty { rows, columns, stdout: stdout().is_terminal(), stderr: stderr().is_terminal() }
    }

    /// Its size now; as kubectl does, that of standard output where it is a terminal. Zeros when there is none to know.
    pub fn size(&self) -> TtySize {
        let out = stdout();
        let size = if out.is_terminal() { tcgetwinsize(out) } else { tcgetwinsize(&self.0) };
        size.map_or(TtySize { rows: 0, columns: 0 }, |Winsize { ws_row, ws_col, .. }| TtySize {
            rows: ws_row,
            columns: ws_col,
        })
    }

    /// Switches raw mode on: no echo, no lines, no signals by keys.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn raw(&self) -> io::Result<Raw> {
        let raw = Raw { before: tcgetattr(&self.0)?, terminal: stdin() };
        raw.switch_on()?;
        Ok(raw)
    }
}

impl Raw {
    /// Switches raw mode on again, after the program was stopped and its shell had the terminal.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn switch_on(&self) -> io::Result<()> {
        let mut raw = self.before.clone();
        raw.make_raw();
        Ok(tcsetattr(&self.terminal, OptionalActions::Now, &raw)?)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A program in the background would be stopped for it, and the terminal is its shell's then.
        let in_front = |group: Pid| group.as_raw_nonzero().get() == getpgrp().as_raw();
        if tcgetpgrp(&self.terminal).is_ok_and(|group| !in_front(group)) {
            return;
        }
        // It fails for a terminal that is gone.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
