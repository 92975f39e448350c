//! Which segments an archive has: listed once, then kept up to date.
//!
//! Only the recorder makes segments and only expiry removes them, so that what is there
//! is known. It is listed anew once an hour all the same, for what people and other
//! programs put there or removed.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::archive::catalog::FileKind;
use crate::archive::name::{self, ParsedName, SlotTime};
use crate::archive::walk;
use crate::flow::Time;

/// How often the folders are listed, in milliseconds of running time.
const LIST_MS: i64 = 3_600_000;

/// A segment that may expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExpirableFile {
    pub(super) slot: Time,
    pub(super) part: u32,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// The segments of an archive with their sizes, and its journals.
#[derive(Debug, Default)]
pub(super) struct Index {
    segments: BTreeMap<(Time, u32, PathBuf), u64>,
    /// Bytes of all segments.
    segment_bytes: u64,
    journals: BTreeSet<PathBuf>,
    journal_bytes: u64,
    /// The latest moment of which a segment tells: its slot, or when it was written.
    newest: Option<Time>,
    /// Running time of the last listing.
    listed: Option<Time>,
    /// How often the folders were listed, for tests.
    pub(super) listings: u64,
}

impl Index {
    /// Lists the folders when that is due, and looks how large journals are by now.
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
        // Those that are gone have become segments.
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
        // A folder that could not be read is looked at again the next time.
        self.listed = (problems.len() == before).then_some(running);
    }

    /// Adds a segment, if it is there.
    pub(super) fn add(&mut self, path: &Path) {
        let Some(ParsedName { kind: FileKind::Segment, slot: SlotTime::Utc(slot), part }) =
            named(path)
        else {
            return;
        };
        // Gone since it was listed.
        let Ok(data) = std::fs::symlink_metadata(path) else { return };
        let written = Time(data.mtime().saturating_mul(1000));
        self.newest = self.newest.max(Some(slot.max(written)));
        let before = self.segments.insert((slot, part, path.to_owned()), data.len());
        self.segment_bytes =
            self.segment_bytes.saturating_sub(before.unwrap_or(0)).saturating_add(data.len());
    }

    /// A segment was removed.
    pub(super) fn forget(&mut self, file: &ExpirableFile) {
        let key = (file.slot, file.part, file.path.clone());
        if let Some(bytes) = self.segments.remove(&key) {
            self.segment_bytes = self.segment_bytes.saturating_sub(bytes);
        }
    }

    /// Segments from the oldest slot on.
    pub(super) fn oldest_first(&self) -> impl Iterator<Item = ExpirableFile> {
        self.segments.iter().map(|((slot, part, path), bytes)| ExpirableFile {
            slot: *slot,
            part: *part,
            path: path.clone(),
            bytes: *bytes,
        })
    }

    /// Bytes of segments and journals together.
    pub(super) fn bytes(&self) -> u64 {
        self.segment_bytes.saturating_add(self.journal_bytes)
    }

    /// The latest moment of which segments tell.
    pub(super) fn newest(&self) -> Option<Time> {
        self.newest
    }
}

fn named(path: &Path) -> Option<ParsedName> {
    path.file_name().and_then(|name| name.to_str()).and_then(name::parse)
}
