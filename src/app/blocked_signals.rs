//! Blocks signals that the kernel sends to a process because of a write. Only the write
//! fails then, and is counted like other failures.

use nix::sys::signal::{SigSet, Signal};

/// Blocks SIGXFSZ, which would end the process when a file reaches the size limit
/// (`ulimit -f`, `LimitFSIZE=`). The write then fails with EFBIG, as on a full disk. Call
/// this before other threads are started: they inherit it.
pub(super) fn survive_large_files() {
    block(Signal::SIGXFSZ);
}

/// Blocks SIGTTOU for this thread. A terminal with `stty tostop` sends it to a process in the
/// background that writes, and it would stop the whole process.
pub(super) fn write_in_the_background() {
    block(Signal::SIGTTOU);
}

fn block(signal: Signal) {
    let mut signals = SigSet::empty();
    signals.add(signal);
    // This fails only for unknown signals.
    let _ = signals.thread_block();
}
