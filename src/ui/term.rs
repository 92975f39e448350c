//! The terminal itself: taken over, given back in every way a program can end,
//! and written to from a thread of its own.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError, mpsc};
use std::thread::ThreadId;
use std::time::Duration;

use crossterm::event::{self, Event};
use tokio::sync::mpsc as channel;

/// Alternate screen, no cursor, bracketed paste.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?2004h";
/// The part of it that a shell may have undone meanwhile.
const RETAKE: &[u8] = b"\x1b[?25l\x1b[?2004h";
/// The reverse, and the end of an update that may have been cut short.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[m\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// How long anything may hold up the end after a signal, a terminal that takes no bytes
/// above all: signals are obeyed within a second.
const PATIENCE: Duration = Duration::from_millis(900);

/// How often the reading thread looks whether it is still wanted.
const LOOK_UP: Duration = Duration::from_millis(250);

/// How many keys may wait; more are left in the terminal's own buffer.
const WAITING_KEYS: usize = 256;

/// Whether the terminal is ours at the moment.
static HELD: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The thread whose panic ends the screen.
static OWNER: Mutex<Option<ThreadId>> = Mutex::new(None);

/// What other threads had to say when they panicked, to be printed when the
/// terminal is given back, and how many bytes of it are worth keeping.
static LAST_WORDS: Mutex<String> = Mutex::new(String::new());
const MOST_WORDS: usize = 8192;

/// Holds the terminal; dropping it gives the terminal back.
#[derive(Debug)]
pub struct Guard(());

/// Takes the terminal over.
///
/// # Errors
/// When standard output is not a terminal, or refuses.
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
                // The screen goes on; printing would go across it.
                let name = thread.name().unwrap_or("?");
                remember(&format!("thread '{name}' {info}\n"));
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
    /// Gives the terminal back, stops the process as Ctrl-Z does, and takes the
    /// terminal over again when the shell calls back.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn suspend(&self) -> io::Result<()> {
        give_back();
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGTSTP)?;
        take()
    }

    /// Takes the terminal over again after something else may have changed it.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn retake(&self) -> io::Result<()> {
        // The mode as it is remembered may not be the one it is in.
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

fn remember(words: &str) {
    let mut said = LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    if said.len() + words.len() <= MOST_WORDS {
        said.push_str(words);
    }
}

fn take() -> io::Result<()> {
    HELD.store(true, Ordering::SeqCst);
    crossterm::terminal::enable_raw_mode()?;
    write(ENTER)
}

/// Whether the terminal is ours; no longer after a panic on the screen's thread.
pub fn is_held() -> bool {
    HELD.load(Ordering::SeqCst)
}

/// The mode first: that cannot block, writing can.
fn give_back() {
    if HELD.load(Ordering::SeqCst) {
        // Nothing can be done about a terminal that is gone.
        let _ = crossterm::terminal::disable_raw_mode();
        let _ = write(LEAVE);
        HELD.store(false, Ordering::SeqCst);
        let said = std::mem::take(&mut *LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = io::stderr().write_all(said.as_bytes());
    }
}

fn write(bytes: &[u8]) -> io::Result<()> {
    output()?.write_all(bytes)
}

/// Standard output without the line buffer of the standard library, which
/// would cut a frame into pieces.
fn output() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Ends the process when it has not ended in time after this signal. A terminal that was
/// not given back by then takes no bytes; its mode can be set all the same.
pub fn end_in_time(signal: i32) {
    std::thread::sleep(PATIENCE);
    if HELD.load(Ordering::SeqCst) {
        let _ = crossterm::terminal::disable_raw_mode();
    }
    std::process::exit(128 + signal);
}

/// Writes frames on a thread of its own, so that a stalled terminal holds up
/// nothing else. One frame is on its way at most.
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
    /// When there is no thread to be had.
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

    /// Whether a frame is still on its way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Sends a frame; only when none is on its way.
    pub fn send(&mut self, frame: Vec<u8>) {
        self.busy = true;
        // A thread that has ended has reported why.
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

    /// Waits for the frame on its way, but not longer than it is worth.
    pub async fn finish(&mut self) {
        if self.busy {
            let _ = tokio::time::timeout(PATIENCE / 3, self.written()).await;
        }
    }
}

/// Reads keys on a thread of its own. The channel ends with the terminal.
///
/// # Errors
/// When there is no thread to be had.
pub fn keys() -> io::Result<channel::Receiver<Event>> {
    let (sender, events) = channel::channel(WAITING_KEYS);
    let read = move || {
        while !sender.is_closed() {
            match event::poll(LOOK_UP) {
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
