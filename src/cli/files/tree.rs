//! The files that are sent, by the names that they have where kubectl runs.

use std::collections::BTreeMap;
use std::fs::{self, File, FileType};
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::reading;
use crate::cli::exit::CliError;
use crate::cli::progress::Progress;
use crate::client::ExecWriter;
use crate::kubernetes::kubectl::paths::resolve;
use crate::kubernetes::kubectl::pattern::{is_pattern, matches};
use crate::model::CommandFile;
use crate::model::files::{MAX_FILES, MAX_FILES_BYTES};

/// The files, as if the machine had no others.
pub struct Tree {
    /// The working directory, from the root.
    directory: String,
    entries: BTreeMap<String, Entry>,
}

enum Entry {
    Directory,
    /// A file, where it is, and how large it was when it was found.
    File(PathBuf, u64),
    /// What came out of a pipe, or of another file that says nothing about its size.
    Content(Vec<u8>),
}

impl Entry {
    /// How many bytes it has, if it is a file.
    fn size(&self) -> Option<u64> {
        match self {
            Self::Directory => None,
            Self::File(_, bytes) => Some(*bytes),
            Self::Content(content) => Some(content.len() as u64),
        }
    }
}

/// Something in a directory.
pub struct Listed {
    /// Its path: that of the directory, and its name.
    pub path: String,
    /// What it is; a symbolic link is one.
    pub kind: FileType,
}

impl Tree {
    /// An empty one for the working directory.
    pub fn here() -> anyhow::Result<Self> {
        let directory = std::env::current_dir().context("the working directory is not known")?;
        let directory = directory.to_str().ok_or_else(|| not_text(&directory))?;
        Ok(Self { directory: directory.trim_matches('/').to_owned(), entries: BTreeMap::new() })
    }

    /// The working directory, from the root.
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// Adds a file, or a directory without what is in it; whether it is a directory. What does not exist is left out.
    pub fn add(&mut self, path: &str) -> anyhow::Result<bool> {
        self.name(path)?;
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(false),
            Err(error) => return Err(unreadable(path, &error)),
        };
        if metadata.is_dir() {
            self.insert(path, Entry::Directory)?;
            return Ok(true);
        }
        // Others tell their size only by being read.
        let entry = match metadata.is_file() && metadata.len() > 0 {
            true => Entry::File(fs::canonicalize(path).map_err(|error| unreadable(path, &error))?, metadata.len()),
            false if self.has(path) => return Ok(false),
            false => Entry::Content(reading::all(path).map_err(|error| unreadable(path, &error))?),
        };
        self.insert(path, entry)?;
        Ok(false)
    }

    /// The same for what was listed: when it is not there, it is a link to nothing, on which kubectl would fail.
    pub fn add_listed(&mut self, path: &str) -> anyhow::Result<bool> {
        fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        self.add(path)
    }

    /// Makes sure that a path can be followed where kubectl runs: what stands before a `..` has to exist there too.
    pub fn name(&mut self, path: &str) -> anyhow::Result<()> {
        for (at, _) in path.match_indices("..") {
            let before = &path[..at];
            if before.ends_with('/') && !before.trim_matches('/').is_empty() && Path::new(before).is_dir() {
                self.insert(before, Entry::Directory)?;
            }
        }
        Ok(())
    }

    fn has(&self, path: &str) -> bool {
        resolve(&self.directory, path).is_some_and(|name| self.entries.contains_key(&name))
    }

    fn insert(&mut self, path: &str, entry: Entry) -> anyhow::Result<()> {
        // One that leads above the root is refused by central, with a reason.
        let Some(name) = resolve(&self.directory, path).filter(|name| !name.is_empty()) else { return Ok(()) };
        let clash = match (self.entries.get(&name), &entry) {
            (None, _) | (Some(Entry::Directory), Entry::Directory) => false,
            (Some(Entry::File(one, _)), Entry::File(other, _)) => one != other,
            _ => true,
        };
        if clash {
            let what =
                format!("{path:?} and another path lead to one place by their text, but to two by symbolic links");
            return Err(CliError::usage(what, "name the file without the link").into());
        }
        self.entries.insert(name, entry);
        if self.entries.len() > MAX_FILES {
            let what = format!("more than {MAX_FILES} files and directories would be sent");
            return Err(CliError::usage(what, "name a directory with fewer files").into());
        }
        Ok(())
    }

    /// What is in a directory.
    pub fn list(&self, path: &str) -> anyhow::Result<Vec<Listed>> {
        let entries = fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
        let mut listed = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(path, &error))?;
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| not_text(&entry.path()))?;
            let path = if path.ends_with('/') { format!("{path}{name}") } else { format!("{path}/{name}") };
            let kind = entry.file_type().map_err(|error| unreadable(&path, &error))?;
            listed.push(Listed { path, kind });
        }
        listed.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(listed)
    }

    /// The paths that a pattern matches.
    pub fn expand(&self, pattern: &str) -> anyhow::Result<Vec<String>> {
        let mut found = vec![if pattern.starts_with('/') { "/".to_owned() } else { String::new() }];
        if !is_pattern(pattern) {
            return Ok(Vec::new());
        }
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            let mut next = Vec::new();
            for path in &found {
                let join = |name: &str| match path.is_empty() || path.ends_with('/') {
                    true => format!("{path}{name}"),
                    false => format!("{path}/{name}"),
                };
                if !is_pattern(part) {
                    next.extend(Some(join(part)).filter(|path| Path::new(path).exists()));
                } else if Path::new(if path.is_empty() { "." } else { path }).is_dir() {
                    let listed = fs::read_dir(if path.is_empty() { "." } else { path });
                    let names =
                        listed.map_err(|error| unreadable(path, &error))?.flatten().map(|entry| entry.file_name());
                    next.extend(names.filter_map(|name| name.to_str().filter(|name| matches(part, name)).map(join)));
                }
            }
            found = next;
        }
        Ok(found)
    }

    /// Reads a file that was added; `None` for one that is not there, or is a directory.
    pub fn open(&self, path: &str) -> anyhow::Result<Option<Box<dyn Read + '_>>> {
        let name = resolve(&self.directory, path);
        match name.and_then(|name| self.entries.get(&name)) {
            None | Some(Entry::Directory) => Ok(None),
            Some(Entry::Content(content)) => Ok(Some(Box::new(Cursor::new(content)))),
            Some(Entry::File(found, _)) => {
                Ok(Some(Box::new(File::open(found).map_err(|error| unreadable(path, &error))?)))
            }
        }
    }

    /// The list for the request.
    pub fn announced(&self) -> Vec<CommandFile> {
        let files = self.entries.iter().map(|(name, entry)| {
            let size = entry.size();
            CommandFile { name: name.clone(), size, directory: size.is_none(), ..CommandFile::default() }
        });
        files.collect()
    }

    /// How many files there are, and how many bytes they have together.
    pub fn amount(&self) -> (usize, u64) {
        let sizes = self.entries.values().filter_map(Entry::size);
        sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes + size))
    }

    /// Sends the contents in the order of the list. `false` when the connection is gone.
    pub async fn send(&self, writer: &mut ExecWriter, progress: &Progress) -> anyhow::Result<bool> {
        for entry in self.entries.values() {
            let sent = match entry {
                Entry::Directory => true,
                Entry::Content(content) => reading::send_content(content, writer, progress).await,
                Entry::File(path, bytes) => reading::send_file(path, *bytes, writer, progress).await?,
            };
            if !sent {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A file that is there and cannot be read.
pub fn unreadable(path: &str, error: &io::Error) -> anyhow::Error {
    if error.kind() == ErrorKind::FileTooLarge {
        let what = format!("{path:?} has more than the {} MiB that can be sent", MAX_FILES_BYTES >> 20);
        return CliError::usage(what, "send fewer or smaller files, or large objects one by one").into();
    }
    CliError::usage(
        format!("{path:?} cannot be read: {error}"),
        "make it readable, or leave it out: what is named is read here and sent",
    )
    .into()
}

fn not_text(path: &Path) -> anyhow::Error {
    CliError::usage(format!("the path {} is not valid UTF-8", path.display()), "rename it, or send it with -f -").into()
}
