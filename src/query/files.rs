//! Selects files: `-R`, `-r` and `-M`.

use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::when::{self, WhenError};
use crate::archive::ArchiveError;
use crate::archive::catalog::{Bounds, Catalog};
use crate::archive::name::{self, SlotTime};
use crate::flow::Time;

/// The largest number of folders in `-M`.
const MAX_FOLDERS: usize = 256;

/// Why the selection of files is invalid.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A name in `-R` that is neither a folder nor a file name with a time.
    #[error(
        "-R {range}: expected an existing folder, or names such as flows.202611240340Z.parquet or nfcapd.202611240340, found `{found}`; use -r FILE for a single file of any name"
    )]
    Name {
        /// The value of `-R`.
        range: String,
        /// The wrong name.
        found: String,
    },
    /// A name in `-R` whose local time is ambiguous or was skipped.
    #[error("-R {range}: `{name}`: {source}")]
    Time {
        /// The value of `-R`.
        range: String,
        /// The name.
        name: String,
        /// What is wrong with the time.
        source: Box<WhenError>,
    },
    /// A last name in `-R` that is not below the folder of the first.
    #[error(
        "-R {range}: expected the last name alone, or below the folder of the first, such as /x/04/FIRST:05/LAST, found `{last}`"
    )]
    Last {
        /// The value of `-R`.
        range: String,
        /// The last name.
        last: String,
    },
    /// A first name in `-R` with fewer folders than the last.
    #[error(
        "-R {range}: expected as many folders before the first name as before the last, such as /x/04/FIRST:05/LAST, found `{first}`"
    )]
    Depth {
        /// The value of `-R`.
        range: String,
        /// The first name.
        first: String,
    },
    /// A range whose first slot is later than the last.
    #[error("-R {range}: the first slot is later than the last")]
    Backwards {
        /// The value of `-R`.
        range: String,
    },
    /// Invalid folders in `-M`.
    #[error(
        "-M {0}: expected folders such as /path/a:b:c, all in the folder of the first, at most {MAX_FOLDERS}"
    )]
    Folders(String),
    /// A path in `-r` or `-R` that leaves the folders of `-M`.
    #[error(
        "with -M, -r and -R are names in each of its folders; `{0}` is an absolute path or leads out of them"
    )]
    Whole(String),
    /// A file that cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// The value of `-R`: a folder and its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The folder.
    pub folder: PathBuf,
    /// The slots.
    pub bounds: Bounds,
}

/// Parses `-R`; `is_folder` tells whether a path is an existing folder.
///
/// # Errors
/// When a name has no time, or a local time that is ambiguous or was skipped.
pub fn range(
    text: &str,
    zone: &TimeZone,
    is_folder: &dyn Fn(&Path) -> bool,
) -> Result<Range, FilesError> {
    if is_folder(Path::new(text)) {
        return Ok(Range { folder: text.into(), bounds: Bounds::default() });
    }
    let (first, last) = match text.split_once(':') {
        Some((first, last)) => (first, Some(last)),
        None => (text, None),
    };
    let time = |path: &str| slot(text, path, zone);
    let from = time(first)?;
    let to = last.map(time).transpose()?;
    if to.is_some_and(|to| to < from) {
        return Err(FilesError::Backwards { range: text.to_owned() });
    }
    let folder = common(text, first, last)?;
    Ok(Range { folder, bounds: Bounds { from: Some(from), to } })
}

/// The folder that contains both names of a range. The last name may be in other folders than
/// the first, with the same number of levels.
fn common(text: &str, first: &str, last: Option<&str>) -> Result<PathBuf, FilesError> {
    let folder = Path::new(first).parent().unwrap_or(Path::new(""));
    let above = last.and_then(|last| last.rsplit_once('/')).map(|(folders, _)| folders);
    let levels = match above {
        None => 0,
        Some(folders) if folders.split('/').all(is_plain) => folders.split('/').count(),
        Some(_) => {
            let last = last.unwrap_or_default().to_owned();
            return Err(FilesError::Last { range: text.to_owned(), last });
        }
    };
    let parts: Vec<Component> = folder.components().collect();
    let (common, own) = parts.split_at(parts.len().saturating_sub(levels));
    if own.len() < levels || !own.iter().all(|part| matches!(part, Component::Normal(_))) {
        return Err(FilesError::Depth { range: text.to_owned(), first: first.to_owned() });
    }
    let folder: PathBuf = common.iter().collect();
    Ok(if folder.as_os_str().is_empty() { ".".into() } else { folder })
}

/// Whether a name is a plain folder name, not `.` or `..`.
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
}

/// Whether a path leaves the folder it starts in.
fn leads_out(path: &Path) -> bool {
    path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
}

/// The beginning of a file's slot, according to its name.
fn slot(range: &str, path: &str, zone: &TimeZone) -> Result<Time, FilesError> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name::parse(name).map(|named| named.slot) {
        Some(SlotTime::Utc(time)) => Ok(time),
        Some(SlotTime::Local(wall)) => when::at(wall, zone).map_err(|source| FilesError::Time {
            range: range.to_owned(),
            name: name.to_owned(),
            source: Box::new(source.with_spelling(in_utc)),
        }),
        None => Err(FilesError::Name { range: range.to_owned(), found: name.to_owned() }),
    }
}

/// A time as a file name in UTC, which is unambiguous.
fn in_utc(moment: String) -> String {
    let Ok(stamp) = moment.parse::<Timestamp>() else { return moment };
    let slot = Time(stamp.as_millisecond());
    let name = name::segment(slot, slot.0.rem_euclid(60_000) != 0, 1);
    format!("{name} ({moment})")
}

/// Parses `-M`: `/a/b:c:d` means `/a/b`, `/a/c` and `/a/d` (nfdump(1)).
///
/// # Errors
/// When there is no folder or there are too many.
pub fn folders(text: &str) -> Result<Vec<PathBuf>, FilesError> {
    let wrong = || FilesError::Folders(text.to_owned());
    let mut names = text.split(':');
    let first = Path::new(names.next().filter(|first| !first.is_empty()).ok_or_else(wrong)?);
    let parent = first.parent().unwrap_or(Path::new(""));
    let mut folders = vec![first.to_owned()];
    for name in names {
        if name.is_empty() || leads_out(Path::new(name)) || folders.len() >= MAX_FOLDERS {
            return Err(wrong());
        }
        folders.push(parent.join(name));
    }
    Ok(folders)
}

/// The files that are selected on the command line.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSelection<'a> {
    /// A single file (`-r`).
    pub one: Option<&'a Path>,
    /// A range (`-R`).
    pub range: Option<&'a str>,
    /// Several folders (`-M`).
    pub folders: Option<&'a str>,
}

/// The folders that are searched, so that a recorder of one of them can be told to flush its
/// journal. Empty if the selection is invalid, which [`list`] reports.
#[must_use]
pub fn searched_folders(
    selection: FileSelection,
    usual: &Path,
    zone: &TimeZone,
    is_folder: &dyn Fn(&Path) -> bool,
) -> Vec<PathBuf> {
    match (selection.folders, selection.range) {
        (Some(text), _) => folders(text).unwrap_or_default(),
        (None, Some(text)) => {
            range(text, zone, is_folder).map(|range| vec![range.folder]).unwrap_or_default()
        }
        (None, None) => vec![usual.to_owned()],
    }
}

/// Lists the selected files; without a selection, those in the folder `usual`.
///
/// # Errors
/// When the selection is invalid or the single file cannot be read. A folder that cannot be
/// read is a problem in the catalog.
pub fn list(
    selection: FileSelection,
    usual: &Path,
    zone: &TimeZone,
    is_folder: &dyn Fn(&Path) -> bool,
) -> Result<Catalog, FilesError> {
    let mut catalog = Catalog::default();
    let mut add = |one: Option<&Path>, path: Option<&str>, below: Option<&Path>| {
        if let Some(path) = one {
            if is_folder(path) {
                catalog.add_folder(path, Bounds::default(), zone);
            } else {
                catalog.add_file(path, zone)?;
            }
            return Ok::<_, FilesError>(());
        }
        let Range { folder, bounds } = match (path, below) {
            (Some(path), Some(below)) => {
                let whole = below.join(path);
                range(&whole.to_string_lossy(), zone, is_folder)?
            }
            (Some(path), None) => range(path, zone, is_folder)?,
            (None, below) => {
                let folder = below.unwrap_or(usual).to_owned();
                Range { folder, bounds: Bounds::default() }
            }
        };
        catalog.add_folder(&folder, bounds, zone);
        Ok(())
    };
    match selection.folders {
        None => add(selection.one, selection.range, None)?,
        Some(text) => {
            let path = selection.one.or(selection.range.map(Path::new));
            if let Some(path) = path.filter(|path| leads_out(path)) {
                return Err(FilesError::Whole(path.display().to_string()));
            }
            for folder in folders(text)? {
                let one = selection.one.map(|one| folder.join(one));
                add(one.as_deref(), selection.range, Some(&folder))?;
            }
        }
    }
    catalog.finish();
    Ok(catalog)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Option<Time> {
        Some(Time(text.parse::<jiff::Timestamp>().unwrap().as_millisecond()))
    }

    #[test]
    fn ranges_are_nfdumps() {
        let is_folder = |path: &Path| path == Path::new("/a") || path == Path::new("rel");
        let read = |text| {
            let Range { folder, bounds } = range(text, &TimeZone::UTC, &is_folder).unwrap();
            (folder.to_string_lossy().into_owned(), bounds.from, bounds.to)
        };
        let from = utc("2016-04-10T12:00:00Z");
        let to = utc("2016-04-17T12:00:00Z");
        for (text, want) in [
            ("/a", ("/a", None, None)),
            ("/a/nfcapd.201604101200:nfcapd.201604171200", ("/a", from, to)),
            ("/a/flows.201604101200Z.parquet:nfcapd.201604171200", ("/a", from, to)),
            ("/a/nfcapd.201604101200", ("/a", from, None)),
            ("/a/04/10/nfcapd.201604101200:04/17/nfcapd.201604171200", ("/a", from, to)),
            ("nfcapd.201604101200:nfcapd.201604171200", (".", from, to)),
            ("rel", ("rel", None, None)),
        ] {
            assert_eq!(read(text), (want.0.to_owned(), want.1, want.2), "{text}");
        }
    }

    #[test]
    fn invalid_ranges_are_refused_with_what_is_expected() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        for (text, expected) in [
            ("/a/first:last", "nfcapd.202611240340"),
            ("/none", "found `none`"),
            ("/a/nfcapd.201604171200:nfcapd.201604101200", "later than the last"),
            ("/a/nfcapd.202610250230", "2026-10-25T02:30:00+01:00"),
            ("/a/nfcapd.202610250230", "2026-10-25T02:30:00+02:00"),
            ("/a/nfcapd.202603290230:nfcapd.202604010000", "did not occur"),
            ("/a/nfcapd.201604101200:/a/nfcapd.201604171200", "`/a/nfcapd.201604171200`"),
            ("/a/nfcapd.201604101200:../b/nfcapd.201604171200", "below the folder"),
            ("/a/nfcapd.201604101200:b//nfcapd.201604171200", "below the folder"),
            ("/a/04/nfcapd.201604101200:./nfcapd.201604171200", "below the folder"),
            ("/nfcapd.201604101200:b/nfcapd.201604171200", "as many folders"),
            ("nfcapd.201604101200:04/nfcapd.201604171200", "as many folders"),
            ("../nfcapd.201604101200:04/nfcapd.201604171200", "as many folders"),
            ("/a/../nfcapd.201604101200:04/nfcapd.201604171200", "as many folders"),
            // The names that are unambiguous.
            ("/a/nfcapd.202610250230", "flows.202610250030Z.parquet"),
            ("/a/nfcapd.202610250230", "flows.202610250130Z.parquet"),
        ] {
            let message = range(text, &berlin, &|_| false).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn several_folders_have_the_same_parent() {
        let read = |text| {
            folders(text).map(|all| {
                all.iter().map(|one| one.display().to_string()).collect::<Vec<_>>().join(" ")
            })
        };
        assert_eq!(read("/a/b:c:d").unwrap(), "/a/b /a/c /a/d");
        assert_eq!(read("b:c").unwrap(), "b c");
        assert_eq!(read("/a").unwrap(), "/a");
        assert!(read("").is_err() && read("/a/b:").is_err());
        assert!(
            read("/a/b:/c").is_err() && read("/a/b:../c").is_err(),
            "not in the folder of the first"
        );
        for climbing in ["../x", "x/../../y"] {
            let selection =
                FileSelection { range: Some(climbing), folders: Some("/a:b"), one: None };
            assert!(
                list(selection, Path::new("/"), &TimeZone::UTC, &|_| true).is_err(),
                "{climbing}"
            );
            let selection =
                FileSelection { one: Some(Path::new(climbing)), range: None, ..selection };
            assert!(
                list(selection, Path::new("/"), &TimeZone::UTC, &|_| true).is_err(),
                "{climbing}"
            );
        }
        let selection = FileSelection { range: Some("/x"), folders: Some("/a:b"), one: None };
        let error = list(selection, Path::new("/"), &TimeZone::UTC, &|_| false).unwrap_err();
        assert!(error.to_string().contains("absolute path"), "{error}");
    }
}
