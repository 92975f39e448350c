//! Copies of a file of ours beside it, so that no flow counts twice.
//!
//! Only files of one length can be copies, and only where these end alike (a segment
//! with its footer's checksum, a journal with its last flows) is more of them read:
//! an archive without copies costs a look at lengths, and at few ends.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::catalog::{Entry, FileKind};
use super::{ArchiveError, name, regular, segment};

/// Bytes at the end of a file by which it is told from others of its length: of a
/// segment the checksum of its footer is among them.
const END: usize = 256;

/// A file of so many bytes has no flows: a journal has a header of 32 and blocks of more.
const FLOWLESS: u64 = 64;

/// Bytes of two files that are compared at once.
const COMPARED: usize = 1 << 16;

/// Takes the copies out of a listing, and says of each what it is a copy of. The one
/// that stays is the first whose name is that of its slot, or the first of all.
pub(super) fn leave_out(entries: &mut Vec<Entry>) -> Vec<ArchiveError> {
    let mut lengths: HashMap<(FileKind, u64), Vec<usize>> = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let data = fs::metadata(&entry.path).ok().filter(|data| data.is_file());
        if let Some(data) =
            data.filter(|data| entry.kind != FileKind::Nfcapd && data.len() > FLOWLESS)
        {
            lengths.entry((entry.kind, data.len())).or_default().push(at);
        }
    }
    let mut found: Vec<(usize, usize)> = Vec::new();
    for ((_, length), alike) in lengths.into_iter().filter(|(_, alike)| alike.len() > 1) {
        let mut ends: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for at in alike {
            let end = entries.get(at).and_then(|entry| end(&entry.path, length).ok());
            end.into_iter().for_each(|end| ends.entry(end).or_default().push(at));
        }
        ends.into_values().for_each(|alike| found.extend(copies(entries, alike)));
    }
    found.sort_unstable();
    let path = |at: usize| entries.get(at).map(|entry| entry.path.as_path());
    let told = found.iter().filter_map(|(copy, original)| {
        let what = format!("is a copy of {}, and left out", path(*original)?.display());
        Some(ArchiveError::damaged(path(*copy)?, what))
    });
    let told = told.collect();
    let out: HashSet<usize> = found.iter().map(|(copy, _)| *copy).collect();
    let mut at = 0..;
    entries.retain(|_| at.next().is_some_and(|at| !out.contains(&at)));
    told
}

/// Which of files that end alike are copies, and of which other one.
fn copies(entries: &[Entry], alike: Vec<usize>) -> Vec<(usize, usize)> {
    let mut rest = alike;
    let mut found = Vec::new();
    while rest.len() > 1 {
        let own = rest.iter().position(|at| entries.get(*at).is_some_and(has_own_name));
        let original = rest.remove(own.unwrap_or(0));
        rest.retain(|at| {
            let pair = entries.get(original).zip(entries.get(*at));
            let same = pair.is_some_and(|(one, other)| {
                // What cannot be read says so when it is opened.
                is_same(&one.path, &other.path).unwrap_or(false)
            });
            found.extend(same.then_some((*at, original)));
            !same
        });
    }
    found
}

fn has_own_name(entry: &Entry) -> bool {
    let slot = match entry.kind {
        FileKind::Segment => segment::footer(&entry.path).ok().map(|footer| footer.slot.start),
        _ => super::journal::scan(&entry.path).ok().and_then(|scan| scan.header).map(|h| h.slot),
    };
    slot.is_some_and(|slot| name::contradicts(&entry.path, slot).is_none())
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
pub(super) fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
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
