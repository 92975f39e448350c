//! Decides which answer is made next, within the budget. Pure: time is an argument, in
//! microseconds of a monotonic clock.
//!
//! Clients with the same view share one answer. Each view has a share of the budget. If it needs
//! less, the rest goes to the others; if it needs more, it is answered every 2, 4, 8, … seconds. A
//! new view is answered at once, as far as its share allows. All answers together never exceed the
//! budget. If no client of a view has read the previous answers, none is made and the view has no
//! share. Views whose answers have been read for some time come first and keep most of the budget,
//! however many new views arrive.
//!
//! Two threads make answers. Every answer begins on the quick thread, where its first
//! [`FIRST_MS`] of work have priority; if it needs more, it waits for its turn. An answer
//! that
//! needs more than [`QUICK_MS`], or that is large, is slow from then on. It is made on the
//! other thread, which has its own budget and serves the client that has used least
//! of it first.

mod share;
mod slow;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::frame::Tagged;
use super::{BUDGET_MS, FIRST_MS, LARGE_ROWS, MAX_QUESTIONS, QUICK_MS};
use crate::snapshot::View;

/// Id of a client. Ids are not reused.
pub(super) type ClientId = u64;

const SECOND: u64 = 1_000_000;

/// Wall clock time per work: for each microsecond of work this many microseconds must pass.
const WALL_PER_WORK: u64 = 1_000 / BUDGET_MS;

/// Unused budget is kept for this long, so that a new screen or a changed view is answered at once.
const BURST: u64 = SECOND;

/// Number of answers read after which a view counts as proven: more than the kernel buffers for a
/// client that does not read.
const PROVEN: u32 = 8;

/// Which thread makes an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerSpeed {
    Quick,
    Slow,
}

/// Whether a client reads its answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientLag {
    /// It has read all answers.
    Ready,
    /// An answer was sent and may not have arrived yet.
    Sent,
    /// It had not read an answer when the next one was made.
    Behind,
}

/// A view and the clients that watch it.
struct Watched {
    view: View,
    clients: Vec<(ClientId, ClientLag)>,
    /// When a client without an answer requested it.
    requested_at: Option<u64>,
    /// When it was last answered.
    answered_view: Option<u64>,
    /// Work of an answer in microseconds.
    cost: u64,
    /// The newest answer.
    frame: Option<Arc<[u8]>>,
    /// Number of answers that were read, up to [`PROVEN`].
    answer_taken: u32,
    /// Minimum interval between answers in microseconds, from the view's share of the budget.
    min_interval: u64,
    /// Interval between answers in seconds.
    every_s: u32,
    /// Whether a first attempt was given up.
    tried: bool,
    /// Whether it is answered on the slow thread.
    slow: bool,
}

impl Watched {
    fn is_of(&self, client: ClientId) -> bool {
        self.clients.iter().any(|(known, _)| *known == client)
    }

    fn is_proven(&self) -> bool {
        self.answer_taken >= PROVEN
    }

    /// Whether its first attempt is still to come.
    fn is_untried(&self) -> bool {
        self.answered_view.is_none() && !self.tried && !self.slow
    }

    /// Whether any client reads its answers.
    fn is_read(&self) -> bool {
        self.clients.iter().any(|(_, lag)| *lag != ClientLag::Behind)
    }

    fn due(&self) -> u64 {
        let Some(answered_view) = self.answered_view else { return self.requested_at.unwrap_or(0) };
        let every = answered_view.saturating_add(u64::from(self.every_s) * SECOND);
        match self.requested_at {
            Some(requested_at) => {
                requested_at.max(answered_view.saturating_add(self.min_interval)).min(every)
            }
            None => every,
        }
    }
}

/// A single question.
#[derive(Debug, PartialEq)]
pub(super) struct PendingQuestion {
    pub client: ClientId,
    pub asked: Tagged<View>,
    at: u64,
    /// Whether a first attempt was given up.
    tried: bool,
    /// Whether it is answered on the slow thread.
    slow: bool,
}

impl PendingQuestion {
    /// Whether the next attempt is the first.
    pub(super) fn is_first_try(&self) -> bool {
        !self.tried && !self.slow
    }

    /// Whether its answer may be large.
    pub(super) fn is_large(&self) -> bool {
        self.asked.about.limit > LARGE_ROWS
    }
}

/// What a thread does next.
#[derive(Debug, PartialEq)]
pub(super) enum NextAnswer {
    /// Answer this view, which is answered every so many seconds.
    Watched(View, u32),
    /// Answer this question.
    Question(PendingQuestion),
    /// Wait until this time (or without limit) or until a request arrives.
    Wait(Option<u64>),
}

/// The watched views, the questions, and the budgets.
#[derive(Default)]
pub(super) struct AnswerScheduler {
    watched: Vec<Watched>,
    questions: VecDeque<PendingQuestion>,
    /// Time until which all work is paid for.
    paid: u64,
    /// The same for proven views only; they do not wait for the cost of others.
    paid_proven: u64,
    /// The same for first attempts; they do not wait for the cost of others either.
    paid_first: u64,
    /// The same for slow answers.
    paid_slow: u64,
    /// Work on slow answers by client, in microseconds.
    slow_work: HashMap<ClientId, u64>,
    /// Whether a large answer is being made or sent.
    large: bool,
}

impl AnswerScheduler {
    /// Lets a client watch a view. Returns the newest answer, if it is not older than the next one
    /// will be.
    pub(super) fn watch(&mut self, client: ClientId, view: View, now: u64) -> Option<Arc<[u8]>> {
        self.unwatch(client);
        let at = self.watched.iter().position(|watched| watched.view == view);
        let at = at.unwrap_or_else(|| {
            self.watched.push(Watched {
                view,
                clients: Vec::new(),
                requested_at: Some(now),
                answered_view: None,
                cost: 0,
                frame: None,
                answer_taken: 0,
                min_interval: 0,
                every_s: 1,
                tried: false,
                slow: false,
            });
            self.watched.len() - 1
        });
        let watched = &mut self.watched[at];
        let age = watched.answered_view.map(|answered_view| now.saturating_sub(answered_view));
        let is_new = |age| age <= 2 * SECOND * u64::from(watched.every_s);
        let frame = watched.frame.clone().filter(|_| age.is_some_and(is_new));
        if frame.is_none() {
            watched.requested_at = watched.requested_at.or(Some(now));
        }
        watched.clients.push((client, ClientLag::Ready));
        self.share();
        frame
    }

    fn unwatch(&mut self, client: ClientId) {
        for watched in &mut self.watched {
            watched.clients.retain(|(known, _)| *known != client);
        }
        self.watched.retain(|watched| !watched.clients.is_empty());
    }

    /// Adds a question of a client. Returns `false` when too many of its questions wait.
    pub(super) fn ask(&mut self, client: ClientId, asked: Tagged<View>, now: u64) -> bool {
        let waiting = self.questions.iter().filter(|question| question.client == client);
        if waiting.count() >= MAX_QUESTIONS {
            return false;
        }
        let mut question = PendingQuestion { client, asked, at: now, tried: false, slow: false };
        question.slow = question.is_large();
        self.questions.push_back(question);
        self.share();
        true
    }

    /// Removes a client.
    pub(super) fn leave(&mut self, client: ClientId) {
        self.unwatch(client);
        self.questions.retain(|question| question.client != client);
        self.slow_work.remove(&client);
        self.share();
    }

    /// Notes that a client has read its answer.
    pub(super) fn answer_taken(&mut self, client: ClientId) {
        let Some(watched) = self.watched.iter_mut().find(|watched| watched.is_of(client)) else {
            return;
        };
        let before = (watched.is_read(), watched.is_proven());
        for (known, lag) in &mut watched.clients {
            if *known == client {
                *lag = ClientLag::Ready;
            }
        }
        watched.answer_taken = (watched.answer_taken + 1).min(PROVEN);
        if before != (watched.is_read(), watched.is_proven()) {
            self.share();
        }
    }

    /// Notes that a large answer was sent or given up.
    pub(super) fn large_done(&mut self) {
        self.large = false;
    }

    /// The next answer for a thread.
    pub(super) fn next_of(&mut self, speed: AnswerSpeed, now: u64) -> NextAnswer {
        match speed {
            AnswerSpeed::Quick => self.next(now),
            AnswerSpeed::Slow => self.next_slow(now),
        }
    }

    /// The next quick answer: proven views first, then first attempts, then the one that has waited
    /// longest.
    fn next(&mut self, now: u64) -> NextAnswer {
        let first_of = |is_proven| {
            let read = self.watched.iter().filter(|watched| watched.is_read() && !watched.slow);
            let of_kind =
                read.filter(|watched| watched.is_proven() == is_proven && !watched.is_untried());
            of_kind.min_by_key(|watched| watched.due())
        };
        let proven = first_of(true);
        let proven_at = proven.map(|one| one.due().max(self.paid_proven.saturating_sub(BURST)));
        if let (Some(watched), true) = (proven, proven_at.is_some_and(|at| at <= now)) {
            return NextAnswer::Watched(watched.view.clone(), watched.every_s);
        }
        let others = first_of(false).map(|one| (one.due(), one.view.clone(), one.every_s));
        let first_at = match self.first_try(now) {
            NextAnswer::Wait(until) => until,
            next => return next,
        };
        let question = self.questions.iter().position(|one| !one.slow && one.tried);
        let asked = question.map(|at| self.questions[at].at);
        let due = others.as_ref().map(|(due, ..)| *due);
        let waits = |at: Option<u64>| {
            NextAnswer::Wait([at, first_at, proven_at].into_iter().flatten().min())
        };
        let Some(first) = asked.into_iter().chain(due).min() else { return waits(None) };
        let at = first.max(self.paid.saturating_sub(BURST));
        if at > now {
            return waits(Some(at));
        }
        if let Some(question) = question.filter(|_| asked == Some(first))
            && let Some(question) = self.questions.remove(question)
        {
            return NextAnswer::Question(question);
        }
        match others {
            Some((_, view, every_s)) => NextAnswer::Watched(view, every_s),
            None => NextAnswer::Wait(None),
        }
    }

    /// The first attempt that has waited longest, or when the next one may start.
    fn first_try(&mut self, now: u64) -> NextAnswer {
        let question = self.questions.iter().position(PendingQuestion::is_first_try);
        let asked = question.map(|at| self.questions[at].at);
        let views = self.watched.iter().filter(|one| one.is_read() && one.is_untried());
        let watched = views.min_by_key(|watched| watched.due());
        let due = watched.map(Watched::due);
        let Some(first) = asked.into_iter().chain(due).min() else { return NextAnswer::Wait(None) };
        let at = first.max(self.paid_first.saturating_sub(BURST));
        if at > now {
            return NextAnswer::Wait(Some(at));
        }
        match (question.filter(|_| asked == Some(first)), watched) {
            (None, Some(watched)) => NextAnswer::Watched(watched.view.clone(), watched.every_s),
            (question, _) => {
                let question = question.and_then(|at| self.questions.remove(at));
                question.map_or(NextAnswer::Wait(None), NextAnswer::Question)
            }
        }
    }

    /// The limit of work on a view on the quick thread, in microseconds.
    pub(super) fn work_limit(&self, view: &View, quick: u64) -> u64 {
        let watched = self.watched.iter().find(|watched| watched.view == *view);
        if watched.is_some_and(Watched::is_untried) { quick.min(FIRST_MS * 1000) } else { quick }
    }

    /// Charges work that began at `began`. Costs up to twice a first attempt are charged to that
    /// budget too.
    fn pay(&mut self, began: u64, cost: u64) {
        if cost <= 2 * FIRST_MS * 1000 {
            let work = cost.saturating_mul(WALL_PER_WORK);
            self.paid_first = self.paid_first.max(began).saturating_add(work);
        }
        self.paid = self.paid.max(began).saturating_add(cost.saturating_mul(WALL_PER_WORK));
    }

    /// Notes that a client's question was answered, with its start and cost in
    /// microseconds.
    pub(super) fn question_answered(
        &mut self,
        client: ClientId,
        speed: AnswerSpeed,
        began: u64,
        cost: u64,
    ) {
        match speed {
            AnswerSpeed::Quick => self.pay(began, cost),
            AnswerSpeed::Slow => self.pay_slow(&[client], began, cost),
        }
        self.share();
    }

    /// Notes that a view was answered with this frame, with its start and cost in microseconds.
    /// Returns the clients to which the frame is sent.
    pub(super) fn answered_view(
        &mut self,
        view: &View,
        frame: &Arc<[u8]>,
        began: u64,
        cost: u64,
    ) -> Vec<ClientId> {
        let at = self.watched.iter().position(|watched| watched.view == *view);
        // All its clients may have left meanwhile.
        let Some(watched) = at.map(|at| &mut self.watched[at]) else {
            self.pay(began, cost);
            return Vec::new();
        };
        if watched.slow {
            let clients: Vec<ClientId> =
                watched.clients.iter().map(|(client, _)| *client).collect();
            watched.slow = cost > QUICK_MS * 1000 / 2;
            self.pay_slow(&clients, began, cost);
        } else {
            if watched.is_proven() {
                let work = cost.saturating_mul(WALL_PER_WORK);
                self.paid_proven = self.paid_proven.max(began).saturating_add(work);
            }
            self.pay(began, cost);
        }
        let Some(watched) = at.and_then(|at| self.watched.get_mut(at)) else { return Vec::new() };
        // A mean, so that a single slow answer counts, but not for long.
        watched.cost =
            if watched.answered_view.is_none() { cost } else { (watched.cost + cost) / 2 };
        watched.answered_view = Some(began);
        watched.requested_at = None;
        watched.frame = Some(frame.clone());
        let mut clients = Vec::new();
        for (client, lag) in &mut watched.clients {
            *lag = if *lag == ClientLag::Ready { ClientLag::Sent } else { ClientLag::Behind };
            clients.push(*client);
        }
        self.share();
        clients
    }
}
