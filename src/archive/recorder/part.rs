//! A part of a slot, and how it becomes a segment.
//!
//! The segment has the name of the journal, with another ending, and a part gets
//! its name only where neither file exists. So the name alone decides: **a
//! journal whose segment exists does not count**, for recovery and for queries.
//! The segment appears under its name at once and whole; only then the journal
//! is removed. Wherever this is cut off, one of the two counts, never both.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::disk::{Disk, buffered};
use super::settings::{PART_ROWS, RecorderConfig};
use crate::archive::ArchiveError;
use crate::archive::journal::{self, MAX_BLOCK_FLOWS};
use crate::archive::name::{self, segment_of};
use crate::flow::{Flow, FlowExtras, Time};

/// Writes flows as a segment, with what came with them; the span of the slot is
/// its beginning and its length in seconds.
pub type Encode = dyn Fn(&[Flow], &[FlowExtras], (Time, u32), &mut (dyn Write + Send)) -> io::Result<()>
    + Send
    + Sync;

/// A closed part, which waits for the encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedPart {
    pub slot: Time,
    pub slot_seconds: u32,
    /// From 1.
    pub number: u32,
    pub journal: PathBuf,
    pub flows: u64,
    /// Whether an earlier run left it behind.
    pub left: bool,
}

/// What became of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    pub flows: u64,
    /// Damaged places of the journal, which are not in the segment.
    pub problems: Vec<String>,
}

/// The first part of a slot for which there is neither journal nor segment.
///
/// # Errors
/// When it cannot be found out.
pub(super) fn free_name(settings: &RecorderConfig, slot: Time) -> io::Result<(PathBuf, u32)> {
    let folder = settings.folder.join(name::folder(slot, settings.hierarchy));
    for number in 1..=u32::MAX {
        let path = folder.join(name::journal(slot, settings.with_seconds(), number));
        if !path.try_exists()? && !segment_of(&path).try_exists()? {
            return Ok((path, number));
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Makes the segment of a closed part and removes its journal.
///
/// # Errors
/// When the disk fails, which may pass, or the journal is not usable. The journal
/// is still there then, and nothing counts twice.
pub fn encode(
    disk: &dyn Disk,
    part: &ClosedPart,
    encode: &Encode,
) -> Result<Encoded, ArchiveError> {
    let segment = segment_of(&part.journal);
    let exists = segment.try_exists().map_err(|error| ArchiveError::io("find", &segment, error))?;
    if exists {
        // It was named so when it was whole; what is left to do is the journal.
        finish(disk, part, &segment)?;
        return Ok(Encoded { flows: part.flows, problems: Vec::new() });
    }
    let whole = journal::read_all(&part.journal, PART_ROWS + MAX_BLOCK_FLOWS)?;
    let mut encoded = Encoded { flows: whole.flows.len() as u64, problems: whole.problems };
    // Of those that an earlier run left, recovery has said it.
    encoded.problems.extend(whole.cut.filter(|_| !part.left));
    if whole.flows.is_empty() {
        remove(disk, &part.journal)?;
        return Ok(encoded);
    }
    let temporary = temporary_of(&segment);
    // Of an earlier try.
    remove(disk, &temporary)?;
    let written = write(disk, &temporary, |out| {
        encode(&whole.flows, &whole.more, (part.slot, part.slot_seconds), out)
    });
    if let Err(error) = written {
        // The place is needed; what is left of it goes at the next start.
        let _ = remove(disk, &temporary);
        if error.kind() == ErrorKind::InvalidInput {
            // It will not be better the next time.
            return Err(ArchiveError::damaged(&part.journal, error.to_string()));
        }
        return Err(ArchiveError::io("write", &temporary, error));
    }
    let renamed = disk.rename(&temporary, &segment);
    renamed.map_err(|error| ArchiveError::io("rename", &temporary, error))?;
    finish(disk, part, &segment)?;
    Ok(encoded)
}

fn temporary_of(segment: &Path) -> PathBuf {
    let name = segment.file_name().unwrap_or_default().to_string_lossy();
    segment.with_file_name(name::temporary(&name))
}

fn write(
    disk: &dyn Disk,
    path: &Path,
    content: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = disk.create(path)?;
    let mut out = buffered(file.as_mut());
    content(&mut out)?;
    out.flush()?;
    drop(out);
    file.sync()
}

/// Waits until the disk knows the segment by its name, then removes the journal.
fn finish(disk: &dyn Disk, part: &ClosedPart, segment: &Path) -> Result<(), ArchiveError> {
    if let Some(folder) = segment.parent() {
        disk.sync_folder(folder).map_err(|error| ArchiveError::io("sync", folder, error))?;
    }
    remove(disk, &part.journal)
}

/// Removes a file that may be gone already.
pub(super) fn remove(disk: &dyn Disk, path: &Path) -> Result<(), ArchiveError> {
    match disk.remove(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(ArchiveError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}
