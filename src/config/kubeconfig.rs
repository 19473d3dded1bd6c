//! The kubeconfig file of a user, which belongs to kubectl: changed whole or not at all, one program at a time.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::ConfigError;
use super::lock::LockError;
use super::paths;
use super::private_file::{create_directory, directory, follow, private, rewrite};

/// How long another program may hold the lock; kubectl holds it for milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the lock is tried.
const INTERVAL: Duration = Duration::from_millis(20);

/// A kubeconfig file that is locked in the way of kubectl: by a file beside it, `.lock` at the end, that exists as long
/// as somebody changes it.
#[derive(Debug)]
pub struct KubeconfigFile {
    path: PathBuf,
    locks: Vec<PathBuf>,
}

/// The file to which kubectl adds: the first of `KUBECONFIG` that exists, or else the last, or `~/.kube/config`.
pub fn default_path() -> PathBuf {
    added_to(read_paths())
}

/// As client-go chooses: `ClientConfigLoadingRules.GetDefaultFilename`.
fn added_to(paths: Vec<PathBuf>) -> PathBuf {
    let existing = paths.iter().find(|path| path.exists()).cloned();
    existing.or_else(|| paths.into_iter().next_back()).unwrap_or_default()
}

/// The files that kubectl reads: those of `KUBECONFIG`, or `~/.kube/config`. There is at least one.
pub fn read_paths() -> Vec<PathBuf> {
    let list = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let named: Vec<PathBuf> = std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect();
    if named.is_empty() { vec![paths::home().join(".kube/config")] } else { named }
}

impl KubeconfigFile {
    /// Locks a file, which need not exist, and waits a while for others.
    ///
    /// # Errors
    /// [`LockError::Kubeconfig`] if it is locked, [`LockError::File`] if it cannot be.
    pub async fn lock(path: &Path) -> Result<Self, LockError> {
        Self::lock_within(path, PATIENCE).await
    }

    async fn lock_within(path: &Path, patience: Duration) -> Result<Self, LockError> {
        let target = follow(path).map_err(|e| ConfigError::write(path, e))?;
        let mut this = Self { path: path.to_owned(), locks: Vec::new() };
        // kubectl locks the name that it knows; mk8s the file behind it too, to which several names may lead.
        let mut names = vec![lock_name(path)];
        if target != path {
            names.push(lock_name(&target));
        }
        let since = Instant::now();
        for name in names {
            create_directory(&directory(&name)).map_err(|e| ConfigError::write(&name, e))?;
            loop {
                match private(OpenOptions::new().write(true).create_new(true)).open(&name) {
                    Ok(_) => break,
                    Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                    Err(e) => return Err(ConfigError::write(&name, e).into()),
                }
                if since.elapsed() >= patience {
                    return Err(LockError::Kubeconfig { file: name, waited: patience });
                }
                tokio::time::sleep(INTERVAL).await;
            }
            this.locks.push(name);
        }
        Ok(this)
    }

    /// Its text; a file that does not exist is empty.
    ///
    /// # Errors
    /// It cannot be read, is no text, or has more than `most` bytes.
    pub fn read(&self, most: u64) -> Result<String, ConfigError> {
        let mut bytes = Vec::new();
        match fs::File::open(&self.path).map(|file| file.take(most + 1).read_to_end(&mut bytes)) {
            Ok(Ok(_)) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Ok(Err(e)) | Err(e) => return Err(ConfigError::read(&self.path, e)),
        }
        if bytes.len() as u64 > most {
            return Err(ConfigError::file(&self.path, format!("the file has more than {most} bytes")));
        }
        String::from_utf8(bytes).map_err(|_| ConfigError::file(&self.path, "the file is not valid UTF-8"))
    }

    /// Writes it anew.
    ///
    /// # Errors
    /// It cannot be written; then it is as it was.
    pub fn write(&self, text: &str) -> Result<(), ConfigError> {
        rewrite(&self.path, text)
    }
}

impl Drop for KubeconfigFile {
    fn drop(&mut self) {
        for lock in &self.locks {
            // Whoever finds it is told what to do.
            let _ = fs::remove_file(lock);
        }
    }
}

fn lock_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_goes_where_kubectl_adds() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "c"].map(|name| dir.path().join(name));
        assert_eq!(added_to(paths.to_vec()), paths[2]);
        fs::write(&paths[1], "").unwrap();
        assert_eq!(added_to(paths.to_vec()), paths[1]);
    }

    #[tokio::test]
    async fn one_program_at_a_time_by_whatever_name() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("new/config"), dir.path().join("link"));
        std::os::unix::fs::symlink("new/config", &link).unwrap();
        let file = KubeconfigFile::lock(&link).await.unwrap();
        assert!(dir.path().join("link.lock").exists() && dir.path().join("new/config.lock").exists());
        for name in [&real, &link] {
            let error = KubeconfigFile::lock_within(name, Duration::from_millis(30)).await.unwrap_err();
            assert!(matches!(error, LockError::Kubeconfig { .. }) && error.to_string().contains(".lock"), "{error}");
        }
        assert_eq!(file.read(10).unwrap(), "");
        file.write("x: 1\n").unwrap();
        assert!(file.read(5).is_ok() && file.read(4).is_err() && link.is_symlink());
        drop(file);
        // One that is given up leaves nothing behind, also not the first of two locks.
        fs::write(dir.path().join("new/config.lock"), "").unwrap();
        assert!(KubeconfigFile::lock_within(&link, Duration::ZERO).await.is_err());
        assert!(!dir.path().join("link.lock").exists() && dir.path().join("new/config.lock").exists());
    }
}
