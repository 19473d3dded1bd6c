//! What goes to standard output: tables for people, JSON for programs.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use comfy_table::{Table, presets};
use serde::Serialize;

use super::exit::Exit;

/// The form of the output.
#[derive(Args, Clone, Copy)]
pub struct OutputArgs {
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table, env = "MK8S_OUTPUT")]
    pub output: Format,
}

/// The forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
    /// Names only
    Name,
}

/// A table in the manner of kubectl: no lines, three spaces between the columns.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    table.trim_fmt() + "\n"
}

/// A value as indented JSON.
pub fn json(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Writes to standard output; a reader that has gone is not a failure.
pub fn print(text: &str) -> anyhow::Result<Exit> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Exit::OK),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::BROKEN_PIPE),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_no_lines_and_no_trailing_spaces() {
        let text = table(&["NAME", "STATUS"], vec![vec!["dev".into(), "online".into()]]);
        assert_eq!(text, "NAME   STATUS\ndev    online\n");
    }
}
