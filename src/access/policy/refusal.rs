//! Why a request is refused, in words that its user can bring to an admin.

use super::asked::{Asked, AskedResource};
use super::verbs::Verbs;
use super::{Policy, Verdict};
use crate::kubernetes::attributes::Attributes;

/// The most characters of a request that are repeated in one place.
const SHOWN: usize = 253;

/// One sentence without a full stop.
pub(super) fn why(policy: &Policy, attributes: &Attributes, verdict: &Verdict) -> String {
    let asked = match (verdict, Asked::of(attributes)) {
        (Verdict::Nothing, _) => return "no role permits anything in this cluster".into(),
        (_, None) => return format!("the verb {} is not known here", quoted(verb_of(attributes))),
        (_, Some(asked)) => asked,
    };
    let wish = Wish::of(&asked);
    let mut text = String::with_capacity(512);
    match verdict {
        Verdict::Denied(role) => {
            let role = policy.roles.get(*role).map_or("", |role| role.as_str());
            push(&mut text, &["the role ", role, " denies "]);
            wish.say(&mut text);
        }
        Verdict::Closed => {
            let closed = policy.closed.as_deref().unwrap_or_default();
            push(&mut text, &["the namespace \"", closed, "\" is the agent's own, and no permission covers "]);
            wish.say(&mut text);
            text.push_str(" that names it without a \"*\"");
            wish.say_missing(closed, &mut text);
        }
        _ => {
            match policy.roles.as_slice() {
                [role] => push(&mut text, &["the role ", role.as_str(), " does not permit "]),
                roles => {
                    text.push_str("none of the roles ");
                    for (at, role) in roles.iter().enumerate() {
                        push(&mut text, &[if at == 0 { "" } else { ", " }, role.as_str()]);
                    }
                    text.push_str(" permits ");
                }
            }
            wish.say(&mut text);
            if wish.namespace.is_none() {
                text.push_str(" (a permission for that has the namespace \"*\")");
            }
            wish.say_missing(wish.namespace.unwrap_or("*"), &mut text);
        }
    }
    text
}

/// What is asked, in the words of a permission.
struct Wish<'a> {
    verb: &'static str,
    resource: String,
    namespace: Option<&'a str>,
    place: &'static str,
}

impl<'a> Wish<'a> {
    fn of(asked: &Asked<'a>) -> Self {
        match asked {
            Asked::Path { verb, path, .. } => {
                Self { verb: verb.word(), resource: shown(path.text), namespace: None, place: "" }
            }
            Asked::Resource(asked) => {
                let word = asked.word != Verbs::NONE;
                Self {
                    verb: if word { asked.word.word() } else { asked.verb.word() },
                    resource: resource(asked, !word),
                    namespace: asked.namespace.map(|namespace| namespace.text),
                    place: place(asked),
                }
            }
        }
    }

    fn say(&self, text: &mut String) {
        push(text, &["\"", self.verb, "\" on ", &self.resource, self.place]);
        if let Some(namespace) = self.namespace {
            text.push_str(&quoted(namespace));
        }
    }

    fn say_missing(&self, namespace: &str, text: &mut String) {
        push(text, &["; missing: verbs [\"", self.verb, "\"], resources [\"", &self.resource, "\"], namespaces ["]);
        push(text, &[&quoted(namespace), "]"]);
    }
}

fn resource(asked: &AskedResource<'_>, with_subresource: bool) -> String {
    let mut text = shown(asked.resource.text);
    if asked.built_in.is_none() && !asked.group.text.is_empty() {
        push(&mut text, &[".", &shown(asked.group.text)]);
    }
    if with_subresource && !asked.subresource.text.is_empty() {
        push(&mut text, &["/", &shown(asked.subresource.text)]);
    }
    text
}

fn place(asked: &AskedResource<'_>) -> &'static str {
    match (asked.namespace, asked.built_in) {
        (Some(_), _) => " in the namespace ",
        (None, Some(known)) if !known.namespaced => " in the whole cluster",
        (None, Some(_)) => " across all namespaces",
        (None, None) => " outside of a single namespace",
    }
}

fn verb_of(attributes: &Attributes) -> &str {
    match attributes {
        Attributes::Resource { verb, .. } | Attributes::Path { verb, .. } => verb,
    }
}

fn push(text: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| text.push_str(part));
}

fn shown(text: &str) -> String {
    // Nearly all of them: names have no other bytes.
    match text.len() <= SHOWN && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-./*".contains(&b)) {
        true => text.to_owned(),
        false => text.chars().take(SHOWN).flat_map(char::escape_debug).collect(),
    }
}

/// A text in quotation marks, cut to a length that fits a sentence.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = shown(text);
    quoted.insert(0, '"');
    quoted.push('"');
    quoted
}
