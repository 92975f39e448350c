//! The running sums of a group.

use super::answer::AnswerSums;
use super::page::Page;
use crate::archive::ArchiveError;
use crate::filter::select::{ColumnSource, ColumnValues, MatchedRows};
use crate::flow::column::Dictionary;
use crate::flow::field::Field;
use crate::flow::{Spread, Time, is_plausible};

/// The offset that is added to [`GroupSums::first`] and subtracted from [`GroupSums::last`] for
/// times of a flow that are not plausible ([`is_plausible`]): plausible times then always take
/// precedence, and implausible ones only count if there are no others.
const APART: i64 = 1 << 62;

/// Times are limited to this, so that they cannot be confused with times that have the offset:
/// 36 million years either way.
const LATEST: i64 = 1 << 60;

/// The position of the TCP flags in [`GroupSums::flows_and_flags`].
const FLAGS_AT: u32 = 56;
const FLOWS: u64 = (1 << FLAGS_AT) - 1;

/// The sums of a group in 40 bytes: there may be tens of millions of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupSums {
    pub bytes: u64,
    pub packets: u64,
    pub first: i64,
    pub last: i64,
    /// The number of flows in the lower 56 bits, which no archive exceeds, and the TCP flags
    /// above them.
    flows_and_flags: u64,
}

impl GroupSums {
    /// The sums of no flow.
    pub(super) const NONE: GroupSums =
        GroupSums { bytes: 0, packets: 0, first: i64::MAX, last: i64::MIN, flows_and_flags: 0 };

    /// The sums of one flow without any values.
    const ONE: GroupSums =
        GroupSums { bytes: 0, packets: 0, first: 0, last: 0, flows_and_flags: 1 };

    /// These sums, without flags; `odd` tells that their times are not plausible.
    pub(super) fn of(sums: &AnswerSums, odd: bool) -> GroupSums {
        let mut state = GroupSums {
            bytes: sums.bytes,
            packets: sums.packets,
            first: sums.first.0.clamp(-LATEST, LATEST),
            last: sums.last.0.clamp(-LATEST, LATEST),
            flows_and_flags: sums.flows & FLOWS,
        };
        if odd {
            state.set_apart();
        }
        state
    }

    fn set_apart(&mut self) {
        self.first += APART;
        self.last -= APART;
    }

    /// Whether no flow in it has plausible times.
    pub(super) fn is_odd(&self) -> bool {
        self.first > LATEST && !self.is_none()
    }

    /// Whether nothing was added.
    pub(super) fn is_none(&self) -> bool {
        self.first == i64::MAX
    }

    /// Keeps the share of a flow that passed from `from` on and before `to`, with its times. The
    /// flow is counted if it ended there.
    fn prorate(&mut self, from: Time, to: Time) {
        let spread = Spread::new(Time(self.first), Time(self.last));
        self.bytes = spread.between(self.bytes, from, to);
        self.packets = spread.between(self.packets, from, to);
        if !spread.ends_between(from, to) {
            self.flows_and_flags &= !FLOWS;
        }
        self.first = self.first.max(from.0.clamp(-LATEST, LATEST));
        self.last = self.last.min(to.plus_ms(-1).0.clamp(-LATEST, LATEST));
    }

    /// Adds other sums.
    #[inline]
    pub(super) fn add(&mut self, other: &GroupSums) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.packets = self.packets.saturating_add(other.packets);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        let flags = (self.flows_and_flags | other.flows_and_flags) & !FLOWS;
        self.flows_and_flags =
            flags | ((self.flows_and_flags & FLOWS) + (other.flows_and_flags & FLOWS)) & FLOWS;
    }

    pub(super) fn flows(&self) -> u64 {
        self.flows_and_flags & FLOWS
    }

    /// TCP flags at their position in [`GroupSums::flows_and_flags`].
    #[inline]
    pub(super) fn flag_bits(flags: u64) -> u64 {
        (flags & 0xff) << FLAGS_AT
    }

    pub(super) fn flags(&self) -> u8 {
        (self.flows_and_flags >> FLAGS_AT) as u8
    }

    pub(super) fn sums(&self) -> AnswerSums {
        let apart = if self.is_odd() { APART } else { 0 };
        AnswerSums {
            flows: self.flows(),
            packets: self.packets,
            bytes: self.bytes,
            first: Time(self.first.saturating_sub(apart)),
            last: Time(self.last.saturating_add(apart)),
        }
    }
}

/// The number of rows that are processed at once: few enough to stay in the cache.
pub(super) const PIECE: usize = 4096;

/// The columns that [`gather`] needs.
pub(super) const COUNTED: [Field; 6] =
    [Field::Bytes, Field::Packets, Field::Sampling, Field::First, Field::Last, Field::FlowCount];

/// Computes the sums of each of `hits`, whose columns are loaded; with TCP flags if `flags`.
pub(super) fn gather(
    page: &Page<'_>,
    hits: &MatchedRows,
    flags: bool,
    states: &mut Vec<GroupSums>,
) {
    states.clear();
    states.resize(hits.len(), GroupSums::ONE);
    page.numbers(Field::Bytes, hits, |at, bytes| states[at].bytes = bytes);
    page.numbers(Field::Packets, hits, |at, packets| states[at].packets = packets);
    let time = |bits: u64| bits.cast_signed().clamp(-LATEST, LATEST);
    page.numbers(Field::First, hits, |at, first| states[at].first = time(first));
    page.numbers(Field::Last, hits, |at, last| states[at].last = time(last));
    if page.has_odd_times {
        set_apart(page, hits, states);
    }
    if let Some((from, to)) = page.prorated {
        states.iter_mut().filter(|state| !state.is_odd()).for_each(|state| state.prorate(from, to));
    }
    if !matches!(page.values(Field::Sampling), ColumnValues::Number(0 | 1)) {
        page.numbers(Field::Sampling, hits, |at, rate| {
            let state = &mut states[at];
            state.bytes = state.bytes.saturating_mul(rate.max(1));
            state.packets = state.packets.saturating_mul(rate.max(1));
        });
    }
    // Most records stand for one flow.
    if !matches!(page.values(Field::FlowCount), ColumnValues::Number(0 | 1)) {
        page.numbers(Field::FlowCount, hits, |at, count| {
            states[at].flows_and_flags = count.max(1) & FLOWS;
        });
    }
    if flags {
        page.numbers(Field::TcpFlags, hits, |at, bits| {
            states[at].flows_and_flags |= GroupSums::flag_bits(bits)
        });
    }
}

/// Applies the offset to implausible times; the columns are loaded.
fn set_apart(page: &Page<'_>, hits: &MatchedRows, states: &mut [GroupSums]) {
    let mut arrivals = vec![(Time(0), 0); states.len()];
    page.numbers(Field::Arrival, hits, |at, bits| arrivals[at].0 = Time(bits.cast_signed()));
    page.numbers(Field::ClockOffset, hits, |at, bits| arrivals[at].1 = bits.cast_signed());
    for (state, (arrival, offset)) in states.iter_mut().zip(arrivals) {
        let plausible = |time: i64| is_plausible(Time(time), arrival, offset);
        if !plausible(state.first) || !plausible(state.last) {
            state.set_apart();
        }
    }
}

/// Whether a chunk may have flows with implausible times, according to the bounds of its
/// columns: if not, the flows need not be checked one by one.
///
/// # Errors
/// When the file is damaged or cannot be read.
pub(super) fn may_have_odd_times(page: &mut Page<'_>) -> Result<bool, ArchiveError> {
    let signed = |(least, greatest): (u64, u64)| (least.cast_signed(), greatest.cast_signed());
    let offsets = match page.bounds(Field::ClockOffset).map(signed) {
        Some(known) => Some(known),
        // Some offsets are negative, so there are no bounds; but there are few distinct ones.
        None => page.dictionary(Field::ClockOffset)?.and_then(|values| match &*values {
            Dictionary::Numbers(all) => {
                let all = || all.iter().map(|offset| offset.cast_signed());
                all().min().zip(all().max())
            }
            _ => None,
        }),
    };
    let bounds = |field| page.bounds(field).map(signed);
    let (Some(offsets), Some(arrivals)) = (offsets, bounds(Field::Arrival)) else {
        return Ok(true);
    };
    let within = |field| {
        bounds(field).is_some_and(|(least, greatest)| {
            is_plausible(Time(least), Time(arrivals.1), offsets.0)
                && is_plausible(Time(greatest), Time(arrivals.0), offsets.1)
        })
    };
    Ok(!(within(Field::First) && within(Field::Last)))
}
