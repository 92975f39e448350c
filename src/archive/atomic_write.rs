//! Files that are there whole or not at all: written under another name, then renamed.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// An empty file in a folder. It goes when it is dropped, unless it is given its name
/// with `persist` or `persist_noclobber` before. Write to it through `as_file`: then
/// errors name no temporary file.
///
/// # Errors
/// When the folder takes no file.
pub fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    // Made here, not by `tempfile`: as readable as all other files (umask), and an error
    // names no temporary file.
    Builder::new().prefix(".toptalk-").suffix(".tmp").make_in(folder, |path| File::create_new(path))
}

/// Puts a file with these bytes in the place of what has the name, and makes its folder
/// if there is none. `sync` waits until the disk has it: without, a power cut may leave
/// an older or an empty one.
///
/// # Errors
/// When it cannot be written; what was there before stays.
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

/// The folder that a path is in.
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
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        replace(&path, b"one", true).unwrap();
        replace(&path, b"two", false).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let usual = folder.path().join("usual");
        fs::write(&usual, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&usual), "as readable as any other file");
        // A folder cannot be replaced: it stays, and so does what is in it.
        assert!(replace(path.parent().unwrap(), b"", false).is_err());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn errors_name_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let none = folder.path().join("none");
        let wanted = io::Error::from_raw_os_error(2).to_string();
        assert_eq!(temporary(&none).unwrap_err().to_string(), wanted);
    }

    #[test]
    fn a_bare_name_is_in_the_folder_where_one_is() {
        assert_eq!(folder_of(Path::new("a")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/b")), Path::new("a"));
        assert_eq!(folder_of(Path::new("/a")), Path::new("/"));
    }
}
