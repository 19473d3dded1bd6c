//! Files that only their owner may read, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::ConfigError;

/// Writes a file with mode 0600, in place of one that exists; directories that are missing get mode 0700.
///
/// A reader sees the old content or the new one, never a part. If the path is a symbolic link, the file that
/// it leads to is replaced, and the link stays.
///
/// # Errors
/// The file cannot be written; then what was there is untouched.
pub fn replace(path: &Path, text: &str) -> Result<(), ConfigError> {
    let wrong = |e| ConfigError::write(path, e);
    let target = follow(path).map_err(wrong)?;
    let file = temporary(&target, text).map_err(wrong)?;
    file.persist(&target).map_err(|e| wrong(e.error))?;
    sync_directory(&target);
    Ok(())
}

/// Like [`replace`], but a file that exists keeps its mode.
///
/// # Errors
/// The file cannot be written; then what was there is untouched.
pub fn rewrite(path: &Path, text: &str) -> Result<(), ConfigError> {
    let wrong = |e| ConfigError::write(path, e);
    let target = follow(path).map_err(wrong)?;
    let file = temporary(&target, text).map_err(wrong)?;
    match fs::metadata(&target) {
        Ok(old) => file.as_file().set_permissions(old.permissions()).map_err(wrong)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(wrong(e)),
    }
    file.persist(&target).map_err(|e| wrong(e.error))?;
    sync_directory(&target);
    Ok(())
}

/// Like [`replace`], but refuses to touch a file that exists.
///
/// # Errors
/// There is such a file, or it cannot be written.
pub fn create(path: &Path, text: &str) -> Result<(), ConfigError> {
    let exists = || ConfigError::file(path, "the file exists already: use --force to replace it, or name another one");
    if path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let file = temporary(path, text).map_err(|e| ConfigError::write(path, e))?;
    file.persist_noclobber(path).map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => ConfigError::write(path, e.error),
    })?;
    sync_directory(path);
    Ok(())
}

/// Where a path leads to after all symbolic links; the last of them may lead to a file that does not exist.
pub(super) fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        // What `read_link` says of a file that is no link depends on the system.
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => path = directory(&path).join(fs::read_link(&path)?),
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn temporary(target: &Path, text: &str) -> io::Result<tempfile::NamedTempFile> {
    let directory = directory(target);
    create_directory(&directory)?;
    // Made with mode 0600, whatever the umask.
    let mut file = tempfile::Builder::new().prefix(".mk8s-").tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

pub(super) fn directory(path: &Path) -> PathBuf {
    path.parent().filter(|p| !p.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Makes a directory with all that lead to it, each with mode 0700.
///
/// # Errors
/// It cannot be made.
pub fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Lets nobody but its owner read a file that is made; on Windows the directory decides, and that of a user is private.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes the new name last through a crash; not every file system can, so a failure is none of ours.
fn sync_directory(path: &Path) {
    let _ = File::open(directory(path)).and_then(|d| d.sync_all());
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_and_the_directories_made_for_it_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/config.yaml");
        replace(&path, "x").unwrap();
        assert_eq!((mode(&path), mode(&dir.path().join("a")), mode(&dir.path().join("a/b"))), (0o600, 0o700, 0o700));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        replace(&path, "y").unwrap();
        assert_eq!((mode(&path), fs::read_to_string(&path).unwrap().as_str()), (0o600, "y"));
    }

    #[test]
    fn a_mode_is_kept_by_a_file_that_is_rewritten() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("new/config"), dir.path().join("link"));
        rewrite(&path, "x").unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("new/config", &link).unwrap();
        rewrite(&link, "y").unwrap();
        assert!(link.is_symlink());
        assert_eq!((mode(&path), fs::read_to_string(&path).unwrap().as_str()), (0o640, "y"));
    }

    #[test]
    fn a_link_stays_and_its_target_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("real")).unwrap();
        let (link, middle) = (dir.path().join("link.yaml"), dir.path().join("middle.yaml"));
        symlink("middle.yaml", &link).unwrap();
        symlink("real/file.yaml", &middle).unwrap();
        for text in ["first", "second"] {
            replace(&link, text).unwrap();
            assert!(link.is_symlink() && middle.is_symlink());
            assert_eq!(fs::read_to_string(dir.path().join("real/file.yaml")).unwrap(), text);
        }
        symlink("loop", dir.path().join("loop")).unwrap();
        assert!(replace(&dir.path().join("loop"), "x").is_err());
    }

    #[test]
    fn what_exists_is_not_overwritten_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        create(&path, "x").unwrap();
        assert!(create(&path, "y").unwrap_err().to_string().contains("--force"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "x");
        symlink("nowhere", dir.path().join("dangling")).unwrap();
        assert!(create(&dir.path().join("dangling"), "y").is_err());
    }

    #[test]
    fn a_reader_never_sees_half_a_file_and_nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        let texts = ["a".repeat(100_000), "b".repeat(100_000)];
        replace(&path, &texts[0]).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..20).for_each(|i| replace(&path, &texts[i % 2]).unwrap()));
            (0..200).for_each(|_| assert!(texts.contains(&fs::read_to_string(&path).unwrap())));
        });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_names_the_file_and_leaves_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "x").unwrap();
        let error = replace(&dir.path().join("file/config.yaml"), "y").unwrap_err();
        assert!(error.to_string().contains("file/config.yaml"), "{error}");
        assert_eq!(fs::read_to_string(dir.path().join("file")).unwrap(), "x");
    }
}
