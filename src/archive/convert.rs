//! Converts flow files (nfcapd files, or segments with other slots) to segments.
//!
//! A file becomes the segments of its slot, each with at most [`PART_ROWS`] flows. The footer
//! of each segment names the source file (name, length, checksum) and the number of the part. A
//! file whose first part exists is not converted again. All parts of a file are written under
//! temporary names and renamed from the last to the first: after an interruption, a missing
//! first part shows that the conversion is unfinished.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::name::{self, FileKind, Hierarchy};
use super::recorder::{Disk, PART_ROWS};
use super::segment::{self, SlotInfo};
use super::walk::{WalkPurpose, walk};
use super::{ArchiveError, ColumnChunks, regular, rows};
use crate::flow::{Flow, FlowExtras, Time, extras_of};

/// The largest number of slots that the flows of one file may be spread over: a month of slots
/// of five minutes. More slots mean that the file is damaged.
const MAX_SLOTS: usize = 9_000;

/// The archive that converted segments are written to.
pub struct ConvertTarget<'a> {
    /// The root folder of the archive.
    pub folder: &'a Path,
    /// The date folders below it.
    pub hierarchy: Hierarchy,
    /// The length of a slot, in seconds.
    pub slot_seconds: u32,
    /// The operations on the disk.
    pub disk: &'a dyn Disk,
    /// The files that the archive already contains.
    pub known: ConvertedFiles,
}

/// The files that were converted before: [`identity`] of the file, and its segments by part
/// number (from 0).
pub type ConvertedFiles = HashMap<String, BTreeMap<u32, PathBuf>>;

/// The result of converting one file.
#[derive(Debug)]
pub enum ConvertOutcome {
    /// The file was converted now.
    Converted(Converted),
    /// The file was converted before; this is its first segment.
    Already(PathBuf),
    /// An earlier conversion was interrupted; these segments must be removed first.
    Unfinished(Vec<PathBuf>),
    /// The file has no usable flows; these are the problems found.
    Nothing(Vec<String>),
}

/// A converted file.
#[derive(Debug, Default)]
pub struct Converted {
    /// The number of flows written.
    pub flows: u64,
    /// The segments written, in the order of their parts.
    pub segments: Vec<PathBuf>,
    /// The size of the source file, in bytes.
    pub bytes: u64,
    /// The size of all segments, in bytes.
    pub written: u64,
    /// The damaged parts of the source file, which are not in the segments.
    pub problems: Vec<String>,
}

/// Identifies a file independently of its folder: the file name, the length and the CRC-32 of
/// the content, as text. The number is the length in bytes.
///
/// # Errors
/// When the file cannot be read.
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

/// The source files of all segments below `folder`, and the files that cannot be read.
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

/// Converts one file to segments. `slot` is the beginning of its slot if the file name gives
/// it; otherwise each flow goes to the slot of its arrival time.
///
/// # Errors
/// When the file cannot be read at all, or a segment cannot be written. In that case the
/// archive contains no part of the file under a final name unless renaming itself failed.
pub fn convert(
    path: &Path,
    slot: Option<Time>,
    open: impl FnOnce() -> Result<ColumnChunks, ArchiveError>,
    target: &mut ConvertTarget,
) -> Result<ConvertOutcome, ArchiveError> {
    // Opened before the whole file is read for its checksum: a file that is not a flow file may
    // have any size.
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

/// Flows of one slot that are not yet written.
#[derive(Default)]
struct Waiting {
    flows: Vec<Flow>,
    extras: Vec<FlowExtras>,
}

/// A segment under its temporary name, and its final name.
struct Part {
    temporary: PathBuf,
    target: PathBuf,
}

struct Job<'a, 't> {
    target: &'a ConvertTarget<'t>,
    identity: &'a str,
    slot: Option<Time>,
    waiting: BTreeMap<Time, Waiting>,
    /// The number of unwritten flows, over all slots.
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
                    Ok((flows, extras)) => self.take(&flows, &extras)?,
                    Err(error) => self.converted.problems.push(error.to_string()),
                }
            }
        }
        self.write_all()
    }

    fn take(&mut self, flows: &[Flow], extras: &[FlowExtras]) -> Result<(), ArchiveError> {
        let length = i64::from(self.target.slot_seconds.max(1)) * 1000;
        for flow in flows {
            if self.rows >= PART_ROWS {
                self.write_all()?;
            }
            let arrived = Time(flow.arrival.0.saturating_sub(flow.arrival.0.rem_euclid(length)));
            let slot = self.slot.unwrap_or(arrived);
            let waiting = self.waiting.entry(slot).or_default();
            let mut index = 0;
            if flow.more != 0 {
                waiting.extras.push(*extras_of(flow, extras));
                index = u32::try_from(waiting.extras.len()).unwrap_or(0);
            }
            waiting.flows.push(Flow { more: index, ..*flow });
            self.rows += 1;
        }
        Ok(())
    }

    /// Writes the pending flows as segments under temporary names.
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
        // From here on, the file must be removed if a step fails.
        let (temporary, final_name) = (part.temporary.clone(), part.target.clone());
        self.parts.push(part);
        let failed = |error| ArchiveError::io("write", &temporary, error);
        let length_ms = i64::from(self.target.slot_seconds) * 1000;
        let info = SlotInfo { start: slot, length_ms };
        let mut out = CountingWriter { out: BufWriter::new(file.as_mut()), written: 0 };
        segment::encode_from(&waiting.flows, &waiting.extras, &info, &source, &mut out)
            .map_err(failed)?;
        out.flush().map_err(failed)?;
        self.converted.written += out.written;
        drop(out);
        file.sync().map_err(failed)?;
        self.converted.flows += waiting.flows.len() as u64;
        self.converted.segments.push(final_name);
        Ok(())
    }

    /// The first part of a slot whose name is used by no segment, journal or temporary file.
    fn free(&self, slot: Time, folder: &Path) -> Result<Part, ArchiveError> {
        let with_seconds = !self.target.slot_seconds.is_multiple_of(60) || slot.0 % 60_000 != 0;
        for number in 1..=u32::MAX {
            let name = name::segment(slot, with_seconds, number);
            let part =
                Part { temporary: folder.join(name::temporary(&name)), target: folder.join(name) };
            let journal = folder.join(name::journal(slot, with_seconds, number));
            let taken = |path: &Path| {
                path.try_exists().map_err(|error| ArchiveError::io("find", path, error))
            };
            if !taken(&part.target)? && !taken(&part.temporary)? && !taken(&journal)? {
                return Ok(part);
            }
        }
        Err(ArchiveError::damaged(folder, "every name of a slot is taken"))
    }

    /// Renames all parts to their final names, the first part last.
    fn publish(&mut self) -> Result<(), ArchiveError> {
        while let Some(part) = self.parts.pop() {
            let renamed = self.target.disk.rename(&part.temporary, &part.target);
            renamed.map_err(|error| {
                // Parts that are already renamed stay: the next run reports the file as
                // unfinished.
                let _ = self.target.disk.remove(&part.temporary);
                ArchiveError::io("rename", &part.temporary, error)
            })?;
            if let Some(folder) = part.target.parent() {
                let synced = self.target.disk.sync_folder(folder);
                synced.map_err(|error| ArchiveError::io("sync", folder, error))?;
            }
        }
        Ok(())
    }

    /// Removes the parts that have no final name yet.
    fn discard(&mut self) {
        for part in self.parts.drain(..) {
            // A file that cannot be removed now is removed when a recorder starts.
            let _ = self.target.disk.remove(&part.temporary);
        }
    }
}

/// Counts the bytes written.
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
