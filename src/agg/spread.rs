//! Spreads a flow's traffic over the time that the flow took.
//!
//! A record is not counted when it arrives or when the flow ends. Its bytes and packets are
//! cut into equal integer pieces over `[first, last]`: at most [`MAX_PIECES`], one per
//! 2-second pane and one per packet. Each piece is counted in the pane of its midpoint; the
//! flow itself is counted where it ends. Sums are exact.

use super::entry::FlowPart;
use super::pane::{Edges, FINE, seconds};
use crate::flow::{Flow, Time};

/// Maximum number of pieces of a flow: enough for a window of one minute to show flows cut
/// by an active timeout of two minutes evenly.
pub(super) const MAX_PIECES: usize = 8;

/// When a flow began and ended by the collector's clock. The exporter's clock offset is
/// corrected, times in the future are set to the arrival, and a beginning after the end is
/// set to the end. If the end is more than a day from the arrival, the flow is taken
/// to have ended at its arrival.
pub(super) fn corrected(flow: &Flow) -> (Time, Time) {
    let (first, last) = if flow.is_far_off() {
        (flow.arrival.plus_ms(-flow.duration_ms()), flow.arrival)
    } else {
        let offset = |time: Time| time.plus_ms(flow.clock_offset);
        (offset(flow.first), offset(flow.last).min(flow.arrival))
    };
    // Times before 1970 are forged; they would move pieces behind the end.
    let last = last.max(Time(0));
    (first.max(Time(0)).min(last), last)
}

/// Cuts the traffic of a flow that lasted from `first` to `last` (`first` <= `last`).
/// Pieces are in order of their panes; neighbours in the same pane are joined.
pub(super) fn spread(edges: &Edges, flow: &Flow, first: Time, last: Time, out: &mut Vec<FlowPart>) {
    const PANE_MS: u64 = FINE as u64 * 1000;
    let duration = last.since(first).max(0) as u64;
    // A packet is not cut: there are no more pieces than packets.
    let most = flow.packets.clamp(1, MAX_PIECES as u64);
    let cut = CutFlow { edges, flow, first, duration, begins: out.len() };
    // With a constant number of pieces the compiler needs no division.
    match duration.div_ceil(PANE_MS).clamp(1, most) {
        1 => cut.pieces::<1>(out),
        2 => cut.pieces::<2>(out),
        3 => cut.pieces::<3>(out),
        4 => cut.pieces::<4>(out),
        5 => cut.pieces::<5>(out),
        6 => cut.pieces::<6>(out),
        7 => cut.pieces::<7>(out),
        _ => cut.pieces::<{ MAX_PIECES as u64 }>(out),
    }
    cut.push(out, FlowPart { pane: edges.pane(seconds(last)), flows: 1, ..FlowPart::default() });
}

/// A flow to be cut.
struct CutFlow<'a> {
    edges: &'a Edges,
    flow: &'a Flow,
    first: Time,
    duration: u64,
    /// Index of its first piece in the list.
    begins: usize,
}

impl CutFlow<'_> {
    fn pieces<const N: u64>(&self, out: &mut Vec<FlowPart>) {
        let CutFlow { flow, .. } = *self;
        // Shares are rounded down, so that they add up exactly.
        let share = |whole: u64| (whole / N, whole % N);
        let share_until = |(each, rest): (u64, u64), count: u64| each * count + rest * count / N;
        let (all_bytes, all_packets) = (share(flow.bytes), share(flow.packets));
        let (half, rest) = (self.duration / (2 * N), self.duration % (2 * N));
        let begins = self.first.0.max(0) as u64;
        let (mut bytes, mut packets) = (0, 0);
        for index in 0..N {
            let (b, p) = (share_until(all_bytes, index + 1), share_until(all_packets, index + 1));
            let middle = half * (2 * index + 1) + rest * (2 * index + 1) / (2 * N);
            let second = begins.saturating_add(middle) / 1000;
            let raw_bytes = b - bytes;
            let piece = FlowPart {
                pane: self.edges.pane(second.min(u32::MAX.into()) as u32),
                flows: 0,
                bytes: flow.sampling.scale(raw_bytes),
                raw_bytes,
                packets: flow.sampling.scale(p - packets),
            };
            (bytes, packets) = (b, p);
            self.push(out, piece);
        }
    }

    fn push(&self, out: &mut Vec<FlowPart>, piece: FlowPart) {
        match out.get_mut(self.begins..).and_then(<[FlowPart]>::last_mut) {
            Some(last) if last.pane == piece.pane => {
                last.flows += piece.flows;
                last.bytes = last.bytes.saturating_add(piece.bytes);
                last.raw_bytes = last.raw_bytes.saturating_add(piece.raw_bytes);
                last.packets = last.packets.saturating_add(piece.packets);
            }
            _ => out.push(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Counters;
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
            let mut pieces = vec![FlowPart { pane: edges.pane(seconds(first)), ..FlowPart::default() }];
            spread(&edges, &flow, first, last, &mut pieces);
            let pieces = &pieces[1..];
            let mut sum = Counters::default();
            for piece in pieces {
                sum += piece.counters();
            }
            prop_assert_eq!(sum, Counters { bytes, raw_bytes: bytes, packets, flows: 1 });
            prop_assert!(pieces.windows(2).all(|pair| pair[0].pane < pair[1].pane));
            prop_assert!(pieces.len() <= MAX_PIECES + 1);
        }

        #[test]
        fn no_time_overflows(
            first in any::<i64>(), last in any::<i64>(), offset in any::<i64>(), now in any::<i64>(),
        ) {
            let flow = Flow {
                first: Time(first), last: Time(last), clock_offset: offset, arrival: Time(now),
                bytes: 1, ..Flow::EMPTY
            };
            let (first, last) = corrected(&flow);
            prop_assert!(Time(0) <= first && first <= last && last <= Time(now).max(Time(0)));
            let (edges, mut pieces) = (Edges::at(1_000_000), Vec::new());
            for packets in [0, 1, 100, u64::MAX] {
                pieces.clear();
                spread(&edges, &Flow { packets, ..flow }, first, last, &mut pieces);
                prop_assert!(pieces.windows(2).all(|pair| pair[0].pane < pair[1].pane));
                let end = edges.pane(seconds(last));
                prop_assert!(pieces.iter().all(|piece| piece.pane <= end));
            }
        }
    }
}
