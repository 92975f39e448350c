//! The reasons why recording cannot start.

use std::io;

use crate::archive::lock::LockError;

/// Why recording cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The folder cannot be locked.
    #[error("cannot record: {0}")]
    Lock(#[from] LockError),
    /// A thread or a folder cannot be created.
    #[error("cannot start recording: {0}")]
    Start(#[from] io::Error),
}
