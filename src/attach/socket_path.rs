//! Where the socket is.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Group, Uid, User, geteuid};

/// The longest path of a Unix socket that the kernel takes: `sun_path` has 108
/// bytes, the last of them 0 (unix(7)).
pub const MAX_PATH: usize = 107;

/// The socket's name in whichever folder.
const NAME: &str = "toptalk.sock";

/// The folder of a service, which systemd makes.
const SYSTEM: &str = "/run/toptalk";

/// Why there can be no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketPathError {
    #[error(
        "expected a path of at most {MAX_PATH} bytes for a socket, found {} in {}",
        .0.as_os_str().len(),
        .0.display()
    )]
    Long(PathBuf),
    #[error("{path}: {source}", path = .0.display(), source = .1)]
    Io(PathBuf, io::Error),
    #[error("{}: another collector serves screens there", .0.display())]
    Taken(PathBuf),
    #[error("{}: expected a socket, found something else, which is left alone", .0.display())]
    NoSocket(PathBuf),
    #[error("{}: expected a folder of our own that nobody else can write to", .0.display())]
    Foreign(PathBuf),
}

/// The places where a socket is looked for, the first first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPaths {
    all: Vec<PathBuf>,
    /// The one below a folder that anybody can write to, if there is one.
    shared: Option<PathBuf>,
}

impl SocketPaths {
    /// The one that was asked for; else the service's, the user's, and one of the
    /// user in the folder for temporary files. `runtime_folder` is the user's, an
    /// absolute path (`$XDG_RUNTIME_DIR`).
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

    /// Where a collector may be serving: what is there, and can be trusted.
    pub fn to_look(&self) -> impl Iterator<Item = &Path> {
        let trusted = |path: &&PathBuf| self.shared.as_ref() != Some(path) || is_own(path);
        self.all
            .iter()
            // Where we may not look somebody may serve, which is told.
            .filter(|path| self.all.len() == 1 || path.try_exists().unwrap_or(true))
            .filter(trusted)
            .map(PathBuf::as_path)
    }

    /// Where to serve: the first place whose folder is there, or can be made.
    ///
    /// # Errors
    /// When there is none, or its path is too long.
    pub fn to_serve(&self) -> Result<&Path, SocketPathError> {
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
            if !is_own(path) {
                return Err(SocketPathError::Foreign(folder.to_owned()));
            }
        }
        Ok(path)
    }
}

/// Whether a path is short enough for a socket.
///
/// # Errors
/// When it is not.
pub(super) fn fits(path: &Path) -> Result<(), SocketPathError> {
    if path.as_os_str().len() > MAX_PATH {
        return Err(SocketPathError::Long(path.to_owned()));
    }
    Ok(())
}

/// Who may use what is at a path that this user may not use, and the command that
/// lets this user; `None` when not even that can be seen. The deepest folder on the
/// way that can be looked at knows its group.
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

/// Whether we can make files in a folder, and not everybody can.
fn is_writable(folder: &Path) -> bool {
    let Ok(meta) = fs::metadata(folder) else { return false };
    let user = rustix::process::geteuid();
    let mode = meta.permissions().mode();
    let own = user.is_root() || meta.uid() == user.as_raw() && mode & 0o300 == 0o300;
    meta.is_dir() && own && mode & 0o002 == 0
}

/// Whether the folder of a path is ours alone.
fn is_own(path: &Path) -> bool {
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
    fn what_was_asked_for_is_the_only_place() {
        let path = PathBuf::from("/nowhere/a.sock");
        let places = SocketPaths::of(Some(path.clone()), Some("/run/user/1".into()));
        assert_eq!(places.to_look().collect::<Vec<_>>(), [&path]);
        assert_eq!(places.to_serve().unwrap(), path);
        let long = PathBuf::from(format!("/{}", "x".repeat(MAX_PATH)));
        let error = SocketPaths::of(Some(long), None).to_serve().unwrap_err().to_string();
        assert!(error.contains("at most 107 bytes") && error.contains("found 108"), "{error}");
        let fits = PathBuf::from(format!("/{}", "x".repeat(MAX_PATH - 1)));
        assert!(SocketPaths::of(Some(fits), None).to_serve().is_ok());
    }

    #[test]
    fn the_users_own_folder_comes_before_the_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let places = SocketPaths::of(None, Some(folder.path().to_owned()));
        let own = folder.path().join(NAME);
        if !is_writable(Path::new(SYSTEM)) {
            assert_eq!(places.to_serve().unwrap(), own);
        }
        assert!(!places.to_look().any(|path| path == own), "nobody serves there");
        fs::write(&own, "").unwrap();
        assert!(places.to_look().any(|path| path == own));
        let names: Vec<_> = places.all.iter().map(|path| path.to_string_lossy()).collect();
        assert_eq!(names[0], "/run/toptalk/toptalk.sock");
        assert!(names[2].starts_with("/tmp/toptalk-"), "{names:?}");
        assert_eq!(SocketPaths::of(None, None).all.len(), 2);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(is_own(&path));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).unwrap();
        assert!(!is_own(&path));
        assert!(is_writable(folder.path()));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!is_writable(folder.path()), "anybody could put a socket there");
    }
}
