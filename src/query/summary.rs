//! The totals of everything that matched.

use std::ops::ControlFlow;

use super::answer::{AnswerRow, ProtocolTotals};
use super::page::Page;
use super::scan::ScanSink;
use super::state::{COUNTED, GroupSums, PIECE, gather};
use crate::filter::select::MatchedRows;
use crate::flow::field::Field;

/// TCP, UDP, ICMP, others.
const CLASSES: usize = 4;

/// Totals that are being summed.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunningTotals {
    classes: [GroupSums; CLASSES],
    odd_times: u64,
}

impl Default for RunningTotals {
    fn default() -> RunningTotals {
        RunningTotals { classes: [GroupSums::NONE; CLASSES], odd_times: 0 }
    }
}

fn class(proto: u64) -> usize {
    match proto {
        6 => 0,
        17 => 1,
        1 | 58 => 2,
        _ => 3,
    }
}

impl RunningTotals {
    /// Adds rows with their sums; the protocol column is loaded.
    pub(super) fn take(&mut self, page: &Page<'_>, hits: &MatchedRows, states: &[GroupSums]) {
        page.numbers(Field::Proto, hits, |at, proto| {
            self.classes[class(proto)].add(&states[at]);
        });
        if page.has_odd_times {
            self.odd_times += states.iter().filter(|state| state.is_odd()).count() as u64;
        }
    }

    /// Adds a record.
    pub(super) fn take_row(&mut self, row: &AnswerRow) {
        let state = GroupSums::of(&row.sums, row.odd_times);
        self.odd_times += u64::from(row.odd_times);
        self.classes[class(u64::from(row.flow.proto))].add(&state);
    }

    pub(super) fn add(&mut self, other: &RunningTotals) {
        for (class, other) in self.classes.iter_mut().zip(&other.classes) {
            class.add(other);
        }
        self.odd_times += other.odd_times;
    }

    pub(super) fn totals(&self) -> ProtocolTotals {
        let mut all = GroupSums::NONE;
        self.classes.iter().for_each(|class| all.add(class));
        let [tcp, udp, icmp, other] =
            self.classes.map(|class| [class.flows(), class.packets, class.bytes]);
        let all = (!all.is_none()).then(|| all.sums());
        ProtocolTotals { all, odd_times: self.odd_times, tcp, udp, icmp, other }
    }
}

/// Computes only the totals.
#[derive(Default)]
pub(super) struct SummarySink {
    pub tally: RunningTotals,
    states: Vec<GroupSums>,
}

impl ScanSink for SummarySink {
    fn fields(&self) -> Vec<Field> {
        COUNTED.into_iter().chain([Field::Proto]).collect()
    }

    fn take(&mut self, page: &Page<'_>, hits: &MatchedRows) -> ControlFlow<()> {
        for hits in hits.pieces(PIECE) {
            gather(page, &hits, false, &mut self.states);
            self.tally.take(page, &hits, &self.states);
        }
        ControlFlow::Continue(())
    }
}
