//! Lists the files in the folders of an archive.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::ArchiveError;

/// The number of folder levels that are searched below the root: year, month, day and hour, a
/// folder per exporter, and three to spare. Deeper trees are taken for a mistake.
pub(super) const MAX_DEPTH: usize = 8;

/// The number of folder levels that a recorder creates below its root: at most year, month, day
/// and hour.
const RECORDER_DEPTH: usize = 4;

/// How often a folder that changes while it is listed is listed again.
const LISTINGS: usize = 3;

/// The purpose of a walk, which decides which links and folders it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WalkPurpose {
    /// To read everything. Symbolic links are followed, because archives are spread over disks
    /// with them. A folder that is too deep is reported as a problem.
    Read,
    /// To find what a recorder wrote and may remove. Symbolic links are not followed and
    /// folders deeper than the recorder's own are not searched: they may belong to others.
    Own,
}

/// Identifies a file or folder independently of its path: device and inode numbers.
pub(super) type Identity = (u64, u64);

/// The identity of a file or folder; `None` if it cannot be found.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

/// Calls `visit` for every file below `root`, level by level. Each folder is listed once even
/// if several links lead to it, so that loops end; it is reached by the shortest path. A folder
/// that cannot be listed is a problem, unless it disappeared in the meantime: expiry removes
/// empty folders.
pub(super) fn walk(
    root: &Path,
    scope: WalkPurpose,
    problems: &mut Vec<ArchiveError>,
    mut visit: impl FnMut(PathBuf, FileType),
) {
    let mut waiting = VecDeque::from([(root.to_owned(), 0)]);
    let mut seen = HashSet::new();
    while let Some((folder, depth)) = waiting.pop_front() {
        // A folder that cannot be found fails when it is listed, with the reason.
        if identity(&folder).is_some_and(|folder| !seen.insert(folder)) {
            continue;
        }
        match scope {
            WalkPurpose::Read if depth > MAX_DEPTH => {
                let what = format!("more than {MAX_DEPTH} folders deep, not searched");
                problems.push(ArchiveError::damaged(&folder, what));
                continue;
            }
            WalkPurpose::Own if depth > RECORDER_DEPTH => continue,
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

/// All regular files below `root` that a recorder may have written, sorted by path.
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

/// The entries of a folder, and the error that ended the listing. While a recorder turns
/// journals into segments, a listing can miss both: it may pass before the segment exists and
/// after the journal is removed. Therefore a folder that changed while it was listed is listed
/// again.
fn list(folder: &Path) -> (Vec<(OsString, FileType)>, Option<io::Error>) {
    let changed = || fs::metadata(folder).ok().map(|data| (data.mtime(), data.mtime_nsec()));
    let mut entries = Vec::new();
    for listing in 0..LISTINGS {
        let before = changed();
        let found = fs::read_dir(folder).and_then(|list| {
            for found in list {
                let found = found?;
                // The entry was removed after it was listed.
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
    fn own_files_follow_no_links_and_no_deeper_folders() {
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
    fn a_missing_folder_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let mut problems = Vec::new();
        assert!(own_files(&folder.path().join("none"), &mut problems).is_empty());
        assert_eq!(problems.len(), 1, "{problems:?}");
    }
}
