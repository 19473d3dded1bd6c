//! What can stand where a command line of kubectl is not finished.
//!
//! It is read from the same tables as the parser, and without kubectl: what kubectl would have to be given here are
//! words that the parser refuses, since they are not whole. So nothing that is not whole runs anywhere.

use super::allow::allowed_flags;
use super::builtin;
use super::local::local_flags;
use super::refusals;
use super::table::{Arity, Command, Flag};
use crate::kubernetes::built_in_resources::BUILT_IN;

/// What can stand in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// One of these words.
    Words(Vec<String>),
    /// A file of the user's machine.
    File,
    /// A namespace.
    Namespace,
    /// A type of resources.
    Type,
    /// The name of an object of a type, as the user has written that, after this text.
    Object {
        /// The type.
        resource: String,
        /// What stands before the name in the same word: `pod/`.
        before: String,
    },
    /// A container of a pod.
    Container {
        /// The pod.
        pod: String,
    },
}

/// What can stand at the end of a command line, and what has been said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// What can stand there: each of these, or nothing that is known.
    pub expected: Vec<Expected>,
    /// The namespace that is named.
    pub namespace: Option<String>,
}

/// The state of reading.
struct Reader<'a> {
    command: Command,
    arguments: Vec<&'a str>,
    /// A flag whose value is the next word.
    pending: Option<Flag>,
    namespace: Option<&'a str>,
    /// Whether `--` was there.
    rest: bool,
}

/// What can stand in place of the last of these words, the arguments of kubectl.
pub fn unfinished(words: &[String]) -> Unfinished {
    let (current, before) = words.split_last().map_or(("", [].as_slice()), |(last, before)| (last.as_str(), before));
    let mut reader =
        Reader { command: Command::root(), arguments: Vec::new(), pending: None, namespace: None, rest: false };
    before.iter().for_each(|word| reader.take(word));
    let expected = reader.expected(current);
    Unfinished { expected, namespace: reader.namespace.filter(|name| !name.is_empty()).map(str::to_owned) }
}

impl<'a> Reader<'a> {
    fn take(&mut self, word: &'a str) {
        if let Some(flag) = self.pending.take() {
            return self.value(flag, word);
        }
        if self.rest {
            return;
        }
        if word == "--" {
            self.rest = true;
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            match (self.command.flag(&name.replace('_', "-")), value) {
                (Some(flag), Some(value)) => self.value(flag, value),
                (Some(flag), None) if flag.arity == Arity::Value => self.pending = Some(flag),
                _ => {}
            }
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            self.letters(letters);
        } else {
            match self.command.child(word).filter(|_| self.arguments.is_empty()) {
                Some(child) => self.command = child,
                None => self.arguments.push(word),
            }
        }
    }

    fn letters(&mut self, letters: &'a str) {
        for (at, letter) in letters.char_indices() {
            let Some(flag) = self.command.short(letter) else { return };
            if flag.arity == Arity::Value {
                let rest = &letters[at + letter.len_utf8()..];
                match rest.strip_prefix('=').unwrap_or(rest) {
                    "" => self.pending = Some(flag),
                    value => self.value(flag, value),
                }
                return;
            }
        }
    }

    fn value(&mut self, flag: Flag, value: &'a str) {
        if flag.name == "namespace" {
            self.namespace = Some(value);
        }
    }

    fn expected(&self, current: &str) -> Vec<Expected> {
        if let Some(flag) = self.pending {
            return self.values(flag);
        }
        if self.rest {
            return Vec::new();
        }
        if let Some((name, _)) = current.strip_prefix("--").and_then(|long| long.split_once('=')) {
            let values = self.command.flag(name).map(|flag| self.values(flag)).unwrap_or_default();
            let before = format!("--{name}=");
            return values.into_iter().filter_map(|value| after(&before, value)).collect();
        }
        if current.starts_with('-') {
            return vec![Expected::Words(self.flags(current))];
        }
        if self.arguments.is_empty() && (self.command.is_group() || self.command == Command::root()) {
            let children = self.command.children().filter(|child| runs(*child));
            let names: Vec<String> = children.map(|child| child.name().to_owned()).collect();
            return vec![Expected::Words(names)];
        }
        self.argument(current)
    }

    /// The flags that work; letters too where only a dash was typed.
    fn flags(&self, current: &str) -> Vec<String> {
        let local = local_flags(self.command.words);
        let allowed = |name: &str| match local {
            Some(flags) => flags.contains(&name),
            None => allowed_flags(self.command).any(|allowed| allowed == name),
        };
        let flags: Vec<Flag> = self.command.all_flags().filter(|flag| allowed(flag.name)).collect();
        let long =
            flags.iter().map(|flag| format!("--{}{}", flag.name, if flag.arity == Arity::Value { "=" } else { "" }));
        let letters = flags.iter().filter_map(|flag| flag.short).filter(|_| current == "-");
        letters.map(|letter| format!("-{letter}")).chain(long).collect()
    }

    /// The values of a flag.
    fn values(&self, flag: Flag) -> Vec<Expected> {
        let words = |words: &[&str]| vec![Expected::Words(words.iter().map(|word| (*word).to_owned()).collect())];
        match flag.name {
            "namespace" => vec![Expected::Namespace],
            "filename" | "kustomize" | "from-file" | "from-env-file" | "patch-file" | "cert" | "key" | "custom" => {
                vec![Expected::File]
            }
            "container" => match self.arguments.first() {
                Some(pod) => vec![Expected::Container { pod: pod.strip_prefix("pod/").unwrap_or(pod).to_owned() }],
                None => Vec::new(),
            },
            "output" => words(&["json", "yaml", "name", "wide", "jsonpath=", "go-template=", "custom-columns="]),
            "dry-run" => words(&["none", "client", "server"]),
            "cascade" => words(&["background", "orphan", "foreground"]),
            "restart" => words(&["Always", "OnFailure", "Never"]),
            "type" if self.command.words == "patch" => words(&["json", "merge", "strategic"]),
            _ => Vec::new(),
        }
    }

    /// What the arguments of a command are.
    fn argument(&self, current: &str) -> Vec<Expected> {
        let object = |resource: &str| vec![Expected::Object { resource: resource.to_owned(), before: String::new() }];
        let first = self.arguments.first().copied();
        match self.command.words {
            "logs" | "exec" | "attach" | "debug" | "port-forward" if first.is_none() => match current.split_once('/') {
                Some((resource, _)) => slashed(resource),
                None => object("pods"),
            },
            "logs" => first.map(|pod| Expected::Container { pod: pod.to_owned() }).into_iter().collect(),
            "cordon" | "uncordon" | "drain" | "top node" => object("nodes"),
            "top pod" => object("pods"),
            "create token" => object("serviceaccounts"),
            "certificate approve" | "certificate deny" => object("certificatesigningrequests"),
            "auth can-i" if first.is_none() => {
                let verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
                vec![Expected::Words(verbs.map(str::to_owned).to_vec())]
            }
            "auth can-i" | "explain" => {
                if self.arguments.len() < 2 {
                    vec![Expected::Type]
                } else {
                    Vec::new()
                }
            }
            "get"
            | "describe"
            | "delete"
            | "edit"
            | "label"
            | "annotate"
            | "patch"
            | "wait"
            | "expose"
            | "autoscale"
            | "scale"
            | "taint"
            | "rollout history"
            | "rollout pause"
            | "rollout restart"
            | "rollout resume"
            | "rollout status"
            | "rollout undo"
            | "set env"
            | "set image"
            | "set resources"
            | "set selector"
            | "set serviceaccount"
            | "set subject"
            | "apply view-last-applied"
            | "apply edit-last-applied" => match (current.split_once('/'), first) {
                (Some((resource, _)), _) => slashed(resource),
                (None, None) => vec![Expected::Type],
                (None, Some(first)) if first.contains(['/', ',']) => Vec::new(),
                (None, Some(first)) => object(first),
            },
            _ => Vec::new(),
        }
    }
}

/// The same values in a word that begins with something else.
fn after(text: &str, value: Expected) -> Option<Expected> {
    match value {
        Expected::Words(words) => {
            Some(Expected::Words(words.into_iter().map(|word| format!("{text}{word}")).collect()))
        }
        // Names of namespaces and files are not known here: the shell completes them in a word of their own.
        _ => None,
    }
}

fn slashed(resource: &str) -> Vec<Expected> {
    vec![Expected::Object { resource: resource.to_owned(), before: format!("{resource}/") }]
}

/// Whether a command does anything here.
fn runs(command: Command) -> bool {
    command.is_group() && refusals::command(command).is_ok()
        || local_flags(command.words).is_some()
        || allowed_flags(command).next().is_some()
}

/// The types that every cluster has, by the names that are certain.
pub fn certain_types() -> Vec<String> {
    let certain = BUILT_IN.iter().filter(|known| builtin::named(known.name).is_some());
    certain.map(|known| known.name.to_owned()).collect()
}

/// Where the objects of a type are listed, if it is certain which type is meant.
pub fn certain_list(resource: &str, namespace: &str) -> Option<String> {
    builtin::named(resource).map(|known| known.list_path(namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What can stand at the end of a line; a space at its end begins a new word.
    fn at(line: &str) -> Vec<Expected> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        unfinished(&words).expected
    }

    fn words(line: &str) -> Vec<String> {
        match at(line).as_slice() {
            [Expected::Words(words)] => words.clone(),
            other => panic!("{line}: {other:?}"),
        }
    }

    fn object(resource: &str, before: &str) -> Vec<Expected> {
        vec![Expected::Object { resource: resource.into(), before: before.into() }]
    }

    #[test]
    fn commands_are_those_that_do_something_here() {
        let first = words("");
        for command in ["get", "logs", "exec", "create", "cp", "port-forward", "proxy", "rollout"] {
            assert!(first.iter().any(|word| word == command), "{command}");
        }
        for command in ["config", "kustomize", "plugin", "completion", "kuberc", "alpha", ""] {
            assert!(!first.iter().any(|word| word == command), "{command}");
        }
        assert!(words("create ").contains(&"configmap".to_owned()));
        assert!(words("--namespace x rollout ").contains(&"restart".to_owned()));
    }

    #[test]
    fn flags_are_those_that_are_admitted() {
        let get = words("get pods --");
        assert!(get.contains(&"--namespace=".to_owned()) && get.contains(&"--watch".to_owned()));
        for refused in ["--kubeconfig=", "--as=", "--token=", "--server=", "--cluster="] {
            assert!(!get.contains(&refused.to_owned()), "{refused}");
        }
        assert!(words("get -").contains(&"-n".to_owned()) && !words("get --n").contains(&"-n".to_owned()));
        assert!(words("cp --").contains(&"--no-preserve".to_owned()));
    }

    #[test]
    fn values_are_known_by_their_flag() {
        assert_eq!(at("get pods -n "), [Expected::Namespace]);
        assert_eq!(at("get pods --namespace "), [Expected::Namespace]);
        assert_eq!(at("apply -f "), [Expected::File]);
        assert_eq!(at("exec web-0 -c "), [Expected::Container { pod: "web-0".into() }]);
        assert!(words("get pods -o ").contains(&"yaml".to_owned()));
        assert!(words("get pods --output=").contains(&"--output=yaml".to_owned()));
        assert!(words("delete pod x --cascade=").contains(&"--cascade=orphan".to_owned()));
        assert_eq!(at("delete pod --cascade "), object("pod", ""), "its value stands in the same word");
        assert_eq!(at("get pods --nosuch="), []);
    }

    #[test]
    fn arguments_are_types_and_names() {
        assert_eq!(at("get "), [Expected::Type]);
        assert_eq!(at("get po "), object("po", ""));
        assert_eq!(at("get -n a -o yaml po x y"), object("po", ""));
        assert_eq!(at("-n a describe deploy/w"), object("deploy", "deploy/"));
        assert_eq!(at("delete pod/x "), []);
        assert_eq!(at("logs "), object("pods", ""));
        assert_eq!(at("logs deploy/"), object("deploy", "deploy/"));
        assert_eq!(at("logs web-0 "), [Expected::Container { pod: "web-0".into() }]);
        assert_eq!(at("rollout restart deployment "), object("deployment", ""));
        assert_eq!(at("drain "), object("nodes", ""));
        assert_eq!(at("exec web-0 -- "), [], "that is the container's");
        assert_eq!(at("nosuch "), []);
        assert_eq!(at("auth can-i get "), [Expected::Type]);
    }

    #[test]
    fn the_namespace_is_found_wherever_it_stands() {
        for line in ["-n a get po ", "get po -na ", "get --namespace=a po ", "get -wn a po ", "get po -n=a "] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(unfinished(&words).namespace.as_deref(), Some("a"), "{line}");
        }
        assert_eq!(unfinished(&[]).namespace, None);
    }

    #[test]
    fn lists_are_where_the_api_server_has_them() {
        assert_eq!(certain_list("po", "a").as_deref(), Some("/api/v1/namespaces/a/pods"));
        assert_eq!(certain_list("nodes", "a").as_deref(), Some("/api/v1/nodes"));
        assert_eq!(certain_list("deploy", "a").as_deref(), Some("/apis/apps/v1/namespaces/a/deployments"));
        assert_eq!(certain_list("widgets", "a"), None);
        assert!(certain_types().contains(&"pods".to_owned()));
    }
}
