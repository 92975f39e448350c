//! One recorder for a folder.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::{ArchiveError, regular};

/// The file whose lock a recorder holds; it says its process id.
pub const NAME: &str = ".toptalk-recorder";

/// Holds the lock of a folder until it is dropped, or the process ends however it may.
#[derive(Debug)]
pub struct Lock {
    file: Flock<File>,
    path: PathBuf,
}

/// Why a folder cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("{folder} is being recorded into by process {holder}; one folder has one recorder")]
    Held { folder: PathBuf, holder: String },
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl Lock {
    /// Locks a folder for the process of this id.
    ///
    /// # Errors
    /// When another process holds it, or the file cannot be written.
    pub fn take(folder: &Path, process: u32) -> Result<Lock, LockError> {
        let path = folder.join(NAME);
        let failed = |doing, error| ArchiveError::io(doing, &path, error);
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|error| failed("open", error))?;
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((file, Errno::EWOULDBLOCK)) => {
                let holder = said_in(file);
                return Err(LockError::Held { folder: folder.to_owned(), holder });
            }
            Err((_, errno)) => return Err(failed("lock", errno.into()).into()),
        };
        let said = file.set_len(0).and_then(|()| file.rewind());
        // On a full disk the lock holds, though nobody can read whose it is.
        let _ = said.and_then(|()| writeln!(file, "{process}"));
        Ok(Lock { file, path })
    }

    /// Whether the file is still there, not removed nor another in its place.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        let place = |data: std::fs::Metadata| (data.dev(), data.ino());
        let held = self.file.metadata().map(place);
        matches!((held, std::fs::metadata(&self.path).map(place)), (Ok(a), Ok(b)) if a == b)
    }
}

/// The process that records into a folder, by what it says of itself; `None`
/// when none does, as far as one may look.
#[must_use]
pub fn holder(folder: &Path) -> Option<String> {
    let file = regular::open(&folder.join(NAME)).ok()?;
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Err((file, Errno::EWOULDBLOCK)) => Some(said_in(file)),
        _ => None,
    }
}

/// What the holder of a lock says of itself.
fn said_in(mut file: File) -> String {
    let mut said = String::new();
    // What it says is a help only; without it the answer is the same.
    let _ = Read::by_ref(&mut file).take(20).read_to_string(&mut said);
    let is_number = |said: &&str| said.parse::<u32>().is_ok();
    Some(said.trim()).filter(is_number).unwrap_or("(unknown)").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_learns_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path(), 4711).unwrap();
        assert!(lock.is_in_place());
        let error = Lock::take(folder.path(), 1).unwrap_err().to_string();
        assert!(error.contains("process 4711"), "{error}");
        std::fs::write(folder.path().join(NAME), "\u{1b}[2J nonsense").unwrap();
        let error = Lock::take(folder.path(), 1).unwrap_err().to_string();
        assert!(error.contains("process (unknown)"), "{error}");
        std::fs::remove_file(folder.path().join(NAME)).unwrap();
        assert!(!lock.is_in_place());
        drop(lock);
        let again = Lock::take(folder.path(), 12).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join(NAME)).unwrap(), "12\n");
        drop(again);
        let error = Lock::take(&folder.path().join("none"), 1).unwrap_err();
        assert!(matches!(error, LockError::Archive(ArchiveError::Io { .. })));
    }
}
