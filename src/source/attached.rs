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

/// Interval at which a collector that is gone is tried again.
const RECONNECT_INTERVAL: Duration = Duration::from_secs(1);

/// A collector that is silent for this many seconds, plus its interval between answers, is sent a
/// request that it answers at once. If it stays silent for as long again, it counts as gone.
const SILENCE_S: u64 = 10;

/// Attaches to the collector at `path`, and starts a thread that attaches again whenever the
/// collector is back, until the screen's channels are dropped.
///
/// # Errors
/// When there is no collector now, or one of another version.
pub fn attach(path: &Path, first: View, clock: Clock) -> Result<ScreenChannels, AttachError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(AttachError::Io)?;
    let connection = runtime.block_on(ClientConnection::open(path))?;
    let (views, view_changes) = watch::channel(first);
    let groups = Some(connection.groups.clone());
    let mut empty = Snapshot::default();
    empty.health.groups = groups;
    let (answers, snapshots) = watch::channel(Arc::new(empty));
    let (questions, pending) = mpsc::channel(PENDING);
    let screen = Screen { path: path.to_owned(), clock, view_changes, answers, pending };
    std::thread::Builder::new()
        .name("source".to_owned())
        .spawn(move || runtime.block_on(screen.run(connection)))
        .map_err(AttachError::Io)?;
    Ok(ScreenChannels { views, snapshots, questions })
}

/// The other ends of the screen's channels.
struct Screen {
    path: PathBuf,
    clock: Clock,
    view_changes: watch::Receiver<View>,
    answers: watch::Sender<Arc<Snapshot>>,
    pending: mpsc::Receiver<SourceQuestion>,
}

/// Why a connection ended.
enum ScreenStop {
    /// The screen has ended.
    Unwatched,
    /// The collector is gone.
    Gone(AttachError),
}

impl From<AttachError> for ScreenStop {
    fn from(error: AttachError) -> ScreenStop {
        ScreenStop::Gone(error)
    }
}

impl Screen {
    /// Passes on questions and answers, over one connection after another.
    async fn run(mut self, mut connection: ClientConnection) {
        loop {
            let Err(ScreenStop::Gone(mut why)) = self.serve_connection(connection).await else {
                return;
            };
            let since = self.clock.now().plus_ms(self.clock.shift_ms());
            connection = loop {
                self.show_gone(Some(Alarm { why: why.to_string(), since }));
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

    /// Shows the last answer again, with the reason why there is no newer one.
    fn show_gone(&self, gone: Option<Alarm>) {
        self.answers.send_if_modified(|last| {
            if last.health.gone == gone {
                return false;
            }
            Arc::make_mut(last).health.gone = gone;
            true
        });
    }

    /// Waits before the next attempt. Questions are dropped meanwhile.
    async fn pause(&mut self) -> Result<(), ScreenStop> {
        let pause = sleep(RECONNECT_INTERVAL);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return Ok(()),
                changed = self.view_changes.changed() => changed.map_err(|_| ScreenStop::Unwatched)?,
                // Dropping a question tells the screen that it is not answered.
                Some(_) = self.pending.recv() => {}
            }
        }
    }

    async fn serve_connection(
        &mut self,
        mut connection: ClientConnection,
    ) -> Result<(), ScreenStop> {
        let mut waiting: HashMap<u32, oneshot::Sender<Snapshot>> = HashMap::new();
        let (mut number, mut is_probed) = (0u32, false);
        let view = self.view_changes.borrow_and_update().clone();
        connection.send(&Request::Watch(view)).await?;
        loop {
            let apart = u64::from(self.answers.borrow().every_s);
            let silence = Duration::from_secs(SILENCE_S + apart);
            tokio::select! {
                reply = timeout(silence, connection.next()) => match reply {
                    Ok(reply) => {
                        is_probed = false;
                        self.take(reply?, &mut connection, &mut waiting)?;
                    }
                    Err(_) if is_probed => return Err(AttachError::Silent.into()),
                    Err(_) => {
                        is_probed = true;
                        connection.send(&Request::Sync(Vec::new())).await?;
                    }
                },
                changed = self.view_changes.changed() => {
                    changed.map_err(|_| ScreenStop::Unwatched)?;
                    let view = self.view_changes.borrow_and_update().clone();
                    connection.send(&Request::Watch(view)).await?;
                }
                Some((view, reply)) = self.pending.recv() => {
                    number = number.wrapping_add(1);
                    // Questions whose screen no longer waits are removed.
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
                // The screen may have ended.
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
