//! One rule of a role, ready to decide.

use super::asked::{Asked, AskedResource};
use super::pattern::{Pattern, Text};
use super::resource::{ResourcePattern, Sense};
use super::verbs::Verbs;
use crate::model::Rule;

/// A permission or a denial.
#[derive(Debug)]
pub(super) struct CompiledRule {
    /// The place of the role among those of the policy.
    pub(super) role: usize,
    verbs: Verbs,
    resources: Box<[ResourcePattern]>,
    namespaces: Box<[Pattern]>,
    /// Whether one of the namespaces is `*` alone.
    everywhere: bool,
}

impl CompiledRule {
    /// Compiles a rule of the role with this place. A word that is not known, from a central that is newer, permits
    /// nothing and denies everything.
    pub(super) fn new(role: usize, rule: &Rule, sense: Sense) -> Self {
        let unknown = if sense == Sense::Deny { Verbs::ALL } else { Verbs::NONE };
        Self {
            role,
            verbs: Verbs::of_words(&rule.verbs, unknown),
            resources: rule.resources.iter().map(|text| ResourcePattern::new(text)).collect(),
            namespaces: rule.namespaces.iter().map(|text| Pattern::new(text)).collect(),
            everywhere: rule.namespaces.iter().any(|text| text == "*"),
        }
    }

    /// Whether this permission covers what is asked, with all four lists.
    pub(super) fn permits(&self, asked: &Asked<'_>) -> bool {
        match asked {
            Asked::Path { verb, path, .. } => self.everywhere && self.covers_path(*verb, path, Sense::Permit),
            Asked::Resource(asked) => {
                // The cheapest first: most rules are out by the verb, or by the namespace.
                let verb = self.verbs.any_of(asked.verb.and(asked.word));
                verb && self.is_in(asked.namespace.as_ref()) && self.covers(asked, Sense::Permit)
            }
        }
    }

    /// Whether this permission covers the verb and the resource, and names the namespace without a star.
    pub(super) fn permits_by_name(&self, asked: &AskedResource<'_>, namespace: &str) -> bool {
        self.namespaces.iter().any(|pattern| pattern.is_literally(namespace)) && self.covers(asked, Sense::Permit)
    }

    /// Whether this denial covers what is asked. Of what is `open` to everyone, `*` denies nothing: only its name does.
    pub(super) fn denies(&self, asked: &Asked<'_>, open: bool) -> bool {
        match asked {
            Asked::Path { verb, path, .. } => {
                // The headers of an answer tell less than the answer, but too much.
                let verb = if *verb == Verbs::HEAD { Verbs::HEAD.and(Verbs::GET) } else { *verb };
                let all = self.everywhere && !open;
                self.names_path(verb, path) || (all && self.covers_path(verb, path, Sense::Deny))
            }
            Asked::Resource(asked) => {
                let within = match asked.namespace {
                    // What reaches all namespaces reaches those of this denial.
                    None => self.everywhere || asked.spans_namespaces(),
                    namespace => self.is_in(namespace.as_ref()),
                };
                let meant = |resource: &ResourcePattern| !(open && matches!(resource, ResourcePattern::Everything));
                within && self.covers_where(asked, Sense::Deny, meant)
            }
        }
    }

    /// Whether this denial could cover something of what is asked, where `*` in a text of it stands for anything.
    pub(super) fn may_deny(&self, asked: &Asked<'_>) -> bool {
        let is_path = |pattern: &ResourcePattern| matches!(pattern, ResourcePattern::Path(_));
        match asked {
            Asked::Path { .. } => self.resources.iter().any(|r| is_path(r) || matches!(r, ResourcePattern::Everything)),
            Asked::Resource(asked) => {
                let within = asked.namespace.is_none() || self.is_in(asked.namespace.as_ref());
                let verb = self.verbs.any_of(asked.verb.and(Verbs::KUBECTL));
                within && verb && !self.resources.iter().all(is_path)
            }
        }
    }

    fn is_in(&self, namespace: Option<&Text<'_>>) -> bool {
        match namespace {
            None => self.everywhere,
            Some(namespace) => self.everywhere || self.namespaces.iter().any(|pattern| pattern.matches(namespace)),
        }
    }

    fn covers(&self, asked: &AskedResource<'_>, sense: Sense) -> bool {
        self.covers_where(asked, sense, |_| true)
    }

    fn covers_where(&self, asked: &AskedResource<'_>, sense: Sense, meant: impl Fn(&ResourcePattern) -> bool) -> bool {
        let word = if sense == Sense::Deny { asked.any_word } else { asked.word };
        let (plain, word, all) = (self.verbs.any_of(asked.verb), self.verbs.any_of(word), self.verbs.is_all());
        if !plain && !word {
            return false;
        }
        let covers = |resource: &ResourcePattern| {
            (plain && resource.covers(asked, sense, all)) || (word && resource.covers_word(asked, sense))
        };
        self.resources.iter().any(|resource| covers(resource) && meant(resource))
    }

    fn names_path(&self, verb: Verbs, path: &Text<'_>) -> bool {
        let names = |pattern: &ResourcePattern| matches!(pattern, ResourcePattern::Path(p) if p.matches(path));
        self.verbs.any_of(verb) && self.resources.iter().any(names)
    }

    fn covers_path(&self, verb: Verbs, path: &Text<'_>, sense: Sense) -> bool {
        let everything = |pattern: &ResourcePattern| matches!(pattern, ResourcePattern::Everything);
        let wide = self.verbs.is_all() || (sense == Sense::Deny && self.verbs.any_of(verb));
        self.names_path(verb, path) || (wide && self.resources.iter().any(everything))
    }
}
