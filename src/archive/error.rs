//! What can be wrong with an archive.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file, or a part of one, cannot be used. A damaged part costs itself only.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("cannot {doing} {path}: {source}")]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{path}: {what}")]
    Damaged { path: PathBuf, what: String },
    #[error("{path} is not ours: {what}")]
    Foreign { path: PathBuf, what: String },
    #[error("{path} was written by another version: {what}")]
    Version { path: PathBuf, what: String },
}

impl ArchiveError {
    /// An error of the operating system while `doing` ("open", "read", "write") something.
    pub fn io(doing: &'static str, path: &Path, source: io::Error) -> ArchiveError {
        ArchiveError::Io { doing, path: path.to_owned(), source }
    }

    /// An error while reading what was there a moment ago.
    pub(super) fn reading(path: &Path, source: io::Error) -> ArchiveError {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => {
                ArchiveError::damaged(path, "it was cut off while it was read")
            }
            _ => ArchiveError::io("read", path, source),
        }
    }

    /// A part of `path` that is not what it should be.
    pub fn damaged(path: &Path, what: impl Into<String>) -> ArchiveError {
        ArchiveError::Damaged { path: path.to_owned(), what: what.into() }
    }

    /// The file it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            ArchiveError::Io { path, .. }
            | ArchiveError::Damaged { path, .. }
            | ArchiveError::Foreign { path, .. }
            | ArchiveError::Version { path, .. } => path,
        }
    }
}
