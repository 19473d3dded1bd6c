//! Every key of a configuration with all that is known of it: the reference in `docs/reference` is made of this.
//!
//! The keys and their defaults are those of the types, what a key is for is what the template says above it.

use figment::value::{Dict, Value};

use super::error::ConfigError;
use super::flags::{AgentFlags, CentralFlags};
use super::load::{Role, defaults};
use super::{AgentConfig, CentralConfig, ClientState, environment, shape, template};

/// One key that takes a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The whole key, such as `tls.mode`.
    pub name: String,
    /// The variable that sets it; a list has none, and neither has the client's state.
    pub variable: Option<String>,
    /// The flag that sets it.
    pub flag: Option<&'static str>,
    /// What it accepts, so that it fits into `... is not <this>`.
    pub accepts: String,
    /// Its default, as YAML; `null` where there is none, or where it follows from something else.
    pub default: String,
    /// The lines of the template above it, without the signs of comments.
    pub comment: Vec<String>,
}

/// The keys of central.
///
/// # Errors
/// A default cannot be written as text: a path that is not UTF-8.
pub fn central() -> Result<Vec<Key>, ConfigError> {
    let flags: Vec<_> = CentralFlags::default().rows().into_iter().map(|(flag, key, _)| (flag, key)).collect();
    keys::<CentralConfig>(template::CENTRAL, &flags, true)
}

/// The keys of an agent.
///
/// # Errors
/// A default cannot be written as text: a path that is not UTF-8.
pub fn agent() -> Result<Vec<Key>, ConfigError> {
    let flags: Vec<_> = AgentFlags::default().rows().into_iter().map(|(flag, key, _)| (flag, key)).collect();
    keys::<AgentConfig>(template::AGENT, &flags, true)
}

/// The keys of the client's state.
///
/// # Errors
/// A default cannot be written as text: a path that is not UTF-8.
pub fn client() -> Result<Vec<Key>, ConfigError> {
    keys::<ClientState>(template::CLIENT, &[], false)
}

fn keys<T: Role>(
    template: &str,
    flags: &[(&'static str, &'static str)],
    variables: bool,
) -> Result<Vec<Key>, ConfigError> {
    let defaults: Dict = defaults::<T>()?;
    let comments = comments(template);
    let place = |name: &str| comments.iter().position(|(key, _)| key == name);
    let mut keys: Vec<Key> = shape::leaves(&defaults)
        .into_iter()
        .map(|leaf| {
            let is_list = matches!(leaf.default, Value::Array(..));
            Key {
                variable: (variables && !is_list).then(|| environment::variable(T::PREFIX, &leaf.key)),
                flag: flags.iter().find(|(_, key)| *key == leaf.key).map(|(flag, _)| *flag),
                accepts: accepts::<T>(&leaf).to_owned(),
                default: serde_json::to_string(leaf.default).unwrap_or_default(),
                comment: place(&leaf.key).map(|place| comments[place].1.clone()).unwrap_or_default(),
                name: leaf.key,
            }
        })
        .collect();
    keys.sort_by_key(|key| place(&key.name));
    Ok(keys)
}

fn accepts<T: Role>(leaf: &shape::Leaf<'_>) -> &'static str {
    let key = leaf.key.as_str();
    if let Some((_, allowed)) = T::ALLOWED.iter().find(|(name, _)| *name == key) {
        return allowed;
    }
    match leaf.default {
        _ if T::PATHS.contains(&key) => "a path",
        _ if T::PROGRAMS.contains(&key) => "a path, or the name of a program in PATH",
        Value::Num(..) => "a whole number",
        Value::Bool(..) => "true or false",
        Value::Array(..) => "a list",
        _ => "a text",
    }
}

/// The keys of a template in their order, each with the lines of the comment that is above it. A key directly below another
/// one shares the comment of that.
fn comments(template: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let (mut section, mut comment, mut is_used) = (String::new(), Vec::new(), false);
    for line in template.lines() {
        let text = line.trim_start();
        if !line.starts_with(' ') && !text.is_empty() && !text.starts_with("# ") {
            section.clear();
        }
        if text.is_empty() {
            comment.clear();
        } else if let Some(text) = text.strip_prefix("# ") {
            if std::mem::take(&mut is_used) {
                comment.clear();
            }
            comment.push(text.to_owned());
        } else if let Some(name) = text.strip_suffix(':') {
            section = name.to_owned();
            comment.clear();
        } else if let Some((name, _)) = text.trim_start_matches('#').split_once(':') {
            found.push((shape::join(&section, name), comment.clone()));
            is_used = true;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_explained() {
        for key in [central(), agent(), client()].into_iter().flat_map(Result::unwrap) {
            assert!(!key.comment.is_empty(), "the template says nothing of {}", key.name);
        }
    }

    #[test]
    fn what_is_known_of_a_key_is_found() {
        let keys = central().unwrap();
        let find = |name: &str| keys.iter().find(|key| key.name == name).unwrap().clone();
        let listen = find("listen");
        assert_eq!((listen.flag, listen.variable.as_deref()), (Some("--listen"), Some("MK8S_CENTRAL_LISTEN")));
        assert_eq!(
            (listen.accepts.as_str(), listen.default.as_str()),
            ("an IP address with a port, such as 127.0.0.1:8443", "\"127.0.0.1:8443\"")
        );
        assert_eq!(find("trusted_proxies").variable, None);
        assert_eq!(find("tls.cert_file").accepts, "a path");
        assert!(find("tls.mode").comment[1].starts_with("  auto:"));
    }

    #[test]
    fn keys_that_belong_together_share_what_is_said_of_them() {
        let found = comments("# One.\na:\n  # Both.\n  #b: 1\n  #c: 2\n\n  #e: 2\n\n# Other.\n#d: 3\n");
        let with = |name: &str, text: &str| (name.to_owned(), vec![text.to_owned()]);
        let bare = ("a.e".to_owned(), Vec::new());
        assert_eq!(found, [with("a.b", "Both."), with("a.c", "Both."), bare, with("d", "Other.")]);
    }
}
