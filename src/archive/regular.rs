//! Opens regular files whose names come from outside.
//!
//! A name does not show what kind of file it is: reading a FIFO blocks until there is a writer,
//! and a device such as `/dev/zero` never ends. Therefore only regular files are read, opening
//! never blocks, and reading a whole file has a size limit.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

/// The device number of `/dev/null`: major 1, minor 3 (Linux kernel,
/// Documentation/admin-guide/devices.txt).
const NULL_DEVICE: u64 = 0x103;

/// Opens a regular file for reading. Symbolic links are followed.
///
/// # Errors
/// When the file cannot be opened, or is a folder, FIFO, socket or device; the error names the
/// kind.
pub fn open(path: &Path) -> io::Result<File> {
    // Checked before opening: opening a device may have side effects, and the error for opening
    // a socket ("No such device or address") is misleading.
    check(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    // The file may be replaced between the check and the opening; O_NONBLOCK keeps both from
    // blocking.
    let file = options.read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Reads a regular file of at most `limit` bytes. `/dev/null` reads as an empty file, because
/// people name it to disable a file.
///
/// # Errors
/// When it is not a regular file, cannot be read or is larger than `limit`.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let found = std::fs::metadata(path)?;
    if found.file_type().is_char_device() && found.rdev() == NULL_DEVICE {
        return Ok(bytes);
    }
    // One byte more than allowed shows that the file is too large.
    let with_one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    open(path)?.take(with_one_more).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        let text = format!("expected at most {limit} bytes, found more");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

fn check(found: &std::fs::Metadata) -> io::Result<()> {
    let kind = found.file_type();
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a folder",
        _ if kind.is_fifo() => "a FIFO",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    let text = format!("expected a regular file, found {what}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_up_to_the_limit_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "12345").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        assert_eq!(read(&path("file"), 5).unwrap(), b"12345");
        assert_eq!(read(&path("link"), 9).unwrap(), b"12345");
        assert_eq!(read(Path::new("/dev/null"), 4).unwrap(), b"");
        for (name, said) in [
            ("file", "at most 4 bytes"),
            ("fifo", "found a FIFO"),
            ("socket", "found a socket"),
            (".", "found a folder"),
            ("/dev/zero", "found a device"),
        ] {
            let error = read(&path(name), 4).unwrap_err().to_string();
            assert!(error.contains(said), "{name}: {error}");
        }
        assert_eq!(read(&path("none"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
        drop(socket);
    }
}
