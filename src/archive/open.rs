//! Opens a file of an archive, whatever kind it is.

use std::iter;

use super::catalog::{Entry, FileKind};
use super::{ArchiveError, Chunk, Chunks, journal, nfcapd, segment};

/// The columns of a file.
///
/// # Errors
/// When it cannot be read, is damaged, is something else than its kind says or
/// was written by another version.
pub fn open(entry: &Entry) -> Result<Chunks, ArchiveError> {
    match entry.kind {
        FileKind::Segment => {
            let chunk: Box<dyn Chunk> = Box::new(segment::open(&entry.path)?);
            Ok(Box::new(iter::once(Ok(chunk))))
        }
        FileKind::Journal => journal::open(&entry.path),
        FileKind::Nfcapd => nfcapd::open(&entry.path),
    }
}
