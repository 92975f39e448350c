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
    /// A port cannot be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Recording cannot be started.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A thread, a runtime or a signal handler cannot be set up.
    #[error("cannot start collecting: {0}")]
    Start(io::Error),
    /// The limit of open files is too low.
    #[error(
        "expected at least {least} open files to be allowed, found {limit} (ulimit -n; LimitNOFILE= of a service)"
    )]
    Descriptors {
        /// The number that is needed.
        least: usize,
        /// The number that is allowed.
        limit: usize,
    },
    /// Collecting failed.
    #[error("collecting failed: {0}")]
    Collect(io::Error),
    /// The terminal cannot be used.
    #[error("{0}")]
    Screen(io::Error),
    /// Standard output cannot be written.
    #[error("cannot print the answer: {0}")]
    Print(io::Error),
    /// The networks of `--group` are wrong.
    #[error(transparent)]
    Groups(#[from] GroupsError),
    /// The settings file cannot be read.
    #[error("cannot read {path}: {source}")]
    ReadConfig {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The settings file has errors.
    #[error(transparent)]
    Config(#[from] Diagnostics),
    /// The arguments are wrong.
    #[error("{0}")]
    Usage(String),
    /// The running collector did not answer as expected.
    #[error("the collector at {path}: {why} (--no-attach ignores running collectors)")]
    Attached {
        /// The socket of the collector.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// A query has no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Rows are to be named networks, and no network has a name.
    #[error("{NO_NAMES}")]
    NoNames,
    /// The collector did not answer, for this reason.
    #[error("{0}")]
    Unanswered(String),
    /// A file cannot be written.
    #[error("cannot save {path}: {source}")]
    Save {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The name of a host cannot be resolved.
    #[error("cannot find the address of {target}: {source}")]
    Resolve {
        /// The host with its port.
        target: String,
        /// The reason.
        source: io::Error,
    },
    /// A datagram cannot be sent.
    #[error("cannot send to {to}: {source}")]
    Send {
        /// The receiver.
        to: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// The files of an archive cannot be listed.
    #[error(transparent)]
    Files(Box<FilesError>),
    /// The folder of an archive is in use.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The address of the metrics cannot be used.
    #[error("cannot serve metrics on {address}: {source}")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// The time zone is unknown.
    #[error(
        "--tz or TOPTALK_TZ: expected a time zone of this machine such as UTC or Europe/Berlin (package tzdata), or a rule such as CET-1CEST,M3.5.0,M10.5.0/3, found `{0}`"
    )]
    Zone(String),
}
