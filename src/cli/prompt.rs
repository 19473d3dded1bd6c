//! What a person is asked, on a terminal only; secrets that come through standard input instead.

use std::io::{self, BufRead, IsTerminal as _, Read as _, Write as _};

use anyhow::Context as _;
use clap::Args;
use secrecy::zeroize::Zeroizing;

use super::exit::{CliError, Exit};
use super::output;
use crate::model::Password;

/// The most bytes of a line with a password.
const MAX_LINE: usize = 1 << 20;

/// Where passwords come from.
#[derive(Args)]
pub struct PasswordArgs {
    /// Read passwords from standard input, one a line, instead of asking for them
    #[arg(long)]
    password_stdin: bool,
    /// Not supported: all users of a machine can see the arguments of its commands.
    #[arg(long, hide = true, num_args = 0..=1, value_name = "PASSWORD")]
    password: Option<Option<String>>,
}

impl PasswordArgs {
    /// Refuses a password among the arguments, without repeating it.
    pub fn check(&self) -> Result<(), CliError> {
        match self.password {
            None => Ok(()),
            Some(_) => Err(CliError::usage(
                "there is no --password: every user of this machine could see it",
                "--password-stdin, or no option to be asked for it",
            )),
        }
    }

    /// Refuses what [`PasswordArgs::read`] would, before anything else is done.
    pub fn check_source(&self) -> Result<(), CliError> {
        self.check()?;
        if self.password_stdin {
            return Ok(());
        }
        require_terminal("the password cannot be asked for", "--password-stdin")
    }

    /// Whether passwords come through standard input.
    pub fn is_stdin(&self) -> bool {
        self.password_stdin
    }

    /// Passwords that `prompts` ask for, or as many lines of standard input.
    pub fn read<const N: usize>(&self, prompts: [&str; N]) -> anyhow::Result<[Password; N]> {
        self.check_source()?;
        let mut passwords = Vec::with_capacity(N);
        if self.password_stdin {
            let mut stdin = io::stdin().lock();
            for _ in 0..N {
                passwords.push(secret_line(&mut stdin)?);
            }
        } else {
            for prompt in prompts {
                passwords.push(hidden(prompt)?);
            }
        }
        passwords.try_into().map_err(|_| anyhow::anyhow!("no password was read"))
    }

    /// A new password, which is asked for twice.
    pub fn read_new(&self) -> anyhow::Result<Password> {
        if self.password_stdin {
            let [password] = self.read([""])?;
            return Ok(password);
        }
        let [password, again] = self.read(["New password: ", "Repeat it: "])?;
        same(password, &again)
    }
}

/// The first of two passwords that must be the same.
pub fn same(password: Password, again: &Password) -> anyhow::Result<Password> {
    if password.expose() == again.expose() {
        return Ok(password);
    }
    Err(CliError { what: "the two passwords differ: nothing was changed".into(), hint: None, exit: Exit::USAGE }.into())
}

/// Whether there is a person to ask, who sees what is asked.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Without a person to ask, what to add to the command.
pub fn require_terminal(what: &str, flag: &str) -> Result<(), CliError> {
    if io::stdin().is_terminal() {
        return Ok(());
    }
    Err(CliError::usage(format!("{what}: standard input is not a terminal"), format!("add {flag}")))
}

/// Asks for a line.
pub fn line(prompt: &str) -> anyhow::Result<String> {
    // Whoever does not see it has no terminal to answer at.
    let _ = io::stderr().write_all(prompt.as_bytes());
    let mut text = String::new();
    let read = io::stdin().lock().take(MAX_LINE as u64).read_line(&mut text).context("cannot read the answer")?;
    if read == 0 {
        output::say("");
        return Err(CliError { what: "no answer was given".into(), hint: None, exit: Exit::FAILURE }.into());
    }
    Ok(text.trim().to_owned())
}

/// Asks a question that only a plain yes answers with yes.
pub fn confirm(question: &str) -> anyhow::Result<bool> {
    let answer = line(&format!("{question} [y/N] "))?;
    Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
}

/// Lets a person type the name of what is about to be deleted, unless `yes` says that there is no need.
pub fn confirm_deletion(kind: &str, name: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    require_terminal(&format!("deleting {kind} {name:?} has to be confirmed"), "--yes")?;
    if line(&format!("Type {name} to delete this {kind}: "))? == name {
        return Ok(());
    }
    Err(CliError { what: format!("{kind} {name:?} was not deleted"), hint: None, exit: Exit::FAILURE }.into())
}

fn hidden(prompt: &str) -> anyhow::Result<Password> {
    let text = without_interrupts(|| rpassword::prompt_password(prompt))?;
    let text = text.context("cannot read the password from the terminal")?;
    match text.is_empty() {
        false => Ok(Password::from(text)),
        true => Err(CliError { what: "the password is empty".into(), hint: None, exit: Exit::USAGE }.into()),
    }
}

/// At Ctrl-C rpassword raises SIGINT before it has put the terminal back: the signal has to wait until it has.
#[cfg(unix)]
fn without_interrupts<T>(work: impl FnOnce() -> T) -> io::Result<T> {
    use nix::sys::signal::{SigSet, SigmaskHow, Signal};
    let mask = SigSet::from(Signal::SIGINT).thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let result = work();
    mask.thread_set_mask()?;
    Ok(result)
}

/// Windows has no such signal.
#[cfg(not(unix))]
fn without_interrupts<T>(work: impl FnOnce() -> T) -> io::Result<T> {
    Ok(work())
}

/// A line of at most 1 MiB, without its end.
fn secret_line(input: &mut impl BufRead) -> anyhow::Result<Password> {
    let wrong = |what: &str| CliError::usage(what, "write each password as a line, and nothing else");
    // Large enough for any password, so that no copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    input.take(MAX_LINE as u64 + 1).read_until(b'\n', &mut bytes).context("cannot read standard input")?;
    if bytes.len() > MAX_LINE {
        return Err(wrong("the password on standard input is longer than 1 MiB").into());
    }
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(wrong("the password on standard input is not valid UTF-8").into());
    };
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        return Err(wrong("the password on standard input is empty").into());
    }
    Ok(Password::from(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut input: &[u8]) -> Result<String, String> {
        secret_line(&mut input).map(|p| p.expose().to_owned()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_password_is_one_line_without_its_end() {
        for (input, password) in [
            ("p4ss", "p4ss"),
            ("p4ss\n", "p4ss"),
            ("p4ss\r\n", "p4ss"),
            (" a b \n", " a b "),
            ("a\nb\n", "a"),
            ("a\r", "a\r"),
        ] {
            assert_eq!(read(input.as_bytes()).unwrap(), password, "{input:?}");
        }
        for input in ["", "\n", "\r\n", "\np4ss\n"] {
            assert!(read(input.as_bytes()).unwrap_err().contains("empty"), "{input:?}");
        }
        assert_eq!(read("x".repeat(MAX_LINE).as_bytes()).unwrap().len(), MAX_LINE);
        assert!(read("x".repeat(MAX_LINE + 1).as_bytes()).unwrap_err().contains("1 MiB"));
        assert!(read(b"p4ss\xff\n").unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn two_lines_are_two_passwords() {
        let mut input = &b"current\nnew\n"[..];
        let mut next = || secret_line(&mut input).unwrap().expose().to_owned();
        assert_eq!((next(), next()), ("current".to_owned(), "new".to_owned()));
    }

    #[test]
    fn a_password_among_the_arguments_is_refused_and_not_repeated() {
        let args = PasswordArgs { password_stdin: true, password: Some(Some("p4ss".into())) };
        let error = args.check().unwrap_err();
        assert_eq!(error.exit, Exit::USAGE);
        assert!(error.hint.as_ref().unwrap().contains("--password-stdin"));
        assert!(!format!("{error:?}").contains("p4ss"));
    }

    #[test]
    fn different_passwords_change_nothing() {
        let password = |text: &str| Password::from(text.to_owned());
        assert!(same(password("a"), &password("a")).is_ok());
        assert!(same(password("a"), &password("b")).is_err());
    }
}
