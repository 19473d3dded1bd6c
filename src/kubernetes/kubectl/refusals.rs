//! Why something does not run remotely, and what to do instead.

use super::Refusal;
use super::table::Command;
use crate::model::nearest::nearest;

/// How many characters of a word a message shows.
const SHOWN: usize = 60;

/// Refuses a command of kubectl, or one that kubectl hides, which makes sense on the user's own machine only.
pub fn command(command: Command) -> Result<(), Refusal> {
    command_reason(command.words).map_or(Ok(()), |reason| Err(Refusal(format!("kubectl {}: {reason}", command.words))))
}

fn command_reason(words: &str) -> Option<&'static str> {
    Some(match words {
        "edit" => {
            "an editor cannot run remotely: `mk8s kubectl edit` opens yours on your machine; elsewhere get the object, \
             change it and apply it: `mk8s kubectl get … -o yaml > FILE`, then `mk8s kubectl apply -f FILE`"
        }
        "apply edit-last-applied" => {
            "an editor cannot run remotely: `mk8s kubectl edit` changes the object itself; or get what was applied, \
             change it and apply it: `mk8s kubectl apply view-last-applied … > FILE`, then `mk8s kubectl apply -f FILE`"
        }
        "cp" | "port-forward" | "proxy" => {
            "not available remotely, as it is about your machine: mk8s does it there by itself, with the same words"
        }
        "kustomize" => {
            "it runs programs and fetches files, which only your machine may do; to see what a directory makes: \
             `mk8s kubectl create --dry-run=client -o yaml -k DIRECTORY`"
        }
        "completion" => "it is for the kubectl on your machine: run `kubectl completion` there",
        "plugin" | "plugin list" => "there are no plugins where kubectl runs: run them on your machine",
        "kuberc" => "there are no preferences where kubectl runs",
        "alpha" => "experimental commands do not run remotely",
        "__complete" | "__completeNoDesc" => "completion runs on your machine only",
        _ if words == "config" || words.starts_with("config ") => {
            "kubectl has no configuration of yours where it runs: `mk8s clusters list` shows the clusters, \
             and `mk8s clusters use NAME` chooses one"
        }
        _ => return None,
    })
}

/// Refuses a flag that is not allowed for a command.
pub fn flag(command: Command, name: &str) -> Refusal {
    match reason(name) {
        Some(reason) => Refusal(format!("the flag --{name} does not work remotely: {reason}")),
        None => Refusal(format!(
            "the flag --{name} of kubectl {} is not known to be safe where kubectl runs: leave it out",
            command.words
        )),
    }
}

/// Why a flag is refused wherever it is not allowed.
pub fn reason(name: &str) -> Option<&'static str> {
    Some(match name {
        "as" | "as-group" | "as-uid" | "as-user-extra" => {
            "you always act as yourself; ask an administrator for a role that allows what you need"
        }
        "kubeconfig" | "context" | "cluster" | "user" => {
            "kubectl has no kubeconfig of yours where it runs; choose the cluster with `mk8s --cluster NAME kubectl …`"
        }
        "server" | "tls-server-name" | "insecure-skip-tls-verify" | "certificate-authority" => {
            "kubectl speaks only to the API server of the cluster that you chose, `mk8s --cluster NAME kubectl …`"
        }
        "token" | "username" | "password" | "client-certificate" | "client-key" => {
            "you always act as yourself, with what `mk8s login` gave you; credentials of a cluster are not accepted"
        }
        "cache-dir" => "kubectl keeps its cache where it runs; leave it out",
        "profile" | "profile-output" => "it writes a profile of kubectl itself into a file where kubectl runs",
        "kuberc" => "there are no preferences where kubectl runs",
        "log-flush-frequency" | "vmodule" => "it is about the log of kubectl itself; use -v with 0 to 6",
        "edit" | "windows-line-endings" => {
            "an editor cannot run remotely: add `--dry-run=client -o yaml > FILE`, change the file, \
             then `mk8s kubectl create -f FILE`"
        }
        _ => return None,
    })
}

/// A command that is not in the list of those that may run.
pub fn unlisted_command(command: Command) -> Refusal {
    Refusal(format!("kubectl {} is not known to be safe where kubectl runs", command.words))
}

/// A word where a command is expected. kubectl would look for a program of that name.
pub fn unknown_command(group: Command, word: &str) -> Refusal {
    if let Some(reason) = command_reason(word).filter(|_| group == Command::root()) {
        return Refusal(format!("kubectl {word}: {reason}"));
    }
    let hint = match nearest(word, group.children().map(Command::name)) {
        Some(near) => format!("did you mean {near:?}?"),
        None if group == Command::root() => {
            "`mk8s kubectl help` lists the commands; plugins do not run remotely".into()
        }
        None => format!("`mk8s kubectl {} --help` lists its commands", group.words),
    };
    Refusal(format!("{} has no command {:?}: {hint}", program(group), shown(word)))
}

/// A flag that the command does not have; abbreviations and hidden flags are among them.
pub fn unknown_flag(command: Command, name: &str) -> Refusal {
    if let Some(refusal) = switched_off(&format!("--{name}")) {
        return refusal;
    }
    let hint = match nearest(name, command.all_flags().map(|flag| flag.name)) {
        Some(near) => format!("did you mean --{near}?"),
        None => help_of(command),
    };
    Refusal(format!("{} has no flag --{}: {hint}", program(command), shown(name).escape_debug()))
}

/// A flag that kubectl has only while its preferences are switched on, which they are not where it runs.
pub fn switched_off(arg: &str) -> Option<Refusal> {
    let name = arg.split('=').next().unwrap_or_default();
    (name == "--kuberc").then(|| flag(Command::root(), "kuberc"))
}

/// A letter that is no flag of the command.
pub fn unknown_letter(command: Command, letter: char) -> Refusal {
    Refusal(format!("{} has no flag -{}: {}", program(command), letter.escape_debug(), help_of(command)))
}

/// A flag before the command that is not one of all commands.
pub fn before_command(arg: &str) -> Refusal {
    Refusal(format!(
        "{:?} stands before the command, where only flags of every command may be: write the command first",
        shown(arg.split('=').next().unwrap_or_default())
    ))
}

/// A word that could be a command or an argument.
pub fn misplaced_word(group: Command, word: &str) -> Refusal {
    let place = if group == Command::root() { "first" } else { "right after it" };
    Refusal(format!("{:?} is out of place for {}: write its command {place}", shown(word), program(group)))
}

fn program(command: Command) -> String {
    format!("kubectl {}", command.words).trim_end().to_owned()
}

fn help_of(command: Command) -> String {
    format!("`mk8s {} --help` lists its flags", program(command))
}

fn shown(word: &str) -> String {
    word.chars().take(SHOWN).collect()
}
