//! What a permission may say: whatever can have no effect is refused, with what to write instead.

use super::check_resource::{applies, check_resource};
use super::refusal::quoted;
use super::verbs::{KUBECTL_WORDS, Verbs, WORDS};
use crate::kubernetes::built_in_resources::built_in;
use crate::model::Permission;
use crate::model::nearest::nearest;

/// The most entries of a list.
const MAX_ENTRIES: usize = 256;
/// The most characters of a name of a cluster or namespace, or of a verb.
const MAX_NAME: usize = 253;
/// The most characters of a resource.
const MAX_RESOURCE: usize = 512;

/// What is wrong with a permission: the place in it, such as `verbs[1]`, and the problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct InvalidPermission {
    /// Where.
    pub place: String,
    /// What, and what to write instead.
    pub problem: String,
}

/// Checks a permission or a denial.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_permission(permission: &Permission) -> Result<(), InvalidPermission> {
    let Permission { clusters, namespaces, resources, verbs } = permission;
    check_list("clusters", clusters, MAX_NAME, |text| check_name(text, "cluster"))?;
    check_list("namespaces", namespaces, MAX_NAME, |text| check_name(text, "namespace"))?;
    check_list("resources", resources, MAX_RESOURCE, check_resource)?;
    check_list("verbs", verbs, MAX_NAME, check_verb)?;
    check_effects(resources, verbs)?;
    if !namespaces.iter().any(|namespace| namespace == "*") {
        each("resources", resources, check_is_in_namespaces)?;
    }
    Ok(())
}

fn check_list(
    list: &str,
    entries: &[String],
    longest: usize,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<(), InvalidPermission> {
    let whole = |problem: String| Err(InvalidPermission { place: list.to_owned(), problem });
    match entries.len() {
        0 => return whole("the list is empty, so that nothing is covered: write \"*\" for everything".into()),
        count if count > MAX_ENTRIES => return whole(format!("{count} entries are more than {MAX_ENTRIES}")),
        _ => {}
    }
    each(list, entries, |entry| match entry.len() {
        0 => Err("the text is empty: write a name, a pattern or \"*\"".into()),
        length if length > longest => Err(format!("{length} characters are more than {longest}")),
        _ => check(entry),
    })
}

fn each(list: &str, entries: &[String], check: impl Fn(&str) -> Result<(), String>) -> Result<(), InvalidPermission> {
    entries.iter().enumerate().try_for_each(|(at, entry)| {
        check(entry).map_err(|problem| InvalidPermission { place: format!("{list}[{at}]"), problem })
    })
}

/// The name of a cluster or of a namespace: a DNS label, or a pattern for some.
fn check_name(text: &str, noun: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '*');
    let literal = text.chars().filter(|c| *c != '*').count();
    if !text.chars().all(allowed) {
        return Err(format!(
            "{} matches no {noun}: their names have lower case letters, digits and hyphens, and \"*\" stands for any",
            quoted(text)
        ));
    }
    if literal > 63 || text.starts_with('-') || text.ends_with('-') {
        return Err(format!(
            "{} matches no {noun}: their names have 1 to 63 characters and no hyphen at either end",
            quoted(text)
        ));
    }
    check_stars(text)
}

/// Several stars side by side mean what one does; `**` is not taken for the `*` that covers all namespaces.
pub(super) fn check_stars(text: &str) -> Result<(), String> {
    match text.contains("**") {
        true => Err(format!("{} has several \"*\" side by side: write one", quoted(text))),
        false => Ok(()),
    }
}

fn check_verb(text: &str) -> Result<(), String> {
    if Verbs::of_word(text).is_some() {
        return Ok(());
    }
    if let Some(advice) = advice(text) {
        return Err(format!("{} is not a verb: {advice}", quoted(text)));
    }
    if text.contains('*') {
        return Err(format!("{} is a pattern: write each verb, or \"*\" for all", quoted(text)));
    }
    let known = WORDS.iter().map(|(word, _)| *word);
    let meant = nearest(&text.to_ascii_lowercase(), known.clone());
    let meant = meant.map(|word| format!("did you mean {}? ", quoted(word))).unwrap_or_default();
    let known = known.collect::<Vec<_>>().join(", ");
    Err(format!("{} is not a verb: {meant}Known are {known}, and \"*\" for all", quoted(text)))
}

/// What to write instead of words that people try.
fn advice(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "log" => "write \"logs\"",
        "portforward" | "port_forward" | "forward" => "write \"port-forward\"",
        "eviction" | "drain" => "write \"evict\"",
        "read" | "view" | "describe" => "write \"get\", \"list\" and \"watch\"",
        "write" | "edit" | "apply" => "write \"get\", \"create\", \"update\" and \"patch\"",
        "scale" => "write \"patch\" and \"update\", with resources such as \"deployments/scale\"",
        "rollout" | "restart" | "label" | "annotate" | "cordon" | "uncordon" | "taint" => "write \"get\" and \"patch\"",
        "remove" | "del" => "write \"delete\"",
        "cp" | "shell" | "ssh" => "write \"exec\"",
        "run" | "add" | "expose" => "write \"create\"",
        "top" => "write \"get\" and \"list\", with resources such as \"pods.metrics.k8s.io\"",
        "all" | "any" => "write \"*\"",
        "bind" | "escalate" | "impersonate" | "approve" | "sign" | "use" | "attest" => {
            "no request has it, the cluster's own RBAC checks it; leave it out"
        }
        _ => return None,
    })
}

/// Each verb needs a resource that it can be asked of, and each resource a verb.
fn check_effects(resources: &[String], verbs: &[String]) -> Result<(), InvalidPermission> {
    each("verbs", verbs, |word| {
        let verb = Verbs::of_word(word).unwrap_or_default();
        match resources.iter().any(|resource| applies(verb, resource)) {
            true => Ok(()),
            false => Err(format!("{} has no effect on these resources: it is for {}", quoted(word), subject(verb))),
        }
    })?;
    each("resources", resources, |resource| {
        let can = |(_, verb): &&(&str, Verbs)| applies(*verb, resource);
        match verbs.iter().filter_map(|word| Verbs::of_word(word)).any(|verb| applies(verb, resource)) {
            true => Ok(()),
            false => {
                let possible: Vec<_> = WORDS.iter().filter(can).map(|(word, _)| quoted(word)).collect();
                Err(format!("none of these verbs has an effect on {}: add {}", quoted(resource), possible.join(" or ")))
            }
        }
    })
}

/// What a verb is for.
fn subject(verb: Verbs) -> String {
    match KUBECTL_WORDS.iter().find(|word| word.word == verb) {
        Some(word) => quoted(word.resource),
        None if verb == Verbs::PROXY => "\"pods\", \"services\" and \"nodes\"".into(),
        None if Verbs::KUBERNETES.any_of(verb) => "resources, and these want other verbs".into(),
        None => "paths such as \"/metrics\"".into(),
    }
}

/// Refuses what only the namespace `*` covers.
fn check_is_in_namespaces(resource: &str) -> Result<(), String> {
    let name = resource.split('/').next().unwrap_or_default();
    let known = built_in(name.split('.').next().unwrap_or_default());
    // Requests for one namespace are in it, so that `namespaces` has a meaning.
    let cluster_wide = known.is_some_and(|known| {
        let meant = name == known.name || name.split_once('.').is_some_and(|(_, group)| group == known.group);
        meant && !known.namespaced && known.name != "namespaces"
    });
    match cluster_wide || resource.starts_with('/') {
        true => Err(format!(
            "{} is in no namespace: write a permission of its own for it, with the namespace \"*\"",
            quoted(resource)
        )),
        false => Ok(()),
    }
}
