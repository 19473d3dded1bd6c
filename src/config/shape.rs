//! What a role's configuration looks like, read off its defaults: which keys there are and of which kind.

use figment::error::Actual;
use figment::value::{Dict, Value};

use super::error::ConfigError;
use crate::model::nearest;

/// One key that takes a value.
pub(super) struct Leaf<'a> {
    /// The whole key, such as `tls.mode`.
    pub(super) key: String,
    /// Its default.
    pub(super) default: &'a Value,
}

/// All keys that take a value, in the order of their names.
pub(super) fn leaves(defaults: &Dict) -> Vec<Leaf<'_>> {
    fn walk<'a>(prefix: &str, dict: &'a Dict, found: &mut Vec<Leaf<'a>>) {
        for (name, value) in dict {
            let key = join(prefix, name);
            match value {
                Value::Dict(_, section) => walk(&key, section, found),
                default => found.push(Leaf { key, default }),
            }
        }
    }
    let mut found = Vec::new();
    walk("", defaults, &mut found);
    found
}

/// Checks what was written against the defaults: no unknown key, and every value of its kind.
///
/// A section or list without content (`tls:` above lines that are commented out) is taken away.
/// What is in a list is left to deserialization. `allowed` says what a key accepts, if it is known.
pub(super) fn check(
    written: Dict,
    defaults: &Dict,
    allowed: &dyn Fn(&str) -> Option<&'static str>,
) -> Result<Dict, ConfigError> {
    check_section("", written, defaults, allowed)
}

fn check_section(
    prefix: &str,
    written: Dict,
    defaults: &Dict,
    allowed: &dyn Fn(&str) -> Option<&'static str>,
) -> Result<Dict, ConfigError> {
    let mut checked = Dict::new();
    for (name, value) in written {
        let key = join(prefix, &name);
        let Some(default) = defaults.get(&name) else { return Err(unknown(&key, &name, defaults)) };
        let value = match (default, value) {
            (Value::Dict(..) | Value::Array(..), Value::Empty(..)) => continue,
            (Value::Dict(_, section), Value::Dict(tag, inner)) => {
                Value::Dict(tag, check_section(&key, inner, section, allowed)?)
            }
            (Value::Dict(_, section), other) => {
                let keys: Vec<_> = section.keys().map(String::as_str).collect();
                let problem =
                    format!("{} is not a section with the keys {}", describe(&other.to_actual()), keys.join(", "));
                return Err(ConfigError::value(key, problem));
            }
            (default, value) if same_kind(default, &value) => value,
            (default, other) => return Err(ConfigError::value(&key, wrong_kind(default, &other, allowed(&key)))),
        };
        checked.insert(name, value);
    }
    Ok(checked)
}

/// A value as it is read from a text of the environment or a flag.
pub(super) fn from_text(leaf: &Leaf<'_>, text: &str, allowed: Option<&'static str>) -> Result<Value, ConfigError> {
    let wrong =
        |kind: &str| ConfigError::value(leaf.key.as_str(), format!("{text:?} is not {}", allowed.unwrap_or(kind)));
    match leaf.default {
        Value::Num(..) => text.trim().parse::<i64>().map(Value::from).map_err(|_| wrong("a whole number")),
        Value::Bool(..) => text.trim().parse::<bool>().map(Value::from).map_err(|_| wrong("true or false")),
        Value::Array(..) => Err(ConfigError::value(
            leaf.key.as_str(),
            "a list can be written in the configuration file only: move it there",
        )),
        _ => Ok(Value::from(text)),
    }
}

/// The key of the first text that is empty, if there is one.
pub(super) fn first_empty(prefix: &str, value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) if text.trim().is_empty() => Some(prefix.to_owned()),
        Value::Dict(_, section) => section.iter().find_map(|(name, value)| first_empty(&join(prefix, name), value)),
        Value::Array(_, items) => {
            items.iter().enumerate().find_map(|(i, value)| first_empty(&format!("{prefix}[{i}]"), value))
        }
        _ => None,
    }
}

/// What was found, for an error message.
pub(super) fn describe(found: &Actual) -> String {
    match found {
        Actual::Str(text) => format!("{text:?}"),
        Actual::Bool(b) => format!("{b} (true or false)"),
        Actual::Unsigned(n) => format!("the number {n}"),
        Actual::Signed(n) => format!("the number {n}"),
        Actual::Float(n) => format!("the number {n}"),
        Actual::Unit | Actual::Option => "nothing".into(),
        Actual::Map => "a section".into(),
        Actual::Seq => "a list".into(),
        other => other.to_string(),
    }
}

/// Says that what was found is not the text that it should be, and how to make it one.
pub(super) fn not_a(kind: &str, found: &Actual) -> String {
    let quotes = match found {
        Actual::Bool(_) | Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => ": put it in quotes",
        _ => "",
    };
    format!("{} is not {kind}{quotes}", describe(found))
}

/// Two parts of a key.
pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

fn unknown(key: &str, name: &str, siblings: &Dict) -> ConfigError {
    if let Some((section, rest)) = name.split_once('.')
        && siblings.contains_key(section)
    {
        let problem = format!("unknown key: write {section}: on a line of its own and {rest}: indented below it");
        return ConfigError::value(key, problem);
    }
    let known: Vec<_> = siblings.keys().map(String::as_str).collect();
    ConfigError::value(key, format!("unknown key: {}", nearest::hint(name, &known)))
}

fn same_kind(default: &Value, value: &Value) -> bool {
    match default {
        Value::Num(..) => matches!(value, Value::Num(..)),
        Value::Bool(..) => matches!(value, Value::Bool(..)),
        Value::Array(..) => matches!(value, Value::Array(..)),
        // An optional key; all of them are texts.
        Value::Empty(..) => matches!(value, Value::Empty(..) | Value::String(..)),
        _ => matches!(value, Value::String(..)),
    }
}

fn wrong_kind(default: &Value, value: &Value, allowed: Option<&'static str>) -> String {
    let found = value.to_actual();
    let kind = match (allowed, default) {
        (Some(allowed), _) => allowed,
        (None, Value::Num(..)) => "a whole number",
        (None, Value::Bool(..)) => "true or false",
        (None, Value::Array(..)) => "a list",
        _ => return not_a("a text", &found),
    };
    format!("{} is not {kind}", describe(&found))
}
