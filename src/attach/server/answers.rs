//! The threads that make the answers: one what is quick, another what is slow.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::shared::{LargeAnswerPermit, OutFrame, ServerShared};
use crate::attach::FIRST_MS;
use crate::attach::frame::{Reply, Tagged, encode};
use crate::attach::scheduler::{AnswerSpeed, NextAnswer, PendingQuestion};
use crate::snapshot::{Allowance, Snapshot, View};

/// What clients are told when an answer fails.
const DEFECT: &str = "the answer failed by a defect of toptalk: please report it";

/// What a screen hears until the first answer to a slow view is there.
const LATER: &str = "this takes longer than other answers: it comes when it is made";

/// Every so many decisions on whether to go on it is also looked whether anybody still
/// waits: some ten milliseconds.
const LOOK: u32 = 64;

/// On a busy machine work takes longer: so many times as long at most.
const PATIENCE: u64 = 4;

/// Answers what is asked and is as quick, until the server stops.
///
/// Slow answers have the priority of all: they lock rows that receiving writes, and with a
/// lower one receiving would wait for them whenever other programs keep the cores busy.
/// What they may take is limited by their budget.
pub(super) fn make(shared: &Arc<ServerShared>, speed: AnswerSpeed) {
    while let Some(next) = wait(shared, speed) {
        match next {
            NextAnswer::Watched(view, every_s) => watched(shared, speed, &view, every_s),
            NextAnswer::Question(question) => asked(shared, speed, question),
            NextAnswer::Wait(_) => {}
        }
    }
}

/// Waits for something to do; `None` when the server stops.
fn wait(shared: &Arc<ServerShared>, speed: AnswerSpeed) -> Option<NextAnswer> {
    let mut state = shared.state();
    loop {
        if state.stopping {
            return None;
        }
        let now = shared.now();
        let until = match state.scheduler.next_of(speed, now) {
            NextAnswer::Wait(until) => until,
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
pub(super) fn farewell(why: String) -> OutFrame {
    // The text is short: it always fits.
    let frame = encode(&Reply::Refused(why.clone())).unwrap_or_default();
    OutFrame { frame: frame.into(), _large: None, last: Some(why) }
}

/// When work began, in microseconds: on the clock, and of this thread's work. The
/// budget is of work, so that a busy machine does not make answers rarer.
struct WorkStart {
    wall: u64,
    work: u64,
}

impl WorkStart {
    fn now(shared: &ServerShared) -> WorkStart {
        WorkStart { wall: shared.now(), work: worked() }
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

/// An answer that was made, or given up.
struct MadeAnswer {
    frame: Result<Arc<[u8]>, String>,
    /// Whether it was given up.
    over: bool,
}

/// What an answer may take on this thread, in microseconds of work.
fn most(shared: &ServerShared, speed: AnswerSpeed) -> u64 {
    let limits = &shared.service.limits;
    let most = if speed == AnswerSpeed::Quick { limits.quick } else { limits.slow };
    u64::try_from(most.as_micros()).unwrap_or(u64::MAX)
}

/// Makes an answer within `most` microseconds of work, as long as somebody `wants` it;
/// `reply` makes a message of it.
fn make_within(
    shared: &ServerShared,
    most: u64,
    view: &View,
    wants: impl Fn() -> bool,
    reply: impl FnOnce(Snapshot, bool) -> Reply,
) -> MadeAnswer {
    let (began, begun, mut decisions) = (worked(), shared.now(), 0u32);
    let mut go_on = |_: u64| {
        decisions = decisions.wrapping_add(1);
        let wanted = !decisions.is_multiple_of(LOOK) || wants();
        let waited = shared.now().saturating_sub(begun);
        wanted && worked().saturating_sub(began) < most && waited < most.saturating_mul(PATIENCE)
    };
    let mut allowance = Allowance::new(&mut go_on);
    let frame = frame(|| {
        let mut snapshot = (shared.service.answer)(view, &mut allowance);
        snapshot.health.attached = Some(shared.attached());
        reply(snapshot, allowance.is_over())
    });
    MadeAnswer { frame, over: allowance.is_over() }
}

fn watched(shared: &Arc<ServerShared>, speed: AnswerSpeed, view: &View, every_s: u32) {
    let began = WorkStart::now(shared);
    let wants = || {
        let state = shared.state();
        !state.stopping && state.scheduler.wants(view)
    };
    let most = match speed {
        AnswerSpeed::Quick => shared.state().scheduler.most(view, most(shared, speed)),
        AnswerSpeed::Slow => most(shared, speed),
    };
    let made = make_within(shared, most, view, wants, |mut snapshot, over| {
        snapshot.every_s = if every_s > 1 { every_s } else { 0 };
        if over && speed == AnswerSpeed::Quick {
            snapshot.unanswered = Some(LATER.to_owned());
            snapshot.notes = vec![LATER.to_owned()];
        }
        Reply::Snapshot(Box::new(snapshot))
    });
    let mut state = shared.state();
    let clients = if made.over && speed == AnswerSpeed::Quick {
        shared.work.notify_all();
        state.scheduler.is_slow(view, began.wall, began.spent())
    } else {
        let shown = made.frame.clone().unwrap_or_default();
        state.scheduler.answered(view, &shown, began.wall, began.spent())
    };
    for client in clients {
        let Some(outbox) = state.outboxes.get(&client) else { continue };
        match &made.frame {
            Ok(frame) => drop(outbox.newest.send_replace(Some(frame.clone()))),
            // Whose box is full is cut off by the answers before.
            Err(why) => drop(outbox.out_frames.try_send(farewell(why.clone()))),
        }
    }
}

fn asked(shared: &Arc<ServerShared>, speed: AnswerSpeed, question: PendingQuestion) {
    let large = question.is_large().then(|| LargeAnswerPermit(shared.clone()));
    let began = WorkStart::now(shared);
    let (client, number) = (question.client, question.asked.number);
    let wants = || {
        let state = shared.state();
        !state.stopping && state.outboxes.contains_key(&client)
    };
    let most = match (most(shared, speed), question.is_first_try()) {
        (most, true) => most.min(FIRST_MS * 1000),
        (most, false) => most,
    };
    let made = make_within(shared, most, &question.asked.about, wants, |about, _| {
        Reply::Answer(Box::new(Tagged { number, about }))
    });
    let mut state = shared.state();
    if made.over && speed == AnswerSpeed::Quick && state.outboxes.contains_key(&client) {
        state.scheduler.put_aside(question, began.wall, began.spent());
        shared.work.notify_all();
        return;
    }
    let out_frame = match made.frame {
        Ok(frame) => OutFrame { frame, _large: large, last: None },
        Err(why) => farewell(why),
    };
    state.scheduler.told(client, speed, began.wall, began.spent());
    let out_frames = state.outboxes.get(&client).map(|outbox| outbox.out_frames.clone());
    // Not while it is locked: what does not find room says that it is gone.
    drop(state);
    // Who asks on and on without reading has no answer missing: it is hung up on.
    if let Some(out_frames) = out_frames
        && out_frames.try_send(out_frame).is_err()
    {
        let outbox = shared.state().outboxes.remove(&client);
        drop(outbox);
    }
}
