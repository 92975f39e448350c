//! Recovers what an earlier run left in the folder.

use std::path::Path;

use super::disk::Disk;
use super::part::{ClosedPart, remove};
use crate::archive::name::{self, FileKind, segment_of};
use crate::archive::walk::own_files;
use crate::archive::{ArchiveError, copies, journal};

/// What was found and done when the recorder started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Journals that will become segments.
    pub journals: usize,
    /// The number of flows in them.
    pub flows: u64,
    /// Bytes at the end of journals that belong to an incomplete block.
    pub cut: u64,
    /// Unfinished segments that were removed.
    pub unfinished: usize,
    /// Journals that were removed because their segments were complete.
    pub finished: usize,
    /// Files that were left unchanged, and why.
    pub problems: Vec<String>,
}

impl Recovered {
    /// Whether something is lost or cannot be read.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        self.cut > 0 || !self.problems.is_empty()
    }

    /// A sentence for the log; `None` if there is nothing to report.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let mut sentences = Vec::new();
        if self.journals > 0 {
            let (flows, journals) = (self.flows, self.journals);
            let journals =
                if journals == 1 { "a journal".to_owned() } else { format!("{journals} journals") };
            let become_what =
                if self.journals == 1 { "becomes a segment" } else { "become segments" };
            sentences.push(format!(
                "found {flows} flows of an earlier run in {journals}, which {become_what}"
            ));
        }
        if self.cut > 0 {
            sentences.push(format!("{} bytes of an incomplete block are lost", self.cut));
        }
        if self.unfinished > 0 {
            let (segments, s) = (self.unfinished, if self.unfinished == 1 { "" } else { "s" });
            sentences.push(format!("{segments} unfinished segment{s} removed"));
        }
        sentences.extend(self.problems.iter().cloned());
        (!sentences.is_empty()).then(|| sentences.join("; "))
    }
}

/// Recovers a locked folder: removes journals whose segments exist and unfinished segments, and
/// returns the parts that still have to be encoded.
pub(super) fn recover(disk: &dyn Disk, root: &Path) -> (Vec<ClosedPart>, Recovered) {
    let mut recovered = Recovered::default();
    let mut parts = Vec::new();
    for path in own_files(root, &mut recovered.problems) {
        let Some(file) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let done = if name::is_temporary(file) {
            remove(disk, &path).map(|()| recovered.unfinished += 1)
        } else {
            match name::parse(file) {
                Some(named) if named.kind == FileKind::Journal => {
                    journal_left(disk, &path, named, &mut recovered).map(|part| parts.extend(part))
                }
                _ => Ok(()),
            }
        };
        if let Err(error) = done {
            recovered.problems.push(error.to_string());
        }
    }
    remove_copies(disk, &mut parts, &mut recovered);
    recovered.journals = parts.len();
    recovered.flows = parts.iter().map(|part| part.flows).sum();
    (parts, recovered)
}

/// Removes journals that are exact copies of others. Nothing is lost, and after the original
/// has become a segment the copy could not be recognised any more.
fn remove_copies(disk: &dyn Disk, parts: &mut Vec<ClosedPart>, recovered: &mut Recovered) {
    parts.sort_by(|one, other| one.journal.cmp(&other.journal));
    let files: Vec<_> =
        parts.iter().map(|part| (FileKind::Journal, part.journal.as_path())).collect();
    for (_, copy) in copies::find(&files) {
        parts.retain(|part| part.journal != copy.path());
        recovered.problems.push(copy.to_string());
        if let Err(error) = remove(disk, copy.path()) {
            recovered.problems.push(error.to_string());
        }
    }
}

fn journal_left(
    disk: &dyn Disk,
    path: &Path,
    named: name::ParsedName,
    recovered: &mut Recovered,
) -> Result<Option<ClosedPart>, ArchiveError> {
    let segment = segment_of(path);
    if segment.try_exists().map_err(|error| ArchiveError::io("find", &segment, error))? {
        remove(disk, path)?;
        recovered.finished += 1;
        return Ok(None);
    }
    let scan = journal::scan(path)?;
    recovered.cut += scan.cut;
    let (Some(header), 1..) = (scan.header, scan.flows) else {
        remove(disk, path)?;
        return Ok(None);
    };
    if let Some(wrong) = name::contradicts(path, header.slot) {
        recovered.problems.push(ArchiveError::damaged(path, wrong).to_string());
    }
    Ok(Some(ClosedPart {
        // The slot is that of the header even if the name differs: so the segment reports the
        // wrong name.
        slot: header.slot,
        slot_seconds: header.slot_seconds,
        number: named.part,
        journal: path.to_owned(),
        flows: scan.flows,
        left: true,
    }))
}
