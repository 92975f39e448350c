//! Who answers a view. The screen sends views and gets snapshots; where they
//! come from it cannot tell.

mod attached;
mod local;

pub use attached::attach;

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::agg::Windows;
use crate::clock::Clock;
use crate::flow::Time;
use crate::ingest::Published;
use crate::snapshot::{Allowance, Health, Snapshot, Subject, View};

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
    /// The answer to a view, now, whatever it costs.
    #[must_use]
    pub fn answer(&self, view: &View) -> Snapshot {
        self.answer_within(view, &mut Allowance::unlimited())
    }

    /// The answer to a view, now, within an allowance.
    #[must_use]
    pub fn answer_within(&self, view: &View, allowance: &mut Allowance<'_>) -> Snapshot {
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
        self.windows.snapshot_within(view, self.clock.now(), health, allowance)
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
        .spawn(move || runtime.block_on(local::answer_all(local, asked, answers, pending)))?;
    Ok(Ends { views, snapshots, questions })
}
