//! The files in the folders of an archive: one walk for all who list them.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::ArchiveError;

/// Folders below the given one that are looked into: year, month, day and hour,
/// a folder for each exporter, and some to spare. Deeper ones are a mistake.
pub(super) const MAX_DEPTH: usize = 8;

/// Folders below its own that a recorder makes: year, month, day and hour at most.
const OWN_DEPTH: usize = 4;

/// How often a folder that changes meanwhile is listed.
const LISTINGS: usize = 3;

/// What a walk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WalkPurpose {
    /// Everything that can be read. Links are followed: archives are spread over disks
    /// with them. A folder that is too deep is a problem.
    Read,
    /// What a recorder wrote and may remove. Links are not followed, and folders deeper
    /// than its own not looked into: they may be anybody's.
    Own,
}

/// Which file or folder it is, whatever leads there: its device and its number.
pub(super) type Identity = (u64, u64);

/// `None` for what cannot be found.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

/// Calls `visit` with everything below `root` that is no folder, level by level. Each
/// folder is listed once, whichever links lead to it: so loops end, and a folder is met
/// by the shortest way first. A folder that cannot be listed is a problem, unless it
/// went meanwhile: expiry removes empty ones.
pub(super) fn walk(
    root: &Path,
    scope: WalkPurpose,
    problems: &mut Vec<ArchiveError>,
    mut visit: impl FnMut(PathBuf, FileType),
) {
    let mut waiting = VecDeque::from([(root.to_owned(), 0)]);
    let mut seen = HashSet::new();
    while let Some((folder, depth)) = waiting.pop_front() {
        // What cannot be found fails when it is listed, and says why.
        if identity(&folder).is_some_and(|folder| !seen.insert(folder)) {
            continue;
        }
        match scope {
            WalkPurpose::Read if depth > MAX_DEPTH => {
                let what = format!("more than {MAX_DEPTH} folders deep: not looked into");
                problems.push(ArchiveError::damaged(&folder, what));
                continue;
            }
            WalkPurpose::Own if depth > OWN_DEPTH => continue,
            _ => {}
        }
        let (entries, problem) = list(&folder);
        let problem = problem.filter(|e| depth == 0 || e.kind() != io::ErrorKind::NotFound);
        problems.extend(problem.map(|e| ArchiveError::io("read the folder", &folder, e)));
        for (name, kind) in entries {
            let path = folder.join(name);
            let follows = scope == WalkPurpose::Read && kind.is_symlink();
            if kind.is_dir() || follows && path.is_dir() {
                waiting.push_back((path, depth + 1));
            } else {
                visit(path, kind);
            }
        }
    }
}

/// Every file that a recorder may have written below `root`, sorted.
pub(super) fn own_files(root: &Path, problems: &mut Vec<String>) -> Vec<PathBuf> {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    walk(root, WalkPurpose::Own, &mut wrong, |path, kind| {
        if kind.is_file() {
            found.push(path);
        }
    });
    problems.extend(wrong.iter().map(ToString::to_string));
    found.sort_unstable();
    found
}

/// What is in a folder, and why there is not more. While a recorder makes segments of
/// journals, a listing may have come by before the one was there and after the other
/// had gone; so what has changed meanwhile is listed again.
fn list(folder: &Path) -> (Vec<(OsString, FileType)>, Option<io::Error>) {
    let changed = || fs::metadata(folder).ok().map(|data| (data.mtime(), data.mtime_nsec()));
    let mut entries = Vec::new();
    for listing in 0..LISTINGS {
        let before = changed();
        let found = fs::read_dir(folder).and_then(|list| {
            for found in list {
                let found = found?;
                // Gone since: it is no entry any more.
                entries.extend(found.file_type().ok().map(|kind| (found.file_name(), kind)));
            }
            Ok(())
        });
        if let Err(error) = found {
            return (entries, Some(error));
        }
        if listing > 0 {
            entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            entries.dedup_by(|(one, _), (other, _)| one == other);
        }
        if changed() == before {
            break;
        }
    }
    (entries, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_removed_is_no_link_and_no_deeper_than_a_recorder_writes() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = folder.path();
        fs::create_dir_all(root.join("1/2/3/4/5/6/7/8/9")).unwrap();
        for place in ["1/2/3/4/a", "1/2/3/4/5/b", "1/2/3/4/5/6/7/8/c", "1/2/3/4/5/6/7/8/9/d"] {
            fs::write(root.join(place), "").unwrap();
        }
        fs::write(other.path().join("e"), "").unwrap();
        std::os::unix::fs::symlink(other.path(), root.join("link")).unwrap();
        std::os::unix::fs::symlink(other.path().join("e"), root.join("f")).unwrap();
        let mut problems = Vec::new();
        assert_eq!(own_files(root, &mut problems), [root.join("1/2/3/4/a")]);
        assert!(problems.is_empty(), "{problems:?}");
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        walk(root, WalkPurpose::Read, &mut problems, |path, _| found.push(path));
        let names = ["f", "link/e", "1/2/3/4/a", "1/2/3/4/5/b", "1/2/3/4/5/6/7/8/c"];
        assert_eq!(found, names.map(|name| root.join(name)));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].path(), root.join("1/2/3/4/5/6/7/8/9"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let mut problems = Vec::new();
        assert!(own_files(&folder.path().join("none"), &mut problems).is_empty());
        assert_eq!(problems.len(), 1, "{problems:?}");
    }
}
