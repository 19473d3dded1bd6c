//! The local files of a command inside a tunnel: their names and sizes in its start, their contents before its input.

use bytes::Bytes;

use super::{ExecInput, RequestMessage, proto};
use crate::model::{Failure, FileKind, FileTree};

impl ExecInput {
    /// Sends a piece of the contents of the files, at most [`crate::model::exec::CHUNK_BYTES`] long; waits while the
    /// agent has not written what came before. `false` when the command has ended.
    pub async fn send_file(&self, data: Bytes) -> bool {
        self.piece(data, RequestMessage::Files).await
    }
}

impl From<FileTree> for proto::FileTree {
    fn from(tree: FileTree) -> Self {
        let entries = tree.entries().iter().map(|(name, kind)| proto::FileEntry {
            name: name.clone(),
            bytes: match kind {
                FileKind::Directory => None,
                FileKind::File(bytes) => Some(*bytes),
            },
        });
        Self { entries: entries.collect(), directory: tree.directory().to_owned() }
    }
}

impl TryFrom<proto::FileTree> for FileTree {
    type Error = Failure;

    /// Checks all of it again: what is written where the agent runs is not central's to say.
    fn try_from(tree: proto::FileTree) -> Result<Self, Failure> {
        let entries = tree.entries.into_iter();
        let entries = entries.map(|entry| (entry.name, entry.bytes.map_or(FileKind::Directory, FileKind::File)));
        Self::new(tree.directory, entries.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_arrives_as_it_was_and_a_wrong_one_does_not() {
        let entries = vec![("a/b".to_owned(), FileKind::File(7)), ("c".to_owned(), FileKind::Directory)];
        let tree = FileTree::new("home".into(), entries).unwrap();
        assert_eq!(FileTree::try_from(proto::FileTree::from(tree.clone())).unwrap(), tree);
        for name in ["../a", "/a", "a\0", ""] {
            let entries = vec![proto::FileEntry { name: name.to_owned(), bytes: Some(1) }];
            assert!(FileTree::try_from(proto::FileTree { directory: String::new(), entries }).is_err(), "{name}");
        }
        let large = vec![proto::FileEntry { name: "a".into(), bytes: Some(u64::MAX) }];
        assert!(FileTree::try_from(proto::FileTree { directory: String::new(), entries: large }).is_err());
    }
}
