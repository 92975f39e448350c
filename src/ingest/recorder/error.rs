//! Why recording cannot begin.

use std::io;

use crate::archive::lock::LockError;

/// Why recording cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("cannot record: {0}")]
    Lock(#[from] LockError),
    #[error("cannot start recording: {0}")]
    Start(#[from] io::Error),
}
