//! The asynchronous runtime of a command.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// A runtime for this thread, with sockets, signals and timers.
///
/// # Errors
/// When there are no file descriptors for it.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
