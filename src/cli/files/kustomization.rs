//! A directory for `-k`: all of it is sent, and nothing outside of it.

use std::fs;
use std::path::Path;

use super::tree::{Tree, unreadable};
use crate::cli::exit::{CliError, Exit};
use crate::kubernetes::kubectl::kustomization::{Found, check};
use crate::kubernetes::kubectl::paths::resolve;

/// What is in no kustomization, and can be large.
const LEFT_OUT: &str = ".git";

/// Adds a directory with all that is in it.
///
/// # Errors
/// When it refers to something outside of it, by a reference or by a symbolic link, or to another machine.
pub fn add(tree: &mut Tree, path: &str) -> anyhow::Result<()> {
    // kubectl says what is wrong with what is no directory.
    if !tree.add(path)? {
        return Ok(());
    }
    let Some(top) = resolve(tree.directory(), path) else { return Ok(()) };
    let real = fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
    // Before all of it is read, which may be much.
    check(&top, |name| found(&format!("/{name}"), &real)).map_err(|refusal| CliError {
        what: refusal.0,
        hint: None,
        exit: Exit::USAGE,
    })?;
    add_all(tree, path, &real)
}

fn add_all(tree: &mut Tree, path: &str, top: &Path) -> anyhow::Result<()> {
    for entry in tree.list(path)? {
        let kind = entry.kind;
        let is_readable = kind.is_file() || kind.is_dir() || kind.is_symlink();
        if !is_readable || entry.path.rsplit('/').next() == Some(LEFT_OUT) {
            continue;
        }
        if kind.is_symlink() {
            check_link(&entry.path, top)?;
        }
        if tree.add_listed(&entry.path)? {
            add_all(tree, &entry.path, top)?;
        }
    }
    Ok(())
}

/// Refuses a link that leads out of the directory, and one that leads to a directory above it, which would not end.
fn check_link(path: &str, top: &Path) -> anyhow::Result<()> {
    let target = fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
    let parent =
        Path::new(path).parent().map(fs::canonicalize).transpose().map_err(|error| unreadable(path, &error))?;
    let ends = parent.is_some_and(|parent| !parent.starts_with(&target));
    if target.starts_with(top) && ends {
        return Ok(());
    }
    Err(CliError::usage(
        format!(
            "{path:?} is a symbolic link to {}, outside of the directory of -k, and only that is sent",
            target.display()
        ),
        "name a directory that has all of it inside, or send what it makes: \
         `kubectl kustomize DIRECTORY | mk8s kubectl apply -f -`",
    )
    .into())
}

/// What there is at a path, inside of the directory.
fn found(path: &str, top: &Path) -> Found {
    if !fs::canonicalize(path).is_ok_and(|real| real.starts_with(top)) {
        return Found::Nothing;
    }
    if Path::new(path).is_dir() {
        return Found::Directory;
    }
    fs::File::open(path).map_or(Found::Nothing, Found::file)
}
