//! The work that one answer may cost, counted in steps.
//!
//! A step is an entry of a row that is read, or a test of a filter on a row: about ten nanoseconds.
//! The code that makes an answer spends steps. Every [`STEPS`] steps a callback decides whether to
//! continue. Counted steps make tests repeatable; the callback may check a clock, or whether the
//! client is still connected.

use std::fmt;

/// Number of steps between two decisions: much less than a millisecond of work.
pub const STEPS: u64 = 1 << 14;

/// The work that one answer may cost.
pub struct Allowance<'a> {
    spent: u64,
    /// Number of steps at which the next decision is made.
    decided_at: u64,
    go_on: Option<&'a mut dyn FnMut(u64) -> bool>,
    over: bool,
}

impl fmt::Debug for Allowance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Allowance { spent, over, .. } = self;
        f.debug_struct("Allowance").field("spent", spent).field("over", over).finish()
    }
}

impl<'a> Allowance<'a> {
    /// An allowance without limit.
    #[must_use]
    pub fn unlimited() -> Allowance<'static> {
        Allowance { spent: 0, decided_at: u64::MAX, go_on: None, over: false }
    }

    /// An allowance that lasts as long as `go_on` returns true. It is called every
    /// [`STEPS`] steps with the
    /// number of steps spent. Once it returns `false`, the answer is given up.
    pub fn new(go_on: &'a mut dyn FnMut(u64) -> bool) -> Allowance<'a> {
        Allowance { spent: 0, decided_at: STEPS, go_on: Some(go_on), over: false }
    }

    /// Spends steps. Returns `false` if the answer is to be given up.
    #[inline]
    pub fn spend(&mut self, steps: u64) -> bool {
        self.spent = self.spent.saturating_add(steps);
        if self.spent >= self.decided_at {
            self.decide();
        }
        !self.over
    }

    #[cold]
    fn decide(&mut self) {
        self.decided_at = self.spent.saturating_add(STEPS);
        if let Some(go_on) = &mut self.go_on {
            self.over |= !go_on(self.spent);
        }
    }

    /// Whether the answer is to be given up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Number of steps spent so far.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_made_periodically_and_are_final() {
        let mut calls = Vec::new();
        let mut go_on = |spent: u64| {
            calls.push(spent);
            calls.len() != 3
        };
        let mut allowance = Allowance::new(&mut go_on);
        let done = (0..10 * STEPS).take_while(|_| allowance.spend(1)).count() as u64;
        assert_eq!((done, allowance.spent()), (3 * STEPS - 1, 3 * STEPS));
        assert!(!allowance.spend(100 * STEPS) && allowance.is_over(), "it stays given up");
        assert_eq!(calls[..3], [STEPS, 2 * STEPS, 3 * STEPS]);
        let mut unlimited = Allowance::unlimited();
        assert!(unlimited.spend(u64::MAX) && unlimited.spend(u64::MAX));
    }
}
