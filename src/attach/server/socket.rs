//! The socket file.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, socket};

use crate::attach::socket_path::{SocketPathError, fits};

/// The owner and the group of the service may attach.
const MODE: u32 = 0o660;

/// A listening socket. Its file is removed when it is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Inode of the file, to recognise it later.
    inode: u64,
}

impl Socket {
    /// Listens at a path. A socket that a dead collector left there is replaced.
    ///
    /// # Errors
    /// When the path is too long, another collector listens there, or it is not a socket.
    pub fn bind(path: &Path) -> Result<Socket, SocketPathError> {
        fits(path)?;
        let at = |error| SocketPathError::Io(path.to_owned(), error);
        match fs::symlink_metadata(path) {
            Ok(meta) if !meta.file_type().is_socket() => {
                return Err(SocketPathError::NoSocket(path.to_owned()));
            }
            Ok(_) => match connect(path) {
                // A collector listens there, even if it is too busy to accept.
                Ok(()) | Err(Errno::EAGAIN) => return Err(SocketPathError::Taken(path.to_owned())),
                Err(Errno::ECONNREFUSED) => fs::remove_file(path).map_err(at)?,
                Err(errno) => return Err(at(errno.into())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(error)),
        }
        let listener = UnixListener::bind(path).map_err(at)?;
        let made = fs::set_permissions(path, fs::Permissions::from_mode(MODE))
            .and_then(|()| listener.set_nonblocking(true))
            .and_then(|()| fs::symlink_metadata(path));
        let inode = made.map_err(at)?.ino();
        Ok(Socket { listener, path: path.to_owned(), inode })
    }

    /// Path of the socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

/// Checks whether a collector listens at a socket. Never waits: with a blocking socket, connecting
/// to a listener that does not accept would hang (`EAGAIN` when its queue is full, unix(7)).
fn connect(path: &Path) -> Result<(), Errno> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    nix::sys::socket::connect(socket.as_raw_fd(), &UnixAddr::new(path)?)
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Another collector may have replaced the file.
        if fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
