//! A configuration as it takes effect, as YAML, with a comment after each value that says where it came from.

use std::fmt::Write;

use figment::value::{Dict, Value};

use super::error::{ConfigError, Origin};
use super::load::{Loaded, Role, defaults, table};

impl<T: Role> Loaded<T> {
    /// The whole configuration as YAML; every value has a comment: `default`, `file`, a variable or a flag.
    ///
    /// # Errors
    /// A value cannot be written as text: a path that is not UTF-8.
    pub fn to_yaml(&self) -> Result<String, ConfigError> {
        let (values, shape) = (table(&self.config)?, defaults::<T>()?);
        let mut lines = Vec::new();
        self.section(&values, &shape, "", 0, &mut lines);
        let width =
            lines.iter().filter(|(_, origin)| origin.is_some()).map(|(l, _)| l.chars().count()).max().unwrap_or(0);
        let width = width.min(60);
        let mut text = String::new();
        for (line, origin) in lines {
            // Writing to a String cannot fail.
            let _ = match origin {
                Some(origin) => writeln!(text, "{line:width$}  # {origin}"),
                None => writeln!(text, "{line}"),
            };
        }
        Ok(text)
    }

    fn section(
        &self,
        values: &Dict,
        shape: &Dict,
        prefix: &str,
        depth: usize,
        lines: &mut Vec<(String, Option<String>)>,
    ) {
        let indent = "  ".repeat(depth);
        for (name, default) in shape {
            let value = values.get(name).unwrap_or(default);
            match (value, default) {
                (Value::Dict(_, values), Value::Dict(_, shape)) => {
                    lines.push((format!("{indent}{name}:"), None));
                    self.section(values, shape, &format!("{prefix}{name}."), depth + 1, lines);
                }
                _ => {
                    let key = format!("{prefix}{name}");
                    let origin = match self.origin(&key) {
                        Origin::Default => "default".to_owned(),
                        Origin::File(_) => "file".to_owned(),
                        Origin::Variable(name) | Origin::Flag(name) => name.clone(),
                    };
                    // JSON is YAML, and needs no second thoughts about quotes.
                    let value = match value {
                        Value::String(..) if T::SECRETS.contains(&key.as_str()) => "\"<redacted>\"".to_owned(),
                        value => serde_json::to_string(value).unwrap_or_default(),
                    };
                    lines.push((format!("{indent}{name}: {value}"), Some(origin)));
                }
            }
        }
    }
}
