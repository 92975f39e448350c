//! The path of the socket.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Group, Uid, User, geteuid};

/// Maximum length of the path of a Unix socket in bytes: `sun_path` has 108 bytes, of which the
/// last is 0 (unix(7)).
pub const MAX_PATH: usize = 107;

/// File name of the socket in every folder.
const NAME: &str = "toptalk.sock";

/// The folder of the system service, which systemd creates.
const SYSTEM: &str = "/run/toptalk";

/// Why a socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SocketPathError {
    /// The path is longer than [`MAX_PATH`].
    #[error(
        "expected a path of at most {MAX_PATH} bytes for a socket, found {} in {}",
        .0.as_os_str().len(),
        .0.display()
    )]
    Long(PathBuf),
    /// The file system reported an error.
    #[error("{path}: {source}", path = .0.display(), source = .1)]
    Io(PathBuf, io::Error),
    /// Another collector listens there.
    #[error("{}: another collector serves screens there", .0.display())]
    Taken(PathBuf),
    /// The file is not a socket.
    #[error("{}: expected a socket, found something else, which is not changed", .0.display())]
    NoSocket(PathBuf),
    /// The folder belongs to another user, or others can write to it.
    #[error("{}: expected a folder that belongs to this user and that nobody else can use", .0.display())]
    Foreign(PathBuf),
}

/// The possible paths of the socket, in order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPaths {
    all: Vec<PathBuf>,
    /// The path below `/tmp`, if there is one.
    shared: Option<PathBuf>,
}

impl SocketPaths {
    /// The configured path, or by default those of the service, of the user, and of the
    /// user below
    /// `/tmp`. `runtime_folder` is the user's, an absolute path (`$XDG_RUNTIME_DIR`).
    #[must_use]
    pub fn of(asked: Option<PathBuf>, runtime_folder: Option<PathBuf>) -> SocketPaths {
        if let Some(path) = asked {
            return SocketPaths { all: vec![path], shared: None };
        }
        let user = rustix::process::geteuid();
        let mut folders = vec![PathBuf::from(SYSTEM)];
        folders.extend(runtime_folder);
        let own = PathBuf::from(format!("/tmp/toptalk-{}", user.as_raw()));
        let shared = Some(own.join(NAME));
        folders.push(own);
        SocketPaths { all: folders.iter().map(|folder| folder.join(NAME)).collect(), shared }
    }

    /// Paths at which a collector may listen: they exist and are trusted.
    pub fn candidates(&self) -> impl Iterator<Item = &Path> {
        let trusted = |path: &&PathBuf| self.shared.as_ref() != Some(path) || is_private(path);
        self.all
            .iter()
            // If the check is not permitted, a collector may be there, and the error is
            // reported.
            .filter(|path| self.all.len() == 1 || path.try_exists().unwrap_or(true))
            .filter(trusted)
            .map(PathBuf::as_path)
    }

    /// The path at which to listen: the first whose folder exists or can be created.
    ///
    /// # Errors
    /// When there is none, or the path is too long.
    pub fn serving_path(&self) -> Result<&Path, SocketPathError> {
        let can = |path: &&PathBuf| path.parent().is_some_and(is_writable);
        if let Some(path) =
            self.all.iter().find(can).or(self.all.first().filter(|_| self.all.len() == 1))
        {
            return fits(path).map(|()| path.as_path());
        }
        let Some(path) = &self.shared else {
            return Err(SocketPathError::Io(PathBuf::from(SYSTEM), io::ErrorKind::NotFound.into()));
        };
        if let Some(folder) = path.parent() {
            let made = fs::DirBuilder::new().mode(0o700).create(folder);
            made.or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(SocketPathError::Io(folder.to_owned(), error)),
            })?;
            if !is_private(path) {
                return Err(SocketPathError::Foreign(folder.to_owned()));
            }
        }
        Ok(path)
    }
}

/// Checks that a path is short enough for a socket.
///
/// # Errors
/// When it is too long.
pub(super) fn fits(path: &Path) -> Result<(), SocketPathError> {
    if path.as_os_str().len() > MAX_PATH {
        return Err(SocketPathError::Long(path.to_owned()));
    }
    Ok(())
}

/// Which user or group may use a path that this user may not use, and the command that adds this
/// user to the group. `None` when that cannot be read. It is taken from the deepest folder of the
/// path that can be read.
#[must_use]
pub fn who_may(path: &Path) -> Option<String> {
    let meta = path.ancestors().find_map(|place| fs::metadata(place).ok())?;
    let user = user_name(meta.uid().into());
    if meta.permissions().mode() & 0o040 == 0 {
        return Some(format!("only user {user} may"));
    }
    let group = Group::from_gid(meta.gid().into()).ok().flatten().map(|group| group.name);
    let group = group.unwrap_or_else(|| meta.gid().to_string());
    let me = user_name(geteuid());
    Some(format!(
        "only user {user} and group {group} may: `sudo usermod -aG {group} {me}`, then log in again"
    ))
}

fn user_name(user: Uid) -> String {
    let found = User::from_uid(user).ok().flatten();
    found.map_or_else(|| user.to_string(), |user| user.name)
}

/// Whether this user can create files in a folder and other users cannot.
fn is_writable(folder: &Path) -> bool {
    let Ok(meta) = fs::metadata(folder) else { return false };
    let user = rustix::process::geteuid();
    let mode = meta.permissions().mode();
    let own = user.is_root() || meta.uid() == user.as_raw() && mode & 0o300 == 0o300;
    meta.is_dir() && own && mode & 0o002 == 0
}

/// Whether only this user can use the folder of a path.
fn is_private(path: &Path) -> bool {
    let Some(meta) = path.parent().and_then(|folder| fs::symlink_metadata(folder).ok()) else {
        return false;
    };
    let mode = meta.permissions().mode();
    meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw() && mode & 0o077 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_path_is_the_only_one() {
        let path = PathBuf::from("/nowhere/a.sock");
        let places = SocketPaths::of(Some(path.clone()), Some("/run/user/1".into()));
        assert_eq!(places.candidates().collect::<Vec<_>>(), [&path]);
        assert_eq!(places.serving_path().unwrap(), path);
        let long = PathBuf::from(format!("/{}", "x".repeat(MAX_PATH)));
        let error = SocketPaths::of(Some(long), None).serving_path().unwrap_err().to_string();
        assert!(error.contains("at most 107 bytes") && error.contains("found 108"), "{error}");
        let fits = PathBuf::from(format!("/{}", "x".repeat(MAX_PATH - 1)));
        assert!(SocketPaths::of(Some(fits), None).serving_path().is_ok());
    }

    #[test]
    fn the_runtime_folder_comes_before_the_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let places = SocketPaths::of(None, Some(folder.path().to_owned()));
        let own = folder.path().join(NAME);
        if !is_writable(Path::new(SYSTEM)) {
            assert_eq!(places.serving_path().unwrap(), own);
        }
        assert!(!places.candidates().any(|path| path == own), "there is no socket");
        fs::write(&own, "").unwrap();
        assert!(places.candidates().any(|path| path == own));
        let names: Vec<_> = places.all.iter().map(|path| path.to_string_lossy()).collect();
        assert_eq!(names[0], "/run/toptalk/toptalk.sock");
        assert!(names[2].starts_with("/tmp/toptalk-"), "{names:?}");
        assert_eq!(SocketPaths::of(None, None).all.len(), 2);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(is_private(&path));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).unwrap();
        assert!(!is_private(&path));
        assert!(is_writable(folder.path()));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!is_writable(folder.path()), "anybody could put a socket there");
    }
}
