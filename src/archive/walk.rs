//! The files of an archive, as they are found in its folders.

use std::fs;
use std::path::{Path, PathBuf};

use super::ArchiveError;

/// Date folders lie this deep at most below that of the archive.
const MAX_LEVELS: usize = 4;

/// Every file below a folder of an archive; a folder that cannot be read is a problem.
pub(super) fn files(root: &Path, problems: &mut Vec<String>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, level)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            // Expiry removes empty folders meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && level > 0 => continue,
            Err(error) => {
                problems.push(ArchiveError::io("read", &folder, error).to_string());
                continue;
            }
        };
        for entry in entries.flatten() {
            // Links are not followed: they may lead out of the archive, or round.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && level < MAX_LEVELS => {
                    folders.push((entry.path(), level + 1));
                }
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort_unstable();
    found
}
