//! The sparse log of panes of a row.

use smallvec::SmallVec;

use super::entry::{EntryKind, FlowPart, PaneEntry};
use super::key::LogLane;
use super::pane::Edges;
use super::paths::Paths;
use crate::snapshot::{Counters, UpDown};

/// Number of entries stored in the row itself, which is enough for most conversations. A
/// fourth would make every row a sixth larger.
const INLINE: usize = 3;

/// Bytes that an allocator adds to an allocation.
const ALLOCATOR_OVERHEAD: usize = 16;

/// Number of entries from which a log no longer distinguishes interfaces. Both directions
/// on one path need at most 520 entries, so with more an exporter keeps changing the
/// interfaces of the same conversation.
const MAX_DISTINCT_PATHS: usize = 640;

/// Maximum number of entries of a row: a host that sends and receives long flows on the link,
/// inside and in transit has six lanes of up to 260 panes each, and that at two sampling
/// rates. Traffic that needs a further entry (forged sampling rates) is counted in "others"
/// only.
const MAX_ENTRIES: usize = 6 * 260 * 2;

/// Entries that are searched one by one from the end, before a binary search.
const STEPS: usize = 16;

/// The traffic of a row over time: entries in order of their panes. Panes are merged and
/// dropped when the log would grow, and by [`TimeLog::compact`].
#[derive(Clone, Debug, Default)]
pub(super) struct TimeLog(SmallVec<[PaneEntry; INLINE]>);

impl TimeLog {
    /// Adds the pieces of a flow, which are in order of their panes. `plain` is the path with the
    /// same sampling rate and no interfaces.
    pub(super) fn add(&mut self, edges: &Edges, what: EntryKind, plain: u32, pieces: &[FlowPart]) {
        let mut end = self.0.len();
        for piece in pieces.iter().rev() {
            if piece.pane < edges.keep_from {
                break; // the totals count it as older
            }
            let slot = edges.slot(piece.pane);
            match place(&mut self.0, edges, slot, what, piece, end) {
                PartPlace::Joined(at) => end = at,
                found => end = self.insert(edges, slot, what, plain, piece, found),
            }
        }
    }

    /// Inserts an entry where `found` says. Returns where the entries of its pane end.
    #[cold]
    fn insert(
        &mut self,
        edges: &Edges,
        slot: u32,
        mut what: EntryKind,
        plain: u32,
        piece: &FlowPart,
        mut found: PartPlace,
    ) -> usize {
        let drop_path = self.0.len() >= MAX_DISTINCT_PATHS && what.path != plain;
        let moved = self.0.len() == self.0.capacity() && self.compact_or_grow(edges);
        if drop_path {
            what.path = plain;
        }
        if moved || drop_path {
            let end = self.0.len();
            found = place(&mut self.0, edges, slot, what, piece, end);
        }
        let (mut at, full) = match found {
            PartPlace::Joined(at) => return at,
            PartPlace::Insert(at) => (at, None),
            PartPlace::Full { entry, end } => (end, self.0.get_mut(entry)),
        };
        let upper = match full.map(|entry| entry.carry(&piece.counters())) {
            Some(upper) => upper,
            None if self.0.len() >= MAX_ENTRIES => return at,
            None => {
                self.0.insert(at, PaneEntry::new(slot, what, piece));
                at += 1;
                PaneEntry::upper(slot, what, &piece.counters())
            }
        };
        match upper {
            Some(upper) => self.insert_upper(upper, at),
            None => at,
        }
    }

    /// Adds an upper entry to that of its pane, or inserts it at index `at`. Returns where the
    /// entries of its pane end.
    fn insert_upper(&mut self, upper: PaneEntry, at: usize) -> usize {
        let is_full = self.0.len() >= MAX_ENTRIES;
        let mut known =
            self.0[..at].iter_mut().rev().take_while(|entry| entry.slot() == upper.slot());
        if known.any(|entry| entry.join(&upper)) || is_full {
            return at;
        }
        self.0.insert(at, upper);
        at + 1
    }

    /// Notes that up to `bytes` from before the end of the pane may be missing.
    pub(super) fn add_missing(&mut self, edges: &Edges, pane: u32, bytes: u64) {
        let piece = FlowPart { pane, bytes, ..FlowPart::default() };
        self.add(edges, EntryKind { lane: LogLane::MISSING, path: 0 }, 0, &[piece]);
    }

    /// Merges and drops panes before the log grows. Returns whether entries changed.
    fn compact_or_grow(&mut self, edges: &Edges) -> bool {
        let moved = self.compact(edges);
        // A log that stays nearly full would have to be compacted again at once.
        if self.0.len() > self.0.capacity() / 4 * 3 {
            self.0.reserve(self.0.len().max(INLINE));
        }
        moved
    }

    /// Merges panes that have become coarser and drops panes older than every window. Returns
    /// whether anything changed.
    pub(super) fn compact(&mut self, edges: &Edges) -> bool {
        // Entries young enough for the finest panes are not touched.
        let fine = edges.distance(edges.slot(edges.fine_from()));
        let old = self.0.partition_point(|entry| entry.order(edges.base()) < fine);
        if old == 0 {
            return false;
        }
        let kept_from = edges.distance(edges.slot(edges.keep_from));
        let (mut kept, mut moved) = (0, false);
        let entries = self.0.as_mut_slice();
        for index in 0..old {
            let mut entry = entries[index];
            if entry.order(edges.base()) < kept_from {
                continue;
            }
            let slot = edges.slot(edges.pane(edges.pane_of(entry.slot())));
            moved |= slot != entry.slot();
            entry.move_to(slot);
            let same = entries[..kept].iter().rev().take_while(|known| known.slot() == slot);
            let from = kept - same.count();
            if let Some(rest) = join_pane(&mut entries[from..kept], entry) {
                entries[kept] = rest;
                kept += 1;
            }
        }
        entries.copy_within(old.., kept);
        self.0.truncate(self.0.len() - (old - kept));
        moved || kept != old
    }

    /// Frees memory that the log no longer needs.
    pub(super) fn shrink(&mut self) {
        if self.0.spilled() && self.0.capacity() > 4 * self.0.len().max(2) {
            self.0.shrink_to_fit();
        }
    }

    /// Reads the newest entry, to load the end of the log into the cache.
    pub(super) fn touch(&self) -> u8 {
        self.0.last().map_or(0, PaneEntry::lane)
    }

    /// Heap bytes outside the row.
    pub(super) fn heap(&self) -> usize {
        if self.0.spilled() {
            self.0.capacity() * size_of::<PaneEntry>() + ALLOCATOR_OVERHEAD
        } else {
            0
        }
    }

    /// Number of entries, which is the cost of reading the log.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls `visit(pane, entry)` for entries with a pane in `[start, end)`.
    pub(super) fn visit(
        &self,
        edges: &Edges,
        start: u32,
        end: u32,
        mut visit: impl FnMut(u32, &PaneEntry),
    ) {
        for entry in self.0.iter().rev() {
            let pane = edges.pane_of(entry.slot());
            if pane < start {
                break;
            }
            if pane < end {
                visit(pane, entry);
            }
        }
    }

    /// All bytes of the row plus those it may be missing, by which rows are chosen for
    /// eviction.
    pub(super) fn weight(&self) -> u64 {
        self.0.iter().map(PaneEntry::bytes).fold(0, u64::saturating_add)
    }

    /// All bytes of the row's traffic.
    pub(super) fn traffic(&self) -> u64 {
        let traffic = self.0.iter().filter(|entry| entry.lane() != LogLane::MISSING);
        traffic.map(PaneEntry::bytes).fold(0, u64::saturating_add)
    }

    /// Whether the log has traffic of a local host.
    pub(super) fn has_local_lane(&self) -> bool {
        self.0.iter().any(|entry| entry.lane() < LogLane::TransitOut as u8)
    }

    /// The oldest and the newest pane with traffic.
    pub(super) fn bounds(&self, edges: &Edges) -> Option<(u32, u32)> {
        let pane = |entry: &PaneEntry| edges.pane_of(entry.slot());
        let mut traffic = self.0.iter().filter(|entry| entry.lane() != LogLane::MISSING);
        let first = traffic.next()?;
        Some((pane(first), pane(traffic.next_back().unwrap_or(first))))
    }
}

/// Adds an entry to those of its pane. Returns what needs an entry of its own: the entry, or
/// the upper bits of a sum that is too large for a plain entry.
fn join_pane(pane: &mut [PaneEntry], mut entry: PaneEntry) -> Option<PaneEntry> {
    if pane.iter_mut().rev().any(|known| known.join(&entry)) {
        return None;
    }
    let same = |known: &&mut PaneEntry| known.is(entry.slot(), entry.what());
    if let Some(plain) = pane.iter_mut().find(same).filter(|_| !entry.is_upper()) {
        entry = plain.carry(&entry.counters(1))?;
        if pane.iter_mut().any(|known| known.join(&entry)) {
            return None;
        }
    }
    Some(entry)
}

/// Where a piece belongs in a log.
enum PartPlace {
    /// It was added to an entry. The entries of its pane end at this index.
    Joined(usize),
    /// There is no entry of its kind. A new entry belongs at this index.
    Insert(usize),
    /// The counters of the entry at this index would overflow. The entries of its pane end at the
    /// index `end`.
    Full { entry: usize, end: usize },
}

/// Adds a piece to an entry of its pane among the first `end` entries, if one can take it.
#[inline]
fn place(
    entries: &mut [PaneEntry],
    edges: &Edges,
    slot: u32,
    what: EntryKind,
    piece: &FlowPart,
    end: usize,
) -> PartPlace {
    let (base, at) = (edges.base(), edges.distance(slot));
    let mut found = end;
    let near = found.saturating_sub(STEPS);
    while found > near && entries[found - 1].order(base) > at {
        found -= 1;
    }
    if found == near && near > 0 {
        found = entries[..near].partition_point(|entry| entry.order(base) <= at);
    }
    for (index, entry) in entries[..found].iter_mut().enumerate().rev() {
        if entry.slot() != slot {
            break;
        }
        if entry.is(slot, what) {
            // There is one plain entry of a kind in a pane.
            return match entry.take(piece.bytes, piece.packets, piece.flows.into()) {
                true => PartPlace::Joined(found),
                false => PartPlace::Full { entry: index, end: found },
            };
        }
    }
    PartPlace::Insert(found)
}

/// Reads logs over the panes of one window.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) edges: &'a Edges,
    pub(super) paths: &'a Paths,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Reader<'_> {
    fn counters(&self, entry: &PaneEntry) -> Counters {
        entry.counters(self.paths.rate(entry.what().path))
    }

    /// Calls `visit(pane, kind, counters)` for the traffic of the window.
    pub(super) fn each(&self, log: &TimeLog, mut visit: impl FnMut(u32, EntryKind, Counters)) {
        log.visit(self.edges, self.start, self.end, |pane, entry| {
            if entry.lane() != LogLane::MISSING {
                visit(pane, entry.what(), self.counters(entry));
            }
        });
    }

    /// The sums of two lanes, and the bytes that may be missing from the window.
    pub(super) fn pair(&self, log: &TimeLog, up: LogLane, down: LogLane) -> (UpDown, u64) {
        let (mut both, mut missing) = (UpDown::default(), 0u64);
        log.visit(self.edges, self.start, u32::MAX, |pane, entry| {
            let lane = entry.lane();
            if lane == LogLane::MISSING {
                missing = missing.saturating_add(entry.bytes());
            } else if pane >= self.end {
            } else if lane == up as u8 {
                both.up += self.counters(entry);
            } else if lane == down as u8 {
                both.down += self.counters(entry);
            }
        });
        (both, missing)
    }

    /// The sums of all traffic sent and all traffic received.
    pub(super) fn both(&self, log: &TimeLog) -> UpDown {
        let mut both = UpDown::default();
        self.each(log, |_, what, counters| {
            *(if LogLane::is_out(what.lane) { &mut both.up } else { &mut both.down }) += counters;
        });
        both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(pane: u32, bytes: u64) -> FlowPart {
        FlowPart { pane, bytes, raw_bytes: bytes, packets: 1, flows: 1 }
    }

    fn add(log: &mut TimeLog, edges: &Edges, lane: u8, piece: FlowPart) {
        log.add(edges, EntryKind { lane, path: 0 }, 0, &[piece]);
    }

    fn sum(log: &TimeLog, edges: &Edges, start: u32, end: u32) -> Counters {
        Reader { edges, paths: &Paths::default(), start, end }.both(log).sum()
    }

    #[test]
    fn merging_keeps_the_sum_of_every_window() {
        let mut log = TimeLog::default();
        for second in 0..4000u32 {
            let at = 10_000_000 + second;
            let edges = Edges::at(at / 2 * 2);
            add(&mut log, &edges, (second % 6) as u8, piece(edges.pane(at), u64::from(second)));
            if second % 500 != 499 {
                continue;
            }
            for length in [10, 60, 300, 900, 3600] {
                let (from, to) = edges.widen(edges.edge - length, edges.edge);
                let inside = |second: &u32| (from..to).contains(&(10_000_000 + second));
                let want: u64 = (0..4000).filter(inside).map(u64::from).sum();
                log.compact(&edges);
                assert_eq!(sum(&log, &edges, from, to).bytes, want, "{at} {length}");
            }
        }
        log.compact(&Edges::at(10_010_000));
        assert!(log.is_empty());
    }

    #[test]
    fn late_pieces_are_inserted_in_order() {
        let edges = Edges::at(1_000_000);
        let mut log = TimeLog::default();
        for pane in [999_990, 999_980, 999_996, 999_980, 999_000, 990_000] {
            add(&mut log, &edges, 0, piece(edges.pane(pane), 1));
        }
        let mut panes = Vec::new();
        log.visit(&edges, 0, u32::MAX, |pane, entry| panes.push((pane, entry.bytes())));
        assert_eq!(panes, [(999_996, 1), (999_990, 1), (999_980, 2), (998_940 + 60, 1)]);
    }

    #[test]
    fn values_too_large_for_a_plain_entry_have_an_upper_entry() {
        let edges = Edges::at(1_000_000);
        let mut log = TimeLog::default();
        let large =
            FlowPart { bytes: super::super::entry::MAX_BYTES, flows: 60_000, ..piece(999_990, 0) };
        for _ in 0..5 {
            add(&mut log, &edges, 0, large);
            add(&mut log, &edges, 1, piece(999_990, 1));
        }
        let all = sum(&log, &edges, 999_990, 999_992);
        assert_eq!((all.bytes, all.flows), (5 * large.bytes + 5, 5 * 60_001));
        assert_eq!(log.len(), 3, "lane 0 has two entries, lane 1 one");
        log.compact(&Edges::at(1_000_300));
        assert_eq!(sum(&log, &edges, 0, 1_000_300), all);
    }

    #[test]
    fn forged_paths_do_not_grow_a_log_without_limit() {
        let edges = Edges::at(1_000_000);
        let mut log = TimeLog::default();
        for path in 0..10_000 {
            log.add(&edges, EntryKind { lane: 0, path }, 0, &[piece(999_990, 1)]);
        }
        assert!(log.0.len() <= MAX_DISTINCT_PATHS + 1);
        assert_eq!(sum(&log, &edges, 0, 1_000_000).bytes, 10_000);
    }

    #[test]
    fn oversized_counters_do_not_grow_a_log_without_limit() {
        let edges = Edges::at(1_000_000);
        let mut log = TimeLog::default();
        let forged = FlowPart { packets: u64::MAX, ..piece(999_990, 1) };
        (0..20_000).for_each(|_| add(&mut log, &edges, 0, forged));
        // All 64 bits of a counter are in two entries, so that sums need no further ones.
        assert_eq!(log.0.len(), 2);
        assert!(sum(&log, &edges, 0, 1_000_000).packets >= u64::MAX << 32);
        for plain in 0..9000 {
            let what = EntryKind { lane: 1, path: plain };
            log.add(&edges, what, plain, &[piece(999_992, 1)]);
        }
        assert_eq!(log.0.len(), MAX_ENTRIES);
    }
}
