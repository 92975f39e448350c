//! A part of a slot, and how it becomes a segment.
//!
//! The segment has the name of the journal with another ending, and a part only gets a name for
//! which neither file exists. So the name alone decides: **a journal whose segment exists does
//! not count**, for recovery and for queries. The segment appears under its final name
//! complete; only then is the journal removed. After an interruption at any point exactly one
//! of the two counts.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::disk::{Disk, buffered};
use super::settings::{PART_ROWS, RecorderConfig};
use crate::archive::ArchiveError;
use crate::archive::journal::{self, MAX_BLOCK_FLOWS};
use crate::archive::name::{self, segment_of};
use crate::flow::{Flow, FlowExtras, Time};

/// Writes flows with their extras as a segment. The slot is given as its beginning and its
/// length in seconds.
pub type Encode = dyn Fn(&[Flow], &[FlowExtras], (Time, u32), &mut (dyn Write + Send)) -> io::Result<()>
    + Send
    + Sync;

/// A closed part that waits for the encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedPart {
    /// The beginning of its slot.
    pub slot: Time,
    /// The length of the slot.
    pub slot_seconds: u32,
    /// The number of the part within the slot, from 1.
    pub number: u32,
    /// The file with its flows.
    pub journal: PathBuf,
    /// The number of its flows.
    pub flows: u64,
    /// Whether the part was left by an earlier run.
    pub left: bool,
}

/// The result of encoding a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The number of flows in the segment.
    pub flows: u64,
    /// Damaged places of the journal, which are missing in the segment.
    pub problems: Vec<String>,
}

/// The first part of a slot for which neither a journal nor a segment exists.
///
/// # Errors
/// When the files cannot be examined.
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

/// Turns a closed part into a segment and removes its journal.
///
/// # Errors
/// When the disk fails, which may be temporary, or the journal cannot be used. In both cases
/// the journal still exists, and no flow counts twice.
pub fn encode(
    disk: &dyn Disk,
    part: &ClosedPart,
    encode: &Encode,
) -> Result<Encoded, ArchiveError> {
    let segment = segment_of(&part.journal);
    let exists = segment.try_exists().map_err(|error| ArchiveError::io("find", &segment, error))?;
    if exists {
        // The segment was renamed when it was complete; only the journal is left to remove.
        finish(disk, part, &segment)?;
        return Ok(Encoded { flows: part.flows, problems: Vec::new() });
    }
    let whole = journal::read_all(&part.journal, PART_ROWS + MAX_BLOCK_FLOWS)?;
    let mut encoded = Encoded { flows: whole.flows.len() as u64, problems: whole.problems };
    // For parts of an earlier run, recovery has already reported it.
    encoded.problems.extend(whole.cut.filter(|_| !part.left));
    if whole.flows.is_empty() {
        remove(disk, &part.journal)?;
        return Ok(encoded);
    }
    let temporary = temporary_of(&segment);
    // Left by an earlier attempt.
    remove(disk, &temporary)?;
    let written = write(disk, &temporary, |out| {
        encode(&whole.flows, &whole.extras, (part.slot, part.slot_seconds), out)
    });
    if let Err(error) = written {
        // Frees the space; a file that cannot be removed goes at the next start.
        let _ = remove(disk, &temporary);
        if error.kind() == ErrorKind::InvalidInput {
            // Another attempt would fail in the same way.
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

/// Waits until the name of the segment is on the disk, then removes the journal.
fn finish(disk: &dyn Disk, part: &ClosedPart, segment: &Path) -> Result<(), ArchiveError> {
    if let Some(folder) = segment.parent() {
        disk.sync_folder(folder).map_err(|error| ArchiveError::io("sync", folder, error))?;
    }
    remove(disk, &part.journal)
}

/// Removes a file if it exists.
pub(super) fn remove(disk: &dyn Disk, path: &Path) -> Result<(), ArchiveError> {
    match disk.remove(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(ArchiveError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}
