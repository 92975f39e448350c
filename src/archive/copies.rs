//! Copies of a file of ours beside it, so that no flow counts twice.
//!
//! Only files of one length can be copies, and only where these end alike (a segment
//! with its footer's checksum, a journal with its last flows) is more of them read:
//! an archive without copies costs a look at lengths, and at few ends.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::name::{self, FileKind};
use super::{ArchiveError, regular, segment};

/// Bytes at the end of a file by which it is told from others of its length: of a
/// segment the checksum of its footer is among them.
const END: usize = 256;

/// A file of so many bytes has no flows: a journal has a header of 32 and blocks of more.
const FLOWLESS: u64 = 64;

/// Bytes of two files that are compared at once.
const COMPARED: usize = 1 << 16;

/// Which of some files are copies, in the order they were given, with what is said of
/// each. The one that counts is the first whose name is that of its slot, or the first
/// of all.
pub(super) fn find(files: &[(FileKind, &Path)]) -> Vec<(usize, ArchiveError)> {
    let mut lengths: HashMap<(FileKind, u64), Vec<usize>> = HashMap::new();
    for (at, (kind, path)) in files.iter().enumerate() {
        let data = fs::metadata(path).ok().filter(|data| data.is_file());
        if let Some(data) = data.filter(|data| *kind != FileKind::Nfcapd && data.len() > FLOWLESS) {
            lengths.entry((*kind, data.len())).or_default().push(at);
        }
    }
    let mut found: Vec<(usize, usize)> = Vec::new();
    for ((_, length), alike) in lengths.into_iter().filter(|(_, alike)| alike.len() > 1) {
        let mut ends: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for at in alike {
            let end = files.get(at).and_then(|(_, path)| end(path, length).ok());
            end.into_iter().for_each(|end| ends.entry(end).or_default().push(at));
        }
        ends.into_values().for_each(|alike| found.extend(copies(files, alike)));
    }
    found.sort_unstable();
    let told = found.into_iter().filter_map(|(copy, original)| {
        let ((_, path), (_, original)) = files.get(copy).zip(files.get(original))?;
        let what = format!("is a copy of {}, and left out", original.display());
        Some((copy, ArchiveError::damaged(path, what)))
    });
    told.collect()
}

/// Which of files that end alike are copies, and of which other one.
fn copies(files: &[(FileKind, &Path)], alike: Vec<usize>) -> Vec<(usize, usize)> {
    let mut rest = alike;
    let mut found = Vec::new();
    while rest.len() > 1 {
        let own = rest.iter().position(|at| files.get(*at).is_some_and(has_own_name));
        let original = rest.remove(own.unwrap_or(0));
        rest.retain(|at| {
            let pair = files.get(original).zip(files.get(*at));
            let same = pair.is_some_and(|((_, one), (_, other))| {
                // What cannot be read says so when it is opened.
                is_same(one, other).unwrap_or(false)
            });
            found.extend(same.then_some((*at, original)));
            !same
        });
    }
    found
}

fn has_own_name((kind, path): &(FileKind, &Path)) -> bool {
    let slot = match kind {
        FileKind::Segment => segment::footer(path).ok().map(|footer| footer.slot.start),
        _ => super::journal::scan(path).ok().and_then(|scan| scan.header).map(|h| h.slot),
    };
    slot.is_some_and(|slot| name::contradicts(path, slot).is_none())
}

/// The last bytes of a file of this length.
fn end(path: &Path, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; END.min(usize::try_from(length).unwrap_or(END))];
    let from = length.saturating_sub(bytes.len() as u64);
    regular::open(path)?.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

/// Whether two files have the same bytes.
///
/// # Errors
/// When one cannot be read, or becomes shorter meanwhile.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (regular::open(one)?, regular::open(other)?);
    let length = |file: &File| file.metadata().map(|data| data.len());
    let whole = length(&one)?;
    if length(&other)? != whole {
        return Ok(false);
    }
    let (mut first, mut second) = (vec![0; COMPARED], vec![0; COMPARED]);
    let mut at = 0;
    while at < whole {
        let step = usize::try_from(whole - at).unwrap_or(COMPARED).min(COMPARED);
        first.truncate(step);
        second.truncate(step);
        one.read_exact_at(&mut first, at)?;
        other.read_exact_at(&mut second, at)?;
        if first != second {
            return Ok(false);
        }
        at += step as u64;
    }
    Ok(true)
}
