//! Standard error of the commands that collect: lines wait in a bounded queue, and a
//! separate thread writes them.
//!
//! The reader (a pipe, a terminal, the journal) may be gone, may not read, or its disk may be
//! full. Collecting neither waits nor ends for that. Lost lines are counted.

mod queue;

use std::io::{self, ErrorKind, Write};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(super) use self::queue::LogPriority;
use self::queue::LogQueue;
use super::blocked_signals;
use crate::ingest::{LostMessageCounters, LostMessages};

/// How long the end of a command waits for lines that are not written yet. A command ends
/// within a second after a signal.
const PATIENCE: Duration = Duration::from_millis(500);

/// Pause before a write is tried again when a non-blocking descriptor is full.
const BACK_OFF: Duration = Duration::from_millis(20);

/// Maximum number of panics that are reported. A defect may occur with every datagram; the
/// health counts all of them.
const MAX_DEFECTS: u64 = 100;

/// The queue of standard error. Clones share the queue.
#[derive(Clone)]
pub(super) struct Stderr(Arc<Shared>);

struct Shared {
    state: Mutex<WriterState>,
    /// Signals a new line.
    filled: Condvar,
    /// Signals that all lines are written or lost.
    written: Condvar,
    losses: LostMessageCounters,
}

#[derive(Default)]
struct WriterState {
    queue: LogQueue,
    /// Whether the thread is writing a line.
    writing: bool,
}

impl Stderr {
    /// Starts the thread, which ends with the process. `note` returns the line that reports
    /// the number of lost lines, once lines can be written again.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(
        losses: LostMessageCounters,
        note: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<Stderr> {
        Stderr::into(RawStderr, losses, note)
    }

    /// The same with another output.
    fn into(
        out: impl Write + Send + 'static,
        losses: LostMessageCounters,
        note: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<Stderr> {
        let shared = Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
            written: Condvar::new(),
            losses,
        };
        let stderr = Stderr(Arc::new(shared));
        let own = stderr.clone();
        let work = move || own.write_all(Lines { out, midway: false }, &note);
        std::thread::Builder::new().name("stderr".to_owned()).spawn(work)?;
        Ok(stderr)
    }

    fn state(&self) -> MutexGuard<'_, WriterState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a line, which must end with a line feed. Never waits.
    pub(super) fn push(&self, weight: LogPriority, line: String) {
        let dropped = self.state().queue.push(weight, line);
        if dropped > 0 {
            self.0.losses.add(LostMessages::Log, dropped);
        }
        self.0.filled.notify_one();
    }

    /// Waits until all lines are written, but no longer than [`PATIENCE`].
    pub(super) fn finish(&self) {
        let pending = |state: &mut WriterState| state.writing || !state.queue.is_empty();
        drop(self.0.written.wait_timeout_while(self.state(), PATIENCE, pending));
    }

    /// Sends panic messages to this queue; by default they would wait for the reader. `line`
    /// formats the message.
    pub(super) fn tell_panics(&self, line: impl Fn(String) -> String + Send + Sync + 'static) {
        let (told, defects) = (self.clone(), AtomicU64::new(0));
        std::panic::set_hook(Box::new(move |info| {
            if defects.fetch_add(1, Ordering::Relaxed) < MAX_DEFECTS {
                told.push(LogPriority::Alarm, line(defect(info)));
            }
        }));
    }

    /// The work of the thread.
    fn write_all(&self, mut lines: Lines<impl Write>, note: &impl Fn(u64) -> String) {
        blocked_signals::write_in_the_background();
        // The number of lost lines when they were last reported.
        let mut told = 0;
        // The last alarm, if it could not be written. It is written before the next line.
        let mut alarm = String::new();
        loop {
            let (weight, line) = self.next();
            let lost = self.0.losses.of(LostMessages::Log);
            let lost_note = if lost > told { note(lost - told) } else { String::new() };
            if lines.write(format!("{lost_note}{alarm}{line}").as_bytes()).is_ok() {
                (told, alarm) = (lost, String::new());
                continue;
            }
            self.0.losses.add(LostMessages::Log, 1);
            if weight == LogPriority::Alarm {
                alarm = line;
            }
        }
    }

    /// Waits for a line.
    fn next(&self) -> (LogPriority, String) {
        let mut state = self.state();
        state.writing = false;
        loop {
            if let Some(line) = state.queue.pop() {
                state.writing = true;
                return line;
            }
            self.0.written.notify_all();
            state = self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The message about a panic.
fn defect(info: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("?");
    format!("a defect of toptalk, please report it: thread '{name}' {info}")
}

/// Writes whole lines to an output that may accept only a part of a line.
struct Lines<W> {
    out: W,
    /// Whether the last line was written only in part.
    midway: bool,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.midway {
            self.put(b"\n")?;
            self.midway = false;
        }
        self.put(line)
    }

    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let whole = bytes.len();
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(count @ 1..) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another program made the descriptor non-blocking, and it is full.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(BACK_OFF);
                }
                failed => {
                    self.midway |= bytes.len() < whole;
                    return failed.and(Err(ErrorKind::WriteZero.into()));
                }
            }
        }
        Ok(())
    }
}

/// The file descriptor itself. The standard library's `Stderr` has a lock, which a blocked
/// writer would hold.
struct RawStderr;

impl Write for RawStderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(io::stderr(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Takes what it is told to take: each answer is for one call, and it waits for it.
    struct Scripted {
        answers: Receiver<io::Result<usize>>,
        taken: Sender<String>,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let answer = self.answers.recv().map_err(io::Error::other)?;
            let count = answer?.min(bytes.len());
            drop(self.taken.send(String::from_utf8_lossy(&bytes[..count]).into_owned()));
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn scripted() -> (Stderr, LostMessageCounters, Sender<io::Result<usize>>, Receiver<String>) {
        let (answer, answers) = channel();
        let (taken, took) = channel();
        let losses = LostMessageCounters::default();
        let note = |lost| format!("{lost} lost\n");
        let stderr = Stderr::into(Scripted { answers, taken }, losses.clone(), note).unwrap();
        (stderr, losses, answer, took)
    }

    #[test]
    fn a_reader_that_does_not_read_holds_up_nobody() {
        let (stderr, losses, answer, took) = scripted();
        for nth in 0..5 * queue::MAX_LINES {
            stderr.push(LogPriority::Information, format!("line {nth}\n"));
        }
        stderr.push(LogPriority::Alarm, "the alarm\n".to_owned());
        stderr.finish();
        let lost = losses.of(LostMessages::Log);
        // The thread may have one line in its hands, which it waits to write.
        assert!((4000..=4001).contains(&lost), "{lost}");
        for _ in 0..=queue::MAX_LINES {
            drop(answer.send(Ok(usize::MAX)));
        }
        // It is told with the next line that is taken, in one part or in two.
        let (mut told, mut lines) = (0, 0);
        for line in took.iter() {
            let note = line.split_once(" lost\n").map(|(count, _)| count.parse::<u64>().unwrap());
            told += note.unwrap_or(0);
            lines += 1;
            if line.ends_with("the alarm\n") {
                break;
            }
        }
        assert_eq!(told, lost);
        assert!(lines >= queue::MAX_LINES, "{lines}");
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_told_when_it_can_again() {
        let (stderr, losses, answer, took) = scripted();
        let fails = |kind: ErrorKind| drop(answer.send(Err(kind.into())));
        stderr.push(LogPriority::Alarm, "first\n".to_owned());
        stderr.push(LogPriority::Warning, "second\n".to_owned());
        stderr.push(LogPriority::Information, "third\n".to_owned());
        // The disk is full, the reader gone amid a line; then they are back.
        fails(ErrorKind::StorageFull);
        drop(answer.send(Ok(4)));
        fails(ErrorKind::BrokenPipe);
        assert_eq!(took.recv().unwrap(), "1 lo");
        fails(ErrorKind::Interrupted);
        fails(ErrorKind::WouldBlock);
        drop(answer.send(Ok(9)));
        drop(answer.send(Ok(99)));
        assert_eq!(took.recv().unwrap(), "\n", "a line that was cut off ends");
        assert_eq!(took.recv().unwrap(), "2 lost\nfirst\nthird\n", "the last alarm comes late");
        assert_eq!(losses.of(LostMessages::Log), 2);
        stderr.push(LogPriority::Information, "fourth\n".to_owned());
        drop(answer.send(Ok(99)));
        assert_eq!(took.recv().unwrap(), "fourth\n", "nothing is told twice");
    }

    /// Tells this program that it is the one whose standard error is full.
    const INSIDE: &str = "TOPTALK_TEST_INSIDE";

    #[test]
    fn panics_do_not_wait_for_whoever_reads_what_is_said_of_them() {
        if std::env::var_os(INSIDE).is_some() {
            let losses = LostMessageCounters::default();
            let stderr = Stderr::start(losses, |lost| format!("{lost} lost\n")).unwrap();
            stderr.tell_panics(|said| format!("{said}\n"));
            let work = || std::panic::catch_unwind(|| panic!("defect")).is_err();
            let worker = std::thread::Builder::new().name("worker-1".to_owned());
            let survived = worker.spawn(move || (0..500).filter(|_| work()).count()).unwrap();
            let survived = survived.join().unwrap();
            let defects = stderr.state().queue.len();
            // Both of what is held back: the thread that writes has one in its hands.
            assert!((MAX_DEFECTS as usize - 1..=MAX_DEFECTS as usize).contains(&defects));
            std::process::exit(if survived == 500 { 77 } else { 1 });
        }
        let (_reader, writer) = std::io::pipe().unwrap();
        let mut filler = writer.try_clone().unwrap();
        // What a pipe holds at most unless somebody enlarged it (pipe(7)).
        filler.write_all(&[b'.'; 65_536]).unwrap();
        let own = std::env::current_exe().unwrap();
        let test = "app::stderr::tests::panics_do_not_wait_for_whoever_reads_what_is_said_of_them";
        let mut command = std::process::Command::new(own);
        command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
        command.stdout(std::process::Stdio::null()).stderr(writer);
        assert_eq!(command.status().unwrap().code(), Some(77));
    }
}
