//! Ctrl-C and SIGTERM end every command within a second.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::runtime::runtime;
use super::signals::StopSignals;

/// How long a command may take to end by itself after a signal, for printing its result and
/// closing files. Then the process is ended, even if it waits for a reader, a disk, a folder
/// of a million files or a name server.
const GRACE: Duration = Duration::from_millis(900);

/// Tells whether a signal has asked the command to end.
#[derive(Clone)]
pub(super) struct StopSignal {
    /// The exit code, after a signal.
    asked: Arc<(Mutex<Option<u8>>, Condvar)>,
    /// Whether the process is ended after [`GRACE`].
    forced: Arc<AtomicBool>,
}

impl StopSignal {
    /// Starts a thread that waits for SIGINT and SIGTERM; it ends with the process. The
    /// process is ended [`GRACE`] after the first signal at the latest, and at once by the
    /// second.
    pub(super) fn on_signals() -> io::Result<StopSignal> {
        let stop = StopSignal { asked: Arc::default(), forced: Arc::new(AtomicBool::new(true)) };
        let (asked, forced) = (stop.asked.clone(), stop.forced.clone());
        let (tell, listening) = std::sync::mpsc::channel();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            // Created here, because the caller may be within another runtime.
            let built = runtime();
            let listened = built.and_then(|runtime| {
                let ends = runtime.block_on(async { StopSignals::new() })?;
                Ok((runtime, ends))
            });
            let (runtime, mut ends) = match listened {
                Ok(listened) => listened,
                Err(error) => {
                    let _ = tell.send(Err(error));
                    return;
                }
            };
            let _ = tell.send(Ok(()));
            let code = runtime.block_on(ends.end());
            *asked.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
            asked.1.notify_all();
            let code = runtime.block_on(async {
                tokio::select! {
                    code = ends.end() => code,
                    () = tokio::time::sleep(GRACE), if forced.load(Ordering::Relaxed) => code,
                }
            });
            std::process::exit(code.into());
        })?;
        // Before the first message: who reads it may interrupt at once.
        let heard = listening.recv().unwrap_or_else(|error| Err(io::Error::other(error)));
        heard.map(|()| stop)
    }

    /// From now on only a second signal ends the process by force. For commands that limit
    /// the time of their own shutdown, in which they write their last files.
    pub(super) fn trust(&self) {
        self.forced.store(false, Ordering::Relaxed);
    }

    /// The exit code, if a signal has come.
    pub(super) fn code(&self) -> Option<u8> {
        *self.asked.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for this many milliseconds. Returns whether a signal came before or meanwhile.
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
