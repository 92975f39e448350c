//! Opens a file of an archive, whatever kind it is.

use std::io::ErrorKind;
use std::iter;
use std::path::Path;

use super::catalog::{Entry, FileKind};
use super::recorder::segment_of;
use super::{ArchiveError, Chunk, Chunks, journal, nfcapd, segment};

/// The columns of a file. Of a journal that has become a segment since it was
/// listed, those of the segment.
///
/// # Errors
/// When it cannot be read, is damaged, is something else than its kind says or
/// was written by another version.
pub fn open(entry: &Entry) -> Result<Chunks, ArchiveError> {
    match entry.kind {
        FileKind::Segment => of_segment(&entry.path),
        // The segment has its name before the journal goes.
        FileKind::Journal => match journal::open(&entry.path) {
            Err(ArchiveError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                of_segment(&segment_of(&entry.path))
            }
            opened => opened,
        },
        FileKind::Nfcapd => nfcapd::open(&entry.path),
    }
}

fn of_segment(path: &Path) -> Result<Chunks, ArchiveError> {
    let chunk: Box<dyn Chunk> = Box::new(segment::open(path)?);
    Ok(Box::new(iter::once(Ok(chunk))))
}
