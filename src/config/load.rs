//! The one way to a configuration: defaults < file < environment < flags, each checked with its place in mind.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::environment;
use super::error::{ConfigError, Origin};
use super::flags::Flag;
use super::shape;
use super::translate::translate;
use super::yaml;

/// A configuration that can be loaded: what the loader has to know beyond the type.
pub trait Role: Default + Serialize + DeserializeOwned {
    /// What its environment variables begin with.
    const PREFIX: &'static str;

    /// Its keys that are paths; in a file they are relative to the file. `*` stands for an item of a list.
    const PATHS: &'static [&'static str];

    /// Its keys that are programs: a path like the others if it contains a slash, or else a name to look up in `PATH`.
    const PROGRAMS: &'static [&'static str] = &[];

    /// What some keys accept, so that it fits into `... is not <this>`.
    const ALLOWED: &'static [(&'static str, &'static str)];

    /// Its keys whose values are not shown.
    const SECRETS: &'static [&'static str] = &[];

    /// Brings values that mean the same into one form.
    fn normalise(&mut self) {}

    /// Checks what a type cannot.
    ///
    /// # Errors
    /// The first value that is not allowed, or does not go with another one.
    fn validate(&self) -> Result<(), ConfigError>;
}

/// What lies over the defaults.
pub struct Layers<'a, V> {
    /// The file, if one was named.
    pub file: Option<&'a Path>,
    /// The environment: names and values.
    pub vars: V,
    /// The flags that were given.
    pub flags: Vec<Flag>,
}

/// A configuration, and where each of its values came from.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The configuration.
    pub config: T,
    origins: BTreeMap<String, Origin>,
}

impl<T> Loaded<T> {
    /// Where the value of a key came from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }
}

/// Loads and checks a configuration.
///
/// # Errors
/// The first thing that is wrong, with the place where it was written and what is allowed.
pub fn load<T: Role>(
    layers: Layers<'_, impl IntoIterator<Item = (OsString, OsString)>>,
) -> Result<Loaded<T>, ConfigError> {
    let defaults = defaults::<T>()?;
    let allowed = |key: &str| T::ALLOWED.iter().find(|(k, _)| *k == key).map(|(_, allowed)| *allowed);
    let mut figment = Figment::from(Layer { origin: Origin::Default, keys: defaults.clone() });
    if let Some(path) = layers.file {
        let origin = Origin::File(path.to_owned());
        let checked = shape::check(yaml::read(path)?, &defaults, &allowed);
        let mut keys = checked.map_err(|e| e.at(|_| Some(origin.clone())))?;
        resolve_paths::<T>(path, &mut keys)?;
        figment = figment.merge(Layer { origin, keys });
    }
    for found in environment::settings(T::PREFIX, layers.vars, &defaults, &allowed)? {
        figment = figment.merge(Layer { origin: found.origin, keys: nest(&found.key, found.value) });
    }
    for flag in layers.flags {
        let origin = Origin::Flag(flag.name.to_owned());
        let value =
            flag.value.into_string().map(Value::from).map_err(|_| {
                ConfigError::value(flag.key, "the value is not valid UTF-8").at(|_| Some(origin.clone()))
            })?;
        figment = figment.merge(Layer { origin, keys: nest(flag.key, value) });
    }
    let find = |key: &str| figment.find_metadata(key.split('[').next().unwrap_or(key)).and_then(origin_of);
    if let Some(key) = merged(&figment)?.iter().find_map(|(name, value)| shape::first_empty(name, value)) {
        return Err(ConfigError::value(key, "the value is empty: give one, or leave the key out").at(find));
    }
    let mut config: T = figment.extract().map_err(|e| translate(&figment, e, &allowed))?;
    config.normalise();
    config.validate().map_err(|e| e.at(find))?;
    let origins = shape::leaves(&defaults).into_iter().filter_map(|leaf| Some((find(&leaf.key)?, leaf.key)));
    Ok(Loaded { config, origins: origins.map(|(origin, key)| (key, origin)).collect() })
}

/// The defaults of a role as a table.
pub(super) fn defaults<T: Role>() -> Result<Dict, ConfigError> {
    table(&T::default())
}

/// A configuration as a table.
pub(super) fn table(config: &impl Serialize) -> Result<Dict, ConfigError> {
    match Value::serialize(config) {
        Ok(Value::Dict(_, keys)) => Ok(keys),
        Ok(_) => Ok(Dict::new()),
        // A path that is not UTF-8 is the only value that cannot be serialized.
        Err(error) => Err(ConfigError::value("configuration", error.kind.to_string())),
    }
}

/// The origin that a layer wrote into figment's metadata.
pub(super) fn origin_of(metadata: &Metadata) -> Option<Origin> {
    match (&*metadata.name, metadata.source.as_ref()?) {
        (_, Source::File(path)) => Some(Origin::File(path.clone())),
        (VARIABLE, Source::Custom(name)) => Some(Origin::Variable(name.clone())),
        (FLAG, Source::Custom(name)) => Some(Origin::Flag(name.clone())),
        _ => None,
    }
}

const VARIABLE: &str = "environment variable";
const FLAG: &str = "flag";

/// Values that came from one place, as figment wants them.
struct Layer {
    origin: Origin,
    keys: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        match &self.origin {
            Origin::Default => Metadata::named("defaults"),
            Origin::File(path) => Metadata::from("file", path.as_path()),
            Origin::Variable(name) => Metadata::from(VARIABLE, name.as_str()),
            Origin::Flag(name) => Metadata::from(FLAG, name.as_str()),
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.keys.clone())]))
    }
}

fn merged(figment: &Figment) -> Result<Dict, ConfigError> {
    let mut profiles = figment.data().map_err(|e| ConfigError::value("configuration", e.to_string()))?;
    Ok(profiles.remove(&Profile::Default).unwrap_or_default())
}

fn nest(key: &str, value: Value) -> Dict {
    match key.split_once('.') {
        Some((section, rest)) => Dict::from([(section.to_owned(), Value::from(nest(rest, value)))]),
        None => Dict::from([(key.to_owned(), value)]),
    }
}

/// Makes the relative paths of a file absolute, from the directory of the file.
fn resolve_paths<T: Role>(file: &Path, keys: &mut Dict) -> Result<(), ConfigError> {
    let file = std::path::absolute(file).map_err(|e| ConfigError::read(file, e))?;
    let Some(directory) = file.parent() else { return Ok(()) };
    let path = |text: &str| !text.trim().is_empty(); // An empty text is refused later on, as what it is.
    let program = |text: &str| text.contains('/');
    let paths = T::PATHS.iter().map(|key| (key, &path as &dyn Fn(&str) -> bool));
    let programs = T::PROGRAMS.iter().map(|key| (key, &program as &dyn Fn(&str) -> bool));
    for (key, is_path) in paths.chain(programs) {
        let mut parts = key.split('.');
        let Some(value) = parts.next().and_then(|first| keys.get_mut(first)) else { continue };
        resolve(directory, &parts.collect::<Vec<_>>(), is_path, value);
    }
    Ok(())
}

fn resolve(directory: &Path, parts: &[&str], is_path: &dyn Fn(&str) -> bool, value: &mut Value) {
    match (parts, value) {
        ([], Value::String(_, text)) if is_path(text) => {
            if let Some(path) = directory.join(&*text).to_str() {
                *text = path.to_owned();
            }
        }
        (["*", rest @ ..], Value::Array(_, items)) => {
            items.iter_mut().for_each(|item| resolve(directory, rest, is_path, item));
        }
        ([name, rest @ ..], Value::Dict(_, section)) => {
            if let Some(value) = section.get_mut(*name) {
                resolve(directory, rest, is_path, value);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
