//! Panes: intervals of time in which traffic is counted.

use super::entry::{SLOT_BITS, SLOT_MASK};
use crate::flow::Time;

/// Lengths of panes in seconds by age: 2 s up to a minute before the edge, 10 s up to five
/// minutes, 60 s up to an hour.
pub(super) const FINE: u32 = 2;
pub(super) const MIDDLE: u32 = 10;
pub(super) const COARSE: u32 = 60;

const FINE_SPAN: u32 = 60;
const MIDDLE_SPAN: u32 = 300;
/// Number of seconds for which traffic is stored.
pub(super) const KEEP_SPAN: u32 = 3600;

/// The bounds between pane lengths for one position of the edge. The edge is the end of live
/// windows, in whole seconds since 1970, always even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edges {
    pub(super) edge: u32,
    fine_from: u32,
    middle_from: u32,
    /// Start of the oldest pane that is stored.
    pub(super) keep_from: u32,
    /// All traffic is in one pane (`top --window all`).
    single: bool,
    /// Slots are numbered from here. Half of them are older than the oldest stored pane.
    base: u32,
}

impl Edges {
    pub(super) fn at(edge: u32) -> Edges {
        let keep_from = floor(edge.saturating_sub(KEEP_SPAN), COARSE);
        Edges {
            edge,
            fine_from: floor(edge.saturating_sub(FINE_SPAN), MIDDLE),
            middle_from: floor(edge.saturating_sub(MIDDLE_SPAN), COARSE),
            keep_from,
            single: false,
            base: (keep_from / FINE).wrapping_sub(1 << (SLOT_BITS - 1)),
        }
    }

    /// The same panes for a window with another end: the start of the pane that contains
    /// second `at`.
    pub(super) fn ending(&self, at: u32) -> Edges {
        Edges { edge: self.pane(at.max(self.keep_from)), ..*self }
    }

    /// One pane for all time.
    pub(super) fn single() -> Edges {
        Edges { edge: 0, fine_from: 0, middle_from: 0, keep_from: 0, single: true, base: 0 }
    }

    /// The start of the pane that contains second `at`.
    pub(super) fn pane(&self, at: u32) -> u32 {
        // Each case divides by a constant, which is much faster.
        if at >= self.fine_from {
            if self.single { 0 } else { floor(at, FINE) }
        } else if at >= self.middle_from {
            floor(at, MIDDLE)
        } else {
            floor(at, COARSE)
        }
    }

    /// Whether all traffic is in one pane.
    pub(super) fn is_single(&self) -> bool {
        self.single
    }

    /// Panes from this second on have the finest length.
    pub(super) fn fine_from(&self) -> u32 {
        self.fine_from
    }

    /// The number from which distances are counted.
    #[inline]
    pub(super) fn base(&self) -> u32 {
        self.base
    }

    /// The slot number of a pane in the entries of logs.
    #[inline]
    pub(super) fn slot(&self, pane: u32) -> u32 {
        (pane / FINE) & SLOT_MASK
    }

    /// The distance of a slot from the base: its position in time among all slots.
    #[inline]
    pub(super) fn distance(&self, slot: u32) -> u32 {
        slot.wrapping_sub(self.base) & SLOT_MASK
    }

    /// The start of the pane with this slot number.
    #[inline]
    pub(super) fn pane_of(&self, slot: u32) -> u32 {
        self.base.wrapping_add(self.distance(slot)).wrapping_mul(FINE)
    }

    /// The first pane bound at or after second `at`.
    pub(super) fn ceil(&self, at: u32) -> u32 {
        let length = self.pane_length(at);
        at.div_ceil(length).saturating_mul(length)
    }

    /// The length of panes around second `at`.
    pub(super) fn pane_length(&self, at: u32) -> u32 {
        if at >= self.fine_from {
            FINE
        } else if at >= self.middle_from {
            MIDDLE
        } else {
            COARSE
        }
    }

    /// The smallest range of whole panes that covers `[start, end)`, limited to stored panes before
    /// the edge.
    pub(super) fn widen(&self, start: u32, end: u32) -> (u32, u32) {
        if self.single {
            return (0, u32::MAX);
        }
        let end = end.clamp(self.keep_from, self.edge);
        let length = self.pane_length(end.saturating_sub(1));
        let end = end.div_ceil(length).saturating_mul(length).min(self.edge);
        (self.pane(start.clamp(self.keep_from, end)), end)
    }
}

#[inline]
pub(super) fn floor(at: u32, step: u32) -> u32 {
    at - at % step
}

/// Whole seconds since 1970, clamped to 32 bits (1970 to 2106).
pub(super) fn seconds(time: Time) -> u32 {
    u32::try_from(time.0.div_euclid(1000).max(0)).unwrap_or(u32::MAX)
}

/// The time at the start of a second.
pub(super) fn moment(seconds: u32) -> Time {
    Time(i64::from(seconds) * 1000)
}

/// The panes of a view.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panes {
    pub(super) edges: Edges,
    pub(super) start: u32,
    pub(super) end: u32,
    /// Start of the time for which there is data; means are over the time after it.
    pub(super) known: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_every_length_begin_at_pane_bounds() {
        let edges = Edges::at(10_000_030);
        for length in [10, 60, 300, 900, 3600] {
            let (start, end) = edges.widen(edges.edge - length, edges.edge);
            assert_eq!(end, edges.edge);
            assert_eq!(edges.pane(start), start, "{length}");
            assert!(end - start >= length && end - start < length + COARSE, "{length}");
        }
        assert_eq!(edges.widen(edges.edge - 60, edges.edge).0, edges.edge - 60, "1 m is exact");
    }

    #[test]
    fn slots_keep_the_order_of_time_for_hours_before_and_after_the_edge() {
        for edge in [0, 2, 3600, 1_000_000, 1_800_000_000, 1_800_016_384, u32::MAX - 40_001] {
            let edges = Edges::at(edge);
            let hours =
                (edges.keep_from.saturating_sub(14_000)..edge.saturating_add(10_000)).step_by(2);
            let mut before = None;
            for pane in hours {
                let slot = edges.slot(pane);
                assert_eq!(edges.pane_of(slot), pane, "{edge}");
                assert!(before < Some(edges.distance(slot)), "{edge} {pane}");
                before = Some(edges.distance(slot));
            }
        }
        let single = Edges::single();
        assert_eq!(single.pane_of(single.slot(single.pane(1_800_000_000))), 0);
    }
}
