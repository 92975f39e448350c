//! The terminal: taken over, restored however the program ends, and written to by a separate
//! thread.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError, mpsc};
use std::thread::ThreadId;
use std::time::Duration;

use crossterm::event::{self, Event};
use tokio::sync::mpsc as channel;

/// Alternate screen, hidden cursor, bracketed paste.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?2004h";
/// The part of it that a shell may have undone in the meantime.
const RETAKE: &[u8] = b"\x1b[?25l\x1b[?2004h";
/// The reverse, and the end of an update that may have been interrupted.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[m\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// How long anything, above all a terminal that takes no bytes, may delay the end after a
/// signal: signals end the program within a second.
const END_TIMEOUT: Duration = Duration::from_millis(900);

/// How often the reading thread checks whether it is still needed.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The number of keys that may wait; further keys stay in the terminal's buffer.
const WAITING_KEYS: usize = 256;

/// Whether the program currently holds the terminal.
static HELD: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The thread whose panic ends the screen.
static OWNER: Mutex<Option<ThreadId>> = Mutex::new(None);

/// The panic messages of other threads, which are printed after the terminal is restored.
static PANIC_MESSAGES: Mutex<String> = Mutex::new(String::new());
/// The size limit of these messages in bytes.
const MAX_PANIC_BYTES: usize = 8192;

/// Holds the terminal; dropping it restores the terminal.
#[derive(Debug)]
pub struct Guard(());

/// Takes over the terminal.
///
/// # Errors
/// When standard output is not a terminal, or an operation on it fails.
pub fn enter() -> io::Result<Guard> {
    if !io::stdout().is_terminal() {
        let text = "standard output is not a terminal; for scripts there is `toptalk top`";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    let own = std::thread::current().id();
    *OWNER.lock().unwrap_or_else(PoisonError::into_inner) = Some(own);
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let thread = std::thread::current();
            let owner = *OWNER.lock().unwrap_or_else(PoisonError::into_inner);
            if HELD.load(Ordering::SeqCst) && owner != Some(thread.id()) {
                // The screen continues; printing would disturb it.
                let name = thread.name().unwrap_or("?");
                keep_panic_message(&format!("thread '{name}' {info}\n"));
                return;
            }
            give_back();
            previous(info);
        }));
    });
    let guard = Guard(());
    take()?;
    Ok(guard)
}

impl Guard {
    /// Restores the terminal, stops the process like Ctrl-Z, and takes over the terminal again
    /// when the shell continues the process.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn suspend(&self) -> io::Result<()> {
        give_back();
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGTSTP)?;
        take()
    }

    /// Takes over the terminal again after another program may have changed it.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn retake(&self) -> io::Result<()> {
        // The remembered mode may differ from the actual one.
        crossterm::terminal::disable_raw_mode()?;
        crossterm::terminal::enable_raw_mode()?;
        write(RETAKE)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
    }
}

fn keep_panic_message(message: &str) {
    let mut messages = PANIC_MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
    if messages.len() + message.len() <= MAX_PANIC_BYTES {
        messages.push_str(message);
    }
}

fn take() -> io::Result<()> {
    HELD.store(true, Ordering::SeqCst);
    crossterm::terminal::enable_raw_mode()?;
    write(ENTER)
}

/// Whether the program holds the terminal; false after a panic of the screen's thread.
pub fn is_held() -> bool {
    HELD.load(Ordering::SeqCst)
}

/// The mode is restored first: that cannot block, but writing can.
fn give_back() {
    if HELD.load(Ordering::SeqCst) {
        // Errors are ignored: nothing can be done if the terminal is gone.
        let _ = crossterm::terminal::disable_raw_mode();
        let _ = write(LEAVE);
        HELD.store(false, Ordering::SeqCst);
        let messages =
            std::mem::take(&mut *PANIC_MESSAGES.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = io::stderr().write_all(messages.as_bytes());
    }
}

fn write(bytes: &[u8]) -> io::Result<()> {
    output()?.write_all(bytes)
}

/// Standard output without the line buffer of the standard library, which would split a frame.
fn output() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Ends the process if it has not ended in time after this signal. A terminal that is not
/// restored by then takes no bytes, but its mode can still be reset.
pub fn end_in_time(signal: i32) {
    std::thread::sleep(END_TIMEOUT);
    if HELD.load(Ordering::SeqCst) {
        let _ = crossterm::terminal::disable_raw_mode();
    }
    std::process::exit(128 + signal);
}

/// Writes frames in a separate thread, so that a stalled terminal blocks nothing else. At most
/// one frame is pending.
#[derive(Debug)]
pub struct FrameWriter {
    frames: mpsc::SyncSender<Vec<u8>>,
    done: channel::Receiver<io::Result<()>>,
    busy: bool,
}

impl FrameWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the thread cannot be created.
    pub fn start() -> io::Result<FrameWriter> {
        let mut output = output()?;
        let (frames, inbox) = mpsc::sync_channel::<Vec<u8>>(1);
        let (report, done) = channel::channel(2);
        let write = move || {
            while let Ok(frame) = inbox.recv() {
                let result = output.write_all(&frame);
                let failed = result.is_err();
                if report.blocking_send(result).is_err() || failed {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("ui-write".to_owned()).spawn(write)?;
        Ok(FrameWriter { frames, done, busy: false })
    }

    /// Whether a frame is pending.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Sends a frame; call it only if none is pending.
    pub fn send(&mut self, frame: Vec<u8>) {
        self.busy = true;
        // A thread that has ended has reported its error.
        let _ = self.frames.try_send(frame);
    }

    /// Waits until the frame is written.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub async fn written(&mut self) -> io::Result<()> {
        let result = self.done.recv().await;
        self.busy = false;
        result.unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()))
    }

    /// Waits for the pending frame, but only for a limited time.
    pub async fn finish(&mut self) {
        if self.busy {
            let _ = tokio::time::timeout(END_TIMEOUT / 3, self.written()).await;
        }
    }
}

/// Reads keys in a separate thread. The channel closes when the terminal is gone.
///
/// # Errors
/// When the thread cannot be created.
pub fn keys() -> io::Result<channel::Receiver<Event>> {
    let (sender, events) = channel::channel(WAITING_KEYS);
    let read = move || {
        while !sender.is_closed() {
            match event::poll(POLL_INTERVAL) {
                Ok(false) => continue,
                Ok(true) => {}
                Err(_) => return,
            }
            let Ok(event) = event::read() else { return };
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("ui-keys".to_owned()).spawn(read)?;
    Ok(events)
}
