//! kubectl's commands and flags, as kubectl itself understands them: `table.txt`, read where it is asked about.

/// Generated from the kubectl that ships; a test compares.
const TABLE: &str = include_str!("table.txt");

/// Whether a flag takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// A boolean: a value only with `=`.
    Switch,
    /// A value only with `=`, and something else than `true` without one.
    Optional,
    /// Always a value: after `=`, or the next word.
    Value,
}

/// A flag of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its long name, without the dashes.
    pub name: &'static str,
    /// Its letter.
    pub short: Option<char>,
    /// Whether it takes a value.
    pub arity: Arity,
}

/// Every command has it, though no help lists it.
const HELP: Flag = Flag { name: "help", short: Some('h'), arity: Arity::Switch };

/// A command of kubectl, or kubectl itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its words, such as `create configmap`; empty for kubectl itself.
    pub words: &'static str,
    aliases: &'static str,
    flags: &'static str,
}

impl Command {
    /// kubectl itself; its flags are those that every command has.
    pub fn root() -> Self {
        commands().find(|command| command.words.is_empty()).unwrap_or(Self { words: "", aliases: "", flags: "" })
    }

    /// The command below this one with a name or an alias.
    pub fn child(self, name: &str) -> Option<Self> {
        self.children()
            .find(|child| child.name() == name || child.aliases.split_terminator('|').any(|alias| alias == name))
    }

    /// The commands below this one.
    pub fn children(self) -> impl Iterator<Item = Self> {
        commands().filter(move |command| command.parent() == Some(self.words))
    }

    /// Whether there are commands below this one.
    pub fn is_group(self) -> bool {
        self.children().next().is_some()
    }

    /// The last of its words.
    pub fn name(self) -> &'static str {
        self.words.rsplit(' ').next().unwrap_or_default()
    }

    fn parent(self) -> Option<&'static str> {
        (!self.words.is_empty()).then(|| self.words.rsplit_once(' ').map_or("", |(parent, _)| parent))
    }

    /// The flag with a long name.
    pub fn flag(self, name: &str) -> Option<Flag> {
        self.all_flags().find(|flag| flag.name == name)
    }

    /// The flag with a letter.
    pub fn short(self, letter: char) -> Option<Flag> {
        self.all_flags().find(|flag| flag.short == Some(letter))
    }

    /// The flags of its own.
    pub fn own_flags(self) -> impl Iterator<Item = Flag> {
        self.flags.lines().filter_map(flag)
    }

    /// Its own flags first, then the global ones, which flags of its own hide if they have the same name.
    pub fn all_flags(self) -> impl Iterator<Item = Flag> {
        let global = Self::root().own_flags().filter(move |flag| self.own_flags().all(|own| own.name != flag.name));
        self.own_flags().chain(global).chain([HELP])
    }
}

/// All commands, and kubectl itself.
pub fn commands() -> impl Iterator<Item = Command> {
    TABLE.split("\n:").skip(1).map(|block| {
        let (head, flags) = block.split_once('\n').unwrap_or((block, ""));
        let (words, aliases) = head.split_once('|').unwrap_or((head, ""));
        Command { words, aliases, flags }
    })
}

fn flag(line: &'static str) -> Option<Flag> {
    let (rest, arity) = match (line.strip_suffix('='), line.strip_suffix('?')) {
        (Some(rest), _) => (rest, Arity::Value),
        (None, Some(rest)) => (rest, Arity::Optional),
        (None, None) => (line, Arity::Switch),
    };
    let (name, short) = match rest.split_once(',') {
        Some((name, short)) => (name, short.chars().next()),
        None => (rest, None),
    };
    (!name.is_empty()).then_some(Flag { name, short, arity })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_by_name_and_alias_below_their_group_only() {
        let create = Command::root().child("create").expect("create");
        assert!(create.is_group());
        let words = |name| create.child(name).map(|command| command.words);
        assert_eq!(words("cm"), Some("create configmap"));
        assert_eq!(words("configmap"), Some("create configmap"));
        assert_eq!(words("tls"), None);
        assert_eq!(words(""), None);
        assert_eq!(Command::root().child("configmap"), None);
        assert_eq!(Command::root().child(""), None);
        assert!(!Command::root().child("get").expect("get").is_group());
    }

    #[test]
    fn flags_are_those_of_the_command() {
        let command = |name| Command::root().child(name).expect("a command");
        assert_eq!(command("logs").short('f').map(|flag| (flag.name, flag.arity)), Some(("follow", Arity::Switch)));
        assert_eq!(command("get").short('f').map(|flag| (flag.name, flag.arity)), Some(("filename", Arity::Value)));
        assert_eq!(command("get").short('n').map(|flag| flag.name), Some("namespace"));
        assert_eq!(command("get").flag("dry-run"), None);
        assert_eq!(command("run").flag("dry-run").map(|flag| flag.arity), Some(Arity::Optional));
        assert_eq!(command("get").short('h'), Some(HELP));
    }

    #[test]
    fn no_letter_stands_for_two_flags() {
        for command in commands() {
            let letters: Vec<char> = command.all_flags().filter_map(|flag| flag.short).collect();
            for letter in &letters {
                assert_eq!(
                    letters.iter().filter(|other| *other == letter).count(),
                    1,
                    "-{letter} of {}",
                    command.words
                );
            }
        }
    }
}
