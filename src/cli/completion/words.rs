//! What can stand in place of the last word, found in the tree of our own commands.

use std::any::TypeId;
use std::path::PathBuf;

use clap::{Arg, Command};

use super::Candidate;
use crate::kubernetes::kubectl::complete::{Expected, unfinished};
use crate::model::ClusterName;

/// What can stand in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One of these.
    Words(Vec<Candidate>),
    /// A file.
    Files,
    /// A cluster, after this text in the same word.
    Clusters(&'static str),
    /// What only the cluster knows.
    OfCluster(Expected),
}

/// What is to be found out, and for which cluster.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What can stand there.
    pub wanted: Vec<Wanted>,
    /// The namespace that the words name.
    pub namespace: Option<String>,
    /// The server.
    pub server: Option<String>,
    /// Its authorities.
    pub ca_file: Option<String>,
    /// The cluster.
    pub cluster: Option<String>,
}

/// Reads all words but the last, leniently, and says what can stand in place of the last.
pub fn plan(mut root: Command, words: &[String]) -> Plan {
    root.build();
    let mut plan = Plan::default();
    let Some((current, before)) = words.split_last() else { return plan };
    let (mut command, mut place, mut pending, mut rest) = (&root, 0, None::<&Arg>, false);
    for (index, word) in before.iter().enumerate() {
        if let Some(arg) = pending.take() {
            plan.note(arg, word);
        } else if rest {
            place += 1;
        } else if word == "--" {
            rest = true;
        } else if word.starts_with('-') && word.len() > 1 {
            match option(command, word) {
                Some((arg, Some(value))) => plan.note(arg, value),
                Some((arg, None)) => pending = Some(arg),
                None => {}
            }
        } else if let Some(child) = command.find_subcommand(word) {
            if child.get_name() == "kubectl" {
                plan.kubectl(&words[index + 1..]);
                return plan;
            }
            (command, place) = (child, 0);
        } else {
            place += 1;
        }
    }
    plan.wanted = match pending {
        Some(arg) => values(arg),
        None if rest => vec![Wanted::Files],
        None => plan.word(command, place, current),
    };
    plan
}

/// An option that takes a value, and its value if that is in the same word.
fn option<'a, 'w>(command: &'a Command, word: &'w str) -> Option<(&'a Arg, Option<&'w str>)> {
    let takes_value = |arg: &&Arg| arg.get_action().takes_values();
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(name)).filter(takes_value)?;
        return Some((arg, value));
    }
    for (at, letter) in word.char_indices().skip(1) {
        let arg = command.get_arguments().find(|arg| arg.get_short() == Some(letter))?;
        if takes_value(&arg) {
            let value = &word[at + letter.len_utf8()..];
            return Some((arg, (!value.is_empty()).then_some(value)));
        }
    }
    None
}

impl Plan {
    /// Remembers the value of an option, if it says which cluster is meant.
    fn note(&mut self, arg: &Arg, value: &str) {
        let place = match arg.get_id().as_str() {
            "server" => &mut self.server,
            "ca_file" => &mut self.ca_file,
            "cluster" => &mut self.cluster,
            "namespace" => &mut self.namespace,
            _ => return,
        };
        *place = Some(value.to_owned());
    }

    fn kubectl(&mut self, words: &[String]) {
        let found = unfinished(words);
        self.namespace = found.namespace;
        self.wanted = found.expected.into_iter().map(of_kubectl).collect();
    }

    fn word(&self, command: &Command, place: usize, current: &str) -> Vec<Wanted> {
        if let Some((name, _)) = current.strip_prefix("--").and_then(|long| long.split_once('=')) {
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(name));
            // Only the one of all commands is worth it: files and others stand in a word of their own.
            return match arg.filter(|arg| arg.get_id() == "cluster") {
                Some(_) => vec![Wanted::Clusters("--cluster=")],
                None => Vec::new(),
            };
        }
        if current.starts_with('-') {
            return vec![Wanted::Words(flags(command, current))];
        }
        let children = command.get_subcommands().filter(|child| !child.is_hide_set() && place == 0);
        let mut wanted =
            vec![Wanted::Words(children.map(|child| about(child.get_name(), child.get_about())).collect())];
        // The last of the places may take many.
        let places: Vec<&Arg> = command.get_positionals().filter(|arg| !arg.is_last_set()).collect();
        let many = |arg: &&&Arg| arg.get_num_args().is_some_and(|range| range.max_values() > 1);
        let arg = places.get(place).or_else(|| places.last().filter(many));
        wanted.extend(arg.into_iter().flat_map(|arg| match (command.get_name(), place) {
            ("port-forward", 0) => {
                unfinished(&["port-forward".into(), current.into()]).expected.into_iter().map(of_kubectl).collect()
            }
            // What is made is not there yet.
            ("create", _) => Vec::new(),
            _ => values(arg),
        }));
        wanted
    }
}

fn of_kubectl(expected: Expected) -> Wanted {
    match expected {
        Expected::Words(words) => Wanted::Words(words.into_iter().map(Candidate::name).collect()),
        Expected::File => Wanted::Files,
        other => Wanted::OfCluster(other),
    }
}

/// What an option or an argument can be.
fn values(arg: &Arg) -> Vec<Wanted> {
    let possible = arg.get_possible_values();
    let shown = possible.iter().filter(|value| !value.is_hide_set());
    let words: Vec<Candidate> = shown.map(|value| about(value.get_name(), value.get_help())).collect();
    let kind = arg.get_value_parser().type_id();
    if !words.is_empty() {
        vec![Wanted::Words(words)]
    } else if arg.get_id() == "cluster" || kind == TypeId::of::<ClusterName>() {
        vec![Wanted::Clusters("")]
    } else if arg.get_id() == "namespace" {
        vec![Wanted::OfCluster(Expected::Namespace)]
    } else if kind == TypeId::of::<PathBuf>() {
        vec![Wanted::Files]
    } else {
        Vec::new()
    }
}

/// The options of a command; letters too where only a dash was typed.
fn flags(command: &Command, current: &str) -> Vec<Candidate> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_positional());
    let mut found = Vec::new();
    for arg in shown {
        let long = arg.get_long().map(|long| format!("--{long}"));
        let short = arg.get_short().filter(|_| current == "-").map(|letter| format!("-{letter}"));
        found.extend(short.into_iter().chain(long).map(|word| about(&word, arg.get_help())));
    }
    found
}

fn about(word: &str, text: Option<&clap::builder::StyledStr>) -> Candidate {
    let text = text.map(ToString::to_string).unwrap_or_default();
    Candidate { word: word.to_owned(), about: text.lines().next().unwrap_or_default().to_owned() }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn at(line: &str) -> Plan {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        plan(crate::cli::Cli::command(), &words)
    }

    fn words(line: &str) -> Vec<String> {
        let words = at(line).wanted.into_iter().flat_map(|wanted| match wanted {
            Wanted::Words(words) => words,
            _ => Vec::new(),
        });
        words.map(|candidate| candidate.word).collect()
    }

    #[test]
    fn commands_and_options_come_from_the_tree() {
        let first = words("");
        for word in ["login", "clusters", "kubectl", "doctor", "completion"] {
            assert!(first.iter().any(|found| found == word), "{word}");
        }
        assert!(!first.iter().any(|word| word.starts_with("__")), "{first:?}");
        assert!(words("clusters ").iter().any(|word| word == "use"));
        assert!(words("clusters list --").iter().any(|word| word == "--cluster"));
        assert!(words("clusters list -o ").iter().any(|word| word == "json"));
        assert_eq!(words("completion "), ["bash", "zsh", "fish", "powershell"]);
    }

    #[test]
    fn clusters_are_wanted_where_one_is_named() {
        for line in [
            "--cluster ",
            "clusters use ",
            "clusters show ",
            "env ",
            "shell ",
            "kubeconfig write ",
            "kubeconfig write a ",
            "kubeconfig print ",
            "kubeconfig remove --prefix x ",
            "admin clusters show ",
            "doctor --cluster ",
        ] {
            assert!(at(line).wanted.contains(&Wanted::Clusters("")), "{line}: {:?}", at(line));
        }
        assert_eq!(at("--cluster=d").wanted, [Wanted::Clusters("--cluster=")]);
        for line in ["clusters list ", "clusters use a ", "admin clusters create ", "login "] {
            assert!(!at(line).wanted.contains(&Wanted::Clusters("")), "{line}: {:?}", at(line));
        }
    }

    #[test]
    fn what_the_words_say_before_counts() {
        let found = at("--server https://a --cluster=c kubectl -n x get po ");
        assert_eq!((found.server.as_deref(), found.cluster.as_deref()), (Some("https://a"), Some("c")));
        assert_eq!(found.namespace.as_deref(), Some("x"));
        let pods = Expected::Object { resource: "po".into(), before: String::new() };
        assert_eq!(found.wanted, [Wanted::OfCluster(pods.clone())]);
        assert_eq!(at("--cluster c k get po ").wanted, [Wanted::OfCluster(pods)]);
        assert_eq!(at("kubectl apply -f ").wanted, [Wanted::Files]);
        assert_eq!(at("--ca-file ").wanted, [Wanted::Files]);
        assert_eq!(at("shell dev -- ").wanted, [Wanted::Files]);
        assert_eq!(at("cp a b -n ").wanted, [Wanted::OfCluster(Expected::Namespace)]);
        assert_eq!(plan(crate::cli::Cli::command(), &[]), Plan::default());
        let odd = at("nosuch --nosuch -zzz é -é= ");
        assert!(odd.server.is_none() && odd.cluster.is_none());
    }
}
