//! What the remote side has made of the screen, so that it can be undone when a session breaks off in the middle.
//!
//! A program that ends by itself leaves the terminal as it found it. One whose connection is lost does not: without this,
//! the shell would be left in an editor's second screen, without a cursor, and the mouse would type.

use std::collections::BTreeSet;

/// The modes that are off in a fresh terminal and that programs switch on (`ESC [ ? n h`): cursor keys, the mouse, focus,
/// the second screen, marks around what is pasted.
const USUALLY_OFF: [u16; 12] = [1, 9, 47, 1000, 1002, 1003, 1004, 1006, 1015, 1047, 1049, 2004];

/// The cursor can be seen; this one is on in a fresh terminal.
const CURSOR: u16 = 25;

/// The longest control sequence that is looked at.
const LONGEST: usize = 32;

/// What was written to the screen, as far as it matters for its end.
#[derive(Default)]
pub struct Screen {
    /// The modes that are not as in a fresh terminal.
    changed: BTreeSet<u16>,
    keypad: bool,
    /// Keys that are told in an extended form (`ESC [ > 4 ; n m`).
    keys: bool,
    styled: bool,
    in_line: bool,
    place: Place,
    sequence: Vec<u8>,
}

#[derive(Default)]
enum Place {
    #[default]
    Text,
    Escape,
    Sequence,
}

impl Screen {
    /// Looks at what is written.
    pub fn see(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.place = match (&self.place, byte) {
                (_, 0x1b) => Place::Escape,
                (Place::Escape, b'[') => {
                    self.sequence.clear();
                    Place::Sequence
                }
                (Place::Escape, b'=') => {
                    self.keypad = true;
                    Place::Text
                }
                (Place::Escape, b'>') => {
                    self.keypad = false;
                    Place::Text
                }
                (Place::Sequence, 0x20..=0x3f) if self.sequence.len() < LONGEST => {
                    self.sequence.push(*byte);
                    Place::Sequence
                }
                (Place::Sequence, end) => {
                    self.control(*end);
                    Place::Text
                }
                (Place::Escape, _) => Place::Text,
                (Place::Text, byte) => {
                    self.in_line = !matches!(byte, b'\n' | b'\r');
                    Place::Text
                }
            };
        }
    }

    /// A control sequence that ends with this letter.
    fn control(&mut self, end: u8) {
        let sequence = std::str::from_utf8(&self.sequence).unwrap_or_default();
        match (sequence.strip_prefix('?'), end) {
            (Some(modes), b'h' | b'l') => {
                for mode in modes.split(';').filter_map(|mode| mode.parse().ok()) {
                    if mode == CURSOR || USUALLY_OFF.contains(&mode) {
                        let changed = (end == b'h') != (mode == CURSOR);
                        if changed {
                            self.changed.insert(mode)
                        } else {
                            self.changed.remove(&mode)
                        };
                    }
                }
            }
            (None, b'm') => match sequence.strip_prefix(">4") {
                Some(value) => self.keys = !matches!(value, "" | ";" | ";0"),
                None => self.styled = !matches!(sequence, "" | "0"),
            },
            _ => {}
        }
    }

    /// What makes the screen fit for a shell again, on a fresh line; empty when it is.
    pub fn undo(&self) -> Vec<u8> {
        let mut undo = String::new();
        // The second screen is left first: what comes then is for the one that stays.
        for mode in self.changed.iter().rev() {
            undo += &format!("\x1b[?{mode}{}", if *mode == CURSOR { 'h' } else { 'l' });
        }
        for (changed, sequence) in [(self.keypad, "\x1b>"), (self.keys, "\x1b[>4;0m"), (self.styled, "\x1b[0m")] {
            if changed {
                undo += sequence;
            }
        }
        if self.in_line || !undo.is_empty() {
            undo += "\r\n";
        }
        undo.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undo(pieces: &[&str]) -> String {
        let mut screen = Screen::default();
        pieces.iter().for_each(|piece| screen.see(piece.as_bytes()));
        String::from_utf8(screen.undo()).unwrap()
    }

    #[test]
    fn an_ordinary_screen_needs_a_fresh_line_at_most() {
        assert_eq!(undo(&[]), "");
        assert_eq!(undo(&["$ ls\r\na b\r\n"]), "");
        assert_eq!(undo(&["\x1b[31mred\x1b[0m\r\n$ "]), "\r\n");
        assert_eq!(undo(&["\x1b[?1049h\x1b[?25l", "text\x1b[?25h\x1b[?1049l\r\n"]), "");
    }

    #[test]
    fn what_an_editor_has_switched_is_switched_back() {
        let editor = ["\x1b[?1049h\x1b[?1h\x1b=\x1b[>4;2m\x1b[?20", "04;1006h\x1b[?25l\x1b[1mtext"];
        assert_eq!(undo(&editor), "\x1b[?2004l\x1b[?1049l\x1b[?1006l\x1b[?25h\x1b[?1l\x1b>\x1b[>4;0m\x1b[0m\r\n");
    }

    #[test]
    fn what_is_no_sequence_is_harmless() {
        assert_eq!(undo(&["\x1b[?99999999999h\x1b[?h\x1b[", &"1".repeat(100), "\x1b[?7h\r\n"]), "");
    }
}
