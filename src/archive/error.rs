//! The errors of an archive.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file, or a part of one, cannot be used. Damage in one part does not affect the other
/// parts.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The operating system refused an operation.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// The operation, as a verb: "open", "read", "write".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The content is damaged or inconsistent.
    #[error("{path}: {what}")]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The file is of another kind.
    #[error("{path} is not a toptalk or nfcapd file: {what}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        what: String,
    },
    /// The file has a format version that this program does not read.
    #[error("{path} was written by another version: {what}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found, and those that can be read.
        what: String,
    },
}

impl ArchiveError {
    /// An error of the operating system during the operation `doing` (a verb such as "open").
    pub fn io(doing: &'static str, path: &Path, source: io::Error) -> ArchiveError {
        ArchiveError::Io { doing, path: path.to_owned(), source }
    }

    /// An error while reading a file that was already opened.
    pub(super) fn reading(path: &Path, source: io::Error) -> ArchiveError {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => {
                ArchiveError::damaged(path, "the file became shorter while it was read")
            }
            _ => ArchiveError::io("read", path, source),
        }
    }

    /// The error that `path`, or a part of it, is damaged; `what` says how.
    pub fn damaged(path: &Path, what: impl Into<String>) -> ArchiveError {
        ArchiveError::Damaged { path: path.to_owned(), what: what.into() }
    }

    /// The file or folder that the error is about.
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
