//! Ctrl-C for commands that work without a runtime.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::top::Ends;

/// Whether the user, or who runs the service, wants it to end.
#[derive(Clone)]
pub(super) struct Stop {
    /// The exit code, once it was asked for.
    asked: Arc<(Mutex<Option<u8>>, Condvar)>,
}

impl Stop {
    /// Starts a thread that waits for SIGINT and SIGTERM; it ends with the process.
    /// Who asks twice does not want to wait for what takes its time: a reader that
    /// has stopped reading, a name server. Then the process ends at once.
    pub(super) fn on_signals() -> io::Result<Stop> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut ends = runtime.block_on(async { Ends::new() })?;
        let stop = Stop { asked: Arc::default() };
        let asked = stop.asked.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let code = runtime.block_on(ends.end());
            *asked.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
            asked.1.notify_all();
            std::process::exit(runtime.block_on(ends.end()).into());
        })?;
        Ok(stop)
    }

    /// The exit code, if the end was asked for.
    pub(super) fn code(&self) -> Option<u8> {
        *self.asked.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so many milliseconds; says whether the end was asked for meanwhile or before.
    pub(super) fn wait(&self, ms: u64) -> bool {
        let (asked, changed) = &*self.asked;
        let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        if ms == 0 || asked.is_some() {
            return asked.is_some();
        }
        let time = Duration::from_millis(ms);
        let waited = changed.wait_timeout_while(asked, time, |asked| asked.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_some()
    }
}
