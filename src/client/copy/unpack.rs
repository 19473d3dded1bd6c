//! Takes an archive that a container has made, which may be anybody's: nothing is written but below the destination.
//!
//! kubectl has been fooled three times (CVE-2018-1002100, CVE-2019-1002101, CVE-2019-11246): by names with `..`, and by
//! links that were made first and written through then. So here no link is ever made, none is followed, and a name that
//! would lead elsewhere ends the copy.

mod names;

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tar::{Archive, Entry, EntryType};

/// Why an archive is not taken.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A name leads out of the destination.
    #[error("refused: the archive of the container holds {0:?}, which is outside of what was asked for")]
    Outside(String),
    /// A file of this machine could not be written.
    #[error("cannot write {path}: {error}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The archive broke off, or is none.
    #[error("the archive of the container cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// A path of a container without `.`, `//` and, as far as that can be said without looking, `..`.
pub fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    let path = format!("{}{}", if path.starts_with('/') { "/" } else { "" }, parts.join("/"));
    if path.is_empty() { ".".into() } else { path }
}

/// Writes what is in an archive of the path `from` to the path `to`.
pub fn unpack(archive: impl Read, from: &str, to: &Path, warn: &dyn Fn(String)) -> Result<(), UnpackError> {
    // tar takes these off, too.
    let prefix: Vec<&[u8]> =
        from.split('/').filter(|part| !matches!(*part, "" | "." | "..")).map(str::as_bytes).collect();
    let mut archive = Archive::new(archive);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let place = Place { root: to, parts: below(&entry.path_bytes(), &prefix)? };
        let kind = entry.header().entry_type();
        match kind {
            EntryType::Directory => place.directory()?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => place.file(&mut entry)?,
            EntryType::Link => {
                let name = entry.link_name_bytes().unwrap_or_default();
                let original = Place { root: to, parts: below(&name, &prefix)? };
                place.link(&original)?;
            }
            EntryType::Symlink => {
                let name = entry.link_name_bytes().unwrap_or_default();
                warn(format!("skipping the link {} -> {}", place.path().display(), String::from_utf8_lossy(&name)));
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                warn(format!("skipping {}: neither a file nor a directory", place.path().display()));
            }
            _ => {}
        }
    }
    // tar fills its last block up: it must be able to write it.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(())
}

/// The parts of a name behind those of the path that was asked for.
fn below(name: &[u8], prefix: &[&[u8]]) -> Result<Vec<OsString>, UnpackError> {
    let outside = || UnpackError::Outside(String::from_utf8_lossy(name).into_owned());
    let parts: Vec<&[u8]> = name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    if name.starts_with(b"/") || parts.contains(&b"..".as_slice()) {
        return Err(outside());
    }
    let rest = parts.strip_prefix(prefix).ok_or_else(outside)?;
    rest.iter().map(|part| names::local(part).ok_or_else(outside)).collect()
}

/// A place at or below the destination.
struct Place<'a> {
    root: &'a Path,
    parts: Vec<OsString>,
}

impl Place<'_> {
    fn path(&self) -> PathBuf {
        self.parts.iter().fold(self.root.to_owned(), |path, part| path.join(part))
    }

    /// Makes the directory, and those above it up to the destination, none of which may be a link.
    fn directory(&self) -> Result<(), UnpackError> {
        let mut path = self.root.to_owned();
        fs::create_dir_all(&path).map_err(|error| UnpackError::Write { path: path.clone(), error })?;
        for part in &self.parts {
            path.push(part);
            match fs::create_dir(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_directory(&path) => {}
                Err(error) => return Err(UnpackError::Write { path, error }),
            }
        }
        Ok(())
    }

    /// Makes the directories above a file.
    fn parent(&self) -> Result<(), UnpackError> {
        let Some((_, above)) = self.parts.split_last() else { return Ok(()) };
        Place { root: self.root, parts: above.to_vec() }.directory()
    }

    fn file(&self, entry: &mut Entry<'_, impl Read>) -> Result<(), UnpackError> {
        self.parent()?;
        let mut path = self.path();
        let mut options = OpenOptions::new();
        if self.parts.is_empty() {
            // The user named it: a directory takes the file, and a link is followed.
            if path.is_dir() {
                let name = entry.path_bytes();
                let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
                let outside = || UnpackError::Outside(String::from_utf8_lossy(name).into_owned());
                path.push(names::local(name).ok_or_else(outside)?);
                names::no_links(&mut options);
            }
        } else {
            if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
                let error = io::Error::new(io::ErrorKind::AlreadyExists, "something other than a file is there");
                return Err(UnpackError::Write { path, error });
            }
            names::no_links(&mut options);
        }
        let failed = |error| UnpackError::Write { path: path.clone(), error };
        names::with_mode(&mut options, entry.header().mode().unwrap_or(0o644) & 0o777);
        let mut file = options.write(true).create(true).truncate(true).open(&path).map_err(failed)?;
        // Which of both sides failed is told apart by hand: the archive ends too early, or the disk is full.
        let mut buffer = vec![0; 64 << 10];
        loop {
            match entry.read(&mut buffer)? {
                0 => return Ok(()),
                length => io::Write::write_all(&mut file, &buffer[..length]).map_err(failed)?,
            }
        }
    }

    /// Makes a further name for a file that has come before.
    fn link(&self, original: &Place<'_>) -> Result<(), UnpackError> {
        self.parent()?;
        let (path, original) = (self.path(), original.checked()?);
        let failed = |error| UnpackError::Write { path: path.clone(), error };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => fs::hard_link(original, &path).map_err(failed),
        }
    }

    /// Its path, if it is a file and no part of it a link.
    fn checked(&self) -> Result<PathBuf, UnpackError> {
        let mut path = self.root.to_owned();
        let (last, above) = match self.parts.split_last() {
            Some((last, above)) => (Some(last), above),
            None => (None, [].as_slice()),
        };
        let real = above.iter().all(|part| {
            path.push(part);
            is_directory(&path)
        });
        path.extend(last);
        if real && fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
            return Ok(path);
        }
        Err(UnpackError::Outside(path.display().to_string()))
    }
}

/// Whether a path is a directory, and no link to one.
fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

#[cfg(test)]
mod tests;
