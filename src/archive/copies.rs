//! Finds copies of a toptalk file within an archive, so that no flow counts twice.
//!
//! Only files of the same length can be copies. Of these, the last bytes are compared first (a
//! segment ends with the checksum of its footer, a journal with its last flows), and only files
//! with equal ends are read in full. An archive without copies therefore costs a look at file
//! lengths and at a few ends.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::name::{self, FileKind};
use super::{ArchiveError, regular, segment};

/// The number of bytes at the end of a file that are compared first. They include the checksum
/// of a segment's footer.
const TAIL_BYTES: usize = 256;

/// A file of at most this many bytes has no flows: the header of a journal has 32 bytes, and a
/// block has more than 32.
const FLOWLESS: u64 = 64;

/// The number of bytes of two files that are compared in one step.
const COMPARE_BYTES: usize = 1 << 16;

/// The indices of those `files` that are copies of another one, each with the problem to
/// report. The original is the first file whose name matches its slot, or the first of all.
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
        let mut tails: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for at in alike {
            let tail = files.get(at).and_then(|(_, path)| tail(path, length).ok());
            tail.into_iter().for_each(|tail| tails.entry(tail).or_default().push(at));
        }
        tails.into_values().for_each(|alike| found.extend(copies(files, alike)));
    }
    found.sort_unstable();
    let problems = found.into_iter().filter_map(|(copy, original)| {
        let ((_, path), (_, original)) = files.get(copy).zip(files.get(original))?;
        let what = format!("is a copy of {}, and left out", original.display());
        Some((copy, ArchiveError::damaged(path, what)))
    });
    problems.collect()
}

/// Which of the files with equal ends are copies, as pairs of copy and original.
fn copies(files: &[(FileKind, &Path)], alike: Vec<usize>) -> Vec<(usize, usize)> {
    let mut rest = alike;
    let mut found = Vec::new();
    while rest.len() > 1 {
        let own = rest.iter().position(|at| files.get(*at).is_some_and(has_own_name));
        let original = rest.remove(own.unwrap_or(0));
        rest.retain(|at| {
            let pair = files.get(original).zip(files.get(*at));
            let same = pair.is_some_and(|((_, one), (_, other))| {
                // A file that cannot be read is reported when it is opened.
                is_same(one, other).unwrap_or(false)
            });
            found.extend(same.then_some((*at, original)));
            !same
        });
    }
    found
}

/// Whether the name of a file is that of the slot in its content.
fn has_own_name((kind, path): &(FileKind, &Path)) -> bool {
    let slot = match kind {
        FileKind::Segment => segment::footer(path).ok().map(|footer| footer.slot.start),
        _ => super::journal::scan(path).ok().and_then(|scan| scan.header).map(|h| h.slot),
    };
    slot.is_some_and(|slot| name::contradicts(path, slot).is_none())
}

/// The last bytes of a file of `length` bytes.
fn tail(path: &Path, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; TAIL_BYTES.min(usize::try_from(length).unwrap_or(TAIL_BYTES))];
    let from = length.saturating_sub(bytes.len() as u64);
    regular::open(path)?.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

/// Whether two files have the same content.
///
/// # Errors
/// When one of them cannot be read or becomes shorter while it is read.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (regular::open(one)?, regular::open(other)?);
    let length = |file: &File| file.metadata().map(|data| data.len());
    let whole = length(&one)?;
    if length(&other)? != whole {
        return Ok(false);
    }
    let (mut first, mut second) = (vec![0; COMPARE_BYTES], vec![0; COMPARE_BYTES]);
    let mut at = 0;
    while at < whole {
        let step = usize::try_from(whole - at).unwrap_or(COMPARE_BYTES).min(COMPARE_BYTES);
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
