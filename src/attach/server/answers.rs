//! The threads that make answers: one for quick ones, another for slow ones.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::shared::{LargeAnswerPermit, OutFrame, ServerShared};
use crate::attach::FIRST_MS;
use crate::attach::frame::{Reply, Tagged, encode};
use crate::attach::scheduler::{AnswerSpeed, NextAnswer, PendingQuestion};
use crate::snapshot::{Allowance, Snapshot, View};

/// Reason given to clients when an answer panics.
const DEFECT: &str = "the answer failed because of a defect of toptalk: please report it";

/// Note on a screen until the first answer to a slow view is made.
const SLOW_NOTE: &str = "this takes longer than other answers: please wait";

/// The clients are checked once in this many decisions on whether to continue: every ten
/// milliseconds or so.
const CLIENT_CHECK_EVERY: u32 = 64;

/// On a busy machine an answer may take this many times its limit of work in wall clock
/// time.
const MAX_SLOWDOWN: u64 = 4;

/// Makes answers of one speed until the server stops.
///
/// The thread for slow answers has normal priority. Answers lock rows that receiving writes, and
/// with a lower priority receiving would wait for them whenever other programs use the cores. The
/// budget limits what they may take.
pub(super) fn make(shared: &Arc<ServerShared>, speed: AnswerSpeed) {
    while let Some(next) = wait(shared, speed) {
        match next {
            NextAnswer::Watched(view, every_s) => answer_view(shared, speed, &view, every_s),
            NextAnswer::Question(question) => answer_question(shared, speed, question),
            NextAnswer::Wait(_) => {}
        }
    }
}

/// Waits for the next answer to make; `None` when the server stops.
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

/// Encodes an answer. On failure returns the reason.
fn frame(make: impl FnOnce() -> Reply) -> Result<Arc<[u8]>, String> {
    let made = catch_unwind(AssertUnwindSafe(|| encode(&make())));
    match made {
        Ok(Ok(frame)) => Ok(frame.into()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(DEFECT.to_owned()),
    }
}

/// The last frame to a client, with the reason for closing the connection.
pub(super) fn refusal(why: String) -> OutFrame {
    // The text is short, so it always fits.
    let frame = encode(&Reply::Refused(why.clone())).unwrap_or_default();
    OutFrame { frame: frame.into(), _large: None, last: Some(why) }
}

/// When work began, in microseconds of the clock and of this thread's CPU time. The budget is CPU
/// time, so that a busy machine does not make answers rarer.
struct WorkStart {
    wall: u64,
    work: u64,
}

impl WorkStart {
    fn now(shared: &ServerShared) -> WorkStart {
        WorkStart { wall: shared.now(), work: thread_work() }
    }

    /// CPU time of this thread since then.
    fn spent(&self) -> u64 {
        thread_work().saturating_sub(self.work)
    }
}

/// CPU time of this thread in microseconds.
fn thread_work() -> u64 {
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

/// The limit of an answer on this thread, in microseconds of work.
fn work_limit(shared: &ServerShared, speed: AnswerSpeed) -> u64 {
    let limits = &shared.service.limits;
    let work_limit = if speed == AnswerSpeed::Quick { limits.quick } else { limits.slow };
    u64::try_from(work_limit.as_micros()).unwrap_or(u64::MAX)
}

/// Makes an answer within `work_limit` microseconds of work, as long as a client `wants`
/// it.
/// `reply` makes the message.
fn make_within(
    shared: &ServerShared,
    work_limit: u64,
    view: &View,
    wants: impl Fn() -> bool,
    reply: impl FnOnce(Snapshot, bool) -> Reply,
) -> MadeAnswer {
    let (began, begun, mut decisions) = (thread_work(), shared.now(), 0u32);
    let mut go_on = |_: u64| {
        decisions = decisions.wrapping_add(1);
        let wanted = !decisions.is_multiple_of(CLIENT_CHECK_EVERY) || wants();
        let waited = shared.now().saturating_sub(begun);
        wanted
            && thread_work().saturating_sub(began) < work_limit
            && waited < work_limit.saturating_mul(MAX_SLOWDOWN)
    };
    let mut allowance = Allowance::new(&mut go_on);
    let frame = frame(|| {
        let mut snapshot = (shared.service.answer)(view, &mut allowance);
        snapshot.health.attached = Some(shared.attached());
        reply(snapshot, allowance.is_over())
    });
    MadeAnswer { frame, over: allowance.is_over() }
}

fn answer_view(shared: &Arc<ServerShared>, speed: AnswerSpeed, view: &View, every_s: u32) {
    let began = WorkStart::now(shared);
    let wants = || {
        let state = shared.state();
        !state.stopping && state.scheduler.wants(view)
    };
    let work_limit = match speed {
        AnswerSpeed::Quick => shared.state().scheduler.work_limit(view, work_limit(shared, speed)),
        AnswerSpeed::Slow => work_limit(shared, speed),
    };
    let made = make_within(shared, work_limit, view, wants, |mut snapshot, over| {
        snapshot.every_s = if every_s > 1 { every_s } else { 0 };
        if over && speed == AnswerSpeed::Quick {
            snapshot.unanswered = Some(SLOW_NOTE.to_owned());
            snapshot.notes = vec![SLOW_NOTE.to_owned()];
        }
        Reply::Snapshot(Box::new(snapshot))
    });
    let mut state = shared.state();
    let clients = if made.over && speed == AnswerSpeed::Quick {
        shared.work.notify_all();
        state.scheduler.postpone_view(view, began.wall, began.spent())
    } else {
        let shown = made.frame.clone().unwrap_or_default();
        state.scheduler.answered_view(view, &shown, began.wall, began.spent())
    };
    for client in clients {
        let Some(outbox) = state.outboxes.get(&client) else { continue };
        match &made.frame {
            Ok(frame) => drop(outbox.newest.send_replace(Some(frame.clone()))),
            // A client with a full outbox is closed by the answers before.
            Err(why) => drop(outbox.out_frames.try_send(refusal(why.clone()))),
        }
    }
}

fn answer_question(shared: &Arc<ServerShared>, speed: AnswerSpeed, question: PendingQuestion) {
    let large = question.is_large().then(|| LargeAnswerPermit(shared.clone()));
    let began = WorkStart::now(shared);
    let (client, number) = (question.client, question.asked.number);
    let wants = || {
        let state = shared.state();
        !state.stopping && state.outboxes.contains_key(&client)
    };
    let work_limit = match (work_limit(shared, speed), question.is_first_try()) {
        (work_limit, true) => work_limit.min(FIRST_MS * 1000),
        (work_limit, false) => work_limit,
    };
    let made = make_within(shared, work_limit, &question.asked.about, wants, |about, _| {
        Reply::Answer(Box::new(Tagged { number, about }))
    });
    let mut state = shared.state();
    if made.over && speed == AnswerSpeed::Quick && state.outboxes.contains_key(&client) {
        state.scheduler.postpone(question, began.wall, began.spent());
        shared.work.notify_all();
        return;
    }
    let out_frame = match made.frame {
        Ok(frame) => OutFrame { frame, _large: large, last: None },
        Err(why) => refusal(why),
    };
    state.scheduler.question_answered(client, speed, began.wall, began.spent());
    let out_frames = state.outboxes.get(&client).map(|outbox| outbox.out_frames.clone());
    // The lock is released first: a frame that is dropped locks the state.
    drop(state);
    // A client that keeps asking without reading is disconnected, so no answer is missing.
    if let Some(out_frames) = out_frames
        && out_frames.try_send(out_frame).is_err()
    {
        let outbox = shared.state().outboxes.remove(&client);
        drop(outbox);
    }
}
