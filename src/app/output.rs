//! Standard output. Its reader may close the pipe before everything is written, as
//! `head` does: it has seen enough, which is no error. This file alone decides that.

use std::io::{self, Write};

use super::AppError;

/// What became of what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// All of it went out.
    Whole,
    /// The reader closed the pipe.
    ReaderLeft,
}

/// Tells a reader that left from a failure.
///
/// # Errors
/// When writing failed for another reason than a closed pipe.
pub(super) fn written(result: io::Result<()>) -> Result<Written, AppError> {
    match result {
        Ok(()) => Ok(Written::Whole),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Written::ReaderLeft),
        Err(error) => Err(AppError::Print(error)),
    }
}

/// Writes bytes to standard output and flushes it.
///
/// # Errors
/// When it cannot be written for another reason than a closed pipe.
pub(super) fn print(text: impl AsRef<[u8]>) -> Result<Written, AppError> {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_ref()).and_then(|()| out.flush()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_no_failure_and_everything_else_is() {
        assert_eq!(written(Ok(())).unwrap(), Written::Whole);
        let failed = |kind: io::ErrorKind| written(Err(kind.into()));
        assert_eq!(failed(io::ErrorKind::BrokenPipe).unwrap(), Written::ReaderLeft);
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::ConnectionReset] {
            assert!(matches!(failed(kind), Err(AppError::Print(error)) if error.kind() == kind));
        }
    }
}
