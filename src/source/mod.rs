//! Who answers a view. The screen sends views and gets snapshots; where they
//! come from it cannot tell.

mod attached;

pub use attached::attach;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::agg::Windows;
use crate::clock::Clock;
use crate::flow::Time;
use crate::ingest::Published;
use crate::snapshot::{Health, Snapshot, Subject, View};

/// A fresh answer is made this often when nothing is asked.
const REFRESH: Duration = Duration::from_secs(1);

/// Questions besides the standing view that may wait, such as saving.
const PENDING: usize = 8;

/// Answers views from the windows of this process.
#[derive(Clone)]
pub struct Local {
    pub windows: Arc<Windows>,
    pub published: Published,
    pub clock: Clock,
}

impl Local {
    /// The answer to a view, now.
    #[must_use]
    pub fn answer(&self, view: &View) -> Snapshot {
        let mut health = self.published.read();
        health.clock_shift_ms = self.clock.shift_ms();
        if health.clock_shift_ms != 0 {
            let moved = crate::units::duration(health.clock_shift_ms.abs());
            let way = if health.clock_shift_ms > 0 { "ahead" } else { "back" };
            health.notes.push(format!(
                "the clock of this machine was set {moved} {way}; windows go on without a jump"
            ));
        }
        health.ended = self.published.has_ended();
        self.windows.snapshot(view, self.clock.now(), health)
    }

    /// How the collecting goes, without any rows; the time on the wall.
    #[must_use]
    pub fn health(&self) -> (Health, Time) {
        let health = self.answer(&View { subject: Subject::Exporters, ..View::default() }).health;
        let now = self.clock.now().plus_ms(health.clock_shift_ms);
        (health, now)
    }
}

/// A question with the place for its answer.
pub type Question = (View, oneshot::Sender<Snapshot>);

/// The ends that a screen holds.
pub struct Ends {
    /// The standing view; a change is answered at once.
    pub views: watch::Sender<View>,
    /// The newest answer.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Single questions.
    pub questions: mpsc::Sender<Question>,
}

/// Starts a thread that evaluates the limits and answers, about once a second
/// and when asked, until the screen's ends are dropped.
///
/// # Errors
/// When the thread or its runtime cannot be started.
pub fn serve(local: Local, first: View) -> io::Result<Ends> {
    let (views, asked) = watch::channel(first);
    let (answers, snapshots) = watch::channel(Arc::new(Snapshot::default()));
    let (questions, pending) = mpsc::channel(PENDING);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new()
        .name("source".to_owned())
        .spawn(move || runtime.block_on(answer_all(local, asked, answers, pending)))?;
    Ok(Ends { views, snapshots, questions })
}

async fn answer_all(
    local: Local,
    mut asked: watch::Receiver<View>,
    answers: watch::Sender<Arc<Snapshot>>,
    mut pending: mpsc::Receiver<Question>,
) {
    let mut ticks = tokio::time::interval(REFRESH);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => local.windows.watch(local.clock.now()),
            changed = asked.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            Some((view, reply)) = pending.recv() => {
                // Whoever asked may have gone; then nobody misses the answer.
                let _ = reply.send(local.answer(&view));
                continue;
            }
        }
        let view = asked.borrow_and_update().clone();
        if answers.send(Arc::new(local.answer(&view))).is_err() {
            return;
        }
    }
}
