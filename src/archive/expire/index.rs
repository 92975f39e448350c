//! The segments of an archive: listed once, then kept up to date.
//!
//! Only the recorder adds segments and only expiry removes them, so that the index stays
//! correct. The folders are nevertheless listed again once an hour, because people and other
//! programs may add or remove files.
//! programs put there or removed.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::archive::catalog::FileKind;
use crate::archive::name::{self, ParsedName, SlotTime};
use crate::archive::walk;
use crate::flow::Time;

/// The interval between two listings of the folders, in milliseconds of monotonic time.
const LIST_MS: i64 = 3_600_000;

/// A segment that may expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExpirableFile {
    /// The beginning of its slot.
    pub(super) slot: Time,
    /// Its part of the slot, from 1.
    pub(super) part: u32,
    pub(super) path: PathBuf,
    /// Its size.
    pub(super) bytes: u64,
}

/// The segments of an archive with their sizes, and its journals.
#[derive(Debug, Default)]
pub(super) struct Index {
    segments: BTreeMap<(Time, u32, PathBuf), u64>,
    /// The size of all segments, in bytes.
    segment_bytes: u64,
    journals: BTreeSet<PathBuf>,
    journal_bytes: u64,
    /// The latest time found in the segments: the slot, or the time of modification.
    newest: Option<Time>,
    /// The monotonic time of the last listing.
    listed: Option<Time>,
    /// The number of listings, for tests.
    pub(super) listings: u64,
}

impl Index {
    /// Lists the folders if that is due, and updates the sizes of the journals.
    pub(super) fn refresh(
        &mut self,
        root: &Path,
        running: Time,
        journals: &[PathBuf],
        problems: &mut Vec<String>,
    ) {
        if self.listed.is_none_or(|at| running.since(at) >= LIST_MS) {
            self.list(root, running, problems);
        }
        self.journals.extend(journals.iter().cloned());
        let mut bytes = 0u64;
        // Journals that no longer exist have become segments.
        self.journals.retain(|path| {
            let found = std::fs::symlink_metadata(path);
            bytes = bytes.saturating_add(found.as_ref().map_or(0, std::fs::Metadata::len));
            found.is_ok()
        });
        self.journal_bytes = bytes;
    }

    fn list(&mut self, root: &Path, running: Time, problems: &mut Vec<String>) {
        *self = Index { listings: self.listings + 1, newest: self.newest, ..Index::default() };
        let before = problems.len();
        for path in walk::own_files(root, problems) {
            match named(&path).map(|named| named.kind) {
                Some(FileKind::Segment) => self.add(&path),
                Some(FileKind::Journal) => {
                    self.journals.insert(path);
                }
                _ => {}
            }
        }
        // A folder that could not be read is tried again the next time.
        self.listed = (problems.len() == before).then_some(running);
    }

    /// Adds a segment if it exists.
    pub(super) fn add(&mut self, path: &Path) {
        let Some(ParsedName { kind: FileKind::Segment, slot: SlotTime::Utc(slot), part }) =
            named(path)
        else {
            return;
        };
        // The segment was removed after it was listed.
        let Ok(data) = std::fs::symlink_metadata(path) else { return };
        let written = Time(data.mtime().saturating_mul(1000));
        self.newest = self.newest.max(Some(slot.max(written)));
        let before = self.segments.insert((slot, part, path.to_owned()), data.len());
        self.segment_bytes =
            self.segment_bytes.saturating_sub(before.unwrap_or(0)).saturating_add(data.len());
    }

    /// Removes a segment from the index.
    pub(super) fn forget(&mut self, file: &ExpirableFile) {
        let key = (file.slot, file.part, file.path.clone());
        if let Some(bytes) = self.segments.remove(&key) {
            self.segment_bytes = self.segment_bytes.saturating_sub(bytes);
        }
    }

    /// All segments, the oldest slot first.
    pub(super) fn oldest_first(&self) -> impl Iterator<Item = ExpirableFile> {
        self.segments.iter().map(|((slot, part, path), bytes)| ExpirableFile {
            slot: *slot,
            part: *part,
            path: path.clone(),
            bytes: *bytes,
        })
    }

    /// The size of all segments and journals, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.segment_bytes.saturating_add(self.journal_bytes)
    }

    /// The latest time found in the segments.
    pub(super) fn newest(&self) -> Option<Time> {
        self.newest
    }
}

fn named(path: &Path) -> Option<ParsedName> {
    path.file_name().and_then(|name| name.to_str()).and_then(name::parse)
}
