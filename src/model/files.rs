//! The local files that come along with a command: what they are called, how large they are, and the bounds of both.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{ErrorCode, Failure};

/// The most bytes that all files of one command may have together.
pub const MAX_FILES_BYTES: u64 = 64 << 20;

/// The most files and directories that may come with one command, those that names imply included.
pub const MAX_FILES: usize = 4_096;

/// The most bytes that all names may have together.
pub const MAX_NAMES_BYTES: usize = 1 << 20;

/// The most bytes of one name.
pub const MAX_NAME_BYTES: usize = 2_048;

/// The most bytes between two slashes; Linux accepts no more.
const MAX_COMPONENT_BYTES: usize = 255;

/// How many directories may be in one another.
const MAX_DEPTH: usize = 64;

/// How much of a name a message shows, in characters.
const SHOWN: usize = 100;

/// A local file, or a directory, that kubectl finds where it runs. It has exactly one of `content`, `content_base64`,
/// `size` and `"directory":true`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandFile {
    /// Its path from the root of what kubectl sees: names between single slashes, none of them `.` or `..`.
    pub name: String,
    /// Its content, a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Its content, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub content_base64: Option<Decoded>,
    /// Over the WebSocket: how many bytes it has. The contents follow in messages, in the order of this list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Whether it is a directory. Those above other files need not be named.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub directory: bool,
}

/// Bytes that travel in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded(pub Bytes);

impl Serialize for Decoded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Decoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| D::Error::custom("content_base64 is not base64"))?;
        Ok(Self(bytes.into()))
    }
}

impl CommandFile {
    /// What it is, if it says so in one way only.
    fn kind(&self) -> Option<FileKind> {
        let text = self.content.as_ref().map(|text| text.len() as u64);
        let decoded = self.content_base64.as_ref().map(|bytes| bytes.0.len() as u64);
        let sizes: Vec<u64> = [text, decoded, self.size].into_iter().flatten().collect();
        match (&sizes[..], self.directory) {
            ([bytes], false) => Some(FileKind::File(*bytes)),
            ([], true) => Some(FileKind::Directory),
            _ => None,
        }
    }

    /// Takes its content out, if that came with it, and leaves its size.
    pub fn take_content(&mut self) -> Option<Bytes> {
        let content = self.content.take().map(Bytes::from);
        let content = content.or(self.content_base64.take().map(|decoded| decoded.0))?;
        self.size = Some(content.len() as u64);
        Some(content)
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A file of so many bytes.
    File(u64),
}

/// The names and sizes of all files of a command: no name leads anywhere else, none stands for two things, and all
/// bounds are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTree {
    directory: String,
    entries: Vec<(String, FileKind)>,
}

impl FileTree {
    /// Checks names and sizes. `directory` is where kubectl runs, empty for the root.
    ///
    /// # Errors
    /// The first thing that is wrong: nothing is put right.
    pub fn new(directory: String, entries: Vec<(String, FileKind)>) -> Result<Self, Failure> {
        let invalid = |detail: String| Failure::new(ErrorCode::InvalidRequest, detail);
        let too_large = |detail: String| Failure::new(ErrorCode::TooLarge, detail);
        if entries.len() > MAX_FILES {
            return Err(too_large(format!("{} files come with the command, at most {MAX_FILES} may", entries.len())));
        }
        if !directory.is_empty() {
            check_name(&directory).map_err(|why| invalid(format!("the directory {} {why}", shown(&directory))))?;
        }
        let total: usize = entries.iter().map(|(name, _)| name.len()).sum();
        if total > MAX_NAMES_BYTES {
            return Err(too_large(format!(
                "the names of the files have {total} bytes, at most {MAX_NAMES_BYTES} may be"
            )));
        }
        // What each path is: true for a directory. Those that names imply are in it too.
        let mut seen: HashMap<&str, bool> = HashMap::new();
        for (name, kind) in &entries {
            check_name(name).map_err(|why| invalid(format!("the file name {} {why}", shown(name))))?;
            if seen.insert(name, *kind == FileKind::Directory).is_some() {
                return Err(invalid(format!("two files are called {}", shown(name))));
            }
        }
        for name in entries.iter().map(|(name, _)| name.as_str()).chain([directory.as_str()]) {
            for parent in name.match_indices('/').map(|(end, _)| &name[..end]) {
                if !*seen.entry(parent).or_insert(true) {
                    return Err(invalid(format!("{} is both a file and a directory", shown(parent))));
                }
            }
        }
        if seen.get(directory.as_str()) == Some(&false) {
            return Err(invalid(format!("the directory {} is a file", shown(&directory))));
        }
        if seen.len() > MAX_FILES {
            let detail = format!("{} files and directories come with the command, at most {MAX_FILES} may", seen.len());
            return Err(too_large(detail));
        }
        let tree = Self { directory, entries };
        if tree.bytes() > MAX_FILES_BYTES {
            return Err(too_large(format!(
                "the files of the command have {} together, at most {} are accepted: send fewer or smaller files, or \
                 large objects one by one",
                mebibytes(tree.bytes()),
                mebibytes(MAX_FILES_BYTES)
            )));
        }
        Ok(tree)
    }

    /// That of the `files` of a request.
    ///
    /// # Errors
    /// As for [`FileTree::new`], and for a file that does not say in one way what it is.
    pub fn of(directory: Option<&str>, files: &[CommandFile]) -> Result<Self, Failure> {
        let entry = |file: &CommandFile| {
            let kind = file.kind().ok_or_else(|| {
                let detail = format!(
                    "the file {} needs exactly one of \"content\", \"content_base64\", \"size\" and \"directory\":true",
                    shown(&file.name)
                );
                Failure::new(ErrorCode::InvalidRequest, detail)
            })?;
            Ok((file.name.clone(), kind))
        };
        let entries = files.iter().map(entry).collect::<Result<_, Failure>>()?;
        Self::new(directory.unwrap_or_default().to_owned(), entries)
    }

    /// Where kubectl runs; empty for the root.
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// The names, and what they stand for, in the order in which the contents follow.
    pub fn entries(&self) -> &[(String, FileKind)] {
        &self.entries
    }

    /// The bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().fold(0, |sum, (_, kind)| match kind {
            FileKind::Directory => sum,
            FileKind::File(bytes) => sum.saturating_add(*bytes),
        })
    }
}

/// What is still to come of the contents.
#[derive(Debug)]
pub struct Announced(u64);

impl Announced {
    /// All of it.
    pub fn of(tree: Option<&FileTree>) -> Self {
        Self(tree.map_or(0, FileTree::bytes))
    }

    /// Whether all has come.
    pub fn is_complete(&self) -> bool {
        self.0 == 0
    }

    /// Counts a piece.
    ///
    /// # Errors
    /// When it is more than was announced.
    pub fn came(&mut self, bytes: usize) -> Result<(), Failure> {
        self.0 = self.0.checked_sub(bytes as u64).ok_or_else(|| {
            Failure::new(ErrorCode::InvalidRequest, "the files have more bytes than their sizes, which came first")
        })?;
        Ok(())
    }
}

/// What is wrong with a name, if anything.
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("is empty");
    }
    if name.len() > MAX_NAME_BYTES {
        return Err("is longer than 2048 bytes");
    }
    if name.contains('\0') {
        return Err("contains a NUL byte");
    }
    for (depth, component) in name.split('/').enumerate() {
        match component {
            "" => return Err("has an empty part: it begins or ends with a slash, or has two in a row"),
            "." | ".." => return Err("has a part that is . or .., which may not be in it"),
            _ if component.len() > MAX_COMPONENT_BYTES => return Err("has a part of more than 255 bytes"),
            _ if depth >= MAX_DEPTH => return Err("is in more than 64 directories"),
            _ => {}
        }
    }
    Ok(())
}

fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(SHOWN).collect::<String>())
}

/// A size for people.
fn mebibytes(bytes: u64) -> String {
    match bytes % (1 << 20) {
        0 => format!("{} MiB", bytes >> 20),
        _ => format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20),
    }
}

#[cfg(test)]
mod tests;
