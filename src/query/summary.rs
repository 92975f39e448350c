//! Totals of what matched.

use std::ops::ControlFlow;

use super::answer::{Row, Totals};
use super::page::Page;
use super::scan::Sink;
use super::state::{COUNTED, PIECE, State, gather};
use crate::filter::select::Hits;
use crate::flow::field::Field;

/// TCP, UDP, ICMP, the rest.
const CLASSES: usize = 4;

/// Totals that grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    classes: [State; CLASSES],
    odd_times: u64,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally { classes: [State::NONE; CLASSES], odd_times: 0 }
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

impl Tally {
    /// Takes rows with their states; the protocol was loaded.
    pub(super) fn take(&mut self, page: &Page<'_>, hits: &Hits, states: &[State]) {
        page.numbers(Field::Proto, hits, |at, proto| {
            self.classes[class(proto)].add(&states[at]);
        });
        if page.has_odd_times {
            self.odd_times += states.iter().filter(|state| state.is_odd()).count() as u64;
        }
    }

    /// Takes a record.
    pub(super) fn take_row(&mut self, row: &Row) {
        let state = State::of(&row.sums, row.odd_times);
        self.odd_times += u64::from(row.odd_times);
        self.classes[class(u64::from(row.flow.proto))].add(&state);
    }

    pub(super) fn add(&mut self, other: &Tally) {
        for (class, other) in self.classes.iter_mut().zip(&other.classes) {
            class.add(other);
        }
        self.odd_times += other.odd_times;
    }

    pub(super) fn totals(&self) -> Totals {
        let mut all = State::NONE;
        self.classes.iter().for_each(|class| all.add(class));
        let [tcp, udp, icmp, other] =
            self.classes.map(|class| [class.flows(), class.packets, class.bytes]);
        let all = (all.flows() > 0).then(|| all.sums());
        Totals { all, odd_times: self.odd_times, tcp, udp, icmp, other }
    }
}

/// Only the totals.
#[derive(Default)]
pub(super) struct Summary {
    pub tally: Tally,
    states: Vec<State>,
}

impl Sink for Summary {
    fn fields(&self) -> Vec<Field> {
        COUNTED.into_iter().chain([Field::Proto]).collect()
    }

    fn take(&mut self, page: &Page<'_>, hits: &Hits) -> ControlFlow<()> {
        for hits in hits.pieces(PIECE) {
            gather(page, &hits, false, &mut self.states);
            self.tally.take(page, &hits, &self.states);
        }
        ControlFlow::Continue(())
    }
}
