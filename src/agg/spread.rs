//! A flow's traffic spread over the time it took.
//!
//! A record is booked neither where it arrives nor where it ends: its bytes and
//! packets are cut into equal integer pieces over `[first, last]`, at most
//! [`MAX_PIECES`] of them, one per 2-second pane and one per packet, each booked whole in the pane of its midpoint; the flow
//! itself counts where it ends. Sums are exact.

use super::pane::{Edges, FINE, Piece, seconds};
use crate::flow::{Flow, Time};
use crate::snapshot::Counters;

/// Pieces a flow is cut into at most: enough for a window of one minute to read
/// an active timeout of two minutes evenly.
pub(super) const MAX_PIECES: usize = 8;

/// The pieces of one flow in order of their panes, neighbours in one pane joined.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pieces {
    list: [Piece; MAX_PIECES + 1],
    count: usize,
}

impl Pieces {
    pub(super) fn as_slice(&self) -> &[Piece] {
        &self.list[..self.count]
    }

    fn push(&mut self, pane: u32, counters: Counters) {
        if self.count > 0 && self.list[self.count - 1].pane == pane {
            self.list[self.count - 1].counters += counters;
        } else if self.count < self.list.len() {
            self.list[self.count] = Piece { pane, counters };
            self.count += 1;
        }
    }
}

/// When a flow began and ended by our clock: the exporter's offset undone, the
/// future cut off, and a beginning after the end taken as the end. A flow whose
/// end is more than a day from its arrival is taken to have just ended.
pub(super) fn corrected(flow: &Flow) -> (Time, Time) {
    let last = flow.last.plus_ms(flow.clock_offset);
    if flow.is_far_off() {
        return (flow.arrival.plus_ms(-flow.duration_ms()), flow.arrival);
    }
    let last = last.min(flow.arrival);
    let first = flow.first.plus_ms(flow.clock_offset).min(last);
    (first, last)
}

/// Cuts the traffic of a flow that lasted from `first` to `last` (`first` <= `last`).
pub(super) fn spread(edges: &Edges, flow: &Flow, first: Time, last: Time) -> Pieces {
    let (bytes, packets) = flow.scaled();
    let whole = Counters { bytes, raw_bytes: flow.bytes, packets, flows: 0 };
    let duration = last.since(first);
    let pane_ms = i64::from(FINE) * 1000;
    // A packet is not cut: no more pieces than the exporter saw packets.
    let most = flow.packets.clamp(1, MAX_PIECES as u64) as i64;
    let count = (duration.saturating_add(pane_ms - 1) / pane_ms).clamp(1, most);
    let mut pieces = Pieces::default();
    let mut booked = Counters::default();
    for index in 0..count {
        let upto = portion(&whole, index + 1, count);
        let part = upto.less(&booked);
        booked = upto;
        let midpoint = first.plus_ms(ratio(duration as u64, 2 * index + 1, 2 * count) as i64);
        pieces.push(edges.pane(seconds(midpoint)), part);
    }
    pieces.push(edges.pane(seconds(last)), Counters { flows: 1, ..Counters::default() });
    pieces
}

/// The share `numerator / denominator` of every counter, rounded down.
fn portion(whole: &Counters, numerator: i64, denominator: i64) -> Counters {
    let share = |value: u64| ratio(value, numerator, denominator);
    Counters {
        bytes: share(whole.bytes),
        raw_bytes: share(whole.raw_bytes),
        packets: share(whole.packets),
        flows: 0,
    }
}

/// `value * numerator / denominator`, rounded down, for a numerator of at most
/// the denominator and both at most 16.
fn ratio(value: u64, numerator: i64, denominator: i64) -> u64 {
    let (numerator, denominator) = (numerator as u64, denominator as u64);
    // Divided in two steps, so that nothing overflows.
    value / denominator * numerator + value % denominator * numerator / denominator
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spreading_sums_exactly(
            first in 0i64..4_000_000_000_000,
            duration in 0i64..10_000_000,
            bytes in any::<u64>(),
            packets in any::<u64>(),
        ) {
            let edges = Edges::at(2_000_000_000);
            let flow = Flow { bytes, packets, ..Flow::EMPTY };
            let (first, last) = (Time(first), Time(first + duration));
            let pieces = spread(&edges, &flow, first, last);
            let mut sum = Counters::default();
            for piece in pieces.as_slice() {
                sum += piece.counters;
            }
            prop_assert_eq!(sum, Counters { bytes, raw_bytes: bytes, packets, flows: 1 });
            prop_assert!(pieces.as_slice().windows(2).all(|pair| pair[0].pane < pair[1].pane));
            prop_assert!(pieces.as_slice().len() <= MAX_PIECES + 1);
        }

        #[test]
        fn no_times_of_any_kind_overflow(
            first in any::<i64>(), last in any::<i64>(), offset in any::<i64>(), now in any::<i64>(),
        ) {
            let flow = Flow {
                first: Time(first), last: Time(last), clock_offset: offset, arrival: Time(now),
                bytes: 1, ..Flow::EMPTY
            };
            let (first, last) = corrected(&flow);
            prop_assert!(first <= last && last <= Time(now));
            spread(&Edges::at(1_000_000), &flow, first, last);
        }
    }
}
