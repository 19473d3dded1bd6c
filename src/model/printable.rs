//! Text of others for a terminal, or for a log.

/// The text without control characters, which would move the cursor of a terminal, or do worse.
pub fn printable(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_takes_nothing_for_a_command() {
        assert_eq!(printable("v1\u{1b}[2J\u{9b}2J\r\n\té"), "v1 [2J 2J   é");
    }
}
