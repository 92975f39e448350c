//! The disk operations of a recorder, as traits, so that tests can make each of them fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A file that is being written.
pub trait DiskFile: Write + Send {
    /// Waits until the content is on the disk.
    ///
    /// # Errors
    /// Those of the operating system, as for all methods here.
    fn sync(&mut self) -> io::Result<()>;

    /// Requests a sync. A disk that syncs in another thread does not wait for it, and reports a
    /// failure at the next call.
    ///
    /// # Errors
    /// As for [`DiskFile::sync`], from this sync or an earlier one.
    fn sync_soon(&mut self) -> io::Result<()> {
        self.sync()
    }

    /// Truncates the file to `length` bytes and continues to write there.
    ///
    /// # Errors
    /// When it cannot be truncated.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Whether the file was removed in the meantime.
    fn is_gone(&self) -> bool;
}

/// A disk.
pub trait Disk: Send + Sync {
    /// Creates a file.
    ///
    /// # Errors
    /// Also when the file already exists.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Renames a file. An existing file is never replaced.
    ///
    /// # Errors
    /// Also when `to` already exists.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    /// # Errors
    /// Also when it does not exist.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Waits until the names in a folder are on the disk.
    ///
    /// # Errors
    /// When the folder cannot be opened or synced.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Like [`Disk::sync_folder`], but a disk that syncs in another thread does not wait; a
    /// failure is then reported by [`DiskFile::sync_soon`] of a file in that folder.
    ///
    /// # Errors
    /// When the folder cannot be opened or synced.
    fn sync_folder_soon(&self, path: &Path) -> io::Result<()> {
        self.sync_folder(path)
    }

    /// Creates the folders of the relative path `below`. The folder `root` must exist, so that
    /// nothing is written below the mount point of a disk that is not mounted.
    ///
    /// # Errors
    /// When `root` does not exist or a folder cannot be created.
    fn make_folders(&self, root: &Path, below: &Path) -> io::Result<()>;

    /// The number of bytes that can still be written to the disk of a folder.
    ///
    /// # Errors
    /// When the folder does not exist.
    fn free(&self, folder: &Path) -> io::Result<u64>;
}

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl DiskFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        use io::Seek;
        self.set_len(length)?;
        self.seek(io::SeekFrom::Start(length)).map(|_| ())
    }

    fn is_gone(&self) -> bool {
        self.metadata().is_ok_and(|data| data.nlink() == 0)
    }
}

impl RealDisk {
    /// Creates a file.
    ///
    /// # Errors
    /// Also when the file already exists.
    pub(crate) fn create_file(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(self.create_file(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        // A hard link fails if the name exists; renaming would replace the file.
        match fs::hard_link(from, to) {
            Ok(()) => fs::remove_file(from),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            // A file system without hard links. Only this recorder creates files with such
            // names, so checking first is enough.
            Err(_) if to.try_exists()? => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn make_folders(&self, root: &Path, below: &Path) -> io::Result<()> {
        if !fs::metadata(root)?.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        let mut folder = root.to_owned();
        for part in below.components() {
            let parent = folder.clone();
            folder.push(part);
            match fs::create_dir(&folder) {
                Ok(()) => self.sync_folder(&parent)?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    #[allow(clippy::useless_conversion, reason = "the types differ on 32-bit systems")]
    fn free(&self, folder: &Path) -> io::Result<u64> {
        let data = nix::sys::statvfs::statvfs(folder)?;
        Ok(u64::from(data.blocks_available()).saturating_mul(u64::from(data.fragment_size())))
    }
}

/// A buffered writer, for callers that write in small pieces.
pub(super) fn buffered(out: &mut dyn DiskFile) -> BufWriter<&mut dyn DiskFile> {
    BufWriter::with_capacity(1 << 20, out)
}
