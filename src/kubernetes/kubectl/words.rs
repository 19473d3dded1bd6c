//! The words of a command line, read as kubectl's own libraries (cobra and pflag) read them.

use super::Refusal;
use super::refusals;
use super::table::{Arity, Command, Flag};

/// A flag as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its long name.
    pub name: &'static str,
    /// Its value; `None` where a flag with an optional value has none.
    pub value: Option<String>,
}

/// A command line, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The command.
    pub command: Command,
    /// The flags in the order in which they were given.
    pub flags: Vec<Given>,
    /// The arguments before `--`.
    pub arguments: Vec<String>,
    /// What follows `--`, if there is one.
    pub rest: Option<Vec<String>>,
}

impl Words {
    /// Takes a command line apart.
    pub fn read(args: &[String]) -> Result<Self, Refusal> {
        Self::read_with(args, refusals::command)
    }

    /// The same for a command that is done on the user's machine.
    pub fn read_local(args: &[String]) -> Result<Self, Refusal> {
        Self::read_with(args, |_| Ok(()))
    }

    fn read_with(args: &[String], refuse: fn(Command) -> Result<(), Refusal>) -> Result<Self, Refusal> {
        let (command, args) = command(args, refuse)?;
        let mut words = Self { command, flags: Vec::new(), arguments: Vec::new(), rest: None };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if arg == "--" {
                words.rest = Some(args.collect());
                break;
            }
            match arg.strip_prefix('-') {
                None | Some("") => words.arguments.push(arg),
                Some(short) => match short.strip_prefix('-') {
                    Some(long) => words.long(long, &mut args)?,
                    None => words.short(short, &mut args)?,
                },
            }
        }
        if words.command.is_group() || words.command == Command::root() {
            words.no_arguments()?;
        }
        Ok(words)
    }

    /// `--name`, `--name=value` or `--name value`.
    fn long(&mut self, text: &str, args: &mut impl Iterator<Item = String>) -> Result<(), Refusal> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value.to_owned())));
        let flag = known(self.command, name)?;
        let value = match (value, flag.arity) {
            (Some(value), _) => Some(value),
            (None, Arity::Switch) => Some("true".to_owned()),
            (None, Arity::Optional) => None,
            (None, Arity::Value) => Some(next(flag, args)?),
        };
        self.flags.push(Given { name: flag.name, value });
        Ok(())
    }

    /// A group of letters; the last one may have a value: `-n x`, `-nx`, `-n=x`, `-itc app`.
    fn short(&mut self, group: &str, args: &mut impl Iterator<Item = String>) -> Result<(), Refusal> {
        let mut rest = group;
        while let Some(letter) = rest.chars().next() {
            // The library drops such words silently, for the sake of Go's tests.
            let flag = self.command.short(letter).filter(|_| !rest.starts_with("test."));
            let flag = flag.ok_or_else(|| refusals::unknown_letter(self.command, letter))?;
            rest = &rest[letter.len_utf8()..];
            let value = match rest.strip_prefix('=').filter(|value| !value.is_empty()) {
                Some(value) => {
                    rest = "";
                    Some(value.to_owned())
                }
                None => match flag.arity {
                    Arity::Switch => Some("true".to_owned()),
                    Arity::Optional => None,
                    Arity::Value if rest.is_empty() => Some(next(flag, args)?),
                    Arity::Value => Some(std::mem::take(&mut rest).to_owned()),
                },
            };
            self.flags.push(Given { name: flag.name, value });
        }
        Ok(())
    }

    /// Where a command would stand there are no other words: kubectl might find one that is a command after all.
    fn no_arguments(&self) -> Result<(), Refusal> {
        match self.arguments.iter().chain(self.rest.iter().flatten()).next() {
            None => Ok(()),
            Some(word) => Err(refusals::misplaced_word(self.command, word)),
        }
    }

    /// The value that counts of a flag: the last one. `None` if it is not given, or last without a value.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().rfind(|flag| flag.name == name).and_then(|flag| flag.value.as_deref())
    }

    /// All values of a flag.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.flags.iter().filter(move |flag| flag.name == name).filter_map(|flag| flag.value.as_deref())
    }

    /// Whether a flag is given at all.
    pub fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag.name == name)
    }

    /// Whether a switch is on, as Go reads booleans.
    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.value(name), Some("1" | "t" | "T" | "true" | "TRUE" | "True"))
    }
}

/// The command, and the other words: the global flags that stood before or among its own words, and all that follow.
///
/// kubectl looks for the command with the global flags in mind, and skips a word after any flag that it does not know
/// there; so only known ones may stand there.
fn command(args: &[String], refuse: fn(Command) -> Result<(), Refusal>) -> Result<(Command, Vec<String>), Refusal> {
    let root = Command::root();
    let (mut command, mut others) = (root, Vec::new());
    let mut args = args.iter().peekable();
    while let Some(arg) = args.peek() {
        if command != root && !command.is_group() {
            break;
        }
        if arg.is_empty() {
            return Err(refusals::misplaced_word(command, ""));
        }
        if !arg.starts_with('-') {
            command = command.child(arg).ok_or_else(|| refusals::unknown_command(command, arg))?;
            refuse(command)?;
            args.next();
        } else if let Some(takes_next) = global(arg) {
            others.extend(args.next().cloned());
            others.extend(args.next_if(|_| takes_next).cloned());
        } else if let Some(refusal) = refusals::switched_off(arg) {
            return Err(refusal);
        } else if command == root && !matches!(arg.as_str(), "--help" | "-h") {
            return Err(refusals::before_command(arg));
        } else {
            // A flag of a group itself, such as `create -f -`, or one that does not exist.
            break;
        }
    }
    // Where kubectl skips other words than we do, it must not find a command.
    if let Some(word) = args.clone().take_while(|arg| *arg != "--").find(|arg| command.child(arg).is_some()) {
        return Err(refusals::misplaced_word(command, word));
    }
    others.extend(args.cloned());
    Ok((command, others))
}

/// The words of the command that a command line certainly has; `None` if that is not certain.
pub fn leaf(args: &[String]) -> Option<&'static str> {
    command(args, |_| Ok(())).ok().map(|(command, _)| command.words)
}

/// Whether a word is a global flag, alone in its word; then whether its value is the next word.
fn global(arg: &str) -> Option<bool> {
    let root = Command::root();
    let (flag, has_value) = match arg.strip_prefix("--") {
        Some(long) => {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            (root.flag(&normal(name))?, value.is_some())
        }
        None => {
            let mut letters = arg.strip_prefix('-')?.chars();
            (root.short(letters.next()?)?, letters.next().is_some())
        }
    };
    (flag.name != "help").then_some(flag.arity == Arity::Value && !has_value)
}

/// The flag with a long name, in kubectl's spelling: `_` is `-`.
fn known(command: Command, name: &str) -> Result<Flag, Refusal> {
    let name = normal(name);
    command.flag(&name).ok_or_else(|| refusals::unknown_flag(command, &name))
}

fn normal(name: &str) -> String {
    name.replace('_', "-")
}

fn next(flag: Flag, args: &mut impl Iterator<Item = String>) -> Result<String, Refusal> {
    args.next().ok_or_else(|| Refusal(format!("the flag --{} needs a value", flag.name)))
}
