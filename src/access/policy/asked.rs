//! A request as the rules look at it: everything that is worked out once, before the first rule.

use super::pattern::Text;
use super::verbs::{KUBECTL_WORDS, KubectlWord, Verbs, is_guarded, is_plain};
use crate::kubernetes::attributes::{Attributes, is_discovery};
use crate::kubernetes::built_in_resources::{BuiltIn, built_in};

/// What is asked.
#[derive(Debug)]
pub(super) enum Asked<'a> {
    /// A verb on a resource.
    Resource(AskedResource<'a>),
    /// A method on a path that names no resource.
    Path {
        /// The method.
        verb: Verbs,
        /// The path.
        path: Text<'a>,
        /// Whether it only tells what the cluster has.
        discovery: bool,
    },
}

/// A verb on a resource.
#[derive(Debug)]
pub(super) struct AskedResource<'a> {
    /// The verb.
    pub(super) verb: Verbs,
    /// The word of kubectl that permits it; nothing if none does.
    pub(super) word: Verbs,
    /// The word of kubectl for the subresource, whatever the verb.
    pub(super) any_word: Verbs,
    /// The API group.
    pub(super) group: Text<'a>,
    /// The resource.
    pub(super) resource: Text<'a>,
    /// The subresource; `proxy` for the verb `proxy` as well, which is the older way to ask for the same.
    pub(super) subresource: Text<'a>,
    /// Whether the subresource is one that a `*` for the resource includes.
    pub(super) plain: bool,
    /// Whether the subresource is one that no `*` includes.
    pub(super) guarded: bool,
    /// The namespace.
    pub(super) namespace: Option<Text<'a>>,
    /// Whether one object is named; a field selector does that too.
    pub(super) named: bool,
    /// The built-in resource that this is.
    pub(super) built_in: Option<&'static BuiltIn>,
}

impl<'a> Asked<'a> {
    /// Looks at what is asked; `None` for a verb that is not known, which nothing permits.
    pub(super) fn of(attributes: &'a Attributes) -> Option<Self> {
        match attributes {
            Attributes::Path { verb, path } => Some(Self::Path {
                verb: Verbs::of_method(verb)?,
                path: Text::new(path),
                discovery: is_discovery(verb, path),
            }),
            Attributes::Resource { verb, group, resource, subresource, namespace, name } => {
                let verb = Verbs::of_request(verb)?;
                let subresource = if verb == Verbs::PROXY { "proxy" } else { subresource.as_str() };
                let (word, any_word) = words(verb, group, resource, subresource);
                Some(Self::Resource(AskedResource {
                    verb,
                    word,
                    any_word,
                    group: Text::new(group),
                    resource: Text::new(resource),
                    subresource: Text::new(subresource),
                    plain: is_plain(subresource),
                    guarded: is_guarded(subresource),
                    // An empty text is none, as in Kubernetes.
                    namespace: namespace.as_deref().filter(|text| !text.is_empty()).map(Text::new),
                    named: name.as_deref().is_some_and(|text| !text.is_empty()),
                    built_in: built_in(resource).filter(|known| known.group == group),
                }))
            }
        }
    }

    /// Whether everyone may ask who may do anything in the cluster: it tells what the cluster has, or what the caller
    /// may do.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Path { discovery, .. } => *discovery,
            Self::Resource(asked) => {
                let review = matches!(
                    (asked.group.text, asked.resource.text),
                    ("authorization.k8s.io", "selfsubjectaccessreviews" | "selfsubjectrulesreviews")
                        | ("authentication.k8s.io", "selfsubjectreviews")
                );
                review && asked.verb == Verbs::CREATE && asked.subresource.text.is_empty() && asked.namespace.is_none()
            }
        }
    }
}

impl AskedResource<'_> {
    /// Whether a request without a namespace may be about objects in namespaces.
    pub(super) fn spans_namespaces(&self) -> bool {
        match self.built_in {
            // Namespaces are in themselves, as it were: a permission for one of them covers its object.
            Some(known) => known.namespaced || known.name == "namespaces",
            None => !self.named || Verbs::COLLECTION.any_of(self.verb),
        }
    }

    /// Whether the closed namespace gives something away: what is in it, and its secrets in lists of all namespaces.
    /// That it exists is no secret.
    pub(super) fn reaches(&self, closed: &str) -> bool {
        let core = |resource| self.group.text.is_empty() && self.resource.text == resource;
        match self.namespace {
            Some(namespace) if namespace.text == closed => {
                !(core("namespaces") && Verbs::READ.any_of(self.verb) && !self.guarded)
            }
            Some(_) => false,
            None => core("secrets"),
        }
    }

    /// Whether the API group is one of Kubernetes itself.
    pub(super) fn is_kubernetes_group(&self) -> bool {
        !self.group.text.contains('.') || self.group.text.ends_with(".k8s.io")
    }
}

fn words(verb: Verbs, group: &str, resource: &str, subresource: &str) -> (Verbs, Verbs) {
    if subresource == "proxy" {
        return (Verbs::PROXY, Verbs::PROXY);
    }
    let known = |word: &&KubectlWord| word.subresource == subresource && word.resource == resource;
    match KUBECTL_WORDS.iter().find(known).filter(|_| group.is_empty()) {
        Some(word) if word.verb == verb => (word.word, word.word),
        Some(word) => (Verbs::NONE, word.word),
        None => (Verbs::NONE, Verbs::NONE),
    }
}
