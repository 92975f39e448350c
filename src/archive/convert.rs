//! Files of flows to segments: files of nfcapd, or segments of other slots.
//!
//! A file becomes the segments of its slot, of [`PART_ROWS`] flows at most. Each
//! says in its footer which file it is from, by name, length and checksum, and
//! which part of that it is; a file whose first part is there is not converted
//! again. All parts of a file are written under temporary names, and get their
//! own in the order from the last to the first: wherever that is cut off, a file
//! without its first part is seen to be unfinished.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::name::{self, FileKind, Hierarchy};
use super::recorder::{Disk, PART_ROWS};
use super::segment::{self, SlotInfo};
use super::walk::{WalkPurpose, walk};
use super::{ArchiveError, ColumnChunks, regular, rows};
use crate::flow::{Flow, FlowExtras, Time, extras_of};

/// Slots that the flows of one file may be spread over: a month of slots of five
/// minutes. More are no file of flows.
const MAX_SLOTS: usize = 9_000;

/// An archive that is written to.
pub struct ConvertTarget<'a> {
    pub folder: &'a Path,
    pub hierarchy: Hierarchy,
    pub slot_seconds: u32,
    pub disk: &'a dyn Disk,
    /// What is in it already.
    pub known: ConvertedFiles,
}

/// Files that were converted before, by [`identity`]: the parts of each.
pub type ConvertedFiles = HashMap<String, BTreeMap<u32, PathBuf>>;

/// What became of a file.
#[derive(Debug)]
pub enum ConvertOutcome {
    Converted(Converted),
    /// It was converted before, into this segment first.
    Already(PathBuf),
    /// It was, but not to its end: these parts are to be removed first.
    Unfinished(Vec<PathBuf>),
    /// Nothing in it can be used.
    Nothing(Vec<String>),
}

/// A file that was converted.
#[derive(Debug, Default)]
pub struct Converted {
    pub flows: u64,
    pub segments: Vec<PathBuf>,
    /// Bytes of the file and of its segments.
    pub bytes: u64,
    pub written: u64,
    /// What was damaged and is not in the segments.
    pub problems: Vec<String>,
}

/// What tells a file from others wherever it lies: its name, its length and the
/// checksum of its content.
///
/// # Errors
/// When it cannot be read.
pub fn identity(path: &Path) -> Result<(String, u64), ArchiveError> {
    let failed = |source| ArchiveError::io("read", path, source);
    let mut file = regular::open(path).map_err(failed)?;
    let mut checksum = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    let mut length = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(got) => {
                checksum.update(buffer.get(..got).unwrap_or_default());
                length += got as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok((format!("{name} {length} {:08x}", checksum.finalize()), length))
}

/// What the segments of a folder were converted from; and those that cannot be read.
#[must_use]
pub fn known(folder: &Path) -> (ConvertedFiles, Vec<ArchiveError>) {
    let (mut known, mut problems) = (ConvertedFiles::new(), Vec::new());
    let mut unreadable = Vec::new();
    walk(folder, WalkPurpose::Read, &mut problems, |path, _| {
        let named = path.file_name().and_then(|name| name.to_str()).and_then(name::parse);
        if named.is_none_or(|named| named.kind != FileKind::Segment) {
            return;
        }
        match segment::footer(&path) {
            Ok(footer) => {
                let source = footer.source.as_deref().and_then(|text| text.rsplit_once('#'));
                if let Some((identity, part)) = source
                    && let Ok(part) = part.parse()
                {
                    known.entry(identity.to_owned()).or_default().insert(part, path);
                }
            }
            Err(error) => unreadable.push(error),
        }
    });
    problems.extend(unreadable);
    (known, problems)
}

/// Makes segments of a file. `slot` is when its slot began, where its name says
/// that; else each flow goes to the slot it arrived in.
///
/// # Errors
/// When the file cannot be read at all, or a segment cannot be written. Nothing
/// of it is in the archive then.
pub fn convert(
    path: &Path,
    slot: Option<Time>,
    open: impl FnOnce() -> Result<ColumnChunks, ArchiveError>,
    target: &mut ConvertTarget,
) -> Result<ConvertOutcome, ArchiveError> {
    // Before it is read whole for its checksum: what is no file of flows may be of any size.
    let chunks = open()?;
    let (identity, bytes) = identity(path)?;
    if let Some(parts) = target.known.get(&identity) {
        return Ok(match parts.get(&0) {
            Some(first) => ConvertOutcome::Already(first.clone()),
            None => ConvertOutcome::Unfinished(parts.values().cloned().collect()),
        });
    }
    let mut job = Job {
        target,
        identity: &identity,
        slot,
        waiting: BTreeMap::new(),
        rows: 0,
        parts: Vec::new(),
        converted: Converted { bytes, ..Converted::default() },
    };
    let done = job.read(chunks).and_then(|()| job.publish());
    if let Err(error) = done {
        job.discard();
        return Err(error);
    }
    let converted = job.converted;
    if converted.segments.is_empty() {
        return Ok(ConvertOutcome::Nothing(converted.problems));
    }
    let parts = converted.segments.iter().cloned();
    target.known.insert(identity, (0..).zip(parts).collect());
    Ok(ConvertOutcome::Converted(converted))
}

/// Flows of one slot that wait to be written.
#[derive(Default)]
struct Waiting {
    flows: Vec<Flow>,
    more: Vec<FlowExtras>,
}

/// A segment under its temporary name, and its own.
struct Part {
    temporary: PathBuf,
    own: PathBuf,
}

struct Job<'a, 't> {
    target: &'a ConvertTarget<'t>,
    identity: &'a str,
    slot: Option<Time>,
    waiting: BTreeMap<Time, Waiting>,
    /// Flows that wait, of all slots.
    rows: usize,
    parts: Vec<Part>,
    converted: Converted,
}

impl Job<'_, '_> {
    fn read(&mut self, chunks: ColumnChunks) -> Result<(), ArchiveError> {
        for chunk in chunks {
            let mut chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    self.converted.problems.push(error.to_string());
                    continue;
                }
            };
            for page in 0..chunk.pages() {
                match rows(chunk.as_mut(), page) {
                    Ok((flows, more)) => self.take(&flows, &more)?,
                    Err(error) => self.converted.problems.push(error.to_string()),
                }
            }
        }
        self.write_all()
    }

    fn take(&mut self, flows: &[Flow], more: &[FlowExtras]) -> Result<(), ArchiveError> {
        let length = i64::from(self.target.slot_seconds.max(1)) * 1000;
        for flow in flows {
            if self.rows >= PART_ROWS {
                self.write_all()?;
            }
            let arrived = Time(flow.arrival.0.saturating_sub(flow.arrival.0.rem_euclid(length)));
            let slot = self.slot.unwrap_or(arrived);
            let waiting = self.waiting.entry(slot).or_default();
            let mut place = 0;
            if flow.more != 0 {
                waiting.more.push(*extras_of(flow, more));
                place = u32::try_from(waiting.more.len()).unwrap_or(0);
            }
            waiting.flows.push(Flow { more: place, ..*flow });
            self.rows += 1;
        }
        Ok(())
    }

    /// Writes what waits, under temporary names.
    fn write_all(&mut self) -> Result<(), ArchiveError> {
        self.rows = 0;
        for (slot, waiting) in std::mem::take(&mut self.waiting) {
            if self.parts.len() >= MAX_SLOTS {
                let what = format!("its flows arrived in more than {MAX_SLOTS} slots");
                return Err(ArchiveError::damaged(self.target.folder, what));
            }
            self.write(slot, &waiting)?;
        }
        Ok(())
    }

    fn write(&mut self, slot: Time, waiting: &Waiting) -> Result<(), ArchiveError> {
        let below = name::folder(slot, self.target.hierarchy);
        let folder = self.target.folder.join(&below);
        let made = self.target.disk.make_folders(self.target.folder, &below);
        made.map_err(|error| ArchiveError::io("make", &folder, error))?;
        let part = self.free(slot, &folder)?;
        let failed = |error| ArchiveError::io("write", &part.temporary, error);
        let mut file = self.target.disk.create(&part.temporary).map_err(failed)?;
        let source = format!("{}#{}", self.identity, self.parts.len());
        // From here on it is to be removed when something fails.
        let own = part.own.clone();
        let temporary = part.temporary.clone();
        self.parts.push(part);
        let failed = |error| ArchiveError::io("write", &temporary, error);
        let length_ms = i64::from(self.target.slot_seconds) * 1000;
        let info = SlotInfo { start: slot, length_ms };
        let mut out = CountingWriter { out: BufWriter::new(file.as_mut()), written: 0 };
        segment::encode_from(&waiting.flows, &waiting.more, &info, &source, &mut out)
            .map_err(failed)?;
        out.flush().map_err(failed)?;
        self.converted.written += out.written;
        drop(out);
        file.sync().map_err(failed)?;
        self.converted.flows += waiting.flows.len() as u64;
        self.converted.segments.push(own);
        Ok(())
    }

    /// The first name of a slot that neither a segment, a journal nor a temporary
    /// file has.
    fn free(&self, slot: Time, folder: &Path) -> Result<Part, ArchiveError> {
        let with_seconds = !self.target.slot_seconds.is_multiple_of(60) || slot.0 % 60_000 != 0;
        for number in 1..=u32::MAX {
            let name = name::segment(slot, with_seconds, number);
            let part =
                Part { temporary: folder.join(name::temporary(&name)), own: folder.join(name) };
            let journal = folder.join(name::journal(slot, with_seconds, number));
            let taken = |path: &Path| {
                path.try_exists().map_err(|error| ArchiveError::io("find", path, error))
            };
            if !taken(&part.own)? && !taken(&part.temporary)? && !taken(&journal)? {
                return Ok(part);
            }
        }
        Err(ArchiveError::damaged(folder, "every name of a slot is taken"))
    }

    /// Gives all parts their names, the first one last.
    fn publish(&mut self) -> Result<(), ArchiveError> {
        while let Some(part) = self.parts.pop() {
            let renamed = self.target.disk.rename(&part.temporary, &part.own);
            renamed.map_err(|error| {
                // What has its name already stays: it is known as unfinished.
                let _ = self.target.disk.remove(&part.temporary);
                ArchiveError::io("rename", &part.temporary, error)
            })?;
            if let Some(folder) = part.own.parent() {
                let synced = self.target.disk.sync_folder(folder);
                synced.map_err(|error| ArchiveError::io("sync", folder, error))?;
            }
        }
        Ok(())
    }

    /// Removes what has no name of its own yet.
    fn discard(&mut self) {
        for part in self.parts.drain(..) {
            // What cannot be removed now goes when a recorder starts.
            let _ = self.target.disk.remove(&part.temporary);
        }
    }
}

/// Counts what is written.
struct CountingWriter<W> {
    out: W,
    written: u64,
}

impl<W: Write> Write for CountingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
