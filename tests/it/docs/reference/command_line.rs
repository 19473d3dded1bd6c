//! `docs/reference/cli.md`: every command with its arguments, options, variables and defaults, and the exit codes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::{Arg, Command};

use super::super::markdown::pattern;
use super::super::root;
use super::{NOTICE, check, code, head, plain, row};

#[test]
fn the_reference_of_the_command_line_is_up_to_date() {
    let mut root = mk8s::cli::command();
    root.build();
    let global: Vec<&Arg> = root.get_arguments().filter(|arg| arg.is_global_set() && is_shown(arg)).collect();
    let mut text = format!(
        "# Command line reference\n\n{NOTICE}\n\nEvery command, as `mk8s <command> --help` has it. What they are for is in \
         [the command line](../cli.md). All take `-h`, `--help`; `mk8s --version` is short for `mk8s version`.\n\n## Options of all commands\n\n"
    );
    text += &options(&global);
    text += &commands(&root, &global);
    text += "\n## Variables\n\n";
    text += &variables(&root);
    text += "\n## Exit codes\n\n";
    text += &exit_codes(&root);
    check("cli.md", &text);
}

/// All commands below one, each with a part of its own.
fn commands(parent: &Command, global: &[&Arg]) -> String {
    let mut text = String::new();
    for command in parent.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help") {
        let name = command.get_bin_name().unwrap_or_default();
        text += &format!("\n## {name}\n\n{}.\n", about(command));
        let aliases: Vec<String> = command.get_visible_aliases().map(code).collect();
        if !aliases.is_empty() {
            text += &format!("\nAlso {}.\n", aliases.join(", "));
        }
        let below: Vec<&Command> =
            command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help").collect();
        let own: Vec<&Arg> = command
            .get_arguments()
            .filter(|arg| is_shown(arg) && !global.iter().any(|global| global.get_id() == arg.get_id()))
            .collect();
        if below.is_empty() {
            let usage = command.clone().render_usage().to_string();
            let usage = usage.trim_start_matches("Usage: ").lines().map(|line| format!("{}\n", line.trim()));
            text += &format!("\n```text\n{}```\n", usage.collect::<String>());
        } else {
            let list = below.iter().map(|c| row([&format!("[`{}`](#{})", c.get_name(), anchor(c)), &plain(&about(c))]));
            text += &format!("\n{}{}", head(["Command", "Does"]), list.collect::<String>());
        }
        if !own.is_empty() {
            text += &format!("\n{}", options(&own));
        }
        text += &commands(command, global);
    }
    text
}

fn anchor(command: &Command) -> String {
    command.get_bin_name().unwrap_or_default().replace(' ', "-")
}

fn about(command: &Command) -> String {
    command.get_about().map(|about| plain(&about.to_string())).unwrap_or_default()
}

/// Whether an argument is one to be known; every command has `--help`.
fn is_shown(arg: &Arg) -> bool {
    !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version")
}

fn options(args: &[&Arg]) -> String {
    let rows = args.iter().map(|arg| {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let (help, default) = default(arg, &help);
        let choices: Vec<String> = arg
            .get_possible_values()
            .iter()
            .filter(|_| arg.get_action().takes_values())
            .filter(|value| !value.is_hide_set())
            .map(|value| match value.get_help() {
                Some(help) => format!("`{}` ({help})", value.get_name()),
                None => code(value.get_name()),
            })
            .collect();
        let choices = if choices.is_empty() { String::new() } else { format!(". One of {}", choices.join(", ")) };
        let variable = arg.get_env().map(|name| code(&name.to_string_lossy())).unwrap_or_default();
        row([&code(&written(arg)), &variable, &default, &format!("{}{choices}", plain(&help))])
    });
    head(["Argument or option", "Variable", "Default", "Meaning"]) + &rows.collect::<String>()
}

/// The default that the parser has, or the one that the help says in brackets; and the help without it.
fn default(arg: &Arg, help: &str) -> (String, String) {
    if let Some((before, said)) = help.split_once(" [default: ").and_then(|(b, s)| Some((b, s.strip_suffix(']')?))) {
        return (before.to_owned(), plain(said));
    }
    let values: Vec<String> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let is_said = arg.get_action().takes_values() && !arg.is_hide_default_value_set();
    (help.to_owned(), if is_said { code(&values.join(",")) } else { String::new() })
}

/// As it is typed: `-o, --output <FORM>`.
fn written(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default().iter().map(|name| format!("<{name}>")).collect::<Vec<_>>();
    let value = if arg.get_action().takes_values() { names.join(" ") } else { String::new() };
    let more = if arg.get_num_args().is_some_and(|n| n.max_values() > 1) || is_repeated(arg) { "..." } else { "" };
    if arg.is_positional() {
        return if arg.is_required_set() {
            format!("{value}{more}")
        } else {
            format!("[{}]{more}", value.trim_matches(['<', '>']))
        };
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let flags: Vec<String> = [short, long].into_iter().flatten().collect();
    format!("{} {value}{more}", flags.join(", ")).trim_end().to_owned()
}

fn is_repeated(arg: &Arg) -> bool {
    matches!(arg.get_action(), clap::ArgAction::Append)
}

/// Each variable once, with the options that it stands for.
fn variables(root: &Command) -> String {
    fn collect(command: &Command, found: &mut Vec<(String, String)>) {
        for arg in command.get_arguments().filter(|arg| is_shown(arg)) {
            let Some(name) = arg.get_env() else { continue };
            let pair = (name.to_string_lossy().into_owned(), written(arg));
            if !found.contains(&pair) {
                found.push(pair);
            }
        }
        command.get_subcommands().for_each(|command| collect(command, found));
    }
    let mut found = Vec::new();
    collect(root, &mut found);
    found.sort();
    let rows = found.iter().map(|(name, option)| row([&code(name), &code(option)])).collect::<String>();
    format!(
        "{}{rows}\nServers have one for [each key of their configuration](configuration.md). `MK8S_TOKEN`, `MK8S_CONFIG` and \
         those of other programs are in [the command line](../cli.md#environment).\n",
        head(["Variable", "Stands for"])
    )
}

fn exit_codes(root: &Command) -> String {
    let help = root.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (mut rows, mut notes) = (String::new(), Vec::new());
    for line in help.lines().skip(1) {
        match line.trim().split_once("  ") {
            Some((number, meaning)) if number.parse::<u8>().is_ok() => {
                rows += &row([&code(number), &plain(meaning.trim())])
            }
            _ => notes.push(plain(line)),
        }
    }
    assert!(rows.lines().count() >= 10, "{help}");
    format!("{}{rows}\n{}\n", head(["Code", "Means"]), notes.join(" "))
}

/// Whatever the program ends with stands there.
#[test]
fn every_exit_code_is_in_the_reference() {
    let text = exit_codes(&mk8s::cli::command());
    let codes = pattern(r"(?:Exit|: Self = Self)\((\d+)\)");
    let sources = files(&root().join("src/cli"));
    let product: String = sources.iter().filter_map(|source| source.split("#[cfg(test)]").next()).collect();
    let found: BTreeSet<&str> = codes.captures_iter(&product).filter_map(|code| Some(code.get(1)?.as_str())).collect();
    let missing: Vec<&str> = found.iter().copied().filter(|code| !text.contains(*code)).collect();
    assert!(missing.is_empty() && found.len() > 8, "{missing:?} of {found:?} are not in the help");
}

fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("read").map(|entry| entry.expect("entry").path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![fs::read_to_string(&path).expect("read")] })
        .collect()
}
