//! The way out of a terminal session that does not answer: `~.` on a line of its own, as ssh has it.
//!
//! Nothing else is ever kept from the remote side. A `~` at the beginning of a line is held back until the next key shows
//! what it means, but not for long; and what comes in bulk was pasted and is no command to us.

use std::time::Duration;

/// How long a `~` at the beginning of a line may wait for the next key.
pub const HOLD: Duration = Duration::from_millis(700);

/// The longest piece that can have been typed: a line's end, and the sequence.
const TYPED: usize = 3;

/// Where in the sequence the typing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    LineStart,
    Tilde,
    InLine,
}

/// Watches what is typed for the sequence.
pub struct Escape(Place);

/// What there is to do with what was typed.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// Send this; it may be empty.
    Send(Vec<u8>),
    /// End the session.
    Leave,
}

impl Escape {
    /// A new session begins on a new line, so that the sequence works before anything was sent.
    pub fn new() -> Self {
        Self(Place::LineStart)
    }

    /// Whether a `~` is held back; it must be released after [`HOLD`].
    pub fn holds(&self) -> bool {
        self.0 == Place::Tilde
    }

    /// Takes what was typed.
    pub fn take(&mut self, bytes: &[u8]) -> Typed {
        let mut send = Vec::with_capacity(bytes.len() + 1);
        if bytes.len() > TYPED {
            send.extend(self.release());
            send.extend_from_slice(bytes);
            self.0 = if matches!(bytes.last(), Some(b'\r' | b'\n')) { Place::LineStart } else { Place::InLine };
            return Typed::Send(send);
        }
        for byte in bytes {
            self.0 = match (self.0, byte) {
                (Place::LineStart, b'~') => Place::Tilde,
                (Place::Tilde, b'.') => return Typed::Leave,
                (_, byte) => {
                    send.extend(self.release());
                    send.push(*byte);
                    if matches!(byte, b'\r' | b'\n') { Place::LineStart } else { Place::InLine }
                }
            };
        }
        Typed::Send(send)
    }

    /// What was held back, if anything: no key has followed.
    pub fn release(&mut self) -> Option<u8> {
        let held = self.holds();
        if held {
            self.0 = Place::InLine;
        }
        held.then_some(b'~')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent of these keys; with `None` where the session ends.
    fn sent(pieces: &[&str]) -> Option<String> {
        let mut escape = Escape::new();
        let mut sent = Vec::new();
        for piece in pieces {
            match escape.take(piece.as_bytes()) {
                Typed::Send(bytes) => sent.extend(bytes),
                Typed::Leave => return None,
            }
        }
        sent.extend(escape.release());
        Some(String::from_utf8(sent).unwrap())
    }

    #[test]
    fn the_sequence_ends_the_session_on_a_new_line_only() {
        for pieces in
            [&["~", "."][..], &["~."], &["ls", "\r", "~", "."], &["\r~."], &["x\n", "~", "."], &["~a\r", "~."]]
        {
            assert_eq!(sent(pieces), None, "{pieces:?}");
        }
        for pieces in
            [&["a", "~", "."][..], &["~", "~", "."], &["~", "a", "."], &["\x1b", "[3~", "."], &["~", "\x03", "."]]
        {
            assert_eq!(sent(pieces), Some(pieces.concat()), "{pieces:?}");
        }
    }

    #[test]
    fn nothing_else_is_kept_back() {
        for pieces in [
            &["~", "~"][..],
            &["~"],
            &["~", "/", "b"],
            &["a line\r", "~", "\r", "~", "~"],
            &["a paste\r~.\rthat goes on"],
            &["\r~.x"],
            &["~", "a paste\r"],
        ] {
            assert_eq!(sent(pieces), Some(pieces.concat()), "{pieces:?}");
        }
    }

    #[test]
    fn a_tilde_that_waits_too_long_is_a_tilde() {
        let mut escape = Escape::new();
        assert_eq!(escape.take(b"~"), Typed::Send(Vec::new()));
        assert!(escape.holds());
        assert_eq!(escape.release(), Some(b'~'));
        assert_eq!(escape.take(b"."), Typed::Send(b".".into()));
    }
}
