//! Totals of what matched.

use std::ops::ControlFlow;

use super::answer::{Row, Totals};
use super::page::Page;
use super::scan::Sink;
use super::state::{COUNTED, Counters, State, counters};
use crate::filter::select::{Batch, Hits, Values};
use crate::flow::field::Field;

/// TCP, UDP, ICMP, the rest.
const CLASSES: usize = 4;

/// Totals that grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    classes: [State; CLASSES],
}

impl Default for Tally {
    fn default() -> Tally {
        Tally { classes: [State::NONE; CLASSES] }
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

#[inline]
fn add(sums: &mut State, counter: Counters, count: u64) {
    let sum = match counter {
        Counters::Bytes => &mut sums.bytes,
        Counters::Packets => &mut sums.packets,
    };
    *sum = sum.saturating_add(count);
}

impl Tally {
    /// Takes rows whose columns were loaded, the protocol's, too.
    pub(super) fn take(&mut self, page: &Page<'_>, hits: &Hits) {
        let mut sums = self.classes;
        if let Values::Number(proto) = page.values(Field::Proto) {
            let class = class(proto);
            sums[class].tally += hits.len() as u64;
            counters(page, hits, |counter, _, count| add(&mut sums[class], counter, count));
        } else {
            // By row of the page, not by place among the hits.
            let mut classes = vec![0u8; page.rows];
            page.each_number(Field::Proto, hits, |_, row, proto| {
                let class = class(proto);
                classes[row] = class as u8;
                sums[class].tally += 1;
            });
            counters(page, hits, |counter, row, count| {
                add(&mut sums[usize::from(classes[row]) % CLASSES], counter, count);
            });
        }
        // When is not told by class.
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        page.numbers(Field::First, hits, |_, time| first = first.min(time.cast_signed()));
        page.numbers(Field::Last, hits, |_, time| last = last.max(time.cast_signed()));
        sums[0].first = sums[0].first.min(first);
        sums[0].last = sums[0].last.max(last);
        self.classes = sums;
    }

    /// Takes a record.
    pub(super) fn take_row(&mut self, row: &Row) {
        let state = State::of(&row.sums);
        self.classes[class(u64::from(row.flow.proto))].add(&state);
    }

    pub(super) fn add(&mut self, other: &Tally) {
        for (class, other) in self.classes.iter_mut().zip(&other.classes) {
            class.add(other);
        }
    }

    pub(super) fn totals(&self) -> Totals {
        let mut all = State::NONE;
        self.classes.iter().for_each(|class| all.add(class));
        let [tcp, udp, icmp, other] =
            self.classes.map(|class| [class.flows(), class.packets, class.bytes]);
        let all = (all.flows() > 0).then(|| all.sums());
        Totals { all, tcp, udp, icmp, other }
    }
}

/// Only the totals.
#[derive(Default)]
pub(super) struct Summary {
    pub tally: Tally,
}

impl Sink for Summary {
    fn fields(&self) -> Vec<Field> {
        COUNTED.into_iter().chain([Field::Proto]).collect()
    }

    fn take(&mut self, page: &Page<'_>, hits: &Hits) -> ControlFlow<()> {
        self.tally.take(page, hits);
        ControlFlow::Continue(())
    }
}
