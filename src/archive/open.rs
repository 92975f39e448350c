//! Opens a flow file of any kind.

use std::io::ErrorKind;
use std::iter;

use super::catalog::{CatalogEntry, FileKind};
use super::name::{self, segment_of};
use super::segment::Segment;
use super::{ArchiveError, ColumnChunk, ColumnChunks, journal, nfcapd, segment};
use crate::flow::Time;

/// The chunks of a file. If a listed journal has become a segment in the meantime, the segment
/// is opened. If the file name gives another slot than the content, the flows are still
/// returned, and one error reports the name.
///
/// # Errors
/// When the file cannot be read, is damaged, is of another kind than its name says, or has a
/// format version that is not supported.
pub fn open(entry: &CatalogEntry) -> Result<ColumnChunks, ArchiveError> {
    match entry.kind {
        FileKind::Segment => segment::open(&entry.path).map(chunks),
        // A segment is renamed to its final name before its journal is removed.
        FileKind::Journal => match journal::open(&entry.path) {
            Err(ArchiveError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                segment::open(&segment_of(&entry.path)).map(chunks)
            }
            opened => opened,
        },
        FileKind::Nfcapd => nfcapd::open(&entry.path),
    }
}

/// Like [`open`], limited to flows between `from` and `to` where these are given. `None` if the
/// footer of a segment shows that none of its flows is in that time.
///
/// # Errors
/// As for [`open`].
pub fn open_within(
    entry: &CatalogEntry,
    from: Option<Time>,
    to: Option<Time>,
) -> Result<Option<ColumnChunks>, ArchiveError> {
    if entry.kind != FileKind::Segment || (from.is_none() && to.is_none()) {
        return open(entry).map(Some);
    }
    let segment = segment::open(&entry.path)?;
    if !segment.footer().is_outside(from, to) {
        return Ok(Some(chunks(segment)));
    }
    Ok(misnamed(&segment).map(|error| -> ColumnChunks { Box::new(iter::once(Err(error))) }))
}

fn misnamed(segment: &Segment) -> Option<ArchiveError> {
    let path = segment.path();
    let wrong = name::contradicts(path, segment.footer().slot.start)?;
    Some(ArchiveError::damaged(path, wrong))
}

fn chunks(segment: Segment) -> ColumnChunks {
    let wrong = misnamed(&segment).map(Err);
    let chunk: Box<dyn ColumnChunk> = Box::new(segment);
    Box::new(wrong.into_iter().chain(iter::once(Ok(chunk))))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;
    use crate::flow::{Flow, Time};

    #[test]
    fn a_journal_that_has_become_a_segment_is_read_as_the_segment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flows.202611240340Z.journal");
        let mut block = journal::Block::default();
        block.extend(&[Flow::EMPTY; 3], &[]);
        let of = |name| match name::parse(name).unwrap().slot {
            name::SlotTime::Utc(slot) => slot,
            name::SlotTime::Local(_) => Time(0),
        };
        let start = of("flows.202611240340Z.journal");
        let header = journal::JournalHeader { slot: start, slot_seconds: 300 };
        fs::write(&path, [header.bytes().as_slice(), block.bytes()].concat()).unwrap();
        let entry = CatalogEntry { path, kind: FileKind::Journal, slot: None, part: 1 };
        let rows = || open(&entry).map(|all| all.map(|one| one.unwrap().rows()).sum::<usize>());
        assert_eq!(rows().unwrap(), 3);
        let slot = segment::SlotInfo { start, length_ms: 300_000 };
        let out = File::create(segment_of(&entry.path)).unwrap();
        segment::encode(&[Flow::EMPTY; 5], &[], &slot, out).unwrap();
        assert_eq!(rows().unwrap(), 3, "the journal is read while it exists");
        fs::remove_file(&entry.path).unwrap();
        assert_eq!(rows().unwrap(), 5);
        fs::remove_file(segment_of(&entry.path)).unwrap();
        let gone = rows().unwrap_err();
        assert!(matches!(gone, ArchiveError::Io { .. }), "expired: {gone}");
    }
}
