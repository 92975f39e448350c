//! Panes of time, and the sparse log of panes that every row carries.

use crate::flow::Time;
use crate::snapshot::{Both, Counters};

use super::key::Lane;

/// Pane lengths in seconds, by age: 2 s up to a minute before the edge, then
/// 10 s up to five minutes, then 60 s up to the hour.
pub(super) const FINE: u32 = 2;
pub(super) const MIDDLE: u32 = 10;
pub(super) const COARSE: u32 = 60;

const FINE_SPAN: u32 = 60;
const MIDDLE_SPAN: u32 = 300;
const KEEP_SPAN: u32 = 3600;

/// The bounds between pane lengths for one position of the edge. The edge is
/// the end of live windows, in whole seconds since 1970, even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edges {
    pub(super) edge: u32,
    fine_from: u32,
    middle_from: u32,
    /// Nothing before this is kept.
    pub(super) keep_from: u32,
    /// Everything goes into one pane (`--window all`).
    single: bool,
}

impl Edges {
    pub(super) fn at(edge: u32) -> Edges {
        Edges {
            edge,
            fine_from: floor(edge.saturating_sub(FINE_SPAN), MIDDLE),
            middle_from: floor(edge.saturating_sub(MIDDLE_SPAN), COARSE),
            keep_from: floor(edge.saturating_sub(KEEP_SPAN), COARSE),
            single: false,
        }
    }

    /// One pane for all time.
    pub(super) fn single() -> Edges {
        Edges { edge: 0, fine_from: 0, middle_from: 0, keep_from: 0, single: true }
    }

    /// The start of the pane that holds second `at`.
    pub(super) fn pane(&self, at: u32) -> u32 {
        if self.single { 0 } else { floor(at, self.pane_length(at)) }
    }

    /// The first pane bound at or after second `at`.
    pub(super) fn ceil(&self, at: u32) -> u32 {
        let length = self.pane_length(at);
        at.div_ceil(length).saturating_mul(length)
    }

    /// The length of panes around second `at`.
    pub(super) fn pane_length(&self, at: u32) -> u32 {
        if at >= self.fine_from {
            FINE
        } else if at >= self.middle_from {
            MIDDLE
        } else {
            COARSE
        }
    }

    /// The smallest run of whole panes that covers `[start, end)`, cut to what
    /// is kept and not beyond the edge.
    pub(super) fn widen(&self, start: u32, end: u32) -> (u32, u32) {
        if self.single {
            return (0, u32::MAX);
        }
        let end = end.clamp(self.keep_from, self.edge);
        let length = self.pane_length(end.saturating_sub(1));
        let end = end.div_ceil(length).saturating_mul(length).min(self.edge);
        (self.pane(start.clamp(self.keep_from, end)), end)
    }
}

pub(super) fn floor(at: u32, step: u32) -> u32 {
    at - at % step
}

/// Whole seconds since 1970, clamped to what 32 bits hold (1970 to 2106).
pub(super) fn seconds(time: Time) -> u32 {
    u32::try_from(time.0.div_euclid(1000).max(0)).unwrap_or(u32::MAX)
}

/// The moment at the start of a second.
pub(super) fn moment(seconds: u32) -> Time {
    Time(i64::from(seconds) * 1000)
}

/// A piece of a flow that falls into the pane starting at `pane`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) pane: u32,
    pub(super) counters: Counters,
}

/// Lanes need three bits; flow counts take the rest and stop at the top.
const LANE_BITS: u32 = 3;
const LANE_MASK: u32 = (1 << LANE_BITS) - 1;
const MAX_FLOWS: u64 = (u32::MAX >> LANE_BITS) as u64;

/// The traffic of one lane in one pane: 32 bytes, since rows have many.
#[derive(Clone, Copy, Debug)]
struct Entry {
    pane: u32,
    flows_and_lane: u32,
    bytes: u64,
    raw_bytes: u64,
    packets: u64,
}

impl Entry {
    fn new(pane: u32, lane: u8, counters: &Counters) -> Entry {
        let empty = Entry {
            pane,
            flows_and_lane: u32::from(lane) & LANE_MASK,
            bytes: 0,
            raw_bytes: 0,
            packets: 0,
        };
        empty.plus(counters)
    }

    fn lane(&self) -> u8 {
        (self.flows_and_lane & LANE_MASK) as u8
    }

    fn counters(&self) -> Counters {
        Counters {
            bytes: self.bytes,
            raw_bytes: self.raw_bytes,
            packets: self.packets,
            flows: u64::from(self.flows_and_lane >> LANE_BITS),
        }
    }

    fn plus(mut self, counters: &Counters) -> Entry {
        self.bytes = self.bytes.saturating_add(counters.bytes);
        self.raw_bytes = self.raw_bytes.saturating_add(counters.raw_bytes);
        self.packets = self.packets.saturating_add(counters.packets);
        let flows = u64::from(self.flows_and_lane >> LANE_BITS).saturating_add(counters.flows);
        let flows = flows.min(MAX_FLOWS) as u32;
        self.flows_and_lane = flows << LANE_BITS | self.flows_and_lane & LANE_MASK;
        self
    }
}

/// What a row did and when: entries in order of their panes. Panes are merged
/// and dropped when the log would grow, and by [`TimeLog::compact`].
#[derive(Clone, Debug, Default)]
pub(super) struct TimeLog(Vec<Entry>);

impl TimeLog {
    /// Adds the pieces of a flow, given in order of their panes.
    pub(super) fn add(&mut self, edges: &Edges, lane: u8, pieces: &[Piece]) {
        let mut upto = self.0.len();
        for piece in pieces.iter().rev() {
            if piece.pane < edges.keep_from {
                break; // counted as older in the totals
            }
            upto = self.end_of(piece.pane, upto);
            let same = self.0[..upto].iter_mut().rev().take_while(|entry| entry.pane == piece.pane);
            if let Some(entry) = same.into_iter().find(|entry| entry.lane() == lane) {
                *entry = entry.plus(&piece.counters);
                continue;
            }
            if self.0.len() == self.0.capacity() && self.compact(edges) {
                upto = self.0.partition_point(|entry| entry.pane <= piece.pane);
            }
            self.0.insert(upto, Entry::new(piece.pane, lane, &piece.counters));
        }
    }

    /// Where the entries up to and including `pane` end, among the first `upto`.
    ///
    /// Busy rows have an entry in nearly every pane, so the distance in time is
    /// a good first guess of the distance in entries.
    fn end_of(&self, pane: u32, upto: usize) -> usize {
        let entries = &self.0[..upto];
        let Some(last) = entries.last() else { return 0 };
        if last.pane <= pane {
            return upto;
        }
        let guess = upto.saturating_sub(((last.pane - pane) / FINE) as usize);
        if guess > 0 && entries[guess - 1].pane > pane {
            let before = entries[..guess].iter().rev();
            return guess - before.take_while(|entry| entry.pane > pane).count();
        }
        guess + entries[guess..].iter().take_while(|entry| entry.pane <= pane).count()
    }

    /// Merges panes that have become coarser and drops those too old to be
    /// asked for. Says whether anything changed.
    pub(super) fn compact(&mut self, edges: &Edges) -> bool {
        let entries = &mut self.0;
        let before = entries.len();
        let mut kept = 0;
        let mut moved = false;
        for index in 0..before {
            let mut entry = entries[index];
            if entry.pane < edges.keep_from {
                continue;
            }
            let pane = edges.pane(entry.pane);
            moved |= pane != entry.pane;
            entry.pane = pane;
            let mut same = kept;
            while same > 0
                && entries[same - 1].pane == pane
                && entries[same - 1].lane() != entry.lane()
            {
                same -= 1;
            }
            if same > 0 && entries[same - 1].pane == pane {
                entries[same - 1] = entries[same - 1].plus(&entry.counters());
            } else {
                entries[kept] = entry;
                kept += 1;
            }
        }
        entries.truncate(kept);
        moved || kept != before
    }

    /// Gives back memory that a log no longer needs.
    pub(super) fn shrink(&mut self) {
        if self.0.capacity() > 4 * self.0.len().max(2) {
            self.0.shrink_to(2 * self.0.len());
        }
    }

    /// The newest pane. Reading it brings the end of the log into the cache.
    pub(super) fn newest(&self) -> Option<u32> {
        self.0.last().map(|entry| entry.pane)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls `visit(pane, lane, counters)` for entries with a pane in `[start, end)`.
    pub(super) fn visit(&self, start: u32, end: u32, mut visit: impl FnMut(u32, u8, Counters)) {
        for entry in self.0.iter().rev() {
            if entry.pane < start {
                break;
            }
            if entry.pane < end {
                visit(entry.pane, entry.lane(), entry.counters());
            }
        }
    }

    /// Sums of two lanes over panes in `[start, end)`.
    pub(super) fn pair(&self, start: u32, end: u32, up: Lane, down: Lane) -> Both {
        let mut both = Both::default();
        self.visit(start, end, |_, lane, counters| {
            if lane == up as u8 {
                both.up += counters;
            } else if lane == down as u8 {
                both.down += counters;
            }
        });
        both
    }

    /// Sums of everything sent and everything received over panes in `[start, end)`.
    pub(super) fn both(&self, start: u32, end: u32) -> Both {
        let mut both = Both::default();
        self.visit(start, end, |_, lane, counters| {
            *(if Lane::is_out(lane) { &mut both.up } else { &mut both.down }) += counters;
        });
        both
    }

    /// The oldest and the newest pane.
    pub(super) fn bounds(&self) -> Option<(u32, u32)> {
        Some((self.0.first()?.pane, self.0.last()?.pane))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(pane: u32, bytes: u64) -> Piece {
        Piece { pane, counters: Counters { bytes, raw_bytes: bytes, packets: 1, flows: 1 } }
    }

    #[test]
    fn windows_of_every_length_begin_at_pane_bounds() {
        let edges = Edges::at(10_000_030);
        for length in [10, 60, 300, 900, 3600] {
            let (start, end) = edges.widen(edges.edge - length, edges.edge);
            assert_eq!(end, edges.edge);
            assert_eq!(edges.pane(start), start, "{length}");
            assert!(end - start >= length && end - start < length + COARSE, "{length}");
        }
        assert_eq!(edges.widen(edges.edge - 60, edges.edge).0, edges.edge - 60, "1 m is exact");
    }

    #[test]
    fn merging_keeps_every_sum_that_can_be_asked_for() {
        let start = Edges::at(10_000_000);
        let mut log = TimeLog::default();
        for second in 0..4000 {
            let pane = start.pane(10_000_000 + second);
            log.add(&start, (second % 6) as u8, &[piece(pane, u64::from(second))]);
        }
        for edge in [10_000_000u32, 10_001_000, 10_003_000, 10_004_000] {
            let edges = Edges::at(edge);
            for length in [10, 60, 300, 900, 3600] {
                let (from, to) = edges.widen(edge - length, edge);
                let want: u64 = (0..4000u32)
                    .filter(|second| (from..to).contains(&(10_000_000 + second)))
                    .map(u64::from)
                    .sum();
                log.compact(&edges);
                assert_eq!(log.both(from, to).sum().bytes, want, "{edge} {length}");
            }
        }
        log.compact(&Edges::at(10_010_000));
        assert!(log.is_empty());
    }

    #[test]
    fn late_pieces_find_their_place() {
        let edges = Edges::at(1_000_000);
        let mut log = TimeLog::default();
        for pane in [999_990, 999_980, 999_996, 999_980, 999_000, 990_000] {
            log.add(&edges, 0, &[piece(edges.pane(pane), 1)]);
        }
        let mut panes = Vec::new();
        log.visit(0, u32::MAX, |pane, _, counters| panes.push((pane, counters.bytes)));
        assert_eq!(panes, [(999_996, 1), (999_990, 1), (999_980, 2), (998_940 + 60, 1)]);
    }
}
