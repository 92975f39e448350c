//! Why a command could not do its work.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::groups::GroupsError;
use super::query::QueryError;
use crate::archive::lock::LockError;
use crate::cli::NO_NAMES;
use crate::config::Diagnostics;
use crate::ingest::{BindError, RecordError};
use crate::query::files::FilesError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("cannot start collecting: {0}")]
    Start(io::Error),
    #[error(
        "expected at least {least} open files to be allowed, found {limit} (ulimit -n; LimitNOFILE= of a service)"
    )]
    Descriptors { least: usize, limit: usize },
    #[error("collecting failed: {0}")]
    Collect(io::Error),
    #[error("{0}")]
    Screen(io::Error),
    #[error("cannot print the answer: {0}")]
    Print(io::Error),
    #[error(transparent)]
    Groups(#[from] GroupsError),
    #[error("cannot read {path}: {source}")]
    ReadConfig { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Config(#[from] Diagnostics),
    #[error("{0}")]
    Usage(String),
    #[error("the collector at {path}: {why} (--no-attach ignores running collectors)")]
    Attached { path: PathBuf, why: String },
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("{NO_NAMES}")]
    NoNames,
    /// The collector did not answer, for this reason.
    #[error("{0}")]
    Unanswered(String),
    #[error("cannot save {path}: {source}")]
    Save { path: PathBuf, source: io::Error },
    #[error("cannot find the address of {target}: {source}")]
    Resolve { target: String, source: io::Error },
    #[error("cannot send to {to}: {source}")]
    Send { to: SocketAddr, source: io::Error },
    #[error(transparent)]
    Files(Box<FilesError>),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("cannot serve metrics on {address}: {source}")]
    Metrics { address: SocketAddr, source: io::Error },
    #[error(
        "--tz or TOPTALK_TZ: expected a time zone of this machine such as UTC or Europe/Berlin (package tzdata), or a rule such as CET-1CEST,M3.5.0,M10.5.0/3, found `{0}`"
    )]
    Zone(String),
}
