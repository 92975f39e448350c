//! Why a query has no answer.

use std::io;
use std::path::PathBuf;
use std::string::FromUtf8Error;

use crate::archive::ArchiveError;
use crate::query::when::WhenError;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the filter of {}: {source}", path.display())]
    ReadFilter { path: PathBuf, source: io::Error },
    #[error("the filter of {}: {source}", path.display())]
    FilterText { path: PathBuf, source: FromUtf8Error },
    /// What the filter says is wrong: `why` shows where.
    #[error("the filter of {}: {why}", path.display())]
    Filter { path: PathBuf, why: String },
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("{}: no file of an archive", .0.display())]
    NoArchiveFile(PathBuf),
    #[error("expected recorded files, found none: {place} (-R sets another folder)")]
    NoFiles { place: String },
    /// Files could not be listed, for these causes.
    #[error("{} (-R sets another folder)", .0.join("; "))]
    Unlisted(Vec<String>),
    #[error("{flag}: {source}")]
    Time { flag: &'static str, source: WhenError },
    #[error("the time window ends before it begins")]
    EndsBeforeItBegins,
    #[error("-w and -o parquet write flows: leave out -s, -I and -o null")]
    WritesFlows,
    #[error("{} is one of the files that are read", .0.display())]
    WritesInput(PathBuf),
    #[error("-o parquet is no text for a terminal: write -w FILE, or into a pipe")]
    ParquetOnTerminal,
    #[error("more flows match than a file can have: narrow the filter or the time")]
    TooManyFlows,
    #[error("nothing matches: no file was written")]
    NothingMatches,
}
