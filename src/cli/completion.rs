//! `mk8s completion`: scripts by which shells complete command lines, and what these scripts ask.
//!
//! The scripts know nothing: for each word they run `mk8s __complete` with the words so far. That reads its own command
//! tree, the table of kubectl's commands, and, within a budget, what central and the cluster have. It asks no questions,
//! writes no errors, and its exit code is 0.

mod live;
mod remembered;
mod words;

use std::time::Duration;

use clap::{Args, Command, ValueEnum};
use tokio::time::{Instant, timeout_at};

use super::exit::Exit;
use super::output;
use super::runtime;
use super::session::SessionArgs;
use crate::model::printable::printable;
use words::{Plan, Wanted};

/// How long all of it may take, for a person waits.
const BUDGET: Duration = Duration::from_millis(300);

/// The shells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
}

/// For which shell.
#[derive(Args)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// What the scripts ask.
#[derive(Args)]
pub struct CompleteArgs {
    /// Remember the clusters for later, without haste
    #[arg(long)]
    remember: bool,
    /// The word that is not finished, apart from the others: PowerShell passes on no empty argument
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    last: Option<String>,
    /// The words behind the name of the program; the last one is not finished unless --last has it
    #[arg(last = true)]
    words: Vec<String>,
}

/// What a shell can offer in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The word.
    pub word: String,
    /// What it is; empty for a name.
    pub about: String,
}

impl Candidate {
    /// A word that says what it is.
    pub fn name(word: impl Into<String>) -> Self {
        Self { word: word.into(), about: String::new() }
    }
}

/// Prints the script of a shell.
pub fn run(args: CompletionArgs) -> anyhow::Result<Exit> {
    output::print(match args.shell {
        Shell::Bash => include_str!("completion/mk8s.bash"),
        Shell::Zsh => include_str!("completion/mk8s.zsh"),
        Shell::Fish => include_str!("completion/mk8s.fish"),
        Shell::Powershell => include_str!("completion/mk8s.ps1"),
    })
}

/// Prints what can stand in place of the last word: `words` or `files` in the first line, then a candidate a line, with
/// what it is behind a tab.
pub fn complete(session: &SessionArgs, args: CompleteArgs, root: Command) -> anyhow::Result<Exit> {
    if args.remember {
        // Nobody looks at it.
        let _ = runtime::client(async { live::remember(session).await });
        return Ok(Exit::OK);
    }
    let mut words = args.words;
    words.extend(args.last);
    let Plan { wanted, namespace, server, ca_file, cluster } = words::plan(root, &words);
    let session = session.clone().with(server, ca_file, cluster);
    let current = words.last().map_or("", String::as_str);
    let (mut text, mut found) = (String::from("words\n"), Vec::new());
    let mut asked = Vec::new();
    for wanted in wanted {
        match wanted {
            Wanted::Files => text = "files\n".to_owned(),
            Wanted::Words(candidates) => found.extend(candidates),
            other => asked.push(other),
        }
    }
    if !asked.is_empty() {
        let deadline = Instant::now();
        let deadline = deadline.checked_add(BUDGET).unwrap_or(deadline);
        let answer = runtime::client(async {
            let namespace = namespace.as_deref().unwrap_or("default");
            let mut all = Vec::new();
            for wanted in &asked {
                let live = timeout_at(deadline, live::ask(&session, wanted, namespace)).await.ok().flatten();
                all.extend(match live {
                    Some(candidates) => candidates,
                    None => live::otherwise(&session, wanted),
                });
            }
            Ok(all)
        });
        found.extend(answer.unwrap_or_default());
    }
    found.retain(|candidate| candidate.word.starts_with(current));
    found.sort_by(|a, b| a.word.cmp(&b.word));
    found.dedup_by(|a, b| a.word == b.word);
    text.extend(found.iter().map(line));
    output::print(&text)?;
    Ok(Exit::OK)
}

/// A candidate in one line, whatever it holds.
fn line(candidate: &Candidate) -> String {
    match candidate.about.as_str() {
        "" => format!("{}\n", printable(&candidate.word)),
        about => format!("{}\t{}\n", printable(&candidate.word), printable(about)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_one_line() {
        assert_eq!(line(&Candidate::name("dev")), "dev\n");
        let odd = Candidate { word: "a\nb".into(), about: "c\td".into() };
        assert_eq!(line(&odd), "a b\tc d\n");
    }
}
