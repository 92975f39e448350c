//! Syncs journals on a separate thread.
//!
//! A sync waits for the disk, on a busy one for seconds. Data that the kernel has is safe if this
//! process dies, so the recorder continues to write while an earlier sync is under way.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::archive::recorder::{Disk, DiskFile, RealDisk};

/// Maximum number of folders whose failure is stored until the recorder asks. It asks for each
/// folder that it writes to within a second.
const MAX_FAILURES: usize = super::plan::MAX_FOLDERS;

/// A sync to be done.
enum Job {
    /// A journal; each is queued at most once ([`Journal::is_queued`]).
    File(Arc<Journal>),
    Folder(PathBuf),
}

/// A journal as both threads see it.
struct Journal {
    file: File,
    folder: PathBuf,
    /// Whether a sync is queued that has not begun.
    is_queued: AtomicBool,
}

/// The last failure in each folder, until the recorder has read it.
type SyncFailures = Arc<Mutex<HashMap<PathBuf, io::Error>>>;

/// The disk of this machine. A separate thread syncs its journals.
pub(super) struct SyncingDisk {
    jobs: Sender<Job>,
    failures: SyncFailures,
}

impl SyncingDisk {
    /// Starts the thread, which ends when all users of the disk are gone.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start() -> io::Result<SyncingDisk> {
        SyncingDisk::with(File::sync_data)
    }

    fn with(sync: impl Fn(&File) -> io::Result<()> + Send + 'static) -> io::Result<SyncingDisk> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let failures = SyncFailures::default();
        let failed = failures.clone();
        std::thread::Builder::new().name("sync".to_owned()).spawn(move || {
            for job in todo {
                let (result, folder) = match job {
                    Job::File(journal) => {
                        // Data written from here on needs another sync.
                        journal.is_queued.store(false, Ordering::SeqCst);
                        (sync(&journal.file), journal.folder.clone())
                    }
                    Job::Folder(folder) => (RealDisk.sync_folder(&folder), folder),
                };
                if let Err(error) = result {
                    let mut failed = locked(&failed);
                    if failed.len() < MAX_FAILURES || failed.contains_key(&folder) {
                        failed.insert(folder, error);
                    }
                }
            }
        })?;
        Ok(SyncingDisk { jobs, failures })
    }
}

fn locked(failures: &SyncFailures) -> MutexGuard<'_, HashMap<PathBuf, io::Error>> {
    failures.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A journal as the recorder writes it.
struct SyncingOut {
    out: Box<dyn DiskFile>,
    journal: Arc<Journal>,
    jobs: Sender<Job>,
    failures: SyncFailures,
}

impl Write for SyncingOut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl DiskFile for SyncingOut {
    fn sync(&mut self) -> io::Result<()> {
        self.out.sync()
    }

    fn sync_soon(&mut self) -> io::Result<()> {
        if let Some(error) = locked(&self.failures).remove(&self.journal.folder) {
            return Err(error);
        }
        if self.journal.is_queued.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        match self.jobs.send(Job::File(self.journal.clone())) {
            Ok(()) => Ok(()),
            // The thread is gone, which is a defect. Syncing here is slower but safe.
            Err(_) => self.out.sync(),
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.out.cut(length)
    }

    fn is_gone(&self) -> bool {
        self.out.is_gone()
    }
}

impl Disk for SyncingDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let out = RealDisk.create_file(path)?;
        let journal = Journal {
            file: out.try_clone()?,
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            is_queued: AtomicBool::new(false),
        };
        Ok(Box::new(SyncingOut {
            out: Box::new(out),
            journal: Arc::new(journal),
            jobs: self.jobs.clone(),
            failures: self.failures.clone(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_folder(path)
    }

    fn sync_folder_soon(&self, path: &Path) -> io::Result<()> {
        match self.jobs.send(Job::Folder(path.to_owned())) {
            Ok(()) => Ok(()),
            Err(_) => RealDisk.sync_folder(path),
        }
    }

    fn make_folders(&self, root: &Path, below: &Path) -> io::Result<()> {
        RealDisk.make_folders(root, below)
    }

    fn free(&self, folder: &Path) -> io::Result<u64> {
        RealDisk.free(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk whose syncs begin and end when the test says so, with the result it sends.
    fn slow() -> (SyncingDisk, mpsc::Receiver<()>, Sender<io::Result<()>>) {
        let (begun, begins) = mpsc::channel();
        let (end, ends) = mpsc::channel();
        let disk = SyncingDisk::with(move |_| {
            let _ = begun.send(());
            ends.recv().unwrap_or(Ok(()))
        });
        (disk.unwrap(), begins, end)
    }

    #[test]
    fn writes_do_not_wait_for_a_slow_sync() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, begins, end) = slow();
        let path = folder.path().join("journal");
        let mut out = disk.create(&path).unwrap();
        out.write_all(b"one").unwrap();
        out.sync_soon().unwrap();
        begins.recv().unwrap();
        // The disk is busy with the first block.
        for _ in 0..100 {
            out.write_all(b"more").unwrap();
            out.sync_soon().unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap().len(), 3 + 400);
        end.send(Ok(())).unwrap();
        // One sync covers everything that was written meanwhile.
        begins.recv().unwrap();
        end.send(Ok(())).unwrap();
        drop(out);
        drop((disk, end));
        assert!(begins.recv().is_err(), "no third one");
    }

    #[test]
    fn a_failed_sync_is_reported_at_the_next_sync_in_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let (disk, begins, end) = slow();
        let mut out = disk.create(&folder.path().join("journal")).unwrap();
        let mut others = disk.create(&other.path().join("journal")).unwrap();
        out.sync_soon().unwrap();
        begins.recv().unwrap();
        end.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        // The next sync begins when the failure of the first has been noted.
        others.sync_soon().unwrap();
        begins.recv().unwrap();
        others.sync_soon().unwrap();
        let error = out.sync_soon().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        out.sync_soon().unwrap();
        drop(end);
    }
}
