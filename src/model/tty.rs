//! The terminal at which somebody runs a command: what kubectl has to know of it.

use serde::{Deserialize, Serialize};

/// A terminal: standard input is always it, the outputs mostly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tty {
    /// Its rows at the start; 0 when they are not known.
    pub rows: u16,
    /// Its columns at the start; 0 when they are not known.
    pub columns: u16,
    /// Whether standard output is the terminal too, and no file or pipe.
    #[serde(default = "yes")]
    pub stdout: bool,
    /// The same of standard error.
    #[serde(default = "yes")]
    pub stderr: bool,
}

/// The size of a terminal's window, in characters. It is passed on as it is: what a size means is for the program to say
/// that draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TtySize {
    /// Its rows; 0 when they are not known.
    pub rows: u16,
    /// Its columns; 0 when they are not known.
    pub columns: u16,
}

impl Tty {
    /// Its size at the start.
    pub fn size(&self) -> TtySize {
        TtySize { rows: self.rows, columns: self.columns }
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_a_size_and_what_stands_on_it() {
        let tty: Tty = serde_json::from_str(r#"{"rows":24,"columns":80}"#).unwrap();
        assert_eq!(tty, Tty { rows: 24, columns: 80, stdout: true, stderr: true });
        let unknown: Tty = serde_json::from_str(r#"{"rows":0,"columns":65535,"stderr":false}"#).unwrap();
        assert_eq!(unknown.size(), TtySize { rows: 0, columns: 65_535 });
        assert!(!unknown.stderr);
    }

    #[test]
    fn sizes_that_no_window_has_are_refused() {
        for size in [r#"{"rows":65536,"columns":80}"#, r#"{"rows":-1,"columns":80}"#, r#"{"rows":24}"#, "[24,80]x"] {
            assert!(serde_json::from_str::<TtySize>(size).is_err(), "{size}");
            assert!(serde_json::from_str::<Tty>(size).is_err(), "{size}");
        }
    }
}
