//! What takes long: on a thread of its own, within a budget of its own.

use super::{
    AnswerScheduler, BURST, ClientId, ClientLag, NextAnswer, PendingQuestion, TIMES, Watched,
};
use crate::snapshot::View;

/// What may be done next, by its place in its list.
#[derive(Clone, Copy)]
enum SlowCandidate {
    View(usize),
    Question(usize),
}

impl AnswerScheduler {
    /// What a client had of the work on slow answers since it came.
    fn had(&self, client: ClientId) -> u64 {
        self.had.get(&client).copied().unwrap_or(0)
    }

    /// The same of whoever of those who watch a view had least.
    fn least_had(&self, watched: &Watched) -> u64 {
        watched.clients.iter().map(|(client, _)| self.had(*client)).min().unwrap_or(0)
    }

    /// Of what is slow and due, that of the client who had least, then what has waited
    /// longest.
    pub(super) fn next_slow(&mut self, now: u64) -> NextAnswer {
        let may = self.paid_slow.saturating_sub(BURST);
        let views = self.watched.iter().enumerate();
        let views = views.filter(|(_, watched)| watched.slow && watched.is_read());
        let views = views
            .map(|(at, watched)| (watched.due(), self.least_had(watched), SlowCandidate::View(at)));
        let questions = self.questions.iter().enumerate().filter(|(_, question)| question.slow);
        let questions = questions.filter(|(_, question)| !self.large || !question.is_large());
        let questions = questions.map(|(at, question)| {
            (question.at, self.had(question.client), SlowCandidate::Question(at))
        });
        let all: Vec<(u64, u64, SlowCandidate)> = views.chain(questions).collect();
        let Some(first) = all.iter().map(|(due, ..)| *due).min() else {
            return NextAnswer::Wait(None);
        };
        if first.max(may) > now {
            return NextAnswer::Wait(Some(first.max(may)));
        }
        let due = all.into_iter().filter(|(due, ..)| *due <= now);
        match due.min_by_key(|(due, had, _)| (*had, *due)) {
            Some((.., SlowCandidate::View(at))) => {
                let watched = &self.watched[at];
                NextAnswer::Watched(watched.view.clone(), watched.every_s)
            }
            Some((.., SlowCandidate::Question(at))) => match self.questions.remove(at) {
                Some(question) => {
                    self.large |= question.is_large();
                    NextAnswer::Question(question)
                }
                None => NextAnswer::Wait(None),
            },
            None => NextAnswer::Wait(None),
        }
    }

    /// Slow work was done for these, which began then.
    pub(super) fn pay_slow(&mut self, clients: &[ClientId], began: u64, cost: u64) {
        self.paid_slow = self.paid_slow.max(began).saturating_add(cost.saturating_mul(TIMES));
        for client in clients {
            let had = self.had.entry(*client).or_default();
            *had = had.saturating_add(cost);
        }
    }

    /// A question could not be answered quickly: after a first try it waits for its turn,
    /// after another it is answered beside others.
    pub(in crate::attach) fn put_aside(
        &mut self,
        question: PendingQuestion,
        began: u64,
        cost: u64,
    ) {
        self.pay(began, cost);
        let slow = question.slow || question.tried;
        self.questions.push_back(PendingQuestion { tried: true, slow, ..question });
        self.share();
    }

    /// A view could not be answered quickly: after a first try it waits for its turn, after
    /// another it is answered beside others. To whom it is to be told that its first answer
    /// takes a while.
    pub(in crate::attach) fn is_slow(
        &mut self,
        view: &View,
        began: u64,
        cost: u64,
    ) -> Vec<ClientId> {
        self.pay(began, cost);
        let mut clients = Vec::new();
        let watched = self.watched.iter_mut().find(|watched| watched.view == *view);
        if let Some(watched) = watched {
            if watched.is_untried() {
                watched.tried = true;
                return clients;
            }
            watched.slow = true;
            watched.cost = watched.cost.max(cost);
            watched.wanted = watched.wanted.or(Some(began));
            if watched.answered.is_none() {
                for (client, pace) in &mut watched.clients {
                    *pace = if *pace == ClientLag::Ready {
                        ClientLag::Given
                    } else {
                        ClientLag::Behind
                    };
                    clients.push(*client);
                }
            }
        }
        self.share();
        clients
    }

    /// Whether anybody still wants an answer to a view.
    pub(in crate::attach) fn wants(&self, view: &View) -> bool {
        self.watched.iter().any(|watched| watched.view == *view)
    }
}
