//! The editor of this machine, and the file that it is given: readable for nobody else, in a directory of its own.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use crate::cli::exit::{CliError, Exit};
use crate::cli::output;
use crate::cli::runtime::signals_for_a_child;

/// The variables that name an editor, as kubectl has them.
const VARIABLES: [&str; 2] = ["KUBE_EDITOR", "EDITOR"];

/// The editor where none is named.
const DEFAULT: &str = if cfg!(windows) { "notepad" } else { "vi" };

/// What makes a command more than a program: a shell has to read it.
const FOR_A_SHELL: &[char] =
    &[' ', '\t', '\n', '"', '\'', '\\', '$', '`', '~', '|', '&', ';', '<', '>', '(', ')', '*', '?', '[', '#', '=', '%'];

/// The largest file that is read back.
const MAX_BYTES: u64 = 64 << 20;

/// The command of an editor.
pub struct Editor(String);

impl Editor {
    /// The one that the environment names.
    pub fn of_environment() -> Self {
        let named = VARIABLES.iter().filter_map(|name| env::var(name).ok()).find(|value| !value.trim().is_empty());
        Self(named.unwrap_or_else(|| DEFAULT.to_owned()))
    }

    /// Opens a file, and waits until the editor has ended.
    ///
    /// # Errors
    /// When it does not end with success.
    pub async fn open(&self, file: &Path) -> Result<(), CliError> {
        let failed = |what: String| CliError {
            what: format!("the editor {:?} {what}", self.0),
            hint: Some("set KUBE_EDITOR or EDITOR to the editor that you want, such as \"code --wait\"".into()),
            exit: Exit::FAILURE,
        };
        // Ctrl-C is for the editor, as every other key.
        let _kept = signals_for_a_child();
        let status = self.command(file).status().await.map_err(|error| failed(format!("cannot be run: {error}")))?;
        match status.success() {
            true => Ok(()),
            false => Err(failed(format!("failed ({status}): nothing was changed"))),
        }
    }

    fn command(&self, file: &Path) -> Command {
        let mut command;
        if cfg!(windows) {
            let mut words = words(&self.0).into_iter();
            command = Command::new(words.next().unwrap_or_else(|| DEFAULT.to_owned()));
            command.args(words);
        } else if self.0.contains(FOR_A_SHELL) {
            command = Command::new("sh");
            // Ctrl-C is not the end of the shell that waits, either.
            command.arg("-c").arg(format!("trap : INT QUIT; {} \"$@\"", self.0)).arg(&self.0);
        } else {
            command = Command::new(&self.0);
        }
        command.arg(file);
        command
    }
}

/// The words of a command of Windows, where a backslash is part of a path: cut at spaces that are not between quotes.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The file that is edited. It goes with its directory, unless that is kept.
pub struct Draft {
    directory: TempDir,
    path: PathBuf,
}

impl Draft {
    /// A file that does not exist yet.
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn new(name: &str) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("mk8s-edit-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let directory = builder.tempdir()?;
        let path = directory.path().join(name);
        Ok(Self { directory, path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it anew.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, text: &str) -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path)?.write_all(text.as_bytes())
    }

    /// Reads what was made of it.
    ///
    /// # Errors
    /// When it is gone, not text, or far too large.
    pub fn read(&self) -> io::Result<String> {
        if fs::metadata(&self.path)?.len() > MAX_BYTES {
            return Err(io::Error::other("it is larger than 64 MiB"));
        }
        fs::read_to_string(&self.path)
    }

    /// Leaves it where it is, and says where.
    pub fn keep(self) {
        let _ = self.directory.keep();
        if self.path.exists() {
            output::say(&format!("A copy of your changes has been stored to {:?}", self.path.display().to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(editor: &str) -> Vec<String> {
        let command = Editor(editor.to_owned()).command(Path::new("/tmp/a b.yaml"));
        let command = command.as_std();
        let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
        std::iter::once(command.get_program().to_string_lossy().into_owned()).chain(args).collect()
    }

    #[test]
    fn an_editor_is_a_program_or_a_command_of_a_shell() {
        assert_eq!(line("/usr/bin/nano"), ["/usr/bin/nano", "/tmp/a b.yaml"]);
        for editor in ["code --wait", "vim -c 'set ft=yaml'", "$HOME/bin/edit"] {
            assert_eq!(
                line(editor),
                ["sh", "-c", &format!("trap : INT QUIT; {editor} \"$@\""), editor, "/tmp/a b.yaml"]
            );
        }
    }

    #[test]
    fn a_command_of_windows_is_cut_at_spaces() {
        for (text, expected) in [
            ("notepad", &["notepad"][..]),
            (r"C:\bin\code.exe  --wait", &[r"C:\bin\code.exe", "--wait"]),
            (r#""C:\Program Files\x.exe" -a"#, &[r"C:\Program Files\x.exe", "-a"]),
            (r#"x "" y"#, &["x", "", "y"]),
            ("  ", &[]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_draft_is_private_and_goes_unless_it_is_kept() {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let draft = Draft::new("edit.yaml").unwrap();
        draft.write("a").unwrap();
        let path = draft.path().to_owned();
        assert_eq!((mode(&path), mode(path.parent().unwrap()), draft.read().unwrap().as_str()), (0o600, 0o700, "a"));
        drop(draft);
        assert!(!path.parent().unwrap().exists());
        let draft = Draft::new("edit.yaml").unwrap();
        draft.write("a").unwrap();
        let path = draft.path().to_owned();
        draft.keep();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
