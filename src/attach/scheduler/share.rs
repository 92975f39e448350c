//! Divides the budget between views.

use super::{AnswerScheduler, SECOND};
use crate::attach::{BUDGET_MS, MAX_EVERY_S};

/// Single questions and views that are not proven have at least one part in this many of the
/// budget.
const UNPROVEN_PART: u64 = 4;

impl AnswerScheduler {
    /// Sets the share of every view. Views that are not proven have what the others leave.
    pub(super) fn share(&mut self) {
        let read = (0..self.watched.len()).filter(|at| self.watched[*at].is_read());
        let (slow, quick): (Vec<usize>, Vec<usize>) = read.partition(|at| self.watched[*at].slow);
        let (proven, unproven): (Vec<usize>, Vec<usize>) =
            quick.into_iter().partition(|at| self.watched[*at].is_proven());
        let all = BUDGET_MS * 1000;
        self.share_out(all, slow);
        let is_alone = unproven.is_empty() && self.questions.is_empty();
        let reserved = if is_alone { 0 } else { all / UNPROVEN_PART };
        let left = self.share_out(all - reserved, proven);
        self.share_out(reserved + left, unproven);
    }

    /// Divides `left` between these views. The cheapest come first, so that what they leave goes to
    /// those that need more. Returns the rest.
    fn share_out(&mut self, mut left: u64, mut order: Vec<usize>) -> u64 {
        order.sort_by_key(|at| self.watched[*at].cost);
        let mut others = order.len() as u64;
        for at in order {
            let share = (left / others.max(1)).max(1);
            let watched = &mut self.watched[at];
            let seconds = watched.cost.div_ceil(share).clamp(1, u64::from(MAX_EVERY_S));
            watched.every_s = (seconds as u32).next_power_of_two();
            watched.min_interval = watched.cost.saturating_mul(SECOND) / share;
            left = left.saturating_sub(watched.cost.min(share));
            others -= 1;
        }
        left
    }
}
