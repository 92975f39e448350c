//! The thread that makes the answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::{Large, Parcel, Shared};
use crate::attach::desk::{Next, Question};
use crate::attach::frame::{Numbered, Reply, encode};
use crate::snapshot::{Snapshot, View};

/// What clients are told when an answer fails.
const DEFECT: &str = "the answer failed by a defect of toptalk: please report it";

/// Answers what is asked, until the server stops.
pub(super) fn make(shared: &Arc<Shared>) {
    while let Some(next) = wait(shared) {
        match next {
            Next::Watched(view, every_s) => watched(shared, &view, every_s),
            Next::Question(question) => asked(shared, question),
            Next::Wait(_) => {}
        }
    }
}

/// Waits for something to do; `None` when the server stops.
fn wait(shared: &Arc<Shared>) -> Option<Next> {
    let mut state = shared.state();
    loop {
        if state.stopping {
            return None;
        }
        let now = shared.now();
        let until = match state.desk.next(now) {
            Next::Wait(until) => until,
            next => return Some(next),
        };
        state = match until {
            None => shared.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(until) => {
                let pause = Duration::from_micros(until.saturating_sub(now).max(1));
                let waited = shared.work.wait_timeout(state, pause);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

/// The frame of an answer; of the reason why there is none, if it fails.
fn frame(make: impl FnOnce() -> Reply) -> Result<Arc<[u8]>, String> {
    let made = catch_unwind(AssertUnwindSafe(|| encode(&make())));
    match made {
        Ok(Ok(frame)) => Ok(frame.into()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(DEFECT.to_owned()),
    }
}

/// The last that a client hears, and why.
pub(super) fn farewell(why: String) -> Parcel {
    // The text is short: it always fits.
    let frame = encode(&Reply::Refused(why.clone())).unwrap_or_default();
    Parcel { frame: frame.into(), _large: None, last: Some(why) }
}

/// When work began, in microseconds: on the clock, and of this thread's work. The
/// budget is of work, so that a busy machine does not make answers rarer.
struct Began {
    wall: u64,
    work: u64,
}

impl Began {
    fn now(shared: &Shared) -> Began {
        Began { wall: shared.now(), work: worked() }
    }

    /// The work since then.
    fn spent(&self) -> u64 {
        worked().saturating_sub(self.work)
    }
}

/// The work of this thread.
fn worked() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let micros = time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_nsec / 1000);
    u64::try_from(micros).unwrap_or(0)
}

fn snapshot(shared: &Shared, view: &View) -> Snapshot {
    let mut snapshot = (shared.service.answer)(view);
    snapshot.health.attached = Some(shared.attached());
    snapshot
}

fn watched(shared: &Arc<Shared>, view: &View, every_s: u32) {
    let began = Began::now(shared);
    let made = frame(|| {
        let every_s = if every_s > 1 { every_s } else { 0 };
        Reply::Snapshot(Box::new(Snapshot { every_s, ..snapshot(shared, view) }))
    });
    let mut state = shared.state();
    let shown = made.clone().unwrap_or_default();
    for client in state.desk.answered(view, &shown, began.wall, began.spent()) {
        let Some(seat) = state.seats.get(&client) else { continue };
        match &made {
            Ok(frame) => drop(seat.newest.send_replace(Some(frame.clone()))),
            // Whose box is full is cut off by the answers before.
            Err(why) => drop(seat.parcels.try_send(farewell(why.clone()))),
        }
    }
}

fn asked(shared: &Arc<Shared>, question: Question) {
    let large = question.is_large().then(|| Large(shared.clone()));
    let began = Began::now(shared);
    let Question { client, asked: Numbered { number, about: view }, .. } = question;
    let made =
        frame(|| Reply::Answer(Box::new(Numbered { number, about: snapshot(shared, &view) })));
    let parcel = match made {
        Ok(frame) => Parcel { frame, _large: large, last: None },
        Err(why) => farewell(why),
    };
    let mut state = shared.state();
    state.desk.told(began.wall, began.spent());
    let parcels = state.seats.get(&client).map(|seat| seat.parcels.clone());
    // Not while it is locked: what does not find room says that it is gone.
    drop(state);
    // Who asks on and on without reading has no answer missing: it is hung up on.
    if let Some(parcels) = parcels
        && parcels.try_send(parcel).is_err()
    {
        let seat = shared.state().seats.remove(&client);
        drop(seat);
    }
}
