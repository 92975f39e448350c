//! Opens a file of an archive, whatever kind it is.

use std::io::ErrorKind;
use std::iter;
use std::path::Path;

use super::catalog::{Entry, FileKind};
use super::name::segment_of;
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

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;
    use crate::flow::{Flow, Time};

    #[test]
    fn a_journal_that_has_become_a_segment_is_read_as_that() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flows.202611240340Z.journal");
        let mut block = journal::Block::default();
        block.extend(&[Flow::EMPTY; 3], &[]);
        let header = journal::Header { slot: Time(0), slot_seconds: 300 };
        fs::write(&path, [header.bytes().as_slice(), block.bytes()].concat()).unwrap();
        let entry = Entry { path, kind: FileKind::Journal, slot: None, part: 1 };
        let rows = || open(&entry).map(|all| all.map(|one| one.unwrap().rows()).sum::<usize>());
        assert_eq!(rows().unwrap(), 3);
        let slot = segment::SlotInfo { start: Time(0), length_ms: 300_000 };
        let out = File::create(segment_of(&entry.path)).unwrap();
        segment::encode(&[Flow::EMPTY; 5], &[], &slot, out).unwrap();
        assert_eq!(rows().unwrap(), 3, "while it is there it is the one that was listed");
        fs::remove_file(&entry.path).unwrap();
        assert_eq!(rows().unwrap(), 5);
        fs::remove_file(segment_of(&entry.path)).unwrap();
        let gone = rows().unwrap_err();
        assert!(matches!(gone, ArchiveError::Io { .. }), "expired: {gone}");
    }
}
