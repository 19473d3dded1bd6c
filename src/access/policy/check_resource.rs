//! What an entry of a permission's `resources` may say.

use super::check::check_stars;
use super::pattern::Pattern;
use super::refusal::quoted;
use super::verbs::{KUBECTL_WORDS, Verbs};
use crate::model::nearest::nearest;

use crate::kubernetes::built_in_resources::{BUILT_IN, SUBRESOURCES, built_in};

/// Checks one entry.
pub(super) fn check_resource(text: &str) -> Result<(), String> {
    if text.starts_with('/') {
        return check_path(text);
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '/' | '*');
    if !text.chars().all(allowed) {
        return Err(format!(
            "{} matches no resource: write the plural in lower case, such as \"pods\", \"deployments/scale\" or \
             \"certificates.cert-manager.io\", or a path that begins with \"/\"",
            quoted(text)
        ));
    }
    check_stars(text)?;
    let mut parts = text.split('/');
    let resource = parts.next().unwrap_or_default();
    let subresource = parts.next();
    if parts.next().is_some() || resource.is_empty() || subresource == Some("") {
        return Err(format!("{} is not a resource, nor a resource and a subresource as in \"pods/log\"", quoted(text)));
    }
    let bare = match resource.split_once('.') {
        Some((name, group)) => {
            check_group(text, name, group)?;
            built_in(name).is_some_and(|known| known.group == group)
        }
        None => {
            check_bare(text, resource)?;
            resource != "*"
        }
    };
    match subresource {
        Some(subresource) if bare => check_subresource(subresource),
        _ => Ok(()),
    }
}

/// Paths are compared as they are after decoding, and strange ones are refused before.
fn check_path(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~/:*".contains(c);
    if !text.chars().all(allowed) || text.contains("//") || text.split('/').any(|part| part == "." || part == "..") {
        return Err(format!(
            "{} matches no path: write letters, digits and -._~/: with \"*\" for any, and no \"//\", \".\" or \"..\"",
            quoted(text)
        ));
    }
    check_stars(text)?;
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    let names_resource = match parts.as_slice() {
        ["api", _, _, ..] | ["apis", _, _, _, ..] => !text.contains('*'),
        _ => false,
    };
    match names_resource {
        true => Err(format!("{} is the path of a resource: write the resource, such as \"pods\"", quoted(text))),
        false => Ok(()),
    }
}

fn check_group(text: &str, name: &str, group: &str) -> Result<(), String> {
    if name.is_empty() || group.split('.').any(str::is_empty) {
        return Err(format!("{} is not name.group, as in \"certificates.cert-manager.io\"", quoted(text)));
    }
    let first = group.split('.').next().unwrap_or_default();
    let is_version = first.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match is_version {
        true => Err(format!("{} has a version: write the name and the group alone", quoted(text))),
        false => Ok(()),
    }
}

fn check_bare(text: &str, name: &str) -> Result<(), String> {
    let pattern = Pattern::new(name);
    if BUILT_IN.iter().any(|known| pattern.matches_text(known.name)) {
        return Ok(());
    }
    let short = BUILT_IN.iter().find(|known| known.short == name).map(|known| known.name);
    let plural = [format!("{name}s"), format!("{name}es"), format!("{}ies", name.strip_suffix('y').unwrap_or("-"))];
    let plural = BUILT_IN.iter().map(|known| known.name).find(|known| plural.iter().any(|plural| plural == known));
    let meant = short.or(plural).or_else(|| nearest(name, BUILT_IN.iter().map(|known| known.name)));
    let meant = meant.map(|name| format!("did you mean {}? ", quoted(name))).unwrap_or_default();
    Err(format!(
        "{} is not built in: {meant}A resource of another API group is written name.group, such as {}",
        quoted(text),
        quoted(&format!("{name}.example.com"))
    ))
}

fn check_subresource(text: &str) -> Result<(), String> {
    let pattern = Pattern::new(text);
    if SUBRESOURCES.iter().any(|known| pattern.matches_text(known)) {
        return Ok(());
    }
    let meant = nearest(text, SUBRESOURCES);
    let meant = meant.map(|name| format!("did you mean {}? ", quoted(name))).unwrap_or_default();
    Err(format!(
        "no built-in resource has a subresource {}: {meant}Known are {}",
        quoted(text),
        SUBRESOURCES.join(", ")
    ))
}

/// Whether a request can exist that has this verb and this resource, an entry that [`check_resource`] has accepted.
pub(super) fn applies(verb: Verbs, text: &str) -> bool {
    if verb.is_all() {
        return true;
    }
    if text.starts_with('/') {
        return Verbs::METHODS.any_of(verb);
    }
    let (resource, subresource) = text.split_once('/').unwrap_or((text, ""));
    let (name, group) = resource.split_once('.').unwrap_or((resource, ""));
    let (name, core) = (Pattern::new(name), Pattern::new(group).matches_text(""));
    if let Some(word) = KUBECTL_WORDS.iter().find(|word| word.word == verb) {
        let below = subresource.is_empty() || Pattern::new(subresource).matches_text(word.subresource);
        return core && below && name.matches_text(word.resource);
    }
    if verb == Verbs::PROXY {
        let built_in = ["pods", "services", "nodes"].iter().any(|known| name.matches_text(known));
        return (!core || built_in) && (subresource.is_empty() || Pattern::new(subresource).matches_text("proxy"));
    }
    // Where the subresource is written out, only its own verbs remain. Writes that may create ask for `create` too.
    match subresource {
        "exec" | "attach" | "portforward" | "token" | "eviction" | "binding" => verb == Verbs::CREATE,
        "log" => verb == Verbs::GET,
        "proxy" => Verbs::KUBERNETES.any_of(verb),
        "status" | "scale" | "ephemeralcontainers" | "resize" | "approval" | "finalize" => {
            Verbs::GET.and(Verbs::UPDATE).and(Verbs::PATCH).and(Verbs::CREATE).any_of(verb)
        }
        _ => Verbs::KUBERNETES.any_of(verb),
    }
}
