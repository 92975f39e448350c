//! What all exporters together may take: limits that several decoders share, so
//! that more of them never take more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The sums over all decoders that were made with it.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    exporters: Arc<AtomicUsize>,
    held: Arc<AtomicUsize>,
    templates: Arc<AtomicUsize>,
    names: Arc<AtomicUsize>,
}

/// The part of one decoder, in each of the sums.
#[derive(Debug, Default)]
pub struct Pool {
    pub exporters: Share,
    /// Bytes of sets that wait for their templates.
    pub held: Share,
    /// Bytes of templates.
    pub templates: Share,
    /// Names of interfaces and applications: how many, not bytes.
    pub names: Share,
}

impl Pool {
    /// A part of `budget` in which nothing is taken yet.
    #[must_use]
    pub fn of(budget: &Budget) -> Pool {
        let share = |all: &Arc<AtomicUsize>| Share { own: 0, all: all.clone() };
        Pool {
            exporters: share(&budget.exporters),
            held: share(&budget.held),
            templates: share(&budget.templates),
            names: share(&budget.names),
        }
    }
}

/// One decoder's part of a sum; given back when it is dropped.
///
/// Whoever asks for the total and adds may meet another who does the same: the
/// limit is then passed by what both add, once.
#[derive(Debug, Default)]
pub struct Share {
    own: usize,
    all: Arc<AtomicUsize>,
}

impl Share {
    /// What this decoder takes.
    #[must_use]
    pub fn own(&self) -> usize {
        self.own
    }

    /// What all decoders of the budget take.
    #[must_use]
    pub fn total(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// This decoder takes `after` where it took `before`.
    pub fn change(&mut self, before: usize, after: usize) {
        self.set((self.own + after).saturating_sub(before));
    }

    /// This decoder takes so much.
    pub fn set(&mut self, own: usize) {
        // Each adds and takes away its own only, so the sum never falls below 0.
        if own > self.own {
            self.all.fetch_add(own - self.own, Ordering::Relaxed);
        } else if own < self.own {
            self.all.fetch_sub(self.own - own, Ordering::Relaxed);
        }
        self.own = own;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_go_with_their_owner() {
        let budget = Budget::default();
        let (mut one, mut two) = (Pool::of(&budget), Pool::of(&budget));
        one.held.change(0, 10);
        two.held.change(0, 7);
        assert_eq!((one.held.total(), two.held.own()), (17, 7));
        one.held.change(4, 0);
        two.held.change(9, 0);
        assert_eq!((one.held.own(), two.held.own(), two.held.total()), (6, 0, 6));
        drop(one);
        assert_eq!((two.held.total(), two.names.total()), (0, 0));
    }
}
