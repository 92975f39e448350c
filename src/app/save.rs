//! Saves snapshots of the screen: one CSV file each, complete or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use tempfile::NamedTempFile;

use super::{AppError, xdg};
use crate::archive::atomic_write;
use crate::snapshot::{Snapshot, Subject};
use crate::table;
use crate::units::file_stamp;

/// Maximum number of snapshots of one second in a folder, more than keys can be pressed.
const MAX_NAMES: u32 = 1000;

/// The default folder for snapshots: the user's data folder, or the current folder if there
/// is no home.
#[must_use]
pub fn default_folder(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> PathBuf {
    xdg::data(variable).unwrap_or_else(|| PathBuf::from("."))
}

/// Writes a snapshot into `folder` and returns its path. Existing files are never changed; a
/// failed write leaves no file.
///
/// # Errors
/// When the folder cannot be created or written to.
pub fn save(folder: &Path, snapshot: &Snapshot, zone: &TimeZone) -> Result<PathBuf, AppError> {
    let at = |path: &Path, source| AppError::Save { path: path.to_owned(), source };
    fs::create_dir_all(folder).map_err(|error| at(folder, error))?;
    let stem = format!("toptalk-{}-{}", file_stamp(snapshot.captured_at), view_name(snapshot));
    let file = write(folder, snapshot, zone).map_err(|error| at(folder, error))?;
    place(file, folder, &stem)
}

fn view_name(snapshot: &Snapshot) -> String {
    match snapshot.view.subject {
        Subject::Talkers | Subject::Hosts | Subject::Line => "hosts".to_owned(),
        Subject::Groups(grouping) => grouping.name().to_owned(),
        Subject::Exporters => "exporters".to_owned(),
        Subject::Host(host) => format!("host-{}", host.to_string().replace(':', "_")),
    }
}

fn write(folder: &Path, snapshot: &Snapshot, zone: &TimeZone) -> io::Result<NamedTempFile> {
    let file = atomic_write::temporary(folder)?;
    let mut out = BufWriter::new(file.as_file());
    table::write_csv(snapshot, zone, &mut out)?;
    out.flush()?;
    drop(out);
    file.as_file().sync_all()?;
    Ok(file)
}

/// Gives the file its name, or the next free name.
fn place(mut file: NamedTempFile, folder: &Path, stem: &str) -> Result<PathBuf, AppError> {
    for number in 1..=MAX_NAMES {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let path = folder.join(format!("{stem}{suffix}.csv"));
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => file = taken.file,
            Err(failed) => return Err(AppError::Save { path, source: failed.error }),
        }
    }
    let source = io::Error::new(io::ErrorKind::AlreadyExists, "too many snapshots of one second");
    Err(AppError::Save { path: folder.join(stem), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Time;

    #[test]
    fn the_folder_follows_the_environment() {
        let folder = |pairs: &[(&str, &str)]| {
            let find = |name: &str| pairs.iter().find(|p| p.0 == name).map(|p| p.1.into());
            default_folder(find)
        };
        assert_eq!(folder(&[("HOME", "/h")]), Path::new("/h/.local/share/toptalk"));
        assert_eq!(folder(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d")]), Path::new("/d/toptalk"));
        assert_eq!(
            folder(&[("HOME", "/h"), ("XDG_DATA_HOME", "x")]),
            Path::new("/h/.local/share/toptalk")
        );
        assert_eq!(folder(&[("HOME", "")]), Path::new("."));
        assert_eq!(folder(&[]), Path::new("."));
    }

    #[test]
    fn files_are_numbered_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let snapshot = Snapshot { captured_at: Time(1_700_000_000_000), ..Snapshot::default() };
        let inner = folder.path().join("a/b");
        let names: Vec<String> = (0..3)
            .map(|_| {
                save(&inner, &snapshot, &TimeZone::UTC)
                    .unwrap()
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .into()
            })
            .collect();
        let stem = "toptalk-20231114T221320Z-hosts";
        assert_eq!(
            names,
            [format!("{stem}.csv"), format!("{stem}-2.csv"), format!("{stem}-3.csv")]
        );
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 3, "no temporary file is left");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let error =
            save(&file.join("sub"), &Snapshot::default(), &TimeZone::UTC).unwrap_err().to_string();
        assert!(error.contains("file/sub"), "{error}");
    }
}
