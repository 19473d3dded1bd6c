//! A value that is made of files, and made again when they change.
//!
//! Changes are found by content, so that it does not matter how they come about: the swapped links of a Kubernetes
//! secret, a rename, or a file that is written in place.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

use super::TlsError;

/// Makes the value.
type Make<T> = dyn Fn() -> Result<T, TlsError> + Send + Sync;

/// The value, with what is needed to make it again.
pub(super) struct Reload<T> {
    files: Vec<PathBuf>,
    make: Box<Make<T>>,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// What the files were when they were last looked at.
    seen: Vec<Content>,
    value: T,
}

/// The hash of a file, or why there is none.
type Content = Result<Vec<u8>, io::ErrorKind>;

impl<T: Clone> Reload<T> {
    /// Makes the value for the first time. Blocks.
    pub(super) fn new(
        files: Vec<PathBuf>,
        make: impl Fn() -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        // In this order: what changes in between is found at the next look.
        let seen = files.iter().map(content).collect();
        let state = Mutex::new(State { seen, value: make()? });
        Ok(Self { files, make: Box::new(make), state })
    }

    /// Whether there is anything that can change.
    pub(super) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// The newest value that could be made.
    pub(super) fn current(&self) -> T {
        self.state().value.clone()
    }

    /// Looks at the files, and makes the value again if they have changed; whether it did. Blocks.
    ///
    /// # Errors
    /// It could not be made, and the old value stays. The same files fail once only.
    pub(super) fn refresh(&self) -> Result<bool, TlsError> {
        let found: Vec<Content> = self.files.iter().map(content).collect();
        {
            let mut state = self.state();
            if state.seen == found {
                return Ok(false);
            }
            state.seen = found;
        }
        self.renew().map(|()| true)
    }

    /// Makes the value again. Blocks.
    ///
    /// # Errors
    /// It could not be made, and the old value stays.
    pub(super) fn renew(&self) -> Result<(), TlsError> {
        let value = (self.make)()?;
        self.state().value = value;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn content(file: &PathBuf) -> Content {
    let mut file = File::open(file).map_err(|e| e.kind())?;
    let mut hash = Context::new(&SHA256);
    let mut buffer = [0; 8 << 10];
    loop {
        match file.read(&mut buffer).map_err(|e| e.kind())? {
            0 => return Ok(hash.finish().as_ref().to_vec()),
            n => hash.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    fn text(file: &Path) -> Result<String, TlsError> {
        let text =
            fs::read_to_string(file).map_err(|source| TlsError::File { action: "read", path: file.into(), source })?;
        match text.as_str() {
            "broken" => Err(TlsError::Unusable { path: file.into(), reason: text }),
            _ => Ok(text),
        }
    }

    fn of(file: PathBuf) -> Reload<String> {
        Reload::new(vec![file.clone()], move || text(&file)).unwrap()
    }

    #[test]
    fn a_change_is_found_however_it_comes_about() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        // As the kubelet mounts a secret: file -> ..data -> a directory of its own.
        for (version, text) in [("1", "one"), ("2", "two")] {
            fs::create_dir(path(version)).unwrap();
            fs::write(path(version).join("tls.crt"), text).unwrap();
        }
        symlink("1", path("..data")).unwrap();
        symlink("..data/tls.crt", path("tls.crt")).unwrap();
        let value = of(path("tls.crt"));
        assert!(!value.refresh().unwrap());
        symlink("2", path("..new")).unwrap();
        fs::rename(path("..new"), path("..data")).unwrap();
        assert!(value.refresh().unwrap() && value.current() == "two");

        fs::write(path("2/tls.crt"), "six").unwrap();
        assert!(value.refresh().unwrap() && value.current() == "six", "in place, of the same length");
        fs::write(path("other"), "ten").unwrap();
        fs::rename(path("other"), path("tls.crt")).unwrap();
        assert!(value.refresh().unwrap() && value.current() == "ten");
        assert!(!value.refresh().unwrap());
    }

    #[test]
    fn what_is_broken_is_said_once_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tls.crt");
        fs::write(&file, "one").unwrap();
        let value = of(file.clone());
        fs::write(&file, "broken").unwrap();
        assert!(value.refresh().is_err() && !value.refresh().unwrap() && value.current() == "one");
        fs::remove_file(&file).unwrap();
        assert!(value.refresh().is_err() && !value.refresh().unwrap() && value.current() == "one");
        fs::write(&file, "two").unwrap();
        assert!(value.refresh().unwrap() && value.current() == "two");
    }
}
