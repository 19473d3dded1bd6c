//! Takes a text out of a stream of bytes, wherever the pieces of the stream are cut.

use bytes::{Bytes, BytesMut};

/// What takes the text out.
#[derive(Clone)]
pub struct Without {
    text: Option<Bytes>,
    /// The end of what came, when the text could begin there.
    held: BytesMut,
}

impl Without {
    /// Takes out this text; `None` takes out nothing.
    pub fn new(text: Option<&str>) -> Self {
        let text = text.filter(|text| !text.is_empty()).map(|text| Bytes::copy_from_slice(text.as_bytes()));
        Self { text, held: BytesMut::new() }
    }

    /// How much is held back.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// What can be handed on when this has come.
    pub fn push(&mut self, piece: Bytes) -> Bytes {
        let Some(text) = &self.text else { return piece };
        self.held.extend_from_slice(&piece);
        let (mut out, mut from, mut at) = (BytesMut::new(), 0, 0);
        let end = loop {
            // The next place where the text is, or begins and is cut off.
            let Some(next) = self.held[at..].iter().position(|byte| *byte == text[0]).map(|offset| at + offset) else {
                break self.held.len();
            };
            let here = &self.held[next..];
            if here.starts_with(text) {
                out.extend_from_slice(&self.held[from..next]);
                at = next + text.len();
                from = at;
            } else if text.starts_with(here) {
                break next;
            } else {
                at = next + 1;
            }
        };
        out.extend_from_slice(&self.held[from..end]);
        self.held = self.held.split_off(end);
        out.freeze()
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> Bytes {
        self.held.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: Option<&str>, pieces: &[&str]) -> String {
        let mut without = Without::new(text);
        let mut out: Vec<u8> = Vec::new();
        for piece in pieces {
            out.extend(without.push(Bytes::copy_from_slice(piece.as_bytes())));
            assert!(without.held() < text.map_or(1, str::len));
        }
        out.extend(without.finish());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_text_goes_wherever_the_pieces_are_cut() {
        let output = "error: the path \"/tmp/r/x\" and /tmp/r/y, not /tmp/q nor /tmp/tmp/r; /tmp/";
        let expected = "error: the path \"/x\" and /y, not /tmp/q nor /tmp; /tmp/";
        for first in 0..output.len() {
            for second in first..output.len() {
                let pieces = [&output[..first], &output[first..second], &output[second..]];
                assert_eq!(all(Some("/tmp/r"), &pieces), expected, "{first} {second}");
            }
        }
        assert_eq!(all(None, &[output]), output);
        assert_eq!(all(Some("aab"), &["aaab", "aa", "b", "a"]), "aa");
    }
}
