//! Totals of the site by class: a ring of 2-second panes for the whole hour.
//!
//! Rows merge their panes as they age. Totals stay in fine panes, so that there is a total
//! of exactly the same span for any window of rows.

use super::entry::FlowPart;
use super::pane::{Edges, FINE};
use crate::flow::TrafficClass;
use crate::snapshot::{ClassTotals, Counters};

/// Number of panes in the ring. The hour, the minute by which its start is widened and five
/// minutes of lag are 1,980 panes of 2 s.
const PANES: usize = 2048;

#[derive(Clone, Copy, Debug, Default)]
struct Pane {
    start: u32,
    totals: ClassTotals,
}

/// The ring, and the sum of what was too old for it.
#[derive(Debug)]
pub(super) struct SiteTotals {
    panes: Vec<Pane>,
    /// Sum of the pieces that were older than the oldest pane when they arrived.
    older: ClassTotals,
    /// The oldest pane in which traffic was ever counted.
    first: Option<u32>,
}

impl SiteTotals {
    pub(super) fn new() -> SiteTotals {
        SiteTotals {
            panes: vec![Pane::default(); PANES],
            older: ClassTotals::default(),
            first: None,
        }
    }

    pub(super) fn add(&mut self, edges: &Edges, class: TrafficClass, pieces: &[FlowPart]) {
        for piece in pieces {
            let pane = &mut self.panes[piece.pane as usize / FINE as usize % PANES];
            if piece.pane < edges.keep_from || pane.start > piece.pane {
                *self.older.of_mut(class) += piece.counters();
                continue;
            }
            self.first = Some(self.first.unwrap_or(piece.pane).min(piece.pane));
            if pane.start != piece.pane {
                *pane = Pane { start: piece.pane, totals: ClassTotals::default() };
            }
            *pane.totals.of_mut(class) += piece.counters();
        }
    }

    /// Totals of the panes in `[start, end)`.
    pub(super) fn sum(&self, start: u32, end: u32) -> ClassTotals {
        let mut sum = ClassTotals::default();
        for pane in self.panes.iter().filter(|pane| (start..end).contains(&pane.start)) {
            for class in TrafficClass::ALL {
                *sum.of_mut(class) += *pane.totals.of(class);
            }
        }
        sum
    }

    /// Bytes (up, down) of the panes in `[start, end)`, in steps of `step` seconds.
    pub(super) fn steps(&self, start: u32, end: u32, step: u32) -> Vec<(u64, u64)> {
        let mut steps =
            vec![(0u64, 0u64); end.saturating_sub(start).div_ceil(step.max(1)) as usize];
        for pane in self.panes.iter().filter(|pane| (start..end).contains(&pane.start)) {
            if let Some((up, down)) = steps.get_mut(((pane.start - start) / step.max(1)) as usize) {
                *up = up.saturating_add(pane.totals.up.bytes);
                *down = down.saturating_add(pane.totals.down.bytes);
            }
        }
        steps
    }

    /// All bytes of the stored panes before second `end`.
    pub(super) fn bytes_before(&self, end: u32) -> u64 {
        self.sum(1, end).sum().bytes
    }

    /// The start of the oldest pane in which traffic was ever counted.
    pub(super) fn first(&self) -> Option<u32> {
        self.first
    }

    /// Traffic that arrived too late for every window.
    pub(super) fn older(&self) -> Counters {
        self.older.sum()
    }
}
