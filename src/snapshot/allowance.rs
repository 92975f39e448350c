//! What making one answer may cost, counted in steps of work.
//!
//! A step is one entry of a row that is looked at, or one test of a filter on one
//! row: some ten nanoseconds. Whoever makes an answer spends steps as it goes; whoever
//! asked for it says every few of them whether to go on. Counted work makes tests
//! repeatable; a clock or a client that has left may stand behind the decision.

use std::fmt;

/// Steps between two decisions: well below a millisecond of work.
pub const STEPS: u64 = 1 << 14;

/// The work that one answer may cost.
pub struct Allowance<'a> {
    spent: u64,
    /// At so many steps it is decided next whether to go on.
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
    /// As much as it takes.
    #[must_use]
    pub fn unlimited() -> Allowance<'static> {
        Allowance { spent: 0, decided_at: u64::MAX, go_on: None, over: false }
    }

    /// As much as `go_on` allows, which is asked every [`STEPS`] steps, with how many
    /// were spent. Once it has said `false` the answer is given up.
    pub fn new(go_on: &'a mut dyn FnMut(u64) -> bool) -> Allowance<'a> {
        Allowance { spent: 0, decided_at: STEPS, go_on: Some(go_on), over: false }
    }

    /// Spends steps; `false` when the answer is to be given up.
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

    /// Whether the answer is given up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Steps spent until now.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_decided_every_few_steps_and_for_good() {
        let mut asked = Vec::new();
        let mut go_on = |spent: u64| {
            asked.push(spent);
            asked.len() != 3
        };
        let mut allowance = Allowance::new(&mut go_on);
        let done = (0..10 * STEPS).take_while(|_| allowance.spend(1)).count() as u64;
        assert_eq!((done, allowance.spent()), (3 * STEPS - 1, 3 * STEPS));
        assert!(!allowance.spend(100 * STEPS) && allowance.is_over(), "it stays given up");
        assert_eq!(asked[..3], [STEPS, 2 * STEPS, 3 * STEPS]);
        let mut unlimited = Allowance::unlimited();
        assert!(unlimited.spend(u64::MAX) && unlimited.spend(u64::MAX));
    }
}
