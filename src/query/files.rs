//! `-R`, `-r` and `-M`: which files are meant.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::when::{self, WhenError};
use crate::archive::ArchiveError;
use crate::archive::catalog::{Bounds, Catalog};
use crate::archive::name::{self, Stamp};
use crate::flow::Time;

/// Folders of `-M` at most.
const MAX_FOLDERS: usize = 256;

/// Why the files that are meant cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error(
        "-R {range}: expected a folder there is, or names as flows.202611240340Z.parquet or nfcapd.202611240340, found `{found}`; one file of any name is -r FILE"
    )]
    Name { range: String, found: String },
    #[error(
        "-R {range}: `{name}`: {source}; write the name of a file of ours, which are in UTC, or --from and --to"
    )]
    Time { range: String, name: String, source: Box<WhenError> },
    #[error("-R {range}: the first slot is later than the last")]
    Backwards { range: String },
    #[error("-M {0}: expected folders as /path/a:b:c, {MAX_FOLDERS} at most")]
    Folders(String),
    #[error("with -M, -r and -R are names in each of its folders; `{0}` is a whole path")]
    Whole(String),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// What `-R` says: a folder and the slots of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    pub folder: PathBuf,
    pub bounds: Bounds,
}

/// Reads `-R`; `is_folder` says of a path whether there is such a folder.
///
/// # Errors
/// When a name says no time, or one that the clock on the wall showed twice or never.
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
    // The last one may lie in other folders below the same one.
    let levels = last.map_or(0, |last| last.matches('/').count());
    let mut folder = Path::new(first).parent().unwrap_or(Path::new(""));
    for _ in 0..levels {
        folder = folder.parent().unwrap_or(Path::new(""));
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    Ok(Range { folder: folder.to_owned(), bounds: Bounds { from: Some(from), to } })
}

/// When the slot of a file began, by its name.
fn slot(range: &str, path: &str, zone: &TimeZone) -> Result<Time, FilesError> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name::parse(name).map(|named| named.slot) {
        Some(Stamp::Utc(time)) => Ok(time),
        Some(Stamp::Local(wall)) => when::at(wall, zone).map_err(|source| FilesError::Time {
            range: range.to_owned(),
            name: name.to_owned(),
            source: Box::new(source),
        }),
        None => Err(FilesError::Name { range: range.to_owned(), found: name.to_owned() }),
    }
}

/// The folders of `-M`: `/a/b:c:d` are `/a/b`, `/a/c` and `/a/d` (nfdump(1)).
///
/// # Errors
/// When there are none or too many.
pub fn folders(text: &str) -> Result<Vec<PathBuf>, FilesError> {
    let wrong = || FilesError::Folders(text.to_owned());
    let mut names = text.split(':');
    let first = Path::new(names.next().filter(|first| !first.is_empty()).ok_or_else(wrong)?);
    let parent = first.parent().unwrap_or(Path::new(""));
    let mut folders = vec![first.to_owned()];
    for name in names {
        if name.is_empty() || folders.len() >= MAX_FOLDERS {
            return Err(wrong());
        }
        folders.push(parent.join(name));
    }
    Ok(folders)
}

/// Which files are asked, as the command line says it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    pub one: Option<&'a Path>,
    pub range: Option<&'a str>,
    pub folders: Option<&'a str>,
}

/// Lists the files that are asked; without any word those of `usual`.
///
/// # Errors
/// When the words are wrong, or the one file cannot be read. A folder that cannot
/// be read is a problem of the catalog.
pub fn list(
    asked: Asked,
    usual: &Path,
    zone: &TimeZone,
    is_folder: &dyn Fn(&Path) -> bool,
) -> Result<Catalog, FilesError> {
    let mut catalog = Catalog::default();
    let mut add = |one: Option<&Path>, words: Option<&str>, below: Option<&Path>| {
        if let Some(path) = one {
            if is_folder(path) {
                catalog.add_folder(path, Bounds::default(), zone);
            } else {
                catalog.add_file(path, zone)?;
            }
            return Ok::<_, FilesError>(());
        }
        let Range { folder, bounds } = match (words, below) {
            (Some(words), Some(below)) => {
                let whole = below.join(words);
                range(&whole.to_string_lossy(), zone, is_folder)?
            }
            (Some(words), None) => range(words, zone, is_folder)?,
            (None, below) => {
                let folder = below.unwrap_or(usual).to_owned();
                Range { folder, bounds: Bounds::default() }
            }
        };
        catalog.add_folder(&folder, bounds, zone);
        Ok(())
    };
    match asked.folders {
        None => add(asked.one, asked.range, None)?,
        Some(text) => {
            let whole = asked.one.map(|one| one.to_string_lossy().into_owned());
            let whole = whole.or(asked.range.map(str::to_owned));
            if let Some(whole) = whole.filter(|whole| whole.starts_with('/')) {
                return Err(FilesError::Whole(whole));
            }
            for folder in folders(text)? {
                let one = asked.one.map(|one| folder.join(one));
                add(one.as_deref(), asked.range, Some(&folder))?;
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
    fn wrong_ranges_are_refused_with_what_was_expected() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        for (text, expected) in [
            ("/a/first:last", "nfcapd.202611240340"),
            ("/none", "found `none`"),
            ("/a/nfcapd.201604171200:nfcapd.201604101200", "later than the last"),
            ("/a/nfcapd.202610250230", "2026-10-25T02:30:00+01:00"),
            ("/a/nfcapd.202610250230", "2026-10-25T02:30:00+02:00"),
            ("/a/nfcapd.202603290230:nfcapd.202604010000", "never was"),
        ] {
            let message = range(text, &berlin, &|_| false).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn several_folders_have_one_parent() {
        let read = |text| {
            folders(text).map(|all| {
                all.iter().map(|one| one.display().to_string()).collect::<Vec<_>>().join(" ")
            })
        };
        assert_eq!(read("/a/b:c:d").unwrap(), "/a/b /a/c /a/d");
        assert_eq!(read("b:c").unwrap(), "b c");
        assert_eq!(read("/a").unwrap(), "/a");
        assert!(read("").is_err() && read("/a/b:").is_err());
        let asked = Asked { range: Some("/x"), folders: Some("/a:b"), one: None };
        let error = list(asked, Path::new("/"), &TimeZone::UTC, &|_| false).unwrap_err();
        assert!(error.to_string().contains("whole path"), "{error}");
    }
}
