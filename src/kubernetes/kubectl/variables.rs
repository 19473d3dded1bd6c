//! Files of variables (`--from-env-file`): a line that is only a name takes the value from the environment of kubectl.

use std::io::{self, BufRead};

/// The longest name that is remembered, in bytes.
const MAX_NAME: usize = 64;

/// The first name that stands without a value, in a file of any size; only a little of it is held at once.
///
/// # Errors
/// When the file cannot be read.
pub fn name_without_value(mut file: impl BufRead) -> io::Result<Option<String>> {
    let mut line = Line::default();
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            return Ok(line.name());
        }
        for byte in bytes {
            if *byte == b'\n' {
                if let Some(name) = line.name() {
                    return Ok(Some(name));
                }
                line = Line::default();
            } else {
                line.read(*byte);
            }
        }
        let read = bytes.len();
        file.consume(read);
    }
}

/// What is known of a line so far.
#[derive(Default)]
struct Line {
    name: Vec<u8>,
    /// It is a comment, or has a value, or is nothing that kubectl would accept as a name.
    settled: bool,
}

impl Line {
    fn read(&mut self, byte: u8) {
        match byte {
            _ if self.settled => {}
            // Before the name, and the carriage return at the end, which kubectl drops.
            b' ' | b'\t' | b'\x0b' | b'\x0c' | b'\r' if self.name.is_empty() || byte == b'\r' => {}
            // The mark at the beginning of a file.
            0xef | 0xbb | 0xbf if self.name.is_empty() => {}
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
                if self.name.len() < MAX_NAME {
                    self.name.push(byte);
                }
            }
            _ => self.settled = true,
        }
    }

    fn name(&self) -> Option<String> {
        let known = !self.settled && !self.name.is_empty();
        known.then(|| String::from_utf8_lossy(&self.name).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_found() {
        for (text, expected) in [
            ("A=b\n# C\n\nD=\n", None),
            ("A=b\nHOME\n", Some("HOME")),
            ("A=b\nHOME", Some("HOME")),
            ("  HOME\r\nA=b", Some("HOME")),
            ("\u{feff}HOME", Some("HOME")),
            ("\u{feff}A=b", None),
            ("two words\n", None),
            ("", None),
        ] {
            assert_eq!(name_without_value(text.as_bytes()).unwrap().as_deref(), expected, "{text:?}");
        }
        let small = io::BufReader::with_capacity(2, "A=b\nHOME\nC=d".as_bytes());
        assert_eq!(name_without_value(small).unwrap().as_deref(), Some("HOME"));
    }
}
