//! The networks of `--group`: those on the command line and those in files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::regular;
use crate::cli::GroupArg;
use crate::flow::NetworkGroups;
use crate::flow::named::{self, MAX_FILE, MAX_NETWORKS, NamedError, NamedNetwork};

/// An error in a file of networks with names.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("cannot read groups from {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A line of the file is wrong.
    #[error("groups in {}, {source}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line and what is wrong with it.
        source: NamedError,
    },
}

/// An error in the networks of `--group`.
#[derive(Debug, thiserror::Error)]
pub enum GroupsError {
    /// All errors in files, one per line of the message.
    #[error("{}", lines(.0))]
    Files(Vec<FileError>),
    /// There are too many networks.
    #[error("expected at most {most} networks from --group in all, found {found}")]
    TooMany {
        /// The maximum number.
        most: usize,
        /// The number found.
        found: usize,
    },
}

fn lines(errors: &[FileError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads the files and names the networks. If a network has several names, the last one
/// counts.
pub(super) fn read(words: &[GroupArg]) -> Result<Arc<NetworkGroups>, GroupsError> {
    let mut all: Vec<NamedNetwork> = Vec::new();
    let mut wrong: Vec<FileError> = Vec::new();
    for word in words {
        match word {
            GroupArg::Named(named) => all.push(named.clone()),
            GroupArg::File(path) => match file(path) {
                Ok(named) => all.extend(named),
                Err(mistakes) => wrong.extend(mistakes),
            },
        }
    }
    if !wrong.is_empty() {
        return Err(GroupsError::Files(wrong));
    }
    if all.len() > MAX_NETWORKS {
        return Err(GroupsError::TooMany { most: MAX_NETWORKS, found: all.len() });
    }
    Ok(Arc::new(NetworkGroups::new(all)))
}

/// The networks of a file, or all errors in it.
fn file(path: &Path) -> Result<Vec<NamedNetwork>, Vec<FileError>> {
    let bytes = regular::read(path, MAX_FILE)
        .map_err(|source| vec![FileError::Read { path: path.to_owned(), source }])?;
    let wrong = |source| FileError::Line { path: path.to_owned(), source };
    named::lines(&bytes).map_err(|mistakes| mistakes.into_iter().map(wrong).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_files_become_groups_and_mistakes_name_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vlans");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        let word = |text: &str| GroupArg::Named(named::word(text).unwrap());
        let words =
            [word("10.20.5.0/24=office"), GroupArg::File(path.clone()), word("10.0.0.0/8=x")];
        write("# VLANs\n10.20.3.0/24 = lab\n10.20.5.0/24 = office 2\n");
        let groups = read(&words).unwrap();
        let of = |host: &str| groups.of(host.parse().unwrap()).map(ToString::to_string);
        assert_eq!(of("10.20.5.1").as_deref(), Some("office 2"), "the last word counts");
        assert_eq!(of("10.20.3.1").as_deref(), Some("lab"));
        assert_eq!(of("10.1.1.1").as_deref(), Some("x"));
        write("10.20.3.0/24 = lab\nlab 2\n");
        let error = read(&words).unwrap_err().to_string();
        assert!(error.contains("vlans"), "{error}");
        assert!(error.contains("line 2: expected NET = NAME"), "{error}");
        assert!(error.ends_with("found `lab 2`"), "{error}");
        write("lab 1\n10.20.3.0/24 = lab\nlab 2\n");
        let two = [GroupArg::File(path.clone()), GroupArg::File(folder.path().join("none"))];
        let error = read(&two).unwrap_err().to_string();
        assert!(error.contains("line 1: ") && error.contains("line 3: "), "{error}");
        assert!(error.contains("cannot read groups from"), "{error}");
        std::fs::remove_file(&path).unwrap();
        assert!(read(&words).unwrap_err().to_string().contains("cannot read"));
        assert!(read(&[]).unwrap().is_empty());
    }

    #[test]
    fn there_is_a_limit_over_all_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("many");
        std::fs::write(&path, "10.0.0.0/8 a\n".repeat(MAX_NETWORKS)).unwrap();
        let one = GroupArg::File(path.clone());
        assert!(read(std::slice::from_ref(&one)).is_ok());
        let error = read(&[one.clone(), one]).unwrap_err().to_string();
        assert!(error.contains("10000") && error.contains("20000"), "{error}");
    }
}
