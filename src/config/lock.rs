//! The lock beside the client's state: commands that read, change and write it do so one after the other.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::ConfigError;
use super::private_file::{create_directory, directory, follow, private};

/// How long another command may hold the lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the lock is tried.
const INTERVAL: Duration = Duration::from_millis(20);

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another command has it.
    #[error("another mk8s command has been changing the client's state for {} s (it holds {})", .waited.as_secs(), .file.display())]
    Busy {
        /// The file that is locked.
        file: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// Another program changes a kubeconfig, or has left its lock behind.
    #[error("another program has been changing the kubeconfig for {} s (there is {})", .waited.as_secs(), .file.display())]
    Kubeconfig {
        /// The file that is the lock.
        file: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// The file cannot be made or locked.
    #[error(transparent)]
    File(#[from] ConfigError),
}

/// The right to change the client's state, until it is dropped. The file stays: removing it would let two commands
/// lock two files of one name.
#[derive(Debug)]
pub struct StateLock(#[allow(dead_code)] File);

impl StateLock {
    /// Takes the lock of the state at `path`, and waits a while for it.
    ///
    /// # Errors
    /// See [`LockError`].
    pub async fn take(path: &Path) -> Result<Self, LockError> {
        Self::take_within(path, PATIENCE).await
    }

    async fn take_within(path: &Path, patience: Duration) -> Result<Self, LockError> {
        let (name, file) = open(path)?;
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
                Err(TryLockError::Error(error)) => return Err(ConfigError::write(&name, error).into()),
            }
            if since.elapsed() >= patience {
                return Err(LockError::Busy { file: name, waited: patience });
            }
            // To wait in the kernel would hold up the runtime, and Ctrl-C with it.
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// The file that is locked: beside the state itself, wherever links lead, so that all ways to it share one.
fn open(path: &Path) -> Result<(PathBuf, File), ConfigError> {
    let target = follow(path).map_err(|e| ConfigError::write(path, e))?;
    let mut name = target.into_os_string();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = create_directory(&directory(&name))
        .and_then(|()| private(OpenOptions::new().write(true).create(true).truncate(false)).open(&name));
    match file {
        Ok(file) => Ok((name, file)),
        Err(error) => Err(ConfigError::write(&name, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[tokio::test]
    async fn the_lock_is_private_and_held_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/config.yaml");
        let first = StateLock::take(&path).await.unwrap();
        let file = dir.path().join("new/config.yaml.lock");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let error = StateLock::take_within(&path, Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(&error, LockError::Busy { .. }) && error.to_string().contains("config.yaml.lock"), "{error}");
        drop(first);
        StateLock::take_within(&path, Duration::ZERO).await.unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_link_and_the_file_behind_it_share_a_lock() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real.yaml"), dir.path().join("link.yaml"));
        symlink("real.yaml", &link).unwrap();
        let _lock = StateLock::take(&link).await.unwrap();
        assert!(StateLock::take_within(&real, Duration::ZERO).await.is_err());
    }

    #[tokio::test]
    async fn changes_that_wait_for_each_other_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("counter");
        fs::write(&path, "0").unwrap();
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move {
                    let _lock = StateLock::take(&path).await.unwrap();
                    let count: u32 = fs::read_to_string(&path).unwrap().parse().unwrap();
                    tokio::task::yield_now().await;
                    fs::write(&path, (count + 1).to_string()).unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "20");
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "x").unwrap();
        let error = StateLock::take(&dir.path().join("file/config.yaml")).await.unwrap_err();
        assert!(error.to_string().contains("file/config.yaml"), "{error}");
    }
}
