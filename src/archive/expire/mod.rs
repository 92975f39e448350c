//! Removes segments that are too old, or that exceed the size limit.

mod age;
mod clock_behind;
mod index;

pub use age::NAME as AGE_FILE;

use std::path::{Path, PathBuf};

use self::age::{AgeClock, ExpireMark};
use self::index::Index;
use super::name::segment_of;
use crate::flow::Time;

/// Expiry by size removes down to this percentage of the limit, as nfexpire does. Otherwise
/// every new segment would remove an old one.
const LOW_WATER_PERCENT: u64 = 95;

/// The limits of an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpireLimits {
    /// Slots that began more than this many milliseconds ago are removed.
    pub age_ms: Option<i64>,
    /// The largest total size of segments and journals, in bytes.
    pub bytes: Option<u64>,
}

impl ExpireLimits {
    /// Whether there is a limit at all.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.age_ms.is_some() || self.bytes.is_some()
    }
}

/// The result of one expiry run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// The number of segments removed.
    pub segments: usize,
    /// Their size.
    pub bytes: u64,
    /// What could not be read or removed, and warnings about the clock.
    pub problems: Vec<String>,
}

/// The readings of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Monotonic time.
    pub running: Time,
    /// The wall clock, which names the slots.
    pub wall: Time,
}

/// Expires the segments of one archive; it keeps its state between runs.
#[derive(Debug)]
pub struct Expirer {
    root: PathBuf,
    limits: ExpireLimits,
    index: Index,
    /// Counts ages; created by the first run with a limit by age.
    ages: Option<AgeClock>,
}

impl Expirer {
    /// An expirer for the archive in `root`. Nothing is read before the first
    /// [`run`](Self::run).
    #[must_use]
    pub fn new(root: PathBuf, limits: ExpireLimits) -> Expirer {
        Expirer { root, limits, index: Index::default(), ages: None }
    }

    /// Adds the segment that was made of `journal` to the index.
    pub fn add_segment_of(&mut self, journal: &Path) {
        self.index.add(&segment_of(journal));
    }

    /// Removes segments, the oldest first, until the limits hold. Only files named as segments
    /// are removed, never those of the slot `current`; by age, also none of later slots. Date
    /// folders that become empty are removed as well. `journals` are those that are being
    /// written or wait for the encoder.
    pub fn run(&mut self, now: Clocks, current: Time, journals: &[PathBuf]) -> Expired {
        let mut expired = Expired::default();
        if !self.limits.is_any() {
            return expired;
        }
        self.index.refresh(&self.root, now.running, journals, &mut expired.problems);
        let oldest = self.oldest_kept(now, current, &mut expired.problems);
        let mut total = self.index.bytes();
        let most = self.limits.bytes.unwrap_or(u64::MAX);
        let down_to = if total > most {
            u64::try_from(u128::from(most) * u128::from(LOW_WATER_PERCENT) / 100).unwrap_or(most)
        } else {
            most
        };
        let mut removed = Vec::new();
        for file in self.index.oldest_first() {
            let by_name = oldest.is_some_and(|oldest| file.slot < oldest);
            if !by_name && total <= down_to {
                break;
            }
            let began = self.ages.as_ref().map_or(file.slot, |ages| ages.began(file.slot));
            let is_old = file.slot < current && oldest.is_some_and(|oldest| began < oldest);
            if !is_old && total <= down_to {
                continue;
            }
            // Segments of later slots exist if the clock was set back; they count towards the
            // size like all others.
            if file.slot == current {
                continue;
            }
            match remove(&self.root, &file.path) {
                Ok(()) => {
                    total = total.saturating_sub(file.bytes);
                    expired.segments += 1;
                    expired.bytes += file.bytes;
                    removed.push(file);
                }
                Err(problem) => expired.problems.push(problem),
            }
        }
        removed.iter().for_each(|file| self.index.forget(file));
        expired
    }

    /// The beginning of the oldest slot that is kept by age; `None` if nothing expires by age.
    fn oldest_kept(
        &mut self,
        now: Clocks,
        current: Time,
        problems: &mut Vec<String>,
    ) -> Option<Time> {
        let age = self.limits.age_ms?;
        // If a folder cannot be read, its newest time is unknown, so nothing is removed by age.
        if !problems.is_empty() {
            return None;
        }
        let Clocks { running, wall } = now;
        if let Some(ages) = &mut self.ages {
            ages.observe(running, wall);
        }
        let (root, newest) = (&self.root, self.index.newest());
        let ages = self
            .ages
            .get_or_insert_with(|| AgeClock::begin(ExpireMark::read(root), newest, running, wall));
        ages.recording(current);
        problems.extend(ages.save(root).err());
        problems.extend(ages.doubt());
        Some(ages.now().plus_ms(age.saturating_neg()))
    }
}

fn remove(root: &Path, path: &Path) -> Result<(), String> {
    // A journal that could not be removed after its segment was made would be recorded again.
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
        // A folder that is not empty cannot be removed.
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
    use crate::archive::name;
    use crate::archive::walk;

    const HOUR: i64 = 3_600_000;
    const NOW: Time = Time(1_795_491_600_000);

    /// An archive with a segment of 100 bytes for each of the last `hours`, the newest of the
    /// current hour, and foreign files of any age.
    fn archive(hours: i64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for hour in 0..hours {
            let slot = NOW.plus_ms(-hour * HOUR);
            let date_folder = folder.path().join(name::folder(slot, "2".parse().unwrap()));
            fs::create_dir_all(&date_folder).unwrap();
            fs::write(date_folder.join(name::segment(slot, false, 1)), [0; 100]).unwrap();
        }
        for name in ["nfcapd.202001010000", "flows.parquet", "flows.202001010000.parquet", "x"] {
            fs::write(folder.path().join(name), [0; 5000]).unwrap();
        }
        folder
    }

    fn count(folder: &tempfile::TempDir) -> usize {
        let mut files = walk::own_files(folder.path(), &mut Vec::new());
        files.retain(|path| path.file_name().is_some_and(|name| name != AGE_FILE));
        files.len() - 4
    }

    fn expire(root: &Path, limits: ExpireLimits, now: Time, current: Time) -> Expired {
        let mut expirer = Expirer::new(root.to_owned(), limits);
        expirer.run(Clocks { running: now, wall: now }, current, &[])
    }

    #[test]
    fn the_oldest_are_removed_until_the_limits_hold() {
        let limits = |age, bytes| ExpireLimits { age_ms: age, bytes };
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
    fn empty_folders_are_removed_and_no_journal_comes_back() {
        let folder = archive(50);
        let slot = NOW.plus_ms(-40 * HOUR);
        let date_folder = folder.path().join(name::folder(slot, "2".parse().unwrap()));
        // This journal has its segment; the other does not have one yet.
        fs::write(date_folder.join(name::journal(slot, false, 1)), [0; 10]).unwrap();
        let waits = date_folder.join(name::journal(slot, false, 2));
        fs::write(&waits, [0; 10]).unwrap();
        let limits = ExpireLimits { age_ms: Some(HOUR), bytes: None };
        expire(folder.path(), limits, NOW, NOW);
        assert_eq!(count(&folder), 3, "two segments and a journal");
        assert!(waits.exists());
        let days = fs::read_dir(folder.path().join("2026/11")).unwrap().count();
        assert_eq!(days, 2, "the current one and that of the journal");
        assert_eq!(expire(&folder.path().join("none"), limits, NOW, NOW).problems.len(), 1);
    }

    #[test]
    fn a_clock_that_is_ahead_removes_nothing_and_is_reported() {
        const YEAR: i64 = 365 * 24 * HOUR;
        let folder = archive(20);
        let limits = ExpireLimits { age_ms: Some(24 * HOUR), bytes: None };
        let mut expirer = Expirer::new(folder.path().to_owned(), limits);
        let mut run = |minute: i64, off: i64| {
            let running = NOW.plus_ms(minute * 60_000);
            let wall = running.plus_ms(off);
            expirer.run(Clocks { running, wall }, wall, &[])
        };
        assert_eq!(run(0, 0), Expired::default());
        for minute in 1..60 {
            let expired = run(minute, YEAR);
            assert_eq!((expired.segments, expired.problems.len()), (0, 1), "{expired:?}");
        }
        assert_eq!(run(60, 0), Expired::default(), "the clock was set right");
        assert_eq!(run(6 * 60, 0).segments, 1, "what has become old is removed");
        // A collector that starts while the clock is wrong.
        let mut expirer = Expirer::new(folder.path().to_owned(), limits);
        let wall = NOW.plus_ms(YEAR);
        let expired = expirer.run(Clocks { running: wall, wall }, wall, &[]);
        assert_eq!((expired.segments, expired.problems.len()), (0, 1), "{expired:?}");
        assert_eq!(count(&folder), 19);
    }

    #[test]
    fn segments_recorded_while_the_clock_is_behind_are_not_older() {
        const YEAR: i64 = 365 * 24 * HOUR;
        let limits = ExpireLimits { age_ms: Some(24 * HOUR), bytes: None };
        let folder = archive(20);
        let root = folder.path();
        let mut expirer = Expirer::new(root.to_owned(), limits);
        let at = |minute: i64| NOW.plus_ms(minute * 60_000);
        let segment = |slot: Time| {
            let date_folder = root.join(name::folder(slot, "2".parse().unwrap()));
            fs::create_dir_all(&date_folder).unwrap();
            let journal = date_folder.join(name::journal(slot, false, 1));
            fs::write(segment_of(&journal), [0; 100]).unwrap();
            journal
        };
        // Slots of five minutes; the slot of the minute before becomes a segment.
        let slot = |wall: Time| Time(wall.0.div_euclid(300_000) * 300_000);
        let before = std::cell::Cell::new(NOW);
        let run = |expirer: &mut Expirer, minute: i64, off: i64| {
            let (running, wall) = (at(minute), at(minute).plus_ms(off));
            expirer.add_segment_of(&segment(slot(before.replace(wall))));
            expirer.run(Clocks { running, wall }, slot(wall), &[])
        };
        let there = count(&folder);
        for minute in 0..10 {
            run(&mut expirer, minute, 0);
        }
        for minute in 10..30 {
            assert_eq!(run(&mut expirer, minute, -YEAR).segments, 0, "minute {minute}");
        }
        for minute in 30..60 {
            assert_eq!(run(&mut expirer, minute, 0).segments, 0, "minute {minute}");
        }
        // A collector that starts then also knows it; and old segments are removed together
        // with others of their time.
        let mut expirer = Expirer::new(root.to_owned(), limits);
        assert_eq!(run(&mut expirer, 61, 0).segments, 0);
        let made = count(&folder) - there;
        assert_eq!(made, 11);
        for minute in 62..24 * 60 + 75 {
            run(&mut expirer, minute, 0);
        }
        let years: Vec<_> = walk::own_files(root, &mut Vec::new());
        let back = name::folder(NOW.plus_ms(-YEAR), "2".parse().unwrap());
        assert!(!years.iter().any(|path| path.starts_with(root.join(&back))), "{years:?}");
    }

    #[test]
    fn the_size_limit_holds_also_after_the_clock_was_set_back() {
        let limits = ExpireLimits { age_ms: Some(HOUR), bytes: Some(1_000) };
        let folder = archive(20);
        let back = NOW.plus_ms(-10_000 * HOUR);
        let expired = expire(folder.path(), limits, back, back);
        assert_eq!((expired.segments, count(&folder)), (11, 9), "by size alone");
    }

    #[test]
    fn the_archive_is_listed_once_and_new_segments_are_known() {
        let folder = archive(10);
        let limits = ExpireLimits { age_ms: Some(1_000 * HOUR), bytes: Some(1_000) };
        let mut expirer = Expirer::new(folder.path().to_owned(), limits);
        let at = |minute: i64| NOW.plus_ms(minute * 60_000);
        let both = |minute| Clocks { running: at(minute), wall: at(minute) };
        for minute in 0..50 {
            assert_eq!(expirer.run(both(minute), NOW.plus_ms(HOUR), &[]).segments, 0);
        }
        assert_eq!(expirer.index.listings, 1);
        let slot = NOW.plus_ms(HOUR);
        let date_folder = folder.path().join(name::folder(slot, "2".parse().unwrap()));
        fs::create_dir_all(&date_folder).unwrap();
        let journal = date_folder.join(name::journal(slot, false, 1));
        fs::write(&journal, [0; 1]).unwrap();
        let mut expired = expirer.run(both(50), slot, std::slice::from_ref(&journal));
        assert_eq!(expired.segments, 1, "a byte more than the limit, down to 95 %");
        fs::rename(&journal, segment_of(&journal)).unwrap();
        fs::write(segment_of(&journal), [0; 200]).unwrap();
        expirer.add_segment_of(&journal);
        expired = expirer.run(both(51), slot, &[]);
        assert_eq!((expired.segments, expirer.index.listings), (2, 1), "1100 bytes: to 900");
        // Files that others add are found within an hour.
        fs::write(date_folder.join(name::segment(slot, false, 2)), [0; 100]).unwrap();
        expired = expirer.run(both(61), slot, &[]);
        assert_eq!((expired.segments, expirer.index.listings), (0, 2));
        assert_eq!(expirer.index.bytes(), 1_000);
    }
}
