//! What a recorder does to a disk: few enough things that tests can let each fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A file that is written.
pub trait DiskFile: Write + Send {
    /// Waits until the disk has it.
    ///
    /// # Errors
    /// Those of the operating system, as everywhere here.
    fn sync(&mut self) -> io::Result<()>;

    /// Asks the disk to take what was written. A disk that syncs beside others does not
    /// wait for it, and tells of a failure at the next call.
    ///
    /// # Errors
    /// As [`Out::sync`], of this sync or of an earlier one.
    fn sync_soon(&mut self) -> io::Result<()> {
        self.sync()
    }

    /// Cuts it to so many bytes and goes on there.
    ///
    /// # Errors
    /// When it cannot be cut.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Whether someone removed it meanwhile.
    fn is_gone(&self) -> bool;
}

/// A disk.
pub trait Disk: Send + Sync {
    /// Creates a file that must not exist.
    ///
    /// # Errors
    /// Also when it exists.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file a name that must not exist.
    ///
    /// # Errors
    /// Also when that name is taken: nothing is ever replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// # Errors
    /// Also when it does not exist.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Waits until the disk knows the names in a folder.
    ///
    /// # Errors
    /// When the folder cannot be opened or synced.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// As [`Disk::sync_folder`], without waiting where the disk syncs beside others; a
    /// failure is then told by [`Out::sync_soon`] of a file in that folder.
    ///
    /// # Errors
    /// When the folder cannot be opened or synced.
    fn sync_folder_soon(&self, path: &Path) -> io::Result<()> {
        self.sync_folder(path)
    }

    /// Makes the folders below `root` that a path needs; `root` must be there:
    /// a disk that is not mounted must not be written beside.
    ///
    /// # Errors
    /// When `root` is not there or a folder cannot be made.
    fn make_folders(&self, root: &Path, below: &Path) -> io::Result<()>;

    /// Bytes that may still be written.
    ///
    /// # Errors
    /// When the folder is not there.
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
    /// Creates a file that must not exist.
    ///
    /// # Errors
    /// Also when it exists.
    pub(crate) fn create_file(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(self.create_file(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        // A link is refused where the name is taken; renaming would replace it.
        match fs::hard_link(from, to) {
            Ok(()) => fs::remove_file(from),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            // A file system without links: only we write names like this one.
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

    #[allow(clippy::useless_conversion, reason = "where words have 32 bits it is none")]
    fn free(&self, folder: &Path) -> io::Result<u64> {
        let data = nix::sys::statvfs::statvfs(folder)?;
        Ok(u64::from(data.blocks_available()).saturating_mul(u64::from(data.fragment_size())))
    }
}

/// A buffered way into a file, for those who write in small pieces.
pub(super) fn buffered(out: &mut dyn DiskFile) -> BufWriter<&mut dyn DiskFile> {
    BufWriter::with_capacity(1 << 20, out)
}
