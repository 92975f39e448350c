//! Signals that the kernel sends to who writes where it may not: blocked, so that
//! the write alone goes wrong and is counted as any other.

use nix::sys::signal::{SigSet, Signal};

/// Blocks what is sent for a file that is at the limit of sizes (`ulimit -f`,
/// `LimitFSIZE=`) and would end the process: the write fails with EFBIG then, as one on a
/// full disk does. To be called before there are other threads: they inherit it.
pub(super) fn survive_large_files() {
    block(Signal::SIGXFSZ);
}

/// Blocks, for this thread, what a terminal sends to who writes in the background where
/// that is not wanted (`stty tostop`) and would stop the whole process: a log is written
/// all the same.
pub(super) fn write_in_the_background() {
    block(Signal::SIGTTOU);
}

fn block(signal: Signal) {
    let mut signals = SigSet::empty();
    signals.add(signal);
    // Fails for signals that there are none of.
    let _ = signals.thread_block();
}
