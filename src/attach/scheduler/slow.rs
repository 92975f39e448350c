//! Slow answers, on their own thread and budget.

use super::{
    AnswerScheduler, BURST, ClientId, ClientLag, NextAnswer, PendingQuestion, WALL_PER_WORK,
    Watched,
};
use crate::snapshot::View;

/// A possible next answer, by its index in its list.
#[derive(Clone, Copy)]
enum SlowCandidate {
    View(usize),
    Question(usize),
}

impl AnswerScheduler {
    /// Work on slow answers for a client so far.
    fn slow_work(&self, client: ClientId) -> u64 {
        self.slow_work.get(&client).copied().unwrap_or(0)
    }

    /// The lowest such work among the clients of a view.
    fn least_slow_work(&self, watched: &Watched) -> u64 {
        watched.clients.iter().map(|(client, _)| self.slow_work(*client)).min().unwrap_or(0)
    }

    /// The next slow answer: of those that are due, the one for the client with least slow work,
    /// then the one that has waited longest.
    pub(super) fn next_slow(&mut self, now: u64) -> NextAnswer {
        let not_before = self.paid_slow.saturating_sub(BURST);
        let views = self.watched.iter().enumerate();
        let views = views.filter(|(_, watched)| watched.slow && watched.is_read());
        let views = views.map(|(at, watched)| {
            (watched.due(), self.least_slow_work(watched), SlowCandidate::View(at))
        });
        let questions = self.questions.iter().enumerate().filter(|(_, question)| question.slow);
        let questions = questions.filter(|(_, question)| !self.large || !question.is_large());
        let questions = questions.map(|(at, question)| {
            (question.at, self.slow_work(question.client), SlowCandidate::Question(at))
        });
        let all: Vec<(u64, u64, SlowCandidate)> = views.chain(questions).collect();
        let Some(first) = all.iter().map(|(due, ..)| *due).min() else {
            return NextAnswer::Wait(None);
        };
        if first.max(not_before) > now {
            return NextAnswer::Wait(Some(first.max(not_before)));
        }
        let due = all.into_iter().filter(|(due, ..)| *due <= now);
        match due.min_by_key(|(due, slow_work, _)| (*slow_work, *due)) {
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

    /// Charges slow work for these clients, which began at `began`.
    pub(super) fn pay_slow(&mut self, clients: &[ClientId], began: u64, cost: u64) {
        self.paid_slow =
            self.paid_slow.max(began).saturating_add(cost.saturating_mul(WALL_PER_WORK));
        for client in clients {
            let slow_work = self.slow_work.entry(*client).or_default();
            *slow_work = slow_work.saturating_add(cost);
        }
    }

    /// Postpones a question that was not answered within its limit. After the first attempt it
    /// waits for its turn, after the next it is answered on the slow thread.
    pub(in crate::attach) fn postpone(&mut self, question: PendingQuestion, began: u64, cost: u64) {
        self.pay(began, cost);
        let slow = question.slow || question.tried;
        self.questions.push_back(PendingQuestion { tried: true, slow, ..question });
        self.share();
    }

    /// Postpones a view that was not answered within its limit. After the first attempt it waits
    /// for its turn, after the next it is answered on the slow thread. Returns the clients that are
    /// told that their first answer takes longer.
    pub(in crate::attach) fn postpone_view(
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
            watched.requested_at = watched.requested_at.or(Some(began));
            if watched.answered_view.is_none() {
                for (client, lag) in &mut watched.clients {
                    *lag =
                        if *lag == ClientLag::Ready { ClientLag::Sent } else { ClientLag::Behind };
                    clients.push(*client);
                }
            }
        }
        self.share();
        clients
    }

    /// Whether any client still watches a view.
    pub(in crate::attach) fn wants(&self, view: &View) -> bool {
        self.watched.iter().any(|watched| watched.view == *view)
    }
}
