//! Answers from the windows of this process. Each answer is made on a separate thread, so that a
//! slow one delays neither alerts nor other questions, and can be given up when another view is
//! requested.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::agg::Windows;
use crate::clock::Clock;
use crate::flow::Time;
use crate::ingest::PublishedHealth;
use crate::snapshot::{Allowance, Health, Snapshot, Subject, View};

/// Interval of answers.
const REFRESH: Duration = Duration::from_secs(1);

/// Time limit of an answer in microseconds. A million hosts or two million conversations with a
/// usual filter need less.
const LIMIT_US: u64 = 5_000_000;

/// Time in microseconds after which a view that could not be answered is tried again, unless
/// another view is requested.
const RETRY_US: u64 = 60_000_000;

/// Answers views from the windows of this process.
#[derive(Clone)]
pub struct Local {
    /// The windows.
    pub windows: Arc<Windows>,
    /// The health of the collector.
    pub published: PublishedHealth,
    /// The clock of the collector.
    pub clock: Clock,
}

impl Local {
    /// Answers a view now, without limiting the work.
    #[must_use]
    pub fn answer(&self, view: &View) -> Snapshot {
        self.answer_within(view, &mut Allowance::unlimited())
    }

    /// Answers a view now, within an allowance of work.
    #[must_use]
    pub fn answer_within(&self, view: &View, allowance: &mut Allowance<'_>) -> Snapshot {
        let mut health = self.published.read();
        health.clock_shift_ms = self.clock.shift_ms();
        if health.clock_shift_ms != 0 {
            let moved = crate::units::duration(health.clock_shift_ms.abs());
            let direction = if health.clock_shift_ms > 0 { "ahead" } else { "back" };
            health.notes.push(format!(
                "the clock of this machine was set {moved} {direction}; windows are not affected"
            ));
        }
        health.ended = self.published.has_ended();
        self.windows.snapshot_within(view, self.clock.now(), health, allowance)
    }

    /// The health of the collector without rows, and the wall clock time.
    #[must_use]
    pub fn health(&self) -> (Health, Time) {
        let health = self.answer(&View { subject: Subject::Exporters, ..View::default() }).health;
        let now = self.clock.now().plus_ms(health.clock_shift_ms);
        (health, now)
    }
}

/// A question, and the channel for its answer.
pub type SourceQuestion = (View, oneshot::Sender<Snapshot>);

/// An answer that is being made.
struct PendingAnswer {
    task: JoinHandle<(Snapshot, u64)>,
    stop: Arc<AtomicBool>,
}

impl Drop for PendingAnswer {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

/// Starts to make the answer to a view. The result has the microseconds that it took.
fn make(local: &Local, view: View) -> PendingAnswer {
    let (local, stop) = (local.clone(), Arc::new(AtomicBool::new(false)));
    let stopped = stop.clone();
    let task = tokio::task::spawn_blocking(move || {
        let clock = local.clock;
        let began = clock.micros();
        let took = || clock.micros().saturating_sub(began);
        let mut go_on = |_: u64| !stopped.load(Relaxed) && took() < LIMIT_US;
        let snapshot = local.answer_within(&view, &mut Allowance::new(&mut go_on));
        (snapshot, took())
    });
    PendingAnswer { task, stop }
}

/// Microseconds until the next answer may be made: as long as the last one took, so that answers
/// use at most half a core.
fn pause_after(snapshot: &Snapshot, took: u64) -> u64 {
    if snapshot.unanswered.is_some() { RETRY_US } else { took }
}

/// Evaluates limits and makes answers until the screen's channels are dropped.
pub(super) async fn answer_all(
    local: Local,
    mut view_changes: watch::Receiver<View>,
    answers: watch::Sender<Arc<Snapshot>>,
    mut pending: mpsc::Receiver<SourceQuestion>,
) {
    let mut ticks = tokio::time::interval(REFRESH);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut making: Option<PendingAnswer> = None;
    let mut not_before = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                local.windows.watch(local.clock.now());
                if making.is_some() || local.clock.micros() < not_before {
                    continue;
                }
            }
            changed = view_changes.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            Some((view, reply)) = pending.recv() => {
                let made = make(&local, view);
                tokio::spawn(answer_one(made, reply));
                continue;
            }
            made = finished(&mut making) => {
                making = None;
                let Some((mut snapshot, took)) = made else { continue };
                let pause_after = pause_after(&snapshot, took);
                not_before = local.clock.micros().saturating_add(pause_after);
                let seconds = took.saturating_add(pause_after) / 1_000_000;
                snapshot.every_s = if seconds > 1 { u32::try_from(seconds).unwrap_or(0) } else { 0 };
                if answers.send(Arc::new(snapshot)).is_err() {
                    return;
                }
                continue;
            }
        }
        let view = view_changes.borrow_and_update().clone();
        // An answer that is being made for another view is given up.
        making = Some(make(&local, view));
    }
}

/// Sends the answer of a single question.
async fn answer_one(mut made: PendingAnswer, reply: tokio::sync::oneshot::Sender<Snapshot>) {
    if let Ok((snapshot, _)) = (&mut made.task).await {
        // If the sender is gone, the answer is not needed.
        let _ = reply.send(snapshot);
    }
}

/// Waits for the answer that is being made, if there is one. `None` when making it
/// panicked.
async fn finished(making: &mut Option<PendingAnswer>) -> Option<(Snapshot, u64)> {
    match making {
        Some(making) => (&mut making.task).await.ok(),
        None => std::future::pending().await,
    }
}
