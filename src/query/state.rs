//! Running sums of a group.

use super::answer::Sums;
use super::page::Page;
use crate::filter::select::{Batch, Hits, Values};
use crate::flow::Time;
use crate::flow::field::Field;

/// Where the or of TCP flags stands in [`State::tally`].
const FLAGS_AT: u32 = 56;
const FLOWS: u64 = (1 << FLAGS_AT) - 1;

/// Sums of a group in 40 bytes: there may be tens of millions of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub bytes: u64,
    pub packets: u64,
    pub first: i64,
    pub last: i64,
    /// Flows in the lower 56 bits, which no archive fills, flags above them.
    tally: u64,
}

impl State {
    /// Of no flow.
    pub(super) const NONE: State =
        State { bytes: 0, packets: 0, first: i64::MAX, last: i64::MIN, tally: 0 };

    /// Of one flow of which nothing is known.
    const ONE: State = State { bytes: 0, packets: 0, first: 0, last: 0, tally: 1 };

    /// As these sums, without flags.
    pub(super) fn of(sums: &Sums) -> State {
        State {
            bytes: sums.bytes,
            packets: sums.packets,
            first: sums.first.0,
            last: sums.last.0,
            tally: sums.flows & FLOWS,
        }
    }

    /// Both together.
    #[inline]
    pub(super) fn add(&mut self, other: &State) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.packets = self.packets.saturating_add(other.packets);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        let flags = (self.tally | other.tally) & !FLOWS;
        self.tally = flags | ((self.tally & FLOWS) + (other.tally & FLOWS)) & FLOWS;
    }

    pub(super) fn flows(&self) -> u64 {
        self.tally & FLOWS
    }

    /// TCP flags as they stand in [`State::tally`].
    #[inline]
    pub(super) fn flag_bits(flags: u64) -> u64 {
        (flags & 0xff) << FLAGS_AT
    }

    pub(super) fn flags(&self) -> u8 {
        (self.tally >> FLAGS_AT) as u8
    }

    pub(super) fn sums(&self) -> Sums {
        Sums {
            flows: self.flows(),
            packets: self.packets,
            bytes: self.bytes,
            first: Time(self.first),
            last: Time(self.last),
        }
    }
}

/// Rows that are put into states at once: few enough to stay in the cache.
pub(super) const PIECE: usize = 4096;

/// The columns that [`gather`] needs.
pub(super) const COUNTED: [Field; 5] =
    [Field::Bytes, Field::Packets, Field::Sampling, Field::First, Field::Last];

/// A state for each of `hits`, whose columns were loaded; with their TCP flags
/// if they are asked for.
pub(super) fn gather(page: &Page<'_>, hits: &Hits, flags: bool, states: &mut Vec<State>) {
    states.clear();
    states.resize(hits.len(), State::ONE);
    page.numbers(Field::Bytes, hits, |at, bytes| states[at].bytes = bytes);
    page.numbers(Field::Packets, hits, |at, packets| states[at].packets = packets);
    page.numbers(Field::First, hits, |at, first| states[at].first = first.cast_signed());
    page.numbers(Field::Last, hits, |at, last| states[at].last = last.cast_signed());
    if !matches!(page.values(Field::Sampling), Values::Number(0 | 1)) {
        page.numbers(Field::Sampling, hits, |at, rate| {
            let state = &mut states[at];
            state.bytes = state.bytes.saturating_mul(rate.max(1));
            state.packets = state.packets.saturating_mul(rate.max(1));
        });
    }
    if flags {
        page.numbers(Field::TcpFlags, hits, |at, bits| states[at].tally |= State::flag_bits(bits));
    }
}
