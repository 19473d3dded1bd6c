//! The local files of a command: written into its private directory before it starts, and gone with it.
//!
//! They are below a root that looks to kubectl like the machine of the user: relative paths mean there what they meant
//! where they were written, absolute ones get the root put before them, and `output/without.rs` takes it out of what
//! kubectl says. Names were checked (`model/files.rs`); here nothing is opened that was not made a moment before.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use tempfile::TempDir;
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep_until};

use super::gate::Open;
use super::workdir::WorkDir;
use crate::kubernetes::kubectl::kustomization::{self, Found};
use crate::kubernetes::kubectl::paths::resolve;
use crate::kubernetes::kubectl::variables::name_without_value;
use crate::kubernetes::kubectl::{CommandLine, PathUse};
use crate::model::{Announced, FileKind, FileTree};
use crate::tunnel::exec::{ExecSource, Input};

/// How long nothing of the files may come: a command that waits for them has a place already.
const SILENCE: Duration = Duration::from_secs(30);

/// Where a command runs.
pub struct Place {
    /// Its private directory; removed with it.
    directory: TempDir,
    files: Option<Files>,
}

/// Where its files are.
struct Files {
    root: PathBuf,
    working: PathBuf,
}

impl Place {
    /// A place without files. Blocks.
    pub fn empty(work_dir: &WorkDir) -> io::Result<Self> {
        Ok(Self { directory: work_dir.for_command()?, files: None })
    }

    /// A place with the directories of these files. Blocks.
    pub fn with_directories(work_dir: &WorkDir, tree: &FileTree) -> io::Result<Self> {
        let directory = work_dir.for_command()?;
        // The name is random, so that it stands in no output but where kubectl names a file below it.
        let root = tempfile::Builder::new().prefix("").rand_bytes(24).tempdir_in(directory.path())?.keep();
        if !root.to_str().is_some_and(is_plain) {
            return Err(io::Error::other(
                "the agent's `work_dir` must be a path of letters, digits and the characters . _ - / for commands with \
                 files",
            ));
        }
        let working = root.join(tree.directory());
        make_directories(&working)?;
        make_directories(&root.join("tmp"))?;
        for (name, kind) in tree.entries() {
            let path = root.join(name);
            match kind {
                FileKind::Directory => make_directories(&path)?,
                FileKind::File(_) => path.parent().map_or(Ok(()), make_directories)?,
            }
        }
        Ok(Self { directory, files: Some(Files { root, working }) })
    }

    /// The private directory, in which everything else of the command is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where kubectl runs.
    pub fn working_directory(&self) -> PathBuf {
        self.files.as_ref().map_or_else(|| self.path().to_owned(), |files| files.working.clone())
    }

    /// Where kubectl makes temporary files; `kubectl diff` shows their paths.
    pub fn temporary_directory(&self) -> PathBuf {
        self.files.as_ref().map_or_else(|| ".".into(), |files| files.root.join("tmp"))
    }

    /// The root of its files, if it has any.
    pub fn root(&self) -> Option<&str> {
        self.files.as_ref().and_then(|files| files.root.to_str())
    }

    /// Removes all of it. Blocks.
    pub fn close(self) -> io::Result<()> {
        self.directory.close()
    }
}

/// Writes the contents of the files as they come, and nothing but what was announced, until `over` says why no more is
/// wanted. Rights that change on the way take effect.
///
/// What is being written is always written to its end: a file that is made while its place is removed would stay.
///
/// # Errors
/// A sentence for the user.
pub async fn receive(
    place: &Place,
    tree: &FileTree,
    source: &mut ExecSource,
    session: &Open,
    over: impl Future<Output = String>,
) -> Result<(), String> {
    let Some(files) = &place.files else { return Ok(()) };
    let mut over = pin!(over);
    let failed = |error: io::Error| format!("the files of the command cannot be written where kubectl runs: {error}");
    let taken = source.acknowledger();
    let mut announced = Announced::of(Some(tree));
    let mut data = bytes::Bytes::new();
    for (name, kind) in tree.entries() {
        let FileKind::File(bytes) = kind else { continue };
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(files.root.join(name)).await.map_err(failed)?;
        let mut left = *bytes;
        while left > 0 {
            let silent_at = Instant::now() + SILENCE;
            while data.is_empty() {
                let input = tokio::select! {
                    input = source.next() => input,
                    why = &mut over => return Err(why),
                    () = sleep_until(silent_at) => {
                        return Err(format!("nothing more of its files came within {} s", SILENCE.as_secs()));
                    }
                };
                data = match input {
                    Input::Rights(rules) => {
                        session.replace(rules);
                        continue;
                    }
                    // The one with which the terminal begins is in the request; later ones come when the command runs.
                    Input::Resize(_) => continue,
                    Input::Files(data) => data,
                    Input::Data(_) | Input::Eof => {
                        return Err("input came before all bytes of the files had come".into());
                    }
                    Input::Gone => return Err("the files stopped before their end".into()),
                };
                announced.came(data.len()).map_err(|failure| failure.detail)?;
                // Written or about to be: no more than this piece is held here.
                tokio::select! {
                    () = taken.taken(&data) => {}
                    why = &mut over => return Err(why),
                }
            }
            let piece = data.split_to(data.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            left -= piece.len() as u64;
            file.write_all(&piece).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
    }
    Ok(())
}

/// Refuses files that would make kubectl fetch something, or tell of its environment. Blocks.
///
/// # Errors
/// A sentence for the user.
pub fn check(root: &str, tree: &FileTree, line: &CommandLine) -> Result<(), String> {
    let root = Path::new(root);
    for argument in line.paths() {
        let Some(name) = resolve(tree.directory(), &argument.path) else { continue };
        match argument.used {
            PathUse::Kustomization => {
                kustomization::check(&name, |name| found(&root.join(name))).map_err(|refusal| refusal.0)?;
            }
            PathUse::Variables => {
                let Ok(file) = File::open(root.join(&name)) else { continue };
                if let Ok(Some(variable)) = name_without_value(BufReader::new(file)) {
                    return Err(format!(
                        "{:?} has {variable} without a value, and kubectl has no environment of yours",
                        argument.path
                    ));
                }
            }
            PathUse::Objects { .. } | PathUse::FileOrDirectory | PathUse::File => {}
        }
    }
    Ok(())
}

/// What there is at a path of the tree, in which there are files and directories only.
fn found(path: &Path) -> Found {
    match File::open(path) {
        Ok(_) if path.is_dir() => Found::Directory,
        Ok(file) => Found::file(file),
        Err(_) => Found::Nothing,
    }
}

fn make_directories(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Whether kubectl writes a path as it is, wherever it writes it, and takes it for no pattern and no list.
fn is_plain(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
}
