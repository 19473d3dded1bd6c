//! The entries of a permission's `resources`, ready to match.

use super::asked::AskedResource;
use super::pattern::Pattern;
use super::verbs::has_word;

/// An entry of `resources`.
#[derive(Debug)]
pub(super) enum ResourcePattern {
    /// `*`.
    Everything,
    /// A path, such as `/metrics`.
    Path(Pattern),
    /// `name`, `name.group`, either with `/subresource`.
    Named {
        /// The resource.
        name: Pattern,
        /// Its API group.
        group: GroupPattern,
        /// The subresource.
        subresource: SubresourcePattern,
    },
}

/// Which API groups an entry means.
#[derive(Debug)]
pub(super) enum GroupPattern {
    /// None is written: that of the built-in resource.
    BuiltIn,
    /// Any, as the name is `*`.
    Any,
    /// Those that match.
    Is(Box<Pattern>),
}

/// Which subresources an entry means.
#[derive(Debug)]
pub(super) enum SubresourcePattern {
    /// The resource itself.
    None,
    /// The resource itself and its subresources, as the name is `*`.
    All,
    /// Those that match.
    Is(Box<Pattern>),
}

/// What a rule does with a request that it covers. In doubt a permission does not cover, and a denial does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    /// It permits.
    Permit,
    /// It denies.
    Deny,
}

impl ResourcePattern {
    /// Reads an entry; one that [`super::check_permission`] refuses matches nothing, or little.
    pub(super) fn new(text: &str) -> Self {
        if text == "*" {
            return Self::Everything;
        }
        if text.starts_with('/') {
            return Self::Path(Pattern::new(text));
        }
        let (resource, subresource) = match text.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource)),
            None => (text, None),
        };
        let (name, group) = match resource.split_once('.') {
            Some((name, group)) => (name, GroupPattern::Is(Box::new(Pattern::new(group)))),
            None if resource == "*" => (resource, GroupPattern::Any),
            None => (resource, GroupPattern::BuiltIn),
        };
        let subresource = match subresource {
            Some(subresource) => SubresourcePattern::Is(Box::new(Pattern::new(subresource))),
            None if name == "*" => SubresourcePattern::All,
            None => SubresourcePattern::None,
        };
        Self::Named { name: Pattern::new(name), group, subresource }
    }

    /// Whether the resource and the subresource are meant, for a verb of Kubernetes. `all` says that the rule's verbs
    /// are `*`.
    pub(super) fn covers(&self, asked: &AskedResource<'_>, sense: Sense, all: bool) -> bool {
        let wide = all || sense == Sense::Deny;
        match self {
            Self::Everything => wide || asked.plain,
            Self::Path(_) => false,
            Self::Named { name, group, subresource } => {
                name.matches(&asked.resource)
                    && group.matches(asked, sense)
                    && match subresource {
                        SubresourcePattern::None if sense == Sense::Permit => asked.subresource.text.is_empty(),
                        SubresourcePattern::None => all || !has_word(asked.subresource.text),
                        SubresourcePattern::All => wide || asked.plain,
                        SubresourcePattern::Is(pattern) => {
                            let included = wide || !asked.guarded || pattern.is_literal();
                            included && !asked.subresource.text.is_empty() && pattern.matches(&asked.subresource)
                        }
                    }
            }
        }
    }

    /// Whether the resource is meant, for the word of kubectl that belongs to its subresource.
    pub(super) fn covers_word(&self, asked: &AskedResource<'_>, sense: Sense) -> bool {
        match self {
            Self::Everything => true,
            Self::Path(_) => false,
            Self::Named { name, group, subresource } => {
                name.matches(&asked.resource)
                    && group.matches(asked, sense)
                    && match subresource {
                        SubresourcePattern::None | SubresourcePattern::All => true,
                        SubresourcePattern::Is(pattern) => pattern.matches(&asked.subresource),
                    }
            }
        }
    }
}

impl GroupPattern {
    fn matches(&self, asked: &AskedResource<'_>, sense: Sense) -> bool {
        match self {
            // The same objects can be in several groups of Kubernetes: events, and ingresses in older clusters.
            Self::BuiltIn => asked.built_in.is_some() || (sense == Sense::Deny && asked.is_kubernetes_group()),
            Self::Any => true,
            Self::Is(pattern) => pattern.matches(&asked.group),
        }
    }
}
