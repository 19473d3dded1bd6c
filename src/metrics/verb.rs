//! What a request to an API server does, as a label: one of six.

/// The class of a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// One object, or a path such as `/version`.
    Get,
    /// Many objects.
    List,
    /// Changes to objects, as they come.
    Watch,
    /// A change: create, update, patch, delete.
    Write,
    /// A stream into a container, or a proxy: exec, attach, port-forward, proxy.
    Connect,
    /// What is none of these.
    Other,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Get, Self::List, Self::Watch, Self::Write, Self::Connect, Self::Other];

    /// That of a verb of Kubernetes, or of an HTTP method in lower case.
    pub fn of(verb: &str, subresource: Option<&str>) -> Self {
        match (verb, subresource) {
            ("proxy", _) | (_, Some("exec" | "attach" | "portforward" | "proxy")) => Self::Connect,
            ("get" | "head" | "options", _) => Self::Get,
            ("list", _) => Self::List,
            ("watch", _) => Self::Watch,
            ("create" | "update" | "patch" | "delete" | "deletecollection" | "post" | "put", _) => Self::Write,
            _ => Self::Other,
        }
    }

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Write => "write",
            Self::Connect => "connect",
            Self::Other => "other",
        }
    }

    /// Its place among all.
    pub fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_known_by_what_they_do() {
        assert_eq!(Verb::of("get", Some("log")), Verb::Get);
        assert_eq!(Verb::of("create", Some("exec")), Verb::Connect);
        assert_eq!(Verb::of("get", Some("exec")), Verb::Connect, "over a WebSocket");
        assert_eq!(Verb::of("deletecollection", None), Verb::Write);
        assert_eq!(Verb::of("brew", None), Verb::Other);
        for (index, verb) in Verb::ALL.into_iter().enumerate() {
            assert_eq!(verb.index(), index);
        }
    }
}
