//! The lock that admits one recorder per folder.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::{ArchiveError, regular};

/// The name of the lock file. It contains the process id of the recorder that holds the lock.
pub const NAME: &str = ".toptalk-recorder";

/// The lock of a folder. It is released on drop, or by the operating system when the process
/// ends in any way.
#[derive(Debug)]
pub struct Lock {
    file: Flock<File>,
    path: PathBuf,
}

/// Why a folder cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds the lock.
    #[error(
        "{folder} is already used by the recorder with process id {holder}; a folder can have only one recorder"
    )]
    Held {
        /// The folder.
        folder: PathBuf,
        /// The process id, or `(unknown)`.
        holder: String,
    },
    /// The lock file cannot be opened.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl Lock {
    /// Locks a folder. `process` is the process id that is written into the lock file.
    ///
    /// # Errors
    /// When another process holds the lock, or the lock file cannot be opened.
    pub fn take(folder: &Path, process: u32) -> Result<Lock, LockError> {
        let path = folder.join(NAME);
        let failed = |doing, error| ArchiveError::io(doing, &path, error);
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|error| failed("open", error))?;
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((file, Errno::EWOULDBLOCK)) => {
                let holder = process_id_in(file);
                return Err(LockError::Held { folder: folder.to_owned(), holder });
            }
            Err((_, errno)) => return Err(failed("lock", errno.into()).into()),
        };
        let emptied = file.set_len(0).and_then(|()| file.rewind());
        // On a full disk the lock still holds, but the lock file does not show the process id.
        let _ = emptied.and_then(|()| writeln!(file, "{process}"));
        Ok(Lock { file, path })
    }

    /// Whether the lock file still exists under its name and is the file that was locked.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        let identity = |data: std::fs::Metadata| (data.dev(), data.ino());
        let locked = self.file.metadata().map(identity);
        matches!((locked, std::fs::metadata(&self.path).map(identity)), (Ok(a), Ok(b)) if a == b)
    }
}

/// The process id of the recorder that uses a folder, read from the lock file. `None` if there
/// is no recorder, or if the lock file cannot be opened.
#[must_use]
pub fn holder(folder: &Path) -> Option<String> {
    let file = regular::open(&folder.join(NAME)).ok()?;
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Err((file, Errno::EWOULDBLOCK)) => Some(process_id_in(file)),
        _ => None,
    }
}

/// The process id in a lock file, or `(unknown)`.
fn process_id_in(mut file: File) -> String {
    let mut text = String::new();
    // The process id is only shown to people; an unreadable one changes nothing else.
    let _ = Read::by_ref(&mut file).take(20).read_to_string(&mut text);
    let is_number = |text: &&str| text.parse::<u32>().is_ok();
    Some(text.trim()).filter(is_number).unwrap_or("(unknown)").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_process_that_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path(), 4711).unwrap();
        assert!(lock.is_in_place());
        let error = Lock::take(folder.path(), 1).unwrap_err().to_string();
        assert!(error.contains("process id 4711"), "{error}");
        std::fs::write(folder.path().join(NAME), "\u{1b}[2J nonsense").unwrap();
        let error = Lock::take(folder.path(), 1).unwrap_err().to_string();
        assert!(error.contains("process id (unknown)"), "{error}");
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
