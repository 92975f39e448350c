//! Running sums of a group.

use super::answer::AnswerSums;
use super::page::Page;
use crate::archive::ArchiveError;
use crate::filter::select::{ColumnSource, ColumnValues, MatchedRows};
use crate::flow::column::Dictionary;
use crate::flow::field::Field;
use crate::flow::{Time, is_plausible};

/// Times of a flow that are not plausible ([`is_plausible`]) stand this much later in
/// [`State::first`] and earlier in [`State::last`]: so a plausible time always counts
/// before them, and they count where there is none.
const APART: i64 = 1 << 62;

/// Times are kept within this, so that they cannot be taken for such ones: 36 million
/// years either way.
const LATEST: i64 = 1 << 60;

/// Where the or of TCP flags stands in [`State::tally`].
const FLAGS_AT: u32 = 56;
const FLOWS: u64 = (1 << FLAGS_AT) - 1;

/// Sums of a group in 40 bytes: there may be tens of millions of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupSums {
    pub bytes: u64,
    pub packets: u64,
    pub first: i64,
    pub last: i64,
    /// Flows in the lower 56 bits, which no archive fills, flags above them.
    tally: u64,
}

impl GroupSums {
    /// Of no flow.
    pub(super) const NONE: GroupSums =
        GroupSums { bytes: 0, packets: 0, first: i64::MAX, last: i64::MIN, tally: 0 };

    /// Of one flow of which nothing is known.
    const ONE: GroupSums = GroupSums { bytes: 0, packets: 0, first: 0, last: 0, tally: 1 };

    /// As these sums, without flags; `odd` says that their times are not plausible.
    pub(super) fn of(sums: &AnswerSums, odd: bool) -> GroupSums {
        let mut state = GroupSums {
            bytes: sums.bytes,
            packets: sums.packets,
            first: sums.first.0.clamp(-LATEST, LATEST),
            last: sums.last.0.clamp(-LATEST, LATEST),
            tally: sums.flows & FLOWS,
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
        self.first > LATEST && self.tally & FLOWS > 0
    }

    /// Both together.
    #[inline]
    pub(super) fn add(&mut self, other: &GroupSums) {
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

/// Rows that are put into states at once: few enough to stay in the cache.
pub(super) const PIECE: usize = 4096;

/// The columns that [`gather`] needs.
pub(super) const COUNTED: [Field; 5] =
    [Field::Bytes, Field::Packets, Field::Sampling, Field::First, Field::Last];

/// A state for each of `hits`, whose columns were loaded; with their TCP flags
/// if they are asked for.
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
    if !matches!(page.values(Field::Sampling), ColumnValues::Number(0 | 1)) {
        page.numbers(Field::Sampling, hits, |at, rate| {
            let state = &mut states[at];
            state.bytes = state.bytes.saturating_mul(rate.max(1));
            state.packets = state.packets.saturating_mul(rate.max(1));
        });
    }
    if flags {
        page.numbers(Field::TcpFlags, hits, |at, bits| {
            states[at].tally |= GroupSums::flag_bits(bits)
        });
    }
}

/// Sets those apart whose times are not plausible; the columns were loaded.
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

/// Whether a chunk may have flows whose times are not plausible, as far as the bounds of
/// its columns tell: where none can be, nothing has to be looked at flow by flow.
///
/// # Errors
/// When the file is damaged or cannot be read.
pub(super) fn may_have_odd_times(page: &mut Page<'_>) -> Result<bool, ArchiveError> {
    let signed = |(least, greatest): (u64, u64)| (least.cast_signed(), greatest.cast_signed());
    let offsets = match page.bounds(Field::ClockOffset).map(signed) {
        Some(known) => Some(known),
        // There are negative ones, of which bounds do not tell; but few different ones.
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
