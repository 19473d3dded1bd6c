//! What goes to standard output: tables for people, JSON for programs.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use comfy_table::{Table, presets};
use jiff::Timestamp;
use serde::Serialize;

use super::exit::Exit;
use crate::model::age::age;
use crate::model::{Labels, RoleName};

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

/// Labels in the form that selectors have; a dash for none.
pub fn labels(labels: &Labels) -> String {
    let all: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if all.is_empty() { "-".into() } else { all.join(",") }
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

/// Names and values below each other, as `describe` of kubectl has them.
pub fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len() + 1).max().unwrap_or_default() + 2;
    fields.iter().map(|(name, value)| format!("{:<width$}{value}\n", format!("{name}:"))).collect()
}

/// Names with commas between them.
pub fn roles(roles: &[RoleName]) -> String {
    match roles {
        [] => "-".into(),
        roles => roles.iter().map(RoleName::as_str).collect::<Vec<_>>().join(","),
    }
}

/// The same in a sentence: `the roles a,b`, or `no roles`.
pub fn the_roles(names: &[RoleName]) -> String {
    if names.is_empty() { "no roles".into() } else { format!("the roles {}", roles(names)) }
}

/// A time that has passed: `4s ago`, or `never`.
pub fn ago(then: Option<Timestamp>) -> String {
    then.map_or_else(|| "never".into(), |then| format!("{} ago", age(then, Timestamp::now())))
}

/// A time to come: `in 4h`, or `expired`.
pub fn ahead(then: Timestamp) -> String {
    let now = Timestamp::now();
    if then <= now { "expired".into() } else { format!("in {}", age(now, then)) }
}

/// A time to come, in full and as a distance.
pub fn until(then: Timestamp) -> String {
    format!("{then:.0} ({})", ahead(then))
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

    #[test]
    fn fields_stand_below_each_other() {
        assert_eq!(fields(&[("Name", "dev".into()), ("Last seen", "-".into())]), "Name:       dev\nLast seen:  -\n");
    }

    #[test]
    fn times_are_told_from_now() {
        assert_eq!((ago(None).as_str(), ahead(Timestamp::UNIX_EPOCH).as_str()), ("never", "expired"));
        assert!(ahead(Timestamp::now() + jiff::SignedDuration::from_hours(30 * 24 + 1)).starts_with("in 30d"));
    }

    #[test]
    fn roles_are_a_list_without_spaces() {
        assert_eq!(roles(&["admin".parse().unwrap(), "dev".parse().unwrap()]), "admin,dev");
        assert_eq!((roles(&[]).as_str(), the_roles(&[]).as_str()), ("-", "no roles"));
    }
}
