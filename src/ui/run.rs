//! The loop around the pure core: keys and snapshots in, questions and frames out.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crossterm::event::{Event, KeyEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{Sleep, sleep};

use crate::snapshot::{Snapshot, View};

use super::action::{UiAction, on_key};
use super::ansi::Painter;
use super::model::{Model, UiConfig};
use super::term::{self, FrameWriter, Guard};
use super::update::{Effect, update};
use super::view::view;

/// The least time between two frames that only show new data: slightly less than the second
/// between snapshots, so that no snapshot has to wait for the next.
const DATA_PAUSE: Duration = Duration::from_millis(900);

/// How long a key that asks a new question waits for the answer before the screen is drawn:
/// long enough that the old screen usually changes to the new one in one step.
const ANSWER_WAIT: Duration = Duration::from_millis(150);

/// The number of keys handled before a frame is drawn if keys arrive faster than frames.
const KEYS_PER_FRAME: usize = 256;

/// The channels between the screen and the rest of the program.
#[derive(Debug)]
pub struct ScreenWiring {
    /// The current question.
    pub views: watch::Sender<View>,
    /// The answers: about one per second, and one soon after a new question.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The questions whose answers are to be saved as files.
    pub saves: mpsc::Sender<View>,
    /// The path of the saved file, or the error.
    pub saved: mpsc::Receiver<Result<String, String>>,
}

/// Why the screen ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenEnd {
    /// The user quit.
    Quit,
    /// A signal ended it.
    Signal(i32),
    /// The terminal is gone.
    TerminalLost,
}

/// Shows the screens until the user, a signal or the terminal ends them.
///
/// # Errors
/// When standard output is not a terminal, or threads or signal handlers cannot be created.
pub async fn run(channels: ScreenWiring, options: UiConfig) -> io::Result<ScreenEnd> {
    let mut signals = Signals::listen()?;
    watch_over_end()?;
    let guard = term::enter()?;
    let mut app = App {
        guard: &guard,
        model: Model::new(options),
        shown: Arc::default(),
        painter: Painter::default(),
        writer: FrameWriter::start()?,
        keys: term::keys()?,
        channels,
        stale: Stale::Now,
        pause: Box::pin(sleep(Duration::ZERO)),
        paused: false,
        asked: false,
        suspending: false,
        collecting: true,
        saving: true,
        ending: None,
    };
    app.resized()?;
    app.ask(app.model.view());
    app.arrived();
    let ending = app.perform(&mut signals).await;
    app.writer.finish().await;
    drop(guard);
    Ok(ending)
}

/// Whether the terminal is out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stale {
    No,
    /// New data has arrived: draw when the pause is over.
    Data,
    /// A key was pressed, or requested data has arrived: draw at once.
    Now,
    /// A key was pressed whose answer is about to arrive.
    Answer,
}

struct App<'a> {
    guard: &'a Guard,
    model: Model,
    shown: Arc<Snapshot>,
    painter: Painter,
    writer: FrameWriter,
    keys: mpsc::Receiver<Event>,
    channels: ScreenWiring,
    stale: Stale,
    /// The pause between two frames for data, or the wait for an answer.
    pause: Pin<Box<Sleep>>,
    paused: bool,
    /// Whether the answer to the last question is still to arrive.
    asked: bool,
    suspending: bool,
    /// Whether the other ends of the channels still exist.
    collecting: bool,
    saving: bool,
    ending: Option<ScreenEnd>,
}

impl App<'_> {
    async fn perform(&mut self, signals: &mut Signals) -> ScreenEnd {
        loop {
            if self.suspending {
                self.suspend().await;
            }
            // Another task may have panicked and restored the terminal.
            if !term::is_held() {
                return ScreenEnd::TerminalLost;
            }
            self.draw();
            if let Some(ending) = self.ending {
                return ending;
            }
            tokio::select! {
                heard = signals.next() => match heard {
                    SignalMeaning::End(number) => return ScreenEnd::Signal(number),
                    SignalMeaning::Continued => self.continued().await,
                },
                event = self.keys.recv() => match event {
                    Some(event) => self.events(event),
                    None => return ScreenEnd::TerminalLost,
                },
                result = self.writer.written(), if self.writer.is_busy() => {
                    if result.is_err() {
                        return ScreenEnd::TerminalLost;
                    }
                }
                changed = self.channels.snapshots.changed(), if self.collecting => {
                    self.arrived();
                    if changed.is_err() {
                        self.collecting = false;
                        self.act(UiAction::Stopped);
                    }
                }
                result = self.channels.saved.recv(), if self.saving => match result {
                    Some(result) => self.act(UiAction::Saved(result)),
                    None => self.saving = false,
                },
                () = &mut self.pause, if self.paused => {
                    self.paused = false;
                    if self.stale == Stale::Answer {
                        self.stale = Stale::Now;
                    }
                }
            }
        }
    }

    /// Handles the keyboard events that have arrived so far.
    fn events(&mut self, first: Event) {
        let mut next = Some(first);
        for _ in 0..KEYS_PER_FRAME {
            let Some(event) = next else { return };
            match event {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    self.act(on_key(self.model.context(), key.code, key.modifiers));
                }
                Event::Paste(text) => self.act(UiAction::Paste(text)),
                Event::Resize(..) if self.resized().is_err() => {
                    self.ending = Some(ScreenEnd::TerminalLost);
                }
                _ => {}
            }
            if self.ending.is_some() {
                return;
            }
            next = self.keys.try_recv().ok();
        }
    }

    fn act(&mut self, action: UiAction) {
        if self.stale != Stale::Answer {
            self.stale = Stale::Now;
        }
        match update(&mut self.model, action, &self.shown) {
            Effect::None => {}
            Effect::Ask(view) => {
                let other = view.subject != self.shown.view.subject;
                self.ask(view);
                self.asked = true;
                if other && self.stale != Stale::Answer {
                    self.stale = Stale::Answer;
                    self.wait(ANSWER_WAIT);
                }
            }
            Effect::Show(snapshot) => {
                self.shown = snapshot;
                update(&mut self.model, UiAction::Arrived, &self.shown);
                self.asked = false;
                self.stale = Stale::Now;
            }
            Effect::Save(view) => {
                if self.channels.saves.try_send(view).is_err() {
                    let busy = "the previous file is still being written".to_owned();
                    self.act(UiAction::Saved(Err(busy)));
                }
            }
            Effect::Redraw => self.painter.reset(),
            Effect::Suspend => self.suspending = true,
            Effect::Quit => self.ending = Some(ScreenEnd::Quit),
        }
    }

    fn ask(&self, view: View) {
        self.channels.views.send_if_modified(|known| {
            let new = *known != view;
            *known = view;
            new
        });
    }

    /// Takes a new snapshot if it belongs to the visible screen.
    fn arrived(&mut self) {
        let snapshot = Arc::clone(&self.channels.snapshots.borrow_and_update());
        if !self.model.accepts(&snapshot) {
            if self.model.remember_snapshot(&snapshot) && self.stale == Stale::No {
                self.stale = Stale::Data;
            }
            return;
        }
        let answer = self.asked && snapshot.view == self.model.view();
        self.shown = snapshot;
        update(&mut self.model, UiAction::Arrived, &self.shown);
        if answer {
            self.asked = false;
            self.stale = Stale::Now;
        } else if self.stale == Stale::No {
            self.stale = Stale::Data;
        }
    }

    /// Draws if it is due and the terminal has taken the last frame.
    fn draw(&mut self) {
        let due = match self.stale {
            Stale::No | Stale::Answer => false,
            Stale::Data => !self.paused,
            Stale::Now => true,
        };
        if !due || self.writer.is_busy() || self.ending.is_some() {
            return;
        }
        self.stale = Stale::No;
        let (width, height) = self.model.size();
        let mut next = Buffer::empty(Rect::new(0, 0, width, height));
        view(&self.model, &self.shown, &mut next);
        if let Some(frame) = self.painter.frame(next) {
            self.writer.send(frame);
            self.wait(DATA_PAUSE);
        }
    }

    fn wait(&mut self, pause: Duration) {
        self.pause = Box::pin(sleep(pause));
        self.paused = true;
    }

    /// Asks the terminal for its size and redraws everything.
    fn resized(&mut self) -> io::Result<()> {
        let (width, height) = crossterm::terminal::size()?;
        self.painter.reset();
        self.act(UiAction::Resized(width, height));
        Ok(())
    }

    /// Suspends like Ctrl-Z, after the terminal has taken the last frame.
    async fn suspend(&mut self) {
        self.suspending = false;
        self.writer.finish().await;
        if self.guard.suspend().is_err() || self.resized().is_err() {
            self.ending = Some(ScreenEnd::TerminalLost);
        }
    }

    /// Handles the continuation of a stopped process.
    async fn continued(&mut self) {
        self.writer.finish().await;
        if self.guard.retake().is_err() || self.resized().is_err() {
            self.ending = Some(ScreenEnd::TerminalLost);
        }
    }
}

/// The meaning of a signal.
enum SignalMeaning {
    End(i32),
    Continued,
}

/// Signals that would end the process without a handler: the terminal is restored first.
/// Signals that cannot be handled (SIGKILL) or indicate a defect (SIGSEGV) are not included.
const ENDING: [nix::sys::signal::Signal; 9] = {
    use nix::sys::signal::Signal::{
        SIGABRT, SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU,
    };
    [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU]
};

/// The signals that the screen handles.
struct Signals {
    ending: Vec<(i32, Signal)>,
    /// The process was stopped and continues (SIGCONT).
    continued: Signal,
}

/// The number of SIGCONT differs between systems.
const CONTINUE: i32 = nix::sys::signal::Signal::SIGCONT as i32;

impl Signals {
    fn listen() -> io::Result<Signals> {
        let listen = |number: i32| Ok((number, signal(SignalKind::from_raw(number))?));
        let ending = ENDING.iter().map(|kind| listen(*kind as i32));
        Ok(Signals {
            ending: ending.collect::<io::Result<_>>()?,
            continued: signal(SignalKind::from_raw(CONTINUE))?,
        })
    }

    async fn next(&mut self) -> SignalMeaning {
        tokio::select! {
            number = first(&mut self.ending) => SignalMeaning::End(number),
            _ = self.continued.recv() => SignalMeaning::Continued,
        }
    }
}

/// Waits for the first of these signals; returns its number.
async fn first(signals: &mut [(i32, Signal)]) -> i32 {
    std::future::poll_fn(|context| {
        let heard = |(number, signal): &mut (i32, Signal)| {
            signal.poll_recv(context).is_ready().then_some(*number)
        };
        signals.iter_mut().find_map(heard).map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// Ends the process shortly after the first ending signal, even if it is blocked by a terminal
/// that takes no bytes or by a disk. Uses its own thread, because the screen's thread may be
/// the blocked one.
fn watch_over_end() -> io::Result<()> {
    let (tell, listening) = std::sync::mpsc::channel();
    let watch = move || {
        // Created here, because the screen's thread already runs a runtime.
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let listened = built.and_then(|runtime| {
            let signals = runtime.block_on(async { Signals::listen() })?;
            Ok((runtime, signals))
        });
        match listened {
            Ok((runtime, mut signals)) => {
                let _ = tell.send(Ok(()));
                term::end_in_time(runtime.block_on(first(&mut signals.ending)));
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        }
    };
    std::thread::Builder::new().name("ui-watch".to_owned()).spawn(watch)?;
    listening.recv().unwrap_or_else(|error| Err(io::Error::other(error)))
}
