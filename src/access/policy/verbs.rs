//! The words of a permission's `verbs`, as a set of bits.

/// A set of verbs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verbs(u32);

impl Verbs {
    pub(super) const NONE: Self = Self(0);
    pub(super) const GET: Self = Self(1);
    pub(super) const LIST: Self = Self(1 << 1);
    pub(super) const WATCH: Self = Self(1 << 2);
    pub(super) const CREATE: Self = Self(1 << 3);
    pub(super) const UPDATE: Self = Self(1 << 4);
    pub(super) const PATCH: Self = Self(1 << 5);
    pub(super) const DELETE: Self = Self(1 << 6);
    pub(super) const DELETE_COLLECTION: Self = Self(1 << 7);
    pub(super) const LOGS: Self = Self(1 << 8);
    pub(super) const EXEC: Self = Self(1 << 9);
    pub(super) const ATTACH: Self = Self(1 << 10);
    pub(super) const PORT_FORWARD: Self = Self(1 << 11);
    pub(super) const DEBUG: Self = Self(1 << 12);
    pub(super) const PROXY: Self = Self(1 << 13);
    pub(super) const TOKEN: Self = Self(1 << 14);
    pub(super) const EVICT: Self = Self(1 << 15);
    pub(super) const POST: Self = Self(1 << 16);
    pub(super) const PUT: Self = Self(1 << 17);
    pub(super) const HEAD: Self = Self(1 << 18);
    pub(super) const OPTIONS: Self = Self(1 << 19);
    /// What `*` says: every verb, and every word of kubectl.
    pub(super) const ALL: Self = Self(u32::MAX);

    /// The verbs that are about many objects, also where a field selector names one.
    pub(super) const COLLECTION: Self = Self(Self::LIST.0 | Self::WATCH.0 | Self::DELETE_COLLECTION.0);
    /// The verbs that change nothing.
    pub(super) const READ: Self = Self(Self::GET.0 | Self::LIST.0 | Self::WATCH.0);
    /// Verbs of Kubernetes.
    pub(super) const KUBERNETES: Self = Self(0xff);
    /// Words of kubectl.
    pub(super) const KUBECTL: Self = Self(0xff00);
    /// Methods, which are the verbs of paths.
    pub(super) const METHODS: Self = Self(
        Self::GET.0 | Self::PATCH.0 | Self::DELETE.0 | Self::POST.0 | Self::PUT.0 | Self::HEAD.0 | Self::OPTIONS.0,
    );

    /// Both.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of the others is in here.
    pub(super) const fn any_of(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether this is what `*` says.
    pub(super) const fn is_all(self) -> bool {
        self.0 == Self::ALL.0
    }

    /// The set of the words of a permission.
    pub(super) fn of_words(words: &[String], unknown: Self) -> Self {
        words.iter().map(|word| Self::of_word(word).unwrap_or(unknown)).fold(Self::NONE, Self::and)
    }

    /// A word of a permission.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        if word == "*" {
            return Some(Self::ALL);
        }
        WORDS.iter().find(|(known, _)| *known == word).map(|(_, verb)| *verb)
    }

    /// The verb of a request for a resource.
    pub(super) fn of_request(verb: &str) -> Option<Self> {
        let verb = Self::of_word(verb)?;
        (!verb.is_all() && Self::KUBERNETES.and(Self::PROXY).any_of(verb)).then_some(verb)
    }

    /// The method of a request for a path.
    pub(super) fn of_method(method: &str) -> Option<Self> {
        let verb = Self::of_word(method)?;
        (!verb.is_all() && Self::METHODS.any_of(verb)).then_some(verb)
    }

    /// The word for a single verb.
    pub(super) fn word(self) -> &'static str {
        WORDS.iter().find(|(_, verb)| *verb == self).map_or("*", |(word, _)| word)
    }
}

/// Every word that a permission may have, besides `*`.
pub(super) const WORDS: [(&str, Verbs); 20] = [
    ("get", Verbs::GET),
    ("list", Verbs::LIST),
    ("watch", Verbs::WATCH),
    ("create", Verbs::CREATE),
    ("update", Verbs::UPDATE),
    ("patch", Verbs::PATCH),
    ("delete", Verbs::DELETE),
    ("deletecollection", Verbs::DELETE_COLLECTION),
    ("logs", Verbs::LOGS),
    ("exec", Verbs::EXEC),
    ("attach", Verbs::ATTACH),
    ("port-forward", Verbs::PORT_FORWARD),
    ("debug", Verbs::DEBUG),
    ("proxy", Verbs::PROXY),
    ("token", Verbs::TOKEN),
    ("evict", Verbs::EVICT),
    ("post", Verbs::POST),
    ("put", Verbs::PUT),
    ("head", Verbs::HEAD),
    ("options", Verbs::OPTIONS),
];

/// A word of kubectl that stands for a verb on a subresource.
#[derive(Debug)]
pub(super) struct KubectlWord {
    /// The word.
    pub(super) word: Verbs,
    /// The resource of the core group.
    pub(super) resource: &'static str,
    /// Its subresource.
    pub(super) subresource: &'static str,
    /// The verb that it permits on it.
    pub(super) verb: Verbs,
}

/// The words of kubectl but `proxy`, which is any verb on any resource's `proxy`.
pub(super) const KUBECTL_WORDS: [KubectlWord; 7] = [
    word(Verbs::LOGS, "pods", "log", Verbs::GET),
    word(Verbs::EXEC, "pods", "exec", Verbs::CREATE),
    word(Verbs::ATTACH, "pods", "attach", Verbs::CREATE),
    word(Verbs::PORT_FORWARD, "pods", "portforward", Verbs::CREATE),
    word(Verbs::DEBUG, "pods", "ephemeralcontainers", Verbs::PATCH),
    word(Verbs::TOKEN, "serviceaccounts", "token", Verbs::CREATE),
    word(Verbs::EVICT, "pods", "eviction", Verbs::CREATE),
];

const fn word(word: Verbs, resource: &'static str, subresource: &'static str, verb: Verbs) -> KubectlWord {
    KubectlWord { word, resource, subresource, verb }
}

/// Whether a subresource runs or reaches something, or hands out credentials, whatever the verb: then no `*` in a
/// permission's resources includes it, also not `pods/*`. The names count in every API group, as
/// other APIs use them for the same things.
pub(super) fn is_guarded(subresource: &str) -> bool {
    matches!(subresource, "exec" | "attach" | "portforward" | "ephemeralcontainers" | "proxy" | "token")
}

/// Whether a subresource is a part of its object or a step in its life. A `*` for the resource includes only these.
pub(super) fn is_plain(subresource: &str) -> bool {
    matches!(subresource, "" | "status" | "scale" | "log" | "eviction" | "binding" | "resize" | "approval" | "finalize")
}

/// Whether a subresource has a word of kubectl of its own.
pub(super) fn has_word(subresource: &str) -> bool {
    is_guarded(subresource) || matches!(subresource, "log" | "eviction")
}
