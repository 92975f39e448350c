//! Answers from the windows of this process: each is made by a thread of its own, so
//! that one that takes long holds up neither limits and alerts nor other questions, and
//! is given up when another view is asked for.

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

/// A fresh answer is made this often when nothing is asked.
const REFRESH: Duration = Duration::from_secs(1);

/// An answer may take so long, in microseconds: a million hosts or two million
/// conversations with a common filter need less.
const LIMIT_US: u64 = 5_000_000;

/// What could not be answered is tried again after this, in microseconds, unless
/// something else is asked.
const AGAIN_US: u64 = 60_000_000;

/// Answers views from the windows of this process.
#[derive(Clone)]
pub struct Local {
    pub windows: Arc<Windows>,
    pub published: PublishedHealth,
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
pub type SourceQuestion = (View, oneshot::Sender<Snapshot>);

/// An answer in the making.
struct PendingAnswer {
    task: JoinHandle<(Snapshot, u64)>,
    stop: Arc<AtomicBool>,
}

impl Drop for PendingAnswer {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

/// Begins to make the answer to a view; gives how long it took with it.
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

/// When the next answer is made: a second later, or when as long has passed as the last
/// one took, so that it costs half a core at most.
fn rest(snapshot: &Snapshot, took: u64) -> u64 {
    if snapshot.unanswered.is_some() { AGAIN_US } else { took }
}

/// Evaluates the limits and answers until the screen's ends are dropped.
pub(super) async fn answer_all(
    local: Local,
    mut asked: watch::Receiver<View>,
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
            changed = asked.changed() => {
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
                let rest = rest(&snapshot, took);
                not_before = local.clock.micros().saturating_add(rest);
                let seconds = took.saturating_add(rest) / 1_000_000;
                snapshot.every_s = if seconds > 1 { u32::try_from(seconds).unwrap_or(0) } else { 0 };
                if answers.send(Arc::new(snapshot)).is_err() {
                    return;
                }
                continue;
            }
        }
        let view = asked.borrow_and_update().clone();
        // What was being made is for another view: it is given up.
        making = Some(make(&local, view));
    }
}

/// Gives a question its answer.
async fn answer_one(mut made: PendingAnswer, reply: tokio::sync::oneshot::Sender<Snapshot>) {
    if let Ok((snapshot, _)) = (&mut made.task).await {
        // Whoever asked may have gone; then nobody misses the answer.
        let _ = reply.send(snapshot);
    }
}

/// Waits for the answer in the making, if there is one; `None` when making it failed.
async fn finished(making: &mut Option<PendingAnswer>) -> Option<(Snapshot, u64)> {
    match making {
        Some(making) => (&mut making.task).await.ok(),
        None => std::future::pending().await,
    }
}
