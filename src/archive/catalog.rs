//! The files of an archive, and those that a query needs.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::tz::{AmbiguousOffset, TimeZone};

use super::name::{self, SlotTime, segment_of};
use super::walk::{Identity, WalkPurpose, identity, walk};
use super::{ArchiveError, copies, nfcapd, regular};
use crate::flow::Time;

pub use super::name::FileKind;

/// A file with flows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogEntry {
    /// The path of the file.
    pub path: PathBuf,
    /// The kind of the file.
    pub kind: FileKind,
    /// The beginning of its slot according to its name; `None` if the name is of another form.
    pub slot: Option<Time>,
    /// The part of the slot, from 1.
    pub part: u32,
}

/// The largest number of files in a listing: a year of slots of a minute, of several exporters.
const MAX_FILES: usize = 4_000_000;

/// The slots that are selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Slots that begin at this time or later.
    pub from: Option<Time>,
    /// Slots that begin at this time or earlier.
    pub to: Option<Time>,
}

/// The files found.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The files by slot, then path, then part; files with other names come first.
    pub entries: Vec<CatalogEntry>,
    /// Folders that could not be read, and files that were left out.
    pub problems: Vec<ArchiveError>,
    /// Whether the limit was reached, which is reported once.
    is_full: bool,
}

impl Catalog {
    /// Adds the files below a folder whose slots are within `bounds`. The names of nfcapd files
    /// are local times in `zone`; for a local time that occurred twice, because the clock was
    /// set back, both times are considered.
    pub fn add_folder(&mut self, folder: &Path, bounds: Bounds, zone: &TimeZone) {
        let mut problems = Vec::new();
        walk(folder, WalkPurpose::Read, &mut problems, |path, _| {
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(named) = name.and_then(name::parse) else { return };
            let (slot, within) = slot_within(named.slot, bounds, zone);
            if within {
                self.add(CatalogEntry {
                    path,
                    kind: named.kind,
                    slot: Some(slot),
                    part: named.part,
                });
            }
        });
        self.problems.extend(problems);
    }

    fn add(&mut self, entry: CatalogEntry) {
        match self.entries.len() {
            0..MAX_FILES => self.entries.push(entry),
            MAX_FILES if !self.is_full => {
                self.is_full = true;
                let what = format!(
                    "this file and all further ones are left out: more than {MAX_FILES} files"
                );
                self.problems.push(ArchiveError::damaged(&entry.path, what));
            }
            _ => {}
        }
    }

    /// Adds one file; its kind is determined from its first bytes.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a flow file.
    pub fn add_file(&mut self, path: &Path, zone: &TimeZone) -> Result<(), ArchiveError> {
        let kind = sniff(path)?;
        let named = path.file_name().and_then(|name| name.to_str()).and_then(name::parse);
        let slot = named.map(|named| slot_within(named.slot, Bounds::default(), zone).0);
        let part = named.map_or(1, |named| named.part);
        self.entries.push(CatalogEntry { path: path.to_owned(), kind, slot, part });
        Ok(())
    }

    /// Sorts the files and removes files that were found twice on different paths, journals
    /// whose segments were found (the rule of the recorder), and copies. Each copy is reported
    /// as a problem.
    pub fn finish(&mut self) {
        let key = |entry: &CatalogEntry| (entry.slot, entry.path.clone(), entry.part);
        self.entries.sort_by_cached_key(key);
        let mut folders = HashMap::new();
        let mut location = |path: &Path| location_of(path, &mut folders);
        // A journal may have been found on one path, and its segment a moment later on another;
        // and a journal that is gone is only known by its location.
        let is_segment = |entry: &&CatalogEntry| entry.kind == FileKind::Segment;
        let segments: HashSet<FileLocation> =
            self.entries.iter().filter(is_segment).map(|entry| location(&entry.path)).collect();
        let (mut locations, mut files) = (HashSet::new(), HashSet::new());
        self.entries.retain(|entry| {
            let is_journal = entry.kind == FileKind::Journal;
            if is_journal && segments.contains(&location(&segment_of(&entry.path))) {
                return false;
            }
            locations.insert(location(&entry.path))
                // A file that cannot be found fails when it is opened, with the reason.
                && identity(&entry.path).is_none_or(|file| files.insert(file))
        });
        let files: Vec<_> =
            self.entries.iter().map(|entry| (entry.kind, entry.path.as_path())).collect();
        let (copies, problems): (HashSet<usize>, Vec<_>) = copies::find(&files).into_iter().unzip();
        let mut at = 0..;
        self.entries.retain(|_| at.next().is_some_and(|at| !copies.contains(&at)));
        self.problems.extend(problems);
    }
}

/// The location of a file, independent of links to its folder: the identity of the folder, or
/// its path if it cannot be found, and the file name.
type FileLocation = (Result<Identity, PathBuf>, OsString);

fn location_of(path: &Path, folders: &mut HashMap<PathBuf, Option<Identity>>) -> FileLocation {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let known = match folders.get(folder) {
        Some(known) => *known,
        None => *folders.entry(folder.to_owned()).or_insert(identity(folder)),
    };
    (known.ok_or_else(|| folder.to_owned()), path.file_name().unwrap_or_default().to_owned())
}

/// The beginning of a slot, and whether it is within the bounds.
fn slot_within(stamp: SlotTime, bounds: Bounds, zone: &TimeZone) -> (Time, bool) {
    let within = |time: Time| {
        bounds.from.is_none_or(|from| from <= time) && bounds.to.is_none_or(|to| time <= to)
    };
    let wall = match stamp {
        SlotTime::Utc(time) => return (time, within(time)),
        SlotTime::Local(wall) => wall,
    };
    let readings = zone.to_ambiguous_timestamp(wall);
    let at = |offset: jiff::tz::Offset| {
        let stamp = offset.to_timestamp(wall).ok()?;
        Some(Time(stamp.as_millisecond()))
    };
    match readings.offset() {
        AmbiguousOffset::Fold { before, after } => {
            let both = [at(before), at(after)];
            let first = both.into_iter().flatten().min().unwrap_or_default();
            (first, both.into_iter().flatten().any(within))
        }
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Gap { after: offset, .. } => {
            let time = at(offset).unwrap_or_default();
            (time, within(time))
        }
    }
}

/// The number of first bytes that are read to determine the kind of a file.
const HEAD: usize = 32;

/// The kind of a file, according to its first bytes.
fn sniff(path: &Path) -> Result<FileKind, ArchiveError> {
    let mut head = Vec::new();
    regular::open(path)
        .and_then(|file| file.take(HEAD as u64).read_to_end(&mut head))
        .map_err(|error| ArchiveError::io("read", path, error))?;
    if head.starts_with(b"PAR1") {
        return Ok(FileKind::Segment);
    }
    if head.starts_with(b"TTJOURN\n") {
        return Ok(FileKind::Journal);
    }
    if nfcapd::is_nfcapd(&head) {
        return Ok(FileKind::Nfcapd);
    }
    let what = match head.is_empty() {
        true => "it is empty",
        false => "expected a segment, a journal or an nfcapd file, found something else",
    };
    Err(ArchiveError::Foreign { path: path.to_owned(), what: what.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn minutes(text: &str) -> Time {
        Time(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"PAR1").unwrap();
        }
        folder
    }

    fn listed(folder: &Path, bounds: Bounds, zone: &TimeZone) -> Vec<String> {
        let mut catalog = Catalog::default();
        catalog.add_folder(folder, bounds, zone);
        catalog.finish();
        assert!(catalog.problems.is_empty(), "{:?}", catalog.problems);
        let name = |entry: &CatalogEntry| {
            let path = entry.path.strip_prefix(folder).unwrap();
            path.to_string_lossy().into_owned()
        };
        catalog.entries.iter().map(name).collect()
    }

    #[test]
    fn files_are_listed_by_slot_whatever_their_kind_and_folder() {
        let files = [
            "flows.202611240350Z.parquet",
            "flows.202611240340Z-2.parquet",
            "2026/11/24/flows.202611240340Z.parquet",
            "rtr1/2026/11/24/nfcapd.202611240345",
            "flows.202611240355Z.journal",
            "flows.202611240350Z.journal",
            "flows.202611240400Z.parquet.tmp",
            "nfcapd.current.17",
            "notes.txt",
        ];
        let folder = folder(&files);
        let all = listed(folder.path(), Bounds::default(), &TimeZone::UTC);
        assert_eq!(all, [files[2], files[1], files[3], files[0], files[4]]);
        let bounds = Bounds {
            from: Some(minutes("2026-11-24T03:45:00Z")),
            to: Some(minutes("2026-11-24T03:50:00Z")),
        };
        assert_eq!(listed(folder.path(), bounds, &TimeZone::UTC), [files[3], files[0]]);
    }

    #[test]
    fn names_of_nfcapd_are_local_times() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let files = ["nfcapd.202610250155", "nfcapd.202610250230", "nfcapd.202610250305"];
        let folder = folder(&files);
        let bounds =
            |from: &str, to: &str| Bounds { from: Some(minutes(from)), to: Some(minutes(to)) };
        // 02:30 was at 00:30 and at 01:30 in UTC.
        for (from, to, want) in [
            ("2026-10-25T00:30:00Z", "2026-10-25T00:30:00Z", &files[1..2]),
            ("2026-10-25T01:30:00Z", "2026-10-25T02:05:00Z", &files[1..3]),
            ("2026-10-24T23:55:00Z", "2026-10-25T00:00:00Z", &files[0..1]),
            ("2026-10-25T00:45:00Z", "2026-10-25T01:00:00Z", &[]),
        ] {
            assert_eq!(listed(folder.path(), bounds(from, to), &berlin), want, "{from} {to}");
        }
    }

    #[test]
    fn a_journal_that_becomes_a_segment_during_the_listing_is_found_once() {
        let entry =
            |name: &str, kind| CatalogEntry { path: name.into(), kind, slot: None, part: 1 };
        let journal = |name: &str| entry(&format!("{name}.journal"), FileKind::Journal);
        let segment = |name: &str| entry(&format!("{name}.parquet"), FileKind::Segment);
        for (seen, want) in [
            (vec![journal("a")], vec![journal("a")]),
            (vec![journal("a"), segment("a")], vec![segment("a")]),
            (vec![segment("a"), segment("a")], vec![segment("a")]),
            (vec![segment("a"), journal("b")], vec![segment("a"), journal("b")]),
        ] {
            let mut catalog = Catalog { entries: seen, ..Catalog::default() };
            catalog.finish();
            let mut want = want;
            want.sort_by_key(|entry| entry.path.clone());
            assert_eq!(catalog.entries, want);
        }
    }

    #[test]
    fn a_single_file_is_recognised_by_its_bytes_and_counted_once() {
        let folder = folder(&["a.parquet", "flows.202611240340Z.parquet", "b"]);
        fs::write(folder.path().join("b"), b"hello").unwrap();
        let mut catalog = Catalog::default();
        let file = |name: &str| folder.path().join(name);
        catalog.add_file(&file("a.parquet"), &TimeZone::UTC).unwrap();
        catalog.add_file(&file("./a.parquet"), &TimeZone::UTC).unwrap();
        catalog.add_file(&file("flows.202611240340Z.parquet"), &TimeZone::UTC).unwrap();
        assert!(catalog.add_file(&file("b"), &TimeZone::UTC).is_err());
        assert!(catalog.add_file(&file("none"), &TimeZone::UTC).is_err());
        catalog.finish();
        let slots: Vec<_> = catalog.entries.iter().map(|entry| entry.slot).collect();
        assert_eq!(slots, [None, Some(minutes("2026-11-24T03:40:00Z"))]);
    }

    #[test]
    fn cyclic_links_end() {
        let folder = folder(&["2026/flows.202611240340Z.parquet"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("2026/again")).unwrap();
        let mut catalog = Catalog::default();
        catalog.add_folder(folder.path(), Bounds::default(), &TimeZone::UTC);
        catalog.add_folder(&folder.path().join("none"), Bounds::default(), &TimeZone::UTC);
        catalog.finish();
        // The missing folder `none` is the only problem.
        assert_eq!((catalog.entries.len(), catalog.problems.len()), (1, 1));
    }

    #[test]
    fn loops_of_links_list_each_folder_once() {
        let folder = folder(&["a/b/flows.202611240340Z.parquet", "c/flows.202611240345Z.parquet"]);
        for name in ["self", "a/up", "a/b/up", "a/other", "c/other", "c/self", "a/b/other"] {
            std::os::unix::fs::symlink(folder.path(), folder.path().join(name)).unwrap();
        }
        let mut catalog = Catalog::default();
        catalog.add_folder(folder.path(), Bounds::default(), &TimeZone::UTC);
        // Before duplicates are removed: each file was found once.
        assert_eq!((catalog.entries.len(), catalog.problems.len()), (2, 0));
        // A folder that is too deep is reported as before.
        let deep = folder.path().join("1/2/3/4/5/6/7/8/9");
        fs::create_dir_all(&deep).unwrap();
        let mut catalog = Catalog::default();
        catalog.add_folder(folder.path(), Bounds::default(), &TimeZone::UTC);
        assert_eq!((catalog.entries.len(), catalog.problems.len()), (2, 1));
    }
}
