//! The signals that end a command.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit codes that a shell reports for a program ended by SIGINT (Ctrl-C) and SIGTERM.
const INTERRUPTED: u8 = 130;

const TERMINATED: u8 = 143;

/// The signals SIGINT (Ctrl-C) and SIGTERM.
pub(super) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    pub(super) fn new() -> io::Result<StopSignals> {
        Ok(StopSignals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for one of them and returns the exit code.
    pub(super) async fn end(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPTED,
            _ = self.terminate.recv() => TERMINATED,
        }
    }

    /// Waits for this many milliseconds. If a signal comes first, returns its exit code.
    pub(super) async fn cut_short(&mut self, ms: u64) -> Option<u8> {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(ms)) => None,
            code = self.end() => Some(code),
        }
    }
}
