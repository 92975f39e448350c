//! Answers from a collector in another process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::{PENDING, ScreenChannels, SourceQuestion};
use crate::attach::client::{AttachError, ClientConnection};
use crate::attach::frame::{Reply, Request, Tagged};
use crate::clock::Clock;
use crate::snapshot::{Alarm, Snapshot, View};

/// How often it is looked whether a collector that is gone is back.
const LOOK: Duration = Duration::from_secs(1);

/// A collector that says nothing for so long, and for as long as it said its
/// answers would be apart, is asked whether it is there, which it answers whatever
/// answers cost; after as long again it is taken to be gone.
const SILENCE_S: u64 = 10;

/// Attaches to the collector that serves at `path`, and starts a thread that
/// attaches again whenever it is back, until the screen's ends are dropped.
///
/// # Errors
/// When nobody serves there now, or not in our version.
pub fn attach(path: &Path, first: View, clock: Clock) -> Result<ScreenChannels, AttachError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(AttachError::Io)?;
    let connection = runtime.block_on(ClientConnection::open(path))?;
    let (views, asked) = watch::channel(first);
    let groups = Some(connection.groups.clone());
    let mut empty = Snapshot::default();
    empty.health.groups = groups;
    let (answers, snapshots) = watch::channel(Arc::new(empty));
    let (questions, pending) = mpsc::channel(PENDING);
    let screen = Screen { path: path.to_owned(), clock, asked, answers, pending };
    std::thread::Builder::new()
        .name("source".to_owned())
        .spawn(move || runtime.block_on(screen.follow(connection)))
        .map_err(AttachError::Io)?;
    Ok(ScreenChannels { views, snapshots, questions })
}

/// The screen's channels, seen from here.
struct Screen {
    path: PathBuf,
    clock: Clock,
    asked: watch::Receiver<View>,
    answers: watch::Sender<Arc<Snapshot>>,
    pending: mpsc::Receiver<SourceQuestion>,
}

/// Why there is nothing more to do here.
enum ScreenStop {
    /// Nobody looks any more.
    Unwatched,
    Gone(AttachError),
}

impl From<AttachError> for ScreenStop {
    fn from(error: AttachError) -> ScreenStop {
        ScreenStop::Gone(error)
    }
}

impl Screen {
    /// Passes questions and answers on, over one connection after the other.
    async fn follow(mut self, mut connection: ClientConnection) {
        loop {
            let Err(ScreenStop::Gone(mut why)) = self.converse(connection).await else { return };
            let since = self.clock.now().plus_ms(self.clock.shift_ms());
            connection = loop {
                self.say_gone(Some(Alarm { why: why.to_string(), since }));
                if self.pause().await.is_err() {
                    return;
                }
                match ClientConnection::open(&self.path).await {
                    Ok(connection) => break connection,
                    Err(other) => why = other,
                }
            };
        }
    }

    /// Shows the last answer once more, with why there is no other.
    fn say_gone(&self, gone: Option<Alarm>) {
        self.answers.send_if_modified(|last| {
            if last.health.gone == gone {
                return false;
            }
            Arc::make_mut(last).health.gone = gone;
            true
        });
    }

    /// Waits a moment; questions are not answered meanwhile.
    async fn pause(&mut self) -> Result<(), ScreenStop> {
        let pause = sleep(LOOK);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return Ok(()),
                changed = self.asked.changed() => changed.map_err(|_| ScreenStop::Unwatched)?,
                // Who asked hears that nobody answers when the question is dropped.
                Some(_) = self.pending.recv() => {}
            }
        }
    }

    async fn converse(&mut self, mut connection: ClientConnection) -> Result<(), ScreenStop> {
        let mut waiting: HashMap<u32, oneshot::Sender<Snapshot>> = HashMap::new();
        let (mut number, mut is_asked) = (0u32, false);
        let view = self.asked.borrow_and_update().clone();
        connection.send(&Request::Watch(view)).await?;
        loop {
            let apart = u64::from(self.answers.borrow().every_s);
            let silence = Duration::from_secs(SILENCE_S + apart);
            tokio::select! {
                reply = timeout(silence, connection.next()) => match reply {
                    Ok(reply) => {
                        is_asked = false;
                        self.take(reply?, &mut connection, &mut waiting)?;
                    }
                    Err(_) if is_asked => return Err(AttachError::Silent.into()),
                    Err(_) => {
                        is_asked = true;
                        connection.send(&Request::Sync(Vec::new())).await?;
                    }
                },
                changed = self.asked.changed() => {
                    changed.map_err(|_| ScreenStop::Unwatched)?;
                    let view = self.asked.borrow_and_update().clone();
                    connection.send(&Request::Watch(view)).await?;
                }
                Some((view, reply)) = self.pending.recv() => {
                    number = number.wrapping_add(1);
                    // Nobody waits any more for what was given up.
                    waiting.retain(|_, reply| !reply.is_closed());
                    waiting.insert(number, reply);
                    connection.send(&Request::Ask(Tagged { number, about: view })).await?;
                }
            }
        }
    }

    fn take(
        &self,
        reply: Reply,
        connection: &mut ClientConnection,
        waiting: &mut HashMap<u32, oneshot::Sender<Snapshot>>,
    ) -> Result<(), ScreenStop> {
        match reply {
            Reply::Welcome(groups) => connection.groups = groups,
            Reply::Snapshot(mut snapshot) => {
                snapshot.health.groups = Some(connection.groups.clone());
                self.answers.send(Arc::new(*snapshot)).map_err(|_| ScreenStop::Unwatched)?;
            }
            Reply::Answer(answer) => {
                let Tagged { number, about } = *answer;
                // Whoever asked may have gone.
                if let Some(reply) = waiting.remove(&number) {
                    let _ = reply.send(about);
                }
            }
            Reply::Synced(_) => {}
            Reply::Refused(why) => return Err(AttachError::Refused(why).into()),
        }
        Ok(())
    }
}
