//! Settings from the environment: `MK8S_<ROLE>_<KEY>`, with `__` between a section and its key; and `MK8S_LOG` for all
//! roles.

use std::collections::BTreeSet;
use std::ffi::OsString;

use figment::value::{Dict, Value};

use super::error::{ConfigError, Origin};
use super::{log, shape};
use crate::model::nearest;

/// A setting that was found in the environment.
pub(super) struct Found {
    pub(super) origin: Origin,
    pub(super) key: String,
    pub(super) value: Value,
}

/// The variable of a key.
pub(super) fn variable(prefix: &str, key: &str) -> String {
    format!("{prefix}{}", key.replace('.', "__").to_uppercase())
}

/// Picks a role's settings out of the environment, the stronger ones last; an empty variable counts as not set.
pub(super) fn settings(
    prefix: &str,
    vars: impl IntoIterator<Item = (OsString, OsString)>,
    defaults: &Dict,
    allowed: &dyn Fn(&str) -> Option<&'static str>,
) -> Result<Vec<Found>, ConfigError> {
    let all = vars.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let (for_all, vars): (Vec<_>, Vec<_>) = all
        .filter(|(name, _)| name == log::VARIABLE || name.starts_with(prefix))
        .partition(|(n, _)| n == log::VARIABLE);
    let foreign = service_links(vars.iter().map(|(name, _)| name.as_str()));
    let leaves = shape::leaves(defaults);
    let mut found = Vec::new();
    if let Some((_, level)) = for_all.into_iter().next()
        && let Some(leaf) = leaves.iter().find(|leaf| leaf.key == "log.level")
    {
        found.extend(setting(leaf, Origin::Variable(log::VARIABLE.to_owned()), level, allowed)?);
    }
    for (name, value) in vars {
        if name == format!("{prefix}CONFIG") || foreign.contains(&name) {
            continue;
        }
        let Some(leaf) = leaves.iter().find(|leaf| variable(prefix, &leaf.key) == name) else {
            return Err(unknown(prefix, name, &leaves));
        };
        found.extend(setting(leaf, Origin::Variable(name), value, allowed)?);
    }
    Ok(found)
}

/// What a variable sets; nothing if it is empty.
fn setting(
    leaf: &shape::Leaf<'_>,
    origin: Origin,
    value: OsString,
    allowed: &dyn Fn(&str) -> Option<&'static str>,
) -> Result<Option<Found>, ConfigError> {
    let Ok(text) = value.into_string() else {
        return Err(ConfigError::value(leaf.key.as_str(), "the value is not valid UTF-8").at(|_| Some(origin)));
    };
    if text.is_empty() {
        return Ok(None);
    }
    let value = shape::from_text(leaf, &text, allowed(&leaf.key)).map_err(|e| e.at(|_| Some(origin.clone())))?;
    Ok(Some(Found { origin, key: leaf.key.clone(), value }))
}

/// The variables that Kubernetes sets in every container for a Service whose name begins like our prefix.
///
/// A Service `mk8s-central` makes `MK8S_CENTRAL_SERVICE_HOST`, `MK8S_CENTRAL_PORT_8443_TCP_ADDR` and more, see
/// <https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables>.
fn service_links<'a>(names: impl Iterator<Item = &'a str> + Clone) -> BTreeSet<String> {
    let services: Vec<&str> = names.clone().filter_map(|name| name.strip_suffix("_SERVICE_HOST")).collect();
    let is_link = |name: &str, service: &str| {
        let Some(rest) = name.strip_prefix(service) else { return false };
        matches!(rest, "_SERVICE_HOST" | "_PORT" | "_SERVICE_PORT")
            || rest.starts_with("_PORT_")
            || rest.starts_with("_SERVICE_PORT_")
    };
    names.filter(|name| services.iter().any(|service| is_link(name, service))).map(str::to_owned).collect()
}

fn unknown(prefix: &str, name: String, leaves: &[shape::Leaf<'_>]) -> ConfigError {
    let mut known: Vec<String> = leaves.iter().map(|leaf| variable(prefix, &leaf.key)).collect();
    known.push(format!("{prefix}CONFIG"));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    ConfigError::Variable { hint: nearest::hint(&name, &known), name }
}
