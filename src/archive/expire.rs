//! Removing what is too old or too much.

use std::path::{Path, PathBuf};

use super::catalog::FileKind;
use super::name::{self, Stamp};
use super::recorder::{recover, segment_of};
use crate::flow::Time;

/// Expiring by size goes down to this part of the limit, in percent, as nfexpire
/// does: else every new segment would cost an old one.
const LOW_WATER_PERCENT: u64 = 95;

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Slots that began longer ago go.
    pub age_ms: Option<i64>,
    /// Bytes of segments and journals together.
    pub bytes: Option<u64>,
}

impl Limits {
    /// Whether anything is ever to be removed.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.age_ms.is_some() || self.bytes.is_some()
    }
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    pub segments: usize,
    pub bytes: u64,
    pub problems: Vec<String>,
}

struct File {
    slot: Time,
    part: u32,
    path: PathBuf,
    bytes: u64,
}

/// Removes segments from the oldest on until the limits are kept. Nothing but
/// segments goes, told by their names, and nothing of the slot `current` or a
/// later one. Date folders that are empty by then go with them.
pub fn expire(root: &Path, limits: Limits, now: Time, current: Time) -> Expired {
    let mut expired = Expired::default();
    if !limits.is_any() {
        return expired;
    }
    let (segments, mut total) = list(root, &mut expired.problems);
    let most = limits.bytes.unwrap_or(u64::MAX);
    let is_over = total > most;
    let down_to = if is_over {
        u64::try_from(u128::from(most) * u128::from(LOW_WATER_PERCENT) / 100).unwrap_or(most)
    } else {
        most
    };
    for file in segments.into_iter().filter(|file| file.slot < current) {
        let is_old = limits.age_ms.is_some_and(|age| now.since(file.slot) > age);
        if !is_old && total <= down_to {
            break;
        }
        match remove(root, &file.path) {
            Ok(()) => {
                total = total.saturating_sub(file.bytes);
                expired.segments += 1;
                expired.bytes += file.bytes;
            }
            Err(problem) => expired.problems.push(problem),
        }
    }
    expired
}

/// The segments from the oldest on, and the bytes of all that is ours.
fn list(root: &Path, problems: &mut Vec<String>) -> (Vec<File>, u64) {
    let mut segments = Vec::new();
    let mut total = 0u64;
    for path in recover::files(root, problems) {
        let named = path.file_name().and_then(|name| name.to_str()).and_then(name::parse);
        let Some(named) = named.filter(|named| named.kind != FileKind::Nfcapd) else { continue };
        // Gone since it was listed.
        let Ok(data) = std::fs::symlink_metadata(&path) else { continue };
        total = total.saturating_add(data.len());
        if let (FileKind::Segment, Stamp::Utc(slot)) = (named.kind, named.slot) {
            segments.push(File { slot, part: named.part, path, bytes: data.len() });
        }
    }
    segments.sort_by_key(|file| (file.slot, file.part));
    (segments, total)
}

fn remove(root: &Path, path: &Path) -> Result<(), String> {
    // One that could not be removed when its segment was made would count again.
    let journal = path.with_extension("journal");
    debug_assert_eq!(segment_of(&journal), path);
    for path in [&journal, path] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("cannot remove {}: {error}", path.display()));
            }
            _ => {}
        }
    }
    let above = path.ancestors().skip(1).take_while(|folder| *folder != root);
    for folder in above {
        // Refused as long as something is in it.
        if std::fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HOUR: i64 = 3_600_000;
    const NOW: Time = Time(1_795_491_600_000);

    /// An archive of a segment of 100 bytes for each of the last `hours`, the
    /// newest being that of now, and files of others as old as they may be.
    fn archive(hours: i64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for hour in 0..hours {
            let slot = NOW.plus_ms(-hour * HOUR);
            let place = folder.path().join(name::folder(slot, "2".parse().unwrap()));
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join(name::segment(slot, false, 1)), [0; 100]).unwrap();
        }
        for name in ["nfcapd.202001010000", "flows.parquet", "flows.202001010000.parquet", "x"] {
            fs::write(folder.path().join(name), [0; 5000]).unwrap();
        }
        folder
    }

    fn count(folder: &tempfile::TempDir) -> usize {
        recover::files(folder.path(), &mut Vec::new()).len() - 4
    }

    #[test]
    fn the_oldest_go_until_the_limits_are_kept() {
        let limits = |age, bytes| Limits { age_ms: age, bytes };
        for (limits, left) in [
            (limits(None, None), 20),
            (limits(Some(30 * HOUR), None), 20),
            (limits(Some(5 * HOUR), None), 6),
            (limits(Some(0), None), 1),
            (limits(None, Some(2_000)), 20),
            (limits(None, Some(1_999)), 18),
            (limits(None, Some(1_000)), 9),
            (limits(None, Some(0)), 1),
            (limits(Some(7 * HOUR), Some(1_000)), 8),
            (limits(Some(15 * HOUR), Some(1_000)), 9),
        ] {
            let folder = archive(20);
            let expired = expire(folder.path(), limits, NOW, NOW);
            assert_eq!(count(&folder), left, "{limits:?}");
            assert_eq!((expired.segments, expired.problems.len()), (20 - left, 0));
            assert_eq!(expired.bytes, expired.segments as u64 * 100);
        }
    }

    #[test]
    fn empty_folders_go_and_a_journal_never_comes_back() {
        let folder = archive(50);
        let slot = NOW.plus_ms(-40 * HOUR);
        let place = folder.path().join(name::folder(slot, "2".parse().unwrap()));
        // This one has its segment; the other waits for its own.
        fs::write(place.join(name::journal(slot, false, 1)), [0; 10]).unwrap();
        let waits = place.join(name::journal(slot, false, 2));
        fs::write(&waits, [0; 10]).unwrap();
        let limits = Limits { age_ms: Some(HOUR), bytes: None };
        expire(folder.path(), limits, NOW, NOW);
        assert_eq!(count(&folder), 3, "two segments and a journal");
        assert!(waits.exists());
        let days = fs::read_dir(folder.path().join("2026/11")).unwrap().count();
        assert_eq!(days, 2, "that of now and that of the journal");
        assert_eq!(expire(&folder.path().join("none"), limits, NOW, NOW).problems.len(), 1);
    }
}
