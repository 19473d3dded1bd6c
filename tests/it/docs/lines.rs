//! Every command line of mk8s that a page shows is one that the program understands.

use clap::Command;

use super::markdown::{Page, pattern};
use super::shell::{programs, typed};
use super::{expect_none, pages};

/// Blocks of a shell: what the programs get is parsed by the parser itself.
#[test]
fn command_lines_in_blocks_are_understood() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for page in pages() {
        for typed in page.blocks.iter().flat_map(typed) {
            let at = page.at(typed.line);
            for words in programs(&at, &typed.text).iter().filter_map(|words| ours(words)) {
                count += 1;
                problems.extend(refusal(&words).map(|why| format!("{at}: {}: {why}", words.join(" "))));
            }
        }
    }
    expect_none(&problems);
    assert!(count > 50, "{count}");
}

/// The words of a program from the name of ours on.
fn ours(words: &[String]) -> Option<Vec<String>> {
    let words = match words.first()?.as_str() {
        "kubectl" if words.get(1)? == "mk8s" => &words[1..],
        "sudo" | "command" | "exec" | "time" => &words[1..],
        _ => words,
    };
    (words.first()? == "mk8s").then(|| words.to_vec())
}

/// What is wrong with a command line. What stands behind `kubectl` is kubectl's, and is not looked at here.
fn refusal(words: &[String]) -> Option<String> {
    let kubectl = words.iter().position(|word| word == "kubectl" || word == "k").map_or(words.len(), |place| place + 1);
    match mk8s::cli::command().try_get_matches_from(&words[..kubectl]) {
        Ok(_) => None,
        Err(error) if !error.use_stderr() => None,
        Err(error) => Some(error.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

/// Code in a line of text: a command that exists, and its flags. Places for values and for what may be left out are no
/// words of it.
#[test]
fn commands_in_the_text_exist() {
    let mut root = mk8s::cli::command();
    root.build();
    let problems: Vec<String> = pages().iter().flat_map(|page| of_page(page, &root)).collect();
    expect_none(&problems);
}

fn of_page(page: &Page, root: &Command) -> Vec<String> {
    let spans = page.spans.iter().filter_map(|(line, span)| Some((line, span, span.strip_prefix("mk8s ")?)));
    spans
        .filter_map(|(line, span, rest)| Some(format!("{}: `{span}`: {}", page.at(*line), unknown(root, rest)?)))
        .collect()
}

/// The first word that means nothing.
fn unknown(root: &Command, text: &str) -> Option<String> {
    let name = pattern(r"^[a-z][a-z-]+$");
    let mut command = root;
    let mut words = text.split(|c: char| c.is_whitespace() || "[]()|,".contains(c)).filter(|word| !word.is_empty());
    while let Some(word) = words.next().filter(|word| *word != "--") {
        if let Some(flag) = word.strip_prefix("--") {
            let (flag, value) = flag.split_once('=').map_or((flag, None), |(flag, value)| (flag, Some(value)));
            let flag = flag.trim_end_matches(['.', '…']);
            match command.get_arguments().chain(root.get_arguments()).find(|arg| arg.get_long() == Some(flag)) {
                Some(arg) if arg.get_action().takes_values() && value.is_none() => _ = words.next(),
                Some(_) => {}
                // Those of kubectl are not ours, but for the few that choose clusters.
                None if command.get_name() == "kubectl" || flag == "help" => {}
                None => return Some(format!("`{}` has no --{flag}", command.get_name())),
            }
        } else if command.has_subcommands() && name.is_match(word) {
            match command.find_subcommand(word) {
                Some(found) => command = found,
                None => return Some(format!("`{}` has no command {word}", command.get_name())),
            }
        }
    }
    None
}

#[test]
fn what_is_wrong_is_found() {
    let mut root = mk8s::cli::command();
    root.build();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert!(
        refusal(&words("mk8s clusters lst")).is_some() && refusal(&words("mk8s clusters list --no-header")).is_some()
    );
    assert!(refusal(&words("mk8s clusters list -o json")).is_none() && refusal(&words("mk8s k --any thing")).is_none());
    assert!(unknown(&root, "clusters lst").is_some() && unknown(&root, "admin users crate EMAIL").is_some());
    assert!(unknown(&root, "tokens create NAME [--rolle ROLE]...").is_some());
    assert!(unknown(&root, "tokens create NAME [--role ROLE]... [--expires-in-days N]").is_none());
}
