//! Sums by place in the dictionary of the chunk that is being read: where all that
//! groups are told apart by is one column, no key has to be looked up per row.

use super::page::Page;
use super::state::{Counters, State, counters};
use crate::filter::select::Hits;
use crate::flow::field::Field;

/// A column of sums each: adding up goes through one of them after the other, so
/// that little more than it has to stay in the cache.
#[derive(Default)]
pub(super) struct Dense {
    tally: Vec<u64>,
    bytes: Vec<u64>,
    packets: Vec<u64>,
    first: Vec<i64>,
    last: Vec<i64>,
}

impl Dense {
    /// Adds the rows of `hits`, whose places among `values` are `ids`.
    pub(super) fn add(
        &mut self,
        page: &Page<'_>,
        hits: &Hits,
        ids: &[u32],
        values: usize,
        flags: bool,
    ) {
        self.tally.resize(values, State::NONE.tally);
        self.bytes.resize(values, State::NONE.bytes);
        self.packets.resize(values, State::NONE.packets);
        self.first.resize(values, State::NONE.first);
        self.last.resize(values, State::NONE.last);
        hits.each(|_, row| self.tally[ids[row] as usize] += 1);
        counters(page, hits, |counter, row, count| {
            let sums = match counter {
                Counters::Bytes => &mut self.bytes,
                Counters::Packets => &mut self.packets,
            };
            let sum = &mut sums[ids[row] as usize];
            *sum = sum.saturating_add(count);
        });
        page.each_number(Field::First, hits, |_, row, first| {
            let least = &mut self.first[ids[row] as usize];
            *least = first.cast_signed().min(*least);
        });
        page.each_number(Field::Last, hits, |_, row, last| {
            let most = &mut self.last[ids[row] as usize];
            *most = last.cast_signed().max(*most);
        });
        if flags {
            page.each_number(Field::TcpFlags, hits, |_, row, bits| {
                self.tally[ids[row] as usize] |= State::flag_bits(bits);
            });
        }
    }

    /// Takes out the sums of each place that was met.
    pub(super) fn drain(&mut self, mut take: impl FnMut(usize, &State)) {
        for place in 0..self.tally.len() {
            let state = State {
                bytes: self.bytes[place],
                packets: self.packets[place],
                first: self.first[place],
                last: self.last[place],
                tally: self.tally[place],
            };
            if state.flows() > 0 {
                take(place, &state);
            }
        }
        self.tally.clear();
        self.bytes.clear();
        self.packets.clear();
        self.first.clear();
        self.last.clear();
    }
}
