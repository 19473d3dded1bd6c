//! What goes to standard output: tables for people, JSON and YAML for programs. The forms are made here, for all commands.
//! And what is said besides, on standard error.

use std::fmt::Display;
use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use comfy_table::{Table, presets};
use jiff::Timestamp;
use serde::Serialize;

use super::exit::Exit;
use super::progress;
use crate::model::age::age;
use crate::model::printable::printable;
use crate::model::{Labels, RoleName};

/// The form of the output.
#[derive(Args, Clone, Copy)]
pub struct OutputArgs {
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table, env = "MK8S_OUTPUT", hide_env_values = true)]
    pub output: Format,
}

/// The form of a list.
#[derive(Args, Clone, Copy)]
pub struct ListArgs {
    #[command(flatten)]
    pub form: OutputArgs,
    /// Leave out the line with the names of the columns
    #[arg(long)]
    pub no_headers: bool,
}

/// The forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// The same with more columns, where there are more
    Wide,
    /// For programs
    Json,
    /// The same as YAML
    Yaml,
    /// Names only, one a line
    Name,
}

/// Labels in the form that selectors have; a dash for none.
pub fn labels(labels: &Labels) -> String {
    let all: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if all.is_empty() { "-".into() } else { all.join(",") }
}

/// The columns of a list: what each is called, and what stands in it.
pub struct Columns<'a, T>(Vec<Column<'a, T>>);

struct Column<'a, T> {
    header: &'static str,
    cell: Box<dyn Fn(&T) -> String + 'a>,
    is_wide: bool,
}

impl<T> Default for Columns<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'a, T> Columns<'a, T> {
    /// With one more.
    pub fn column(self, header: &'static str, cell: impl Fn(&T) -> String + 'a) -> Self {
        self.and(header, Box::new(cell), false)
    }

    /// With one more for those who ask for more.
    pub fn wide(self, header: &'static str, cell: impl Fn(&T) -> String + 'a) -> Self {
        self.and(header, Box::new(cell), true)
    }

    fn and(mut self, header: &'static str, cell: Box<dyn Fn(&T) -> String + 'a>, is_wide: bool) -> Self {
        self.0.push(Column { header, cell, is_wide });
        self
    }
}

impl ListArgs {
    /// Prints a list. `none` is said to a person when there is nothing in it.
    pub fn print<T: Serialize>(
        self,
        items: &[T],
        name: impl Fn(&T) -> String,
        none: &str,
        columns: &Columns<'_, T>,
    ) -> anyhow::Result<Exit> {
        print(&match self.form.output {
            Format::Json => json(&items)?,
            Format::Yaml => yaml(&items)?,
            Format::Name => items.iter().map(|item| name(item) + "\n").collect(),
            Format::Table | Format::Wide if items.is_empty() && !none.is_empty() => {
                say(none);
                String::new()
            }
            Format::Table | Format::Wide => self.rows(items, columns),
        })
    }

    /// The list as a table.
    pub fn rows<T>(self, items: &[T], columns: &Columns<'_, T>) -> String {
        let shown = || columns.0.iter().filter(|column| !column.is_wide || self.form.output == Format::Wide);
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if !self.no_headers {
            table.set_header(shown().map(|column| column.header));
        } else if items.is_empty() {
            return String::new();
        }
        let cells = |item| shown().map(|column| printable(&(column.cell)(item))).collect::<Vec<_>>();
        table.add_rows(items.iter().map(cells));
        // In the manner of kubectl: no lines, three spaces between the columns.
        for column in table.column_iter_mut() {
            column.set_padding((0, 3));
        }
        table.trim_fmt() + "\n"
    }
}

impl OutputArgs {
    /// Whether nobody has asked for one of the forms that programs read.
    pub fn is_for_people(self) -> bool {
        matches!(self.output, Format::Table | Format::Wide)
    }

    /// Prints one thing: as programs read it, its name, or `described` to people.
    pub fn print<T: Serialize>(
        self,
        value: &T,
        name: impl Display,
        described: impl Fn(&T) -> String,
    ) -> anyhow::Result<Exit> {
        print(&match self.output {
            Format::Json => json(value)?,
            Format::Yaml => yaml(value)?,
            Format::Name => format!("{name}\n"),
            Format::Table | Format::Wide => described(value),
        })
    }
}

/// Names and values below each other, as `describe` of kubectl has them.
pub fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len() + 1).max().unwrap_or_default() + 2;
    let line = |(name, value): &(&str, String)| format!("{:<width$}{}\n", format!("{name}:"), printable(value));
    fields.iter().map(line).collect()
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

/// The same as YAML.
pub fn yaml(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_saphyr::to_string(value)?)
}

/// A value, or a dash where there is none.
pub fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}

/// A time that has passed, in full and as a distance.
pub fn since(then: Timestamp) -> String {
    format!("{then:.0} ({})", ago(Some(then)))
}

/// Says something to the user, in lines of its own on standard error; a reader that has gone is not a failure.
pub fn say(text: &str) {
    let text = format!("{}{text}\n", progress::way_clear());
    // Nobody is left to see it when this fails.
    let _ = io::stderr().write_all(text.as_bytes());
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

    fn args(output: Format, no_headers: bool) -> ListArgs {
        ListArgs { form: OutputArgs { output }, no_headers }
    }

    #[test]
    fn a_table_has_no_lines_and_no_trailing_spaces() {
        let columns = Columns::<(&str, &str)>::default()
            .column("NAME", |(name, _)| (*name).into())
            .wide("STATUS", |(_, state)| (*state).into());
        let items = [("dev", "online"), ("a", "x")];
        assert_eq!(args(Format::Wide, false).rows(&items, &columns), "NAME   STATUS\ndev    online\na      x\n");
        assert_eq!(args(Format::Wide, true).rows(&items, &columns), "dev   online\na     x\n");
        assert_eq!(args(Format::Table, false).rows(&items, &columns), "NAME\ndev\na\n");
        assert_eq!(args(Format::Table, true).rows(&items[..0], &columns), "");
    }

    /// What an agent says of itself comes to the terminals of users.
    #[test]
    fn nothing_that_is_shown_moves_the_cursor() {
        let columns = Columns::<&str>::default().column("AGENT", |version| (*version).into());
        assert_eq!(args(Format::Table, true).rows(&["0.1\u{1b}[2J"], &columns), "0.1 [2J\n");
        assert_eq!(fields(&[("Agent", "0.1\u{1b}]0;x\u{7}".into())]), "Agent:  0.1 ]0;x \n");
    }

    #[test]
    fn yaml_says_the_same_as_json() {
        let value = serde_json::json!([{"name": "a b", "text": "yes", "lines": "a\nb\n", "long": "x ".repeat(90),
            "none": null, "list": [], "number": 1.5, "time": "2026-01-02T15:04:05Z", "odd": "# é: \t\u{1b}[0m"}]);
        assert_eq!(serde_saphyr::from_str::<serde_json::Value>(&yaml(&value).unwrap()).unwrap(), value);
        assert!(!yaml(&value).unwrap().contains('\u{1b}'), "a terminal takes nothing of it for a command");
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
