//! Output in lines that say which cluster they come from.

/// The longest line that is kept whole. What is longer is shown in pieces, each like a line of its own.
const LONGEST: usize = 1 << 20;

/// One output of one cluster.
pub struct Lines {
    prefix: String,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
}

/// What stands before each line of each cluster, padded to the longest name.
pub fn prefixes<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let width = names.clone().map(str::len).max().unwrap_or_default();
    names.map(|name| format!("{name:width$} | ")).collect()
}

impl Lines {
    /// Lines with this before each.
    pub fn new(prefix: String) -> Self {
        Self { prefix, begun: Vec::new() }
    }

    /// Takes a piece of output; the lines that it completes.
    pub fn take(&mut self, data: &[u8]) -> Vec<u8> {
        let mut complete = Vec::with_capacity(data.len() + self.prefix.len());
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(end) => {
                    self.begun.extend_from_slice(end);
                    self.end_line(self.begun.len(), &mut complete);
                }
                None => self.begun.extend_from_slice(piece),
            }
            while self.begun.len() > LONGEST {
                self.end_line(boundary(&self.begun, LONGEST), &mut complete);
            }
        }
        complete
    }

    /// What is left at the end, as a line.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut complete = Vec::new();
        if !self.begun.is_empty() {
            self.end_line(self.begun.len(), &mut complete);
        }
        complete
    }

    /// A line of our own, for which the line before is ended.
    pub fn say(&mut self, text: &str) -> Vec<u8> {
        let mut complete = self.finish();
        complete.extend(self.take(format!("{text}\n").as_bytes()));
        complete
    }

    fn end_line(&mut self, length: usize, to: &mut Vec<u8>) {
        to.extend_from_slice(self.prefix.as_bytes());
        to.extend(self.begun.drain(..length));
        to.push(b'\n');
    }
}

/// The place to cut at: not within a character, if this is text.
fn boundary(bytes: &[u8], at: usize) -> usize {
    let is_start = |index: &usize| bytes.get(*index).is_none_or(|byte| byte & 0xc0 != 0x80);
    (at.saturating_sub(3)..=at).rev().find(is_start).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn prefixes_have_one_width() {
        assert_eq!(prefixes(["a", "prod-eu"].into_iter()), ["a       | ", "prod-eu | "]);
    }

    #[test]
    fn lines_are_whole_wherever_pieces_are_cut() {
        let whole = "one\n\ntwo\r\nthree";
        for size in 1..=whole.len() {
            let mut lines = Lines::new("a | ".into());
            let mut shown: String = whole.as_bytes().chunks(size).map(|piece| text(lines.take(piece))).collect();
            assert!(shown.is_empty() || shown.ends_with('\n'));
            shown += &text(lines.finish());
            assert_eq!(shown, "a | one\na | \na | two\r\na | three\n");
            assert!(lines.finish().is_empty());
        }
    }

    #[test]
    fn a_line_of_our_own_ends_the_one_before() {
        let mut lines = Lines::new("a | ".into());
        assert_eq!(text(lines.take(b"begun")), "");
        assert_eq!(text(lines.say("error: gone")), "a | begun\na | error: gone\n");
    }

    #[test]
    fn a_line_without_end_is_cut_and_nothing_is_lost() {
        let mut lines = Lines::new("a | ".into());
        let long = format!("{}ö{}", "x".repeat(LONGEST - 1), "y".repeat(2 * LONGEST));
        let mut shown = Vec::new();
        for piece in long.as_bytes().chunks(32 << 10) {
            shown.extend(lines.take(piece));
            assert!(lines.begun.len() <= LONGEST);
        }
        shown.extend(lines.finish());
        let shown = text(shown);
        assert_eq!(shown.lines().count(), 4);
        assert_eq!(shown.lines().map(|line| line.strip_prefix("a | ").unwrap()).collect::<String>(), long);
    }
}
