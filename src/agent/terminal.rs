//! A pseudo terminal for a command: kubectl has one end as its standard streams, the agent types and reads at the other.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::net::unix::pipe::{Receiver, Sender};

use crate::model::{Tty, TtySize};

/// The agent's end of a terminal. When it is dropped, with all that was taken from it, the command gets SIGHUP.
pub struct Terminal {
    /// The window.
    pub window: Window,
    /// What is typed goes here.
    pub keyboard: Sender,
    /// What is to be seen comes from here.
    pub screen: Receiver,
}

/// The window of a terminal. Cheap to clone.
#[derive(Clone)]
pub struct Window(Arc<OwnedFd>);

impl Window {
    /// Gives it another size, of which the kernel tells the command.
    pub fn resize(&self, size: TtySize) {
        let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
        // It fails for a terminal that is gone, which its reader finds out.
        let _ = tcsetwinsize(&*self.0, size);
    }
}

/// Opens a terminal of this size, and makes the standard streams of a command of it: its input always, its outputs where
/// they are the terminal for its user too.
///
/// # Errors
/// When there is none to be had.
pub fn open(tty: &Tty) -> io::Result<(Terminal, [Stdio; 3])> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    // By its number, and not by a path: that may lead elsewhere in a container.
    let theirs = ioctl_tiocgptpeer(&ours, flags)?;
    fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK))?;
    let window = Window(Arc::new(ours.try_clone()?));
    window.resize(tty.size());
    let output = |is_terminal: bool| -> io::Result<Stdio> {
        Ok(if is_terminal { theirs.try_clone()?.into() } else { Stdio::piped() })
    };
    let streams = [output(true)?, output(tty.stdout)?, output(tty.stderr)?];
    // Not pipes, but read, written and waited for in the same way.
    let keyboard = Sender::from_owned_fd_unchecked(ours.try_clone()?)?;
    let screen = Receiver::from_owned_fd_unchecked(ours)?;
    Ok((Terminal { window, keyboard, screen }, streams))
}
