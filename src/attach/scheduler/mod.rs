//! Who is to be answered next, within the budget. Pure: time is an argument, in
//! microseconds of a clock that only goes forward.
//!
//! Clients with the same view share one answer. Each view gets its share of the
//! budget: one that needs less leaves the rest to the others; one that needs more
//! is answered every 2, 4, 8, … seconds. A new view is answered at once, as far
//! as its share allows, and everything together never takes more than the budget.
//! Nothing is made for a view, and no share kept for it, while none of those who
//! watch it has taken the answers before. Views whose answers have been taken for a
//! while come first and keep most of the budget, however many come anew.
//!
//! Answers are made by two threads. All begin on that of the quick ones, and come first
//! there for [`FIRST_MS`] of work; what needs more waits for its turn. What cannot be made
//! within [`QUICK_MS`], and what is large, is slow from then on: it goes to the
//! other thread and has a budget of its own there, of which those clients come first
//! who have had least.

mod share;
mod slow;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::frame::Tagged;
use super::{BUDGET_MS, FIRST_MS, LARGE_ROWS, MAX_QUESTIONS, QUICK_MS};
use crate::snapshot::View;

/// A client, by a number that is never used again.
pub(super) type ClientId = u64;

const SECOND: u64 = 1_000_000;

/// So many microseconds of time belong to each of work.
const TIMES: u64 = 1_000 / BUDGET_MS;

/// What was not used is good for so long: a screen that attaches, or changes its
/// view, is answered in an instant.
const BURST: u64 = SECOND;

/// A view of which so many answers were taken is one that somebody looks at: more
/// than the kernel keeps of the smallest for one who does not read.
const PROVEN: u32 = 8;

/// Which thread makes an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerSpeed {
    Quick,
    Slow,
}

/// How far a client is behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientLag {
    /// It has taken all answers.
    Ready,
    /// It has been given one, which may be on its way.
    Given,
    /// It has not taken one when the next was made.
    Behind,
}

/// A view with those who watch it.
struct Watched {
    view: View,
    clients: Vec<(ClientId, ClientLag)>,
    /// When somebody asked for it who has no answer yet.
    wanted: Option<u64>,
    /// When it was answered last, what that cost, and the frame.
    answered: Option<u64>,
    cost: u64,
    frame: Option<Arc<[u8]>>,
    /// How many answers were taken, as far as that matters.
    taken: u32,
    /// Its share of the budget, in parts of its own cost: microseconds between
    /// answers at least.
    apart: u64,
    every_s: u32,
    /// Whether a first try was given up.
    tried: bool,
    /// Whether it is answered beside the quick ones.
    slow: bool,
}

impl Watched {
    fn is_of(&self, client: ClientId) -> bool {
        self.clients.iter().any(|(known, _)| *known == client)
    }

    fn is_proven(&self) -> bool {
        self.taken >= PROVEN
    }

    /// Whether it is to be tried the first time.
    fn is_untried(&self) -> bool {
        self.answered.is_none() && !self.tried && !self.slow
    }

    /// Whether somebody takes its answers.
    fn is_read(&self) -> bool {
        self.clients.iter().any(|(_, pace)| *pace != ClientLag::Behind)
    }

    fn due(&self) -> u64 {
        let Some(answered) = self.answered else { return self.wanted.unwrap_or(0) };
        let every = answered.saturating_add(u64::from(self.every_s) * SECOND);
        match self.wanted {
            Some(wanted) => wanted.max(answered.saturating_add(self.apart)).min(every),
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
    /// Whether a first try was given up.
    tried: bool,
    /// Whether it is answered beside the quick ones.
    slow: bool,
}

impl PendingQuestion {
    /// Whether it is tried the first time.
    pub(super) fn is_first_try(&self) -> bool {
        !self.tried && !self.slow
    }

    /// Whether its answer may be large.
    pub(super) fn is_large(&self) -> bool {
        self.asked.about.limit > LARGE_ROWS
    }
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub(super) enum NextAnswer {
    /// Answer this view, which is answered every so many seconds.
    Watched(View, u32),
    /// Answer this question.
    Question(PendingQuestion),
    /// Nothing, until then or until something is asked.
    Wait(Option<u64>),
}

/// Views and questions.
#[derive(Default)]
pub(super) struct AnswerScheduler {
    watched: Vec<Watched>,
    questions: VecDeque<PendingQuestion>,
    /// Work is paid for until then; that for proven views alone, until then. They do
    /// not wait for what others cost.
    paid: u64,
    paid_proven: u64,
    /// First tries are paid for until then; they do not wait for what others cost either.
    paid_first: u64,
    /// Work on what is slow is paid for until then, and what clients had of it.
    paid_slow: u64,
    had: HashMap<ClientId, u64>,
    /// Whether a large answer is being made, or on its way.
    large: bool,
}

impl AnswerScheduler {
    /// A client watches a view from now on. The answer that is there already, if
    /// it is not older than the next one will be.
    pub(super) fn watch(&mut self, client: ClientId, view: View, now: u64) -> Option<Arc<[u8]>> {
        self.unwatch(client);
        let at = self.watched.iter().position(|watched| watched.view == view);
        let at = at.unwrap_or_else(|| {
            self.watched.push(Watched {
                view,
                clients: Vec::new(),
                wanted: Some(now),
                answered: None,
                cost: 0,
                frame: None,
                taken: 0,
                apart: 0,
                every_s: 1,
                tried: false,
                slow: false,
            });
            self.watched.len() - 1
        });
        let watched = &mut self.watched[at];
        let age = watched.answered.map(|answered| now.saturating_sub(answered));
        let is_new = |age| age <= 2 * SECOND * u64::from(watched.every_s);
        let frame = watched.frame.clone().filter(|_| age.is_some_and(is_new));
        if frame.is_none() {
            watched.wanted = watched.wanted.or(Some(now));
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

    /// A client asks once; `false` when too many of its questions wait.
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

    /// A client is gone.
    pub(super) fn leave(&mut self, client: ClientId) {
        self.unwatch(client);
        self.questions.retain(|question| question.client != client);
        self.had.remove(&client);
        self.share();
    }

    /// A client has taken the answer that it was given.
    pub(super) fn taken(&mut self, client: ClientId) {
        let Some(watched) = self.watched.iter_mut().find(|watched| watched.is_of(client)) else {
            return;
        };
        let before = (watched.is_read(), watched.is_proven());
        for (known, pace) in &mut watched.clients {
            if *known == client {
                *pace = ClientLag::Ready;
            }
        }
        watched.taken = (watched.taken + 1).min(PROVEN);
        if before != (watched.is_read(), watched.is_proven()) {
            self.share();
        }
    }

    /// A large answer has arrived, or never will.
    pub(super) fn large_done(&mut self) {
        self.large = false;
    }

    /// What this thread is to do next.
    pub(super) fn next_of(&mut self, speed: AnswerSpeed, now: u64) -> NextAnswer {
        match speed {
            AnswerSpeed::Quick => self.next(now),
            AnswerSpeed::Slow => self.next_slow(now),
        }
    }

    /// What has waited longest of what is quick and may be done: proven views first, then
    /// first tries.
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

    /// Of what has not been tried yet what has waited longest, or when there may be some.
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

    /// Work on a view, in microseconds, that its answer may take on the quick thread.
    pub(super) fn most(&self, view: &View, quick: u64) -> u64 {
        let watched = self.watched.iter().find(|watched| watched.view == *view);
        if watched.is_some_and(Watched::is_untried) { quick.min(FIRST_MS * 1000) } else { quick }
    }

    /// Work was done that began then. As much as a first try has is paid for as one.
    fn pay(&mut self, began: u64, cost: u64) {
        if cost <= 2 * FIRST_MS * 1000 {
            let work = cost.saturating_mul(TIMES);
            self.paid_first = self.paid_first.max(began).saturating_add(work);
        }
        self.paid = self.paid.max(began).saturating_add(cost.saturating_mul(TIMES));
    }

    /// A client's question was answered, which began then and took so much work.
    pub(super) fn told(&mut self, client: ClientId, speed: AnswerSpeed, began: u64, cost: u64) {
        match speed {
            AnswerSpeed::Quick => self.pay(began, cost),
            AnswerSpeed::Slow => self.pay_slow(&[client], began, cost),
        }
        self.share();
    }

    /// A view was answered, with this frame, which began then and took so much work;
    /// to whom it is to go.
    pub(super) fn answered(
        &mut self,
        view: &View,
        frame: &Arc<[u8]>,
        began: u64,
        cost: u64,
    ) -> Vec<ClientId> {
        let at = self.watched.iter().position(|watched| watched.view == *view);
        // Those who wanted it may have gone meanwhile.
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
                let work = cost.saturating_mul(TIMES);
                self.paid_proven = self.paid_proven.max(began).saturating_add(work);
            }
            self.pay(began, cost);
        }
        let Some(watched) = at.and_then(|at| self.watched.get_mut(at)) else { return Vec::new() };
        // A single slow answer shall not count for long, nor be forgotten at once.
        watched.cost = if watched.answered.is_none() { cost } else { (watched.cost + cost) / 2 };
        watched.answered = Some(began);
        watched.wanted = None;
        watched.frame = Some(frame.clone());
        let mut clients = Vec::new();
        for (client, pace) in &mut watched.clients {
            *pace = if *pace == ClientLag::Ready { ClientLag::Given } else { ClientLag::Behind };
            clients.push(*client);
        }
        self.share();
        clients
    }
}
