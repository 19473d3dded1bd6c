//! The local files that a command line of kubectl names: found here as kubectl would find them, and sent along.

mod kustomization;
mod reading;
mod tree;

use std::io::BufReader;
use std::path::Path;

use super::exit::CliError;
use super::progress::Progress;
use crate::client::ExecWriter;
use crate::kubernetes::kubectl::variables::name_without_value;
use crate::kubernetes::kubectl::{CommandLine, PathArgument, PathUse};
use crate::model::CommandFile;
use tree::Tree;

/// Names of files from which kubectl reads the objects in a directory.
const OBJECTS: [&str; 3] = [".json", ".yaml", ".yml"];

/// The files of a command. Their contents are read when they are sent, but for those of pipes.
#[derive(Default)]
pub struct LocalFiles(Option<Tree>);

impl LocalFiles {
    /// Finds the files of a command line. What is not there is not sent, and kubectl says so itself.
    ///
    /// # Errors
    /// When a file cannot be read, or may not be sent.
    pub fn of(command: &[String]) -> anyhow::Result<Self> {
        // One that is refused will be refused with a reason.
        let Ok(line) = CommandLine::parse(command) else { return Ok(Self::default()) };
        let paths = line.paths();
        if paths.is_empty() {
            return Ok(Self::default());
        }
        let mut tree = Tree::here()?;
        for argument in &paths {
            add(&mut tree, argument)?;
        }
        Ok(Self(Some(tree)))
    }

    /// What the request says of them: the list, and the directory in which kubectl runs.
    pub fn announced(&self) -> (Option<Vec<CommandFile>>, Option<String>) {
        match &self.0 {
            None => (None, None),
            Some(tree) => (Some(tree.announced()), Some(tree.directory().to_owned()).filter(|name| !name.is_empty())),
        }
    }

    /// Sends the contents. `false` when they cannot be sent any more: the other half of the call knows why.
    ///
    /// # Errors
    /// When a file cannot be read, or has changed since it was found.
    pub async fn send(&self, writer: &mut ExecWriter) -> anyhow::Result<bool> {
        let progress = self.progress();
        progress.show_while(self.send_unseen(writer, &progress)).await
    }

    /// The same for one of many clusters, of all of which one line tells.
    ///
    /// # Errors
    /// See [`LocalFiles::send`].
    pub async fn send_as_one_of_many(&self, writer: &mut ExecWriter) -> anyhow::Result<bool> {
        self.send_unseen(writer, &self.progress()).await
    }

    async fn send_unseen(&self, writer: &mut ExecWriter, progress: &Progress) -> anyhow::Result<bool> {
        match &self.0 {
            None => Ok(true),
            Some(tree) => tree.send(writer, progress).await,
        }
    }

    fn progress(&self) -> Progress {
        let (files, bytes) = self.0.as_ref().map(Tree::amount).unwrap_or_default();
        let what = if files == 1 { "sending 1 file".to_owned() } else { format!("sending {files} files") };
        Progress::new(what, Some(bytes))
    }
}

/// Adds what kubectl would read for an argument.
fn add(tree: &mut Tree, argument: &PathArgument) -> anyhow::Result<()> {
    let path = argument.path.as_str();
    match argument.used {
        PathUse::Objects { recursive } if !Path::new(path).exists() => {
            for found in tree.expand(path)? {
                objects(tree, &found, recursive)?;
            }
            tree.name(path)
        }
        PathUse::Objects { recursive } => objects(tree, path, recursive),
        PathUse::Kustomization => kustomization::add(tree, path),
        PathUse::FileOrDirectory => {
            if tree.add(path)? {
                for entry in tree.list(path)?.into_iter().filter(|entry| entry.kind.is_file()) {
                    tree.add_listed(&entry.path)?;
                }
            }
            Ok(())
        }
        PathUse::Variables => {
            tree.add(path)?;
            let Some(content) = tree.open(path)? else { return Ok(()) };
            match name_without_value(BufReader::new(content))? {
                None => Ok(()),
                Some(name) => Err(CliError::usage(
                    format!("{path:?} has {name} without a value, which kubectl would take from an environment that is not yours"),
                    format!("write {name}=VALUE in it"),
                )
                .into()),
            }
        }
        PathUse::File => tree.add(path).map(drop),
    }
}

/// Adds a file, or the files with objects of a directory.
fn objects(tree: &mut Tree, path: &str, recursive: bool) -> anyhow::Result<()> {
    if !tree.add(path)? {
        return Ok(());
    }
    for entry in tree.list(path)? {
        if entry.kind.is_dir() {
            if recursive {
                objects(tree, &entry.path, true)?;
            }
        } else if OBJECTS.iter().any(|ending| entry.path.ends_with(ending)) {
            tree.add_listed(&entry.path)?;
        }
    }
    Ok(())
}
