//! What runs remotely: the commands and flags of `allowed.txt`, with values that are harmless where kubectl runs.

use super::Refusal;
use super::refusals;
use super::table::Command;
use super::values;
use super::words::Words;

const ALLOWED: &str = include_str!("allowed.txt");

/// Refuses a command line that has anything in it that is not known to be harmless.
pub fn check(words: &Words) -> Result<(), Refusal> {
    let command = words.command;
    let own = flags_of(command.words).ok_or_else(|| refusals::unlisted_command(command))?;
    let any = flags_of("").unwrap_or_default();
    for given in &words.flags {
        let mut allowed = own.split(' ').chain(any.split(' '));
        if !allowed.any(|name| name == given.name) {
            return Err(refusals::flag(command, given.name));
        }
        values::check(command, given.name, given.value.as_deref())?;
    }
    Ok(())
}

/// The flags that a command may have; `None` if it does not run remotely.
fn flags_of(command: &str) -> Option<&'static str> {
    lines().find_map(|(name, flags)| (name == command).then_some(flags))
}

/// The flags that a command may have, with those of all commands; nothing for one that does not run remotely.
pub fn allowed_flags(command: Command) -> impl Iterator<Item = &'static str> {
    let own = flags_of(command.words);
    let any = flags_of("").filter(|_| own.is_some());
    own.into_iter().chain(any).flat_map(|flags| flags.split_terminator(' '))
}

fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = ALLOWED.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(':')).map(|(name, flags)| (name, flags.trim()))
}

#[cfg(test)]
mod tests {
    use super::super::table::commands;
    use super::*;

    /// A new kubectl brings new commands and flags: somebody has to think about each.
    #[test]
    fn everything_in_the_table_is_allowed_or_refused_on_purpose() {
        let any: Vec<&str> = flags_of("").expect("the first line").split(' ').collect();
        let mut open = Vec::new();
        for command in commands() {
            let Some(own) = flags_of(command.words) else {
                if refusals::command(command).is_ok() {
                    open.push(command.words.to_owned());
                }
                continue;
            };
            let own: Vec<&str> = own.split(' ').chain(any.iter().copied()).collect();
            for flag in command.own_flags().filter(|flag| !own.contains(&flag.name)) {
                if refusals::reason(flag.name).is_none() {
                    open.push(format!("{} --{}", command.words, flag.name));
                }
            }
        }
        assert!(open.is_empty(), "put into allowed.txt, or give a reason in refusals.rs, for each of {open:#?}");
    }

    #[test]
    fn only_what_exists_is_allowed_and_only_once() {
        let mut seen = Vec::new();
        for (name, flags) in lines() {
            assert!(!seen.contains(&name), "{name} stands twice");
            seen.push(name);
            let command = commands().find(|command| command.words == name);
            let command = command.unwrap_or_else(|| panic!("kubectl has no command {name}"));
            assert!(refusals::command(command).is_ok(), "{name} is allowed and refused");
            for flag in flags.split_terminator(' ') {
                let exists =
                    command == Command::root() && flag == "help" || command.own_flags().any(|f| f.name == flag);
                assert!(exists, "kubectl {name} has no flag --{flag}");
            }
        }
        assert!(seen.len() > 75, "allowed.txt was not understood: {seen:?}");
    }
}
