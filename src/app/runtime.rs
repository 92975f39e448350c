//! What runs asynchronous work for a command.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// A runtime of this thread alone, with sockets, signals and timers.
///
/// # Errors
/// When the kernel gives no descriptors for it.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
