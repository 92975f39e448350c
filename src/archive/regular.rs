//! Opening files that were named from outside.
//!
//! A name says nothing about what lies there: reading a FIFO waits for a writer that
//! never comes, a device such as `/dev/zero` never ends. So only regular files are read,
//! opening never waits, and where a whole file is read at once its size has a limit.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

/// The number of `/dev/null`: major 1, minor 3 (Linux, devices.txt).
const NULL_DEVICE: u64 = 0x103;

/// Opens a regular file for reading. Links are followed.
///
/// # Errors
/// When it cannot be opened, or is a folder, FIFO, socket or device; the error says which.
pub fn open(path: &Path) -> io::Result<File> {
    // Looked at first: opening a device may do something, opening a socket fails with
    // words that nobody understands.
    check(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    // Another file may have taken the name meanwhile: neither opening waits then.
    let file = options.read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Reads a regular file of at most `most` bytes. `/dev/null` is an empty one: it is what
/// people name who want none.
///
/// # Errors
/// When it is none, cannot be read or is larger.
pub fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let found = std::fs::metadata(path)?;
    if found.file_type().is_char_device() && found.rdev() == NULL_DEVICE {
        return Ok(bytes);
    }
    // One byte more than allowed, so that what is too much is seen as such.
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    open(path)?.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        let text = format!("expected at most {most} bytes, found more");
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
    fn only_regular_files_are_read_and_no_more_than_the_limit() {
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
