//! Why a query has no answer.

use std::io;
use std::path::PathBuf;
use std::string::FromUtf8Error;

use crate::archive::ArchiveError;
use crate::query::when::WhenError;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The filter file cannot be read.
    #[error("the filter of {}: {source}", path.display())]
    ReadFilter {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The filter file is not text in UTF-8.
    #[error("the filter of {}: {source}", path.display())]
    FilterText {
        /// The file.
        path: PathBuf,
        /// The first wrong byte.
        source: FromUtf8Error,
    },
    /// The filter is wrong.
    #[error("the filter of {}: {why}", path.display())]
    Filter {
        /// The file.
        path: PathBuf,
        /// The error, with its position.
        why: String,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The file is not of a known format.
    #[error("{}: not a toptalk or nfcapd file", .0.display())]
    NoArchiveFile(PathBuf),
    /// There are no files to read.
    #[error("expected recorded files, found none: {place} (-R sets another folder)")]
    NoFiles {
        /// The folder or range of files.
        place: String,
    },
    /// Files could not be listed, for these causes.
    #[error("{} (-R sets another folder)", .0.join("; "))]
    Unlisted(Vec<String>),
    /// A time is wrong.
    #[error("{flag}: {source}")]
    Time {
        /// The flag.
        flag: &'static str,
        /// What is wrong.
        source: WhenError,
    },
    /// The end of the time window is before its begin.
    #[error("the time window ends before it begins")]
    EndsBeforeItBegins,
    /// Statistics and totals cannot be written as flows.
    #[error("-w and -o parquet write flows: leave out -s, -I and -o null")]
    WritesFlows,
    /// The output file is an input file.
    #[error("{} is one of the files that are read", .0.display())]
    WritesInput(PathBuf),
    /// Parquet cannot be written to a terminal.
    #[error("-o parquet does not write to a terminal: use -w FILE or a pipe")]
    ParquetOnTerminal,
    /// There are more flows than a file can have.
    #[error("more flows match than a file can have: narrow the filter or the time")]
    TooManyFlows,
    /// No flow matches, so that no file is written.
    #[error("nothing matches: no file was written")]
    NothingMatches,
}
