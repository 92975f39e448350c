//! Counts the flows of each exporter that wait for the disk, and limits them.
//!
//! An exporter may have three times as many flows in the queue as are free. One exporter alone can
//! use three quarters of the queue, and however many exporters flood it, some room is left for the
//! others.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use crate::flow::{Flow, Host};
use crate::wire::policy::RefusedSenders;

/// An exporter may have this many times the number of free places.
const FACTOR: usize = 3;

/// Numbers of flows in the queue.
#[derive(Debug)]
pub(super) struct QueueCounts {
    /// Maximum number of flows in the queue.
    limit: usize,
    held: usize,
    by: HashMap<Host, usize, RandomState>,
    shed: u64,
    shed_of: RefusedSenders,
}

impl QueueCounts {
    pub(super) fn new(limit: usize) -> QueueCounts {
        QueueCounts {
            limit,
            held: 0,
            by: HashMap::default(),
            shed: 0,
            shed_of: RefusedSenders::default(),
        }
    }

    /// Admits a batch: each run of flows from one exporter that fits is passed to `take`, and the
    /// others are counted as dropped.
    pub(super) fn admit<'a>(&mut self, flows: &'a [Flow], mut take: impl FnMut(&'a [Flow])) {
        for run in flows.chunk_by(|a, b| a.exporter == b.exporter) {
            let Some(exporter) = run.first().map(|flow| flow.exporter) else { continue };
            let own = self.by.get(&exporter).copied().unwrap_or(0) + run.len();
            let free = self.limit.checked_sub(self.held + run.len());
            if free.is_some_and(|free| own <= free.saturating_mul(FACTOR)) {
                self.held += run.len();
                self.by.insert(exporter, own);
                take(run);
            } else {
                self.shed = self.shed.saturating_add(run.len() as u64);
                self.shed_of.add(exporter, run.len() as u64);
            }
        }
    }

    /// Removes flows that have been written.
    pub(super) fn done(&mut self, flows: &[Flow]) {
        self.held = self.held.saturating_sub(flows.len());
        for run in flows.chunk_by(|a, b| a.exporter == b.exporter) {
            let Some(exporter) = run.first().map(|flow| flow.exporter) else { continue };
            if let Some(own) = self.by.get_mut(&exporter) {
                *own = own.saturating_sub(run.len());
                if *own == 0 {
                    self.by.remove(&exporter);
                }
            }
        }
    }

    /// Number of flows that were dropped.
    pub(super) fn shed(&self) -> u64 {
        self.shed
    }

    /// The exporters whose flows were dropped, as far as they are known.
    pub(super) fn shed_of(&self) -> Vec<(Host, u64)> {
        self.shed_of.list().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(exporter: u32, count: usize) -> Vec<Flow> {
        vec![Flow { exporter: Host::v4(exporter), ..Flow::EMPTY }; count]
    }

    /// How many flows of a batch are admitted.
    fn taken(waiting: &mut QueueCounts, flows: &[Flow]) -> usize {
        let mut count = 0;
        waiting.admit(flows, |run| count += run.len());
        count
    }

    #[test]
    fn floods_are_dropped_and_others_are_not() {
        let mut waiting = QueueCounts::new(100_000);
        let flood = batch(66, 100);
        let mut good = 0;
        for _ in 0..10_000 {
            taken(&mut waiting, &flood);
            good += taken(&mut waiting, &batch(200, 1));
        }
        assert_eq!(good, 10_000, "everything of the good one");
        assert!((60_000..=75_000).contains(&(waiting.held - good)), "{}", waiting.held);
        assert_eq!(waiting.shed, 10_000 * 100 - (waiting.held - good) as u64);
        assert_eq!(waiting.shed_of(), [(Host::v4(66), waiting.shed)]);
    }

    #[test]
    fn many_floods_leave_room_for_another_exporter() {
        let mut waiting = QueueCounts::new(1_000_000);
        for round in 0..200_000 {
            taken(&mut waiting, &batch(round % 100, 50));
        }
        assert!(taken(&mut waiting, &batch(200, 1000)) == 1000, "of {}", waiting.held);
    }

    #[test]
    fn a_batch_of_several_exporters_is_admitted_in_part_and_released_completely() {
        let mut waiting = QueueCounts::new(1000);
        let mixed = [batch(1, 10), batch(2, 900), batch(1, 10)].concat();
        let mut kept = Vec::new();
        waiting.admit(&mixed, |run| kept.extend_from_slice(run));
        assert_eq!((kept.len(), waiting.shed, waiting.held), (20, 900, 20));
        waiting.done(&kept);
        assert!(waiting.held == 0 && waiting.by.is_empty());
    }
}
