//! Spreads a flow's traffic over the panes of the time that the flow took.
//!
//! A record is not counted when it arrives or when the flow ends. Its bytes and packets are
//! shared out over `[first, last]` by the rule of [`Spread`]. A flow of more than
//! [`SHORT_MS`] is cut at the bounds of the panes, so that each pane has exactly its share. A
//! shorter one is cut into equal pieces: at most [`MAX_PIECES`], one per 2-second pane and
//! one per packet, each counted in the pane of its midpoint; its traffic is then at most one
//! piece from where the rule puts it. The flow itself is counted where it ends. Sums are
//! exact.

use super::entry::FlowPart;
use super::pane::{Edges, FINE, moment, seconds};
use crate::flow::{Flow, Spread, Time};

/// Maximum number of pieces of a flow of at most [`SHORT_MS`]: enough for a window of one
/// minute to show flows cut by an active timeout of two minutes evenly.
pub(super) const MAX_PIECES: usize = 8;

/// Flows of up to this many milliseconds are cut into few equal pieces: most flows are
/// short, and a piece of them is at most 15 s long.
const SHORT_MS: u64 = 120_000;

/// Flows with fewer packets than this are cut into few equal pieces however long they were:
/// most panes would get no packet of them.
const MANY_PACKETS: u64 = 16;

/// When the flows of a batch have so many pieces, its further flows are cut into few equal
/// pieces: 16 for each of 4,096 flows. Only a flood of forged long flows reaches that; without
/// a limit it would cost thirty times as much as one of short flows.
const MANY_PIECES: usize = 65_536;

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
    let is_long = duration > SHORT_MS && flow.packets >= MANY_PACKETS;
    let is_near = seconds(last) <= edges.edge.saturating_add(AHEAD);
    if is_long && is_near && out.len() < MANY_PIECES && !edges.is_single() {
        return cut.by_panes(last, out);
    }
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

/// Flows that end farther than this many seconds after the end of live windows are cut into
/// few equal pieces. Windows end at most [`MAX_LAG_MS`](super::MAX_LAG_MS) before now.
const AHEAD: u32 = 600;

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
    /// Cuts the flow at the bounds of the panes. What passed before the oldest pane is one
    /// piece.
    fn by_panes(&self, last: Time, out: &mut Vec<FlowPart>) {
        let CutFlow { edges, flow, first, .. } = *self;
        let spread = Spread::new(first, last);
        let end = edges.pane(seconds(last));
        let (mut pane, mut bytes, mut packets) = (edges.pane(seconds(first)), 0, 0);
        loop {
            let next = match pane.max(edges.keep_from) {
                kept if kept > pane => kept,
                kept => kept.saturating_add(edges.pane_length(kept)),
            };
            let at = if pane >= end { Time(i64::MAX) } else { moment(next) };
            let (b, p) = (spread.before(flow.bytes, at), spread.before(flow.packets, at));
            let piece = FlowPart {
                pane: pane.min(end),
                flows: u32::from(pane >= end),
                bytes: flow.sampling.scale(b - bytes),
                raw_bytes: b - bytes,
                packets: flow.sampling.scale(p - packets),
            };
            (bytes, packets) = (b, p);
            if piece.raw_bytes > 0 || piece.packets > 0 || piece.flows > 0 {
                self.push(out, piece);
            }
            if pane >= end {
                return;
            }
            pane = next;
        }
    }

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
            prop_assert!(duration > SHORT_MS as i64 || pieces.len() <= MAX_PIECES + 1);
        }

        #[test]
        fn every_pane_has_exactly_its_share_of_a_long_flow(
            begin in 0i64..3_800_000,
            duration in SHORT_MS as i64 + 1..100_000_000,
            bytes in any::<u64>(),
            packets in MANY_PACKETS..1_000_000_000,
        ) {
            // Panes of all three lengths, and those beyond the edge.
            let edges = Edges::at(2_000_000_000);
            let last = Time(2_000_000_000_000 + 300_000 - begin);
            let first = last.plus_ms(-duration);
            let flow = Flow { bytes, packets, ..Flow::EMPTY };
            let mut pieces = Vec::new();
            spread(&edges, &flow, first, last, &mut pieces);
            let rule = Spread::new(first, last);
            for piece in &pieces {
                let (from, to) = match piece.pane.max(edges.keep_from) {
                    kept if kept > piece.pane => (Time(i64::MIN), moment(kept)),
                    kept => (moment(kept), moment(kept + edges.pane_length(kept))),
                };
                prop_assert_eq!(piece.bytes, rule.between(bytes, from, to), "{:?}", piece);
                prop_assert_eq!(piece.packets, rule.between(packets, from, to));
                prop_assert_eq!(piece.flows == 1, rule.ends_between(from, to));
            }
            prop_assert_eq!(pieces.iter().map(|piece| piece.bytes).sum::<u64>(), bytes);
        }

        #[test]
        fn a_short_flow_is_at_most_a_piece_from_where_the_rule_puts_it(
            begin in 0i64..100_000, duration in 0i64..=SHORT_MS as i64,
            bytes in 8u64..1_000_000_000, from in 0i64..100, length in 5i64..60,
        ) {
            let edges = Edges::at(2_000_000_000);
            let start = 2_000_000_000_000 - 60_000;
            let (first, last) = (Time(start + begin), Time(start + begin + duration));
            let flow = Flow { bytes, packets: 1000, ..Flow::EMPTY };
            let mut pieces = Vec::new();
            spread(&edges, &flow, first, last, &mut pieces);
            let (from, to) = (start + from * 2000, start + (from + length) * 2000);
            let within = pieces.iter().filter(|piece| {
                (from..to).contains(&(i64::from(piece.pane) * 1000))
            });
            let sum: u64 = within.map(|piece| piece.bytes).sum();
            let want = Spread::new(first, last).between(bytes, Time(from), Time(to));
            prop_assert!(sum.abs_diff(want) <= bytes.div_ceil(MAX_PIECES as u64).max(
                bytes * 2000 / duration.max(2000).unsigned_abs()) + 1, "{} {}", sum, want);
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
