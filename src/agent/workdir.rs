//! The directory of one agent process, with one private directory for each running command.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{Flock, FlockArg};
use tempfile::TempDir;

const PREFIX: &str = "mk8s-agent-work-";

/// The directory; removed when its last clone is dropped.
#[derive(Clone)]
pub struct WorkDir(Arc<Inner>);

struct Inner {
    root: TempDir,
    _lock: Flock<File>,
}

impl WorkDir {
    /// Makes it inside `parent`, or the system's temporary directory, and removes what killed agents left there.
    pub fn create(parent: Option<&Path>) -> io::Result<Self> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        fs::create_dir_all(&parent)?;
        remove_abandoned(&parent);
        let (root, lock) = loop {
            let root = tempfile::Builder::new()
                .prefix(PREFIX)
                .permissions(fs::Permissions::from_mode(0o700))
                .tempdir_in(&parent)?;
            // Another agent may take it for abandoned before it is locked; then there is another one to make.
            if let Ok(Some(lock)) = lock(root.path())
                && root.path().exists()
            {
                break (root, lock);
            }
        };
        for directory in ["bin", "cache", "exec"] {
            fs::DirBuilder::new().mode(0o700).create(root.path().join(directory))?;
        }
        // The only program that kubectl may find: it runs `diff` for `kubectl diff`.
        if let Some(diff) = find_program(Path::new("diff")) {
            symlink(diff, root.path().join("bin/diff"))?;
        }
        Ok(Self(Arc::new(Inner { root, _lock: lock })))
    }

    /// The directory that is kubectl's whole `PATH`.
    pub fn bin(&self) -> PathBuf {
        self.0.root.path().join("bin")
    }

    /// Where the discovery caches are that commands share.
    pub fn cache(&self) -> PathBuf {
        self.0.root.path().join("cache")
    }

    /// Removes it now, whoever still holds it: tasks that outlive the runtime are never dropped.
    pub fn remove(&self) {
        remove_tree(self.0.root.path());
    }

    /// A fresh directory for one command, removed when dropped.
    pub fn for_command(&self) -> io::Result<TempDir> {
        tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(self.0.root.path().join("exec"))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        remove_tree(self.root.path());
    }
}

/// Takes the right to write from a directory and everything in it.
pub fn make_read_only(path: &Path) -> io::Result<()> {
    let mode = if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            make_read_only(&entry?.path())?;
        }
        0o500
    } else {
        0o400
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Removes a directory as far as that is possible, with what was made read-only in it.
pub fn remove_tree(path: &Path) {
    if fs::remove_dir_all(path).is_ok() {
        return;
    }
    make_writable(path);
    let _ = fs::remove_dir_all(path);
}

/// Gives the right to write to the directories of a tree, so that what is in them can be removed.
fn make_writable(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
        fs::read_dir(path).into_iter().flatten().flatten().for_each(|entry| make_writable(&entry.path()));
    }
}

/// Locks a directory; `None` when a living process has done so.
fn lock(path: &Path) -> io::Result<Option<Flock<File>>> {
    match Flock::lock(File::open(path)?, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(error.into()),
    }
}

/// Removes the directories whose agent was killed. What cannot be removed is left: it may be another user's.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if ours && let Ok(Some(_lock)) = lock(&path) {
            remove_tree(&path);
        }
    }
}

/// The absolute path of a program: as given if it names a directory, else from `PATH`.
pub fn find_program(name: &Path) -> Option<PathBuf> {
    if name.components().count() > 1 {
        return fs::canonicalize(name).ok().filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_lives_as_long_as_its_agent() {
        let parent = tempfile::tempdir().unwrap();
        let abandoned = parent.path().join(PREFIX.to_owned() + "dead");
        fs::create_dir_all(abandoned.join("cache/1/discovery")).unwrap();
        fs::write(abandoned.join("cache/1/discovery/file"), "x").unwrap();
        make_read_only(&abandoned.join("cache/1")).unwrap();

        let first = WorkDir::create(Some(parent.path())).unwrap();
        assert!(!abandoned.exists(), "what a killed agent left is removed");
        let second = WorkDir::create(Some(parent.path())).unwrap();
        assert!(first.cache().exists(), "a living agent's directory stays");
        let command = second.for_command().unwrap();
        assert_eq!(fs::metadata(command.path()).unwrap().permissions().mode() & 0o777, 0o700);

        fs::create_dir(first.cache().join("1")).unwrap();
        make_read_only(&first.cache()).unwrap();
        drop((command, first, second));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
