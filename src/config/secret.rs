//! Secrets come from files: read once, checked, and never shown.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::error::ConfigError;

/// The most bytes that a secret may have.
const MAX_BYTES: usize = 64 << 10;

/// Reads the secret that a file holds; white space at its end does not belong to it.
///
/// A file that everyone may read is accepted, since Kubernetes mounts secrets so, with a warning in the log.
///
/// # Errors
/// The file cannot be read, is empty, larger than 64 KiB, or holds anything but one word of text.
pub fn read_secret_file(path: &Path) -> Result<SecretString, ConfigError> {
    let wrong = |problem: &str| Err(ConfigError::file(path, problem));
    let text = read_text(path)?;
    let secret = text.trim_end();
    if secret.is_empty() {
        return wrong("the file is empty: write the secret into it");
    }
    if secret.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\u{feff}') {
        return wrong(
            "the file holds white space or control characters within the secret: write the secret alone into it",
        );
    }
    Ok(SecretString::from(secret))
}

/// Reads the password that a file holds: its first line, spaces included.
///
/// # Errors
/// The file cannot be read, is empty, larger than 64 KiB, or holds more than one line of text.
pub fn read_password_file(path: &Path) -> Result<SecretString, ConfigError> {
    let text = read_text(path)?;
    let password = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if password.is_empty() || password.contains('\n') {
        return Err(ConfigError::file(path, "the file must hold one line, which is the password"));
    }
    Ok(SecretString::from(password))
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let wrong = |problem: &str| Err(ConfigError::file(path, problem));
    let file = File::open(path).map_err(|e| ConfigError::read(path, e))?;
    warn_if_public(path, &file);
    // Large enough from the start, so that no copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 2));
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|e| ConfigError::read(path, e))?;
    if bytes.len() > MAX_BYTES {
        return wrong("the file is larger than 64 KiB, which is no secret: name the file that holds the secret alone");
    }
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return wrong("the file is not valid UTF-8: it must hold the secret as text");
    };
    Ok(Zeroizing::new(text.to_owned()))
}

fn warn_if_public(path: &Path, file: &File) {
    #[cfg(unix)]
    if file.metadata().is_ok_and(|m| std::os::unix::fs::MetadataExt::mode(&m) & 0o004 != 0) {
        tracing::warn!(file = %path.display(), "every user of this machine may read the secret file: consider mode 0600");
    }
    #[cfg(not(unix))]
    let _ = (path, file);
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::{Arc, Mutex};

    use secrecy::ExposeSecret;

    use super::*;

    fn read(content: &[u8]) -> Result<SecretString, ConfigError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        read_secret_file(file.path())
    }

    #[test]
    fn a_secret_is_one_word_of_text() {
        for good in ["hunter2", "hunter2\n", "hunter2\r\n", "hunter2 \n\n"] {
            assert_eq!(read(good.as_bytes()).unwrap().expose_secret(), "hunter2", "{good:?}");
        }
        assert!(read("x".repeat(64 << 10).as_bytes()).is_ok());
        for bad in ["", "\n", " \t\n", "a b", "a\nb", " a", "a\0", "a\u{7f}b", "\u{feff}a", "a\u{a0}b"] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(read(b"hunter2\xff").is_err());
        assert!(read("x".repeat((64 << 10) + 1).as_bytes()).is_err());
        assert!(read_secret_file(Path::new("/")).is_err());
    }

    #[test]
    fn a_secret_is_never_shown() {
        assert!(!format!("{:?}", read(b"hunter2")).contains("hunter2"));
        for bad in ["hunter2 hunter2".as_bytes(), b"hunter2\xff", &b"hunter2".repeat(10_000)] {
            let error = read(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_file_that_everyone_may_read_is_named_in_a_warning() {
        #[derive(Clone, Default)]
        struct Log(Arc<Mutex<Vec<u8>>>);
        impl Write for Log {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let log = Log::default();
        let writer = log.clone();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"hunter2").unwrap();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            read_secret_file(file.path()).unwrap();
            assert!(log.0.lock().unwrap().is_empty());
            file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).unwrap();
            read_secret_file(file.path()).unwrap();
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("WARN") && text.contains(file.path().to_str().unwrap()), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
