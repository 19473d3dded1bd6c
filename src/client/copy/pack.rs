//! Makes an archive of a file or a directory of this machine.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

/// A file that could not be put into the archive.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It could not be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It became shorter.
    #[error("{0} was changed while it was read")]
    Changed(PathBuf),
    /// The archive could not be written on.
    #[error("the archive broke off: {0}")]
    Write(#[from] io::Error),
}

/// Writes an archive of `from`, in which it is called `name`.
pub fn pack(from: &Path, name: &str, to: impl Write, warn: &dyn Fn(String)) -> Result<(), PackError> {
    let mut archive = Builder::new(to);
    // The path that the user named is followed where it is a link; those below it stay links, as kubectl has it.
    add(&mut archive, from, Path::new(name), fs::metadata(from), warn)?;
    archive.into_inner()?.flush()?;
    Ok(())
}

fn add(
    archive: &mut Builder<impl Write>,
    path: &Path,
    name: &Path,
    metadata: io::Result<Metadata>,
    warn: &dyn Fn(String),
) -> Result<(), PackError> {
    let unreadable = |error| PackError::Read { path: path.to_owned(), error };
    let metadata = metadata.map_err(unreadable)?;
    let mut header = Header::new_gnu();
    header.set_metadata(&metadata);
    if metadata.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path).and_then(Iterator::collect).map_err(unreadable)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        if entries.is_empty() {
            header.set_size(0);
            archive.append_data(&mut header, name, io::empty())?;
        }
        for entry in entries {
            let (path, name) = (entry.path(), name.join(entry.file_name()));
            add(archive, &path, &name, fs::symlink_metadata(&path), warn)?;
        }
    } else if metadata.is_file() {
        let file = File::open(path).map_err(unreadable)?;
        let mut data = file.take(metadata.len());
        archive.append_data(&mut header, name, &mut data)?;
        if data.limit() > 0 {
            return Err(PackError::Changed(path.to_owned()));
        }
    } else if metadata.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, name, fs::read_link(path).map_err(unreadable)?)?;
    } else {
        warn(format!("skipping {}: neither a file nor a directory", path.display()));
    }
    Ok(())
}
