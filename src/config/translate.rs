//! figment's errors in the words of the configuration: which key, written where, and what is allowed.

use figment::Figment;
use figment::error::{Error, Kind};

use super::error::{ConfigError, Origin};
use super::load::origin_of;
use super::shape;
use crate::model::nearest;

/// Translates the failure to make a configuration out of the layers.
pub(super) fn translate(
    figment: &Figment,
    error: Error,
    allowed: &dyn Fn(&str) -> Option<&'static str>,
) -> ConfigError {
    let mut path = error.path.clone();
    if let Kind::MissingField(name) = &error.kind {
        path.push(name.to_string());
    }
    let key = written(&path);
    let origin = error.metadata.as_ref().and_then(origin_of).or_else(|| nearest_origin(figment, &path));
    let allowed = allowed(&key);
    let problem = match (error.kind, allowed) {
        (Kind::UnknownField(name, known), _) => format!("unknown key: {}", nearest::hint(&name, known)),
        (Kind::UnknownVariant(name, known), _) => format!("{name:?} is unknown: {}", nearest::hint(&name, known)),
        (Kind::MissingField(_), _) => "the key is missing: add it".to_owned(),
        (Kind::Message(_) | Kind::InvalidType(..) | Kind::InvalidValue(..), Some(allowed)) => {
            let found = figment
                .find_value(&path.join("."))
                .map_or_else(|_| "the value".into(), |v| shape::describe(&v.to_actual()));
            format!("{found} is not {allowed}")
        }
        (Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected), None) => match plain(&expected) {
            kind @ ("a text" | "a path") => shape::not_a(kind, &found),
            kind => format!("{} is not {kind}", shape::describe(&found)),
        },
        (kind, _) => kind.to_string(),
    };
    ConfigError::Value { key, origin, problem }
}

/// A path as one writes it: `bootstrap.clusters[0].name`.
fn written(path: &[String]) -> String {
    path.iter().fold(String::new(), |key, part| match part.parse::<usize>() {
        Ok(index) => format!("{key}[{index}]"),
        Err(_) => shape::join(&key, part),
    })
}

fn nearest_origin(figment: &Figment, path: &[String]) -> Option<Origin> {
    (1..=path.len()).rev().find_map(|n| figment.find_metadata(&path[..n].join(".")).and_then(origin_of))
}

/// serde's names of types, in words.
fn plain(expected: &str) -> &str {
    match expected {
        "a string" | "string" => "a text",
        "path string" => "a path",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        other if other.starts_with("struct ") => "a section with keys",
        other => other,
    }
}
