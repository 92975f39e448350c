//! Files that are either complete or absent: written under a temporary name, then renamed.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Creates an empty temporary file in `folder`. The file is deleted on drop unless `persist` or
/// `persist_noclobber` gave it its final name. Write through `as_file`, so that errors do not
/// mention the temporary name.
///
/// # Errors
/// When the file cannot be created in the folder.
pub fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    // Created here and not by `tempfile`, so that the umask sets the permissions and errors do
    // not mention the temporary name.
    Builder::new().prefix(".toptalk-").suffix(".tmp").make_in(folder, |path| File::create_new(path))
}

/// Writes `bytes` to a temporary file and renames it to `path`; missing folders are created.
/// With `sync`, the file is synced before the rename; without, a power cut may leave the old or
/// an empty file.
///
/// # Errors
/// When the file cannot be written; an existing file at `path` is then unchanged.
pub fn replace(path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    let folder = folder_of(path);
    std::fs::create_dir_all(folder)?;
    let mut file = temporary(folder)?;
    file.as_file_mut().write_all(bytes)?;
    if sync {
        file.as_file().sync_all()?;
    }
    file.persist(path)?;
    Ok(())
}

/// The folder that contains `path`; `.` for a bare file name.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_atomically_and_no_temporary_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        replace(&path, b"one", true).unwrap();
        replace(&path, b"two", false).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let usual = folder.path().join("usual");
        fs::write(&usual, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&usual), "as readable as any other file");
        // A folder cannot be replaced: it stays, and so does its content.
        assert!(replace(path.parent().unwrap(), b"", false).is_err());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn errors_do_not_name_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let none = folder.path().join("none");
        let wanted = io::Error::from_raw_os_error(2).to_string();
        assert_eq!(temporary(&none).unwrap_err().to_string(), wanted);
    }

    #[test]
    fn a_bare_name_is_in_the_current_folder() {
        assert_eq!(folder_of(Path::new("a")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/b")), Path::new("a"));
        assert_eq!(folder_of(Path::new("/a")), Path::new("/"));
    }
}
