//! The traffic of one lane in one pane, in 16 bytes, because rows have many of them.

use crate::snapshot::Counters;

/// Panes are numbered relative to a base. 2^14 panes of 2 s are nine hours, more than twice
/// the time that is stored, including traffic booked ahead of the edge.
pub(super) const SLOT_BITS: u32 = 14;
pub(super) const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;

/// The remaining bits of that word number the path of the traffic.
pub(super) const PATH_BITS: u32 = 32 - SLOT_BITS;
const PATH_MASK: u32 = (1 << PATH_BITS) - 1;

/// The lane takes three bits, above the upper bits of the byte count.
const LANE_SHIFT: u32 = 13;
const HIGH_MASK: u16 = (1 << LANE_SHIFT) - 1;

/// The most bytes that a plain entry holds: 35 TB. What is beyond is in an upper entry.
pub(super) const MAX_BYTES: u64 = (1 << BYTE_BITS) - 1;

/// Bits of the bytes, packets and flows of a plain entry. An upper entry counts in units of
/// the next power of two, so that both together hold 64 bits of bytes and packets, and 32
/// bits of flows.
const BYTE_BITS: u32 = 32 + LANE_SHIFT;
const PACKET_BITS: u32 = 32;
const FLOW_BITS: u32 = 16;

/// The lane number that marks an upper entry. Its lane is in the lowest bits of the upper
/// bytes, which it does not need.
const UPPER: u16 = 7;

/// What an entry counts: a direction (lane) on a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EntryKind {
    pub(super) lane: u8,
    pub(super) path: u32,
}

/// The part of a flow in the pane that starts at `pane`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FlowPart {
    pub(super) pane: u32,
    pub(super) flows: u32,
    pub(super) bytes: u64,
    pub(super) raw_bytes: u64,
    pub(super) packets: u64,
}

impl FlowPart {
    pub(super) fn counters(&self) -> Counters {
        Counters {
            bytes: self.bytes,
            raw_bytes: self.raw_bytes,
            packets: self.packets,
            flows: u64::from(self.flows),
        }
    }
}

/// Traffic of one pane, lane and path. Bytes and packets are multiplied by the sampling
/// rate; the path has the rate.
///
/// A plain entry holds the lower bits of each counter, which is enough for nearly all
/// traffic. Counters that need more bits have an upper entry beside the plain one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PaneEntry {
    place: u32,
    lane_and_high: u16,
    flows: u16,
    low: u32,
    packets: u32,
}

impl PaneEntry {
    /// The plain entry of the lower bits of a piece. `slot` is the pane's number in
    /// [`SLOT_BITS`] bits.
    pub(super) fn new(slot: u32, what: EntryKind, piece: &FlowPart) -> PaneEntry {
        let mut entry = PaneEntry { place: place(slot, what.path), ..PaneEntry::default() };
        entry.set(what.lane, piece.bytes & MAX_BYTES);
        entry.packets = piece.packets as u32;
        entry.flows = piece.flows as u16;
        entry
    }

    /// The upper entry of counters that do not fit into a plain one; `None` when they fit.
    pub(super) fn upper(slot: u32, what: EntryKind, sum: &Counters) -> Option<PaneEntry> {
        let entry = PaneEntry {
            place: place(slot, what.path),
            lane_and_high: UPPER << LANE_SHIFT | u16::from(what.lane),
            flows: u16::try_from(sum.flows >> FLOW_BITS).unwrap_or(u16::MAX),
            low: (sum.bytes >> BYTE_BITS) as u32,
            packets: (sum.packets >> PACKET_BITS) as u32,
        };
        ((entry.low, entry.packets, entry.flows) != (0, 0, 0)).then_some(entry)
    }

    pub(super) fn is_upper(&self) -> bool {
        self.lane_and_high >> LANE_SHIFT == UPPER
    }

    fn set(&mut self, lane: u8, bytes: u64) {
        self.lane_and_high = u16::from(lane) << LANE_SHIFT | (bytes >> 32) as u16 & HIGH_MASK;
        self.low = bytes as u32;
    }

    pub(super) fn slot(&self) -> u32 {
        self.place >> PATH_BITS
    }

    pub(super) fn move_to(&mut self, slot: u32) {
        self.place = place(slot, self.place);
    }

    pub(super) fn what(&self) -> EntryKind {
        EntryKind { lane: self.lane(), path: self.place & PATH_MASK }
    }

    pub(super) fn lane(&self) -> u8 {
        match self.lane_and_high >> LANE_SHIFT {
            UPPER => (self.lane_and_high & UPPER) as u8,
            lane => lane as u8,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        if self.is_upper() {
            return u64::from(self.low).saturating_mul(1 << BYTE_BITS);
        }
        self.plain_bytes()
    }

    fn plain_bytes(&self) -> u64 {
        u64::from(self.lane_and_high & HIGH_MASK) << 32 | u64::from(self.low)
    }

    fn packets(&self) -> u64 {
        u64::from(self.packets) << if self.is_upper() { PACKET_BITS } else { 0 }
    }

    fn flows(&self) -> u64 {
        u64::from(self.flows) << if self.is_upper() { FLOW_BITS } else { 0 }
    }

    /// The counters of the traffic, and `raw_bytes`: the bytes divided by the sampling rate, as the
    /// exporter reported them.
    pub(super) fn counters(&self, rate: u32) -> Counters {
        let (bytes, rate) = (self.bytes(), u64::from(rate));
        let raw_bytes = match rate {
            0 | 1 => bytes,
            _ if self.is_upper() => bytes / rate,
            // The bytes of both entries together are a multiple of the rate: what the upper one
            // is rounded down by, the plain one is rounded up by.
            _ => bytes.div_ceil(rate),
        };
        Counters { bytes, raw_bytes, packets: self.packets(), flows: self.flows() }
    }

    /// The entry's position in time relative to a base pane number. The path is in the
    /// lower bits and is ignored.
    #[inline]
    pub(super) fn order(&self, base: u32) -> u32 {
        (self.place.wrapping_sub(base << PATH_BITS)) >> PATH_BITS
    }

    /// Whether this is the plain entry of traffic of this kind in this pane.
    pub(super) fn is(&self, slot: u32, what: EntryKind) -> bool {
        self.place == place(slot, what.path)
            && self.lane_and_high >> LANE_SHIFT == u16::from(what.lane)
    }

    /// Adds an entry of the same pane, lane and path to this one. Returns false, and adds
    /// nothing, if it is another one or if a number would overflow.
    pub(super) fn join(&mut self, other: &PaneEntry) -> bool {
        if self.place != other.place || self.is_upper() != other.is_upper() {
            return false;
        }
        if !self.is_upper() {
            let sum = other.counters(1);
            return self.lane() == other.lane() && self.take(sum.bytes, sum.packets, sum.flows);
        }
        if self.lane_and_high != other.lane_and_high {
            return false;
        }
        // More than 64 bits: the sum stays at the most that can be told.
        self.low = self.low.saturating_add(other.low);
        self.packets = self.packets.saturating_add(other.packets);
        self.flows = self.flows.saturating_add(other.flows);
        true
    }

    /// Adds counters that are too much for this plain entry: keeps the lower bits of the
    /// sum, and returns the upper entry of the rest.
    pub(super) fn carry(&mut self, more: &Counters) -> Option<PaneEntry> {
        let (what, mut sum) = (self.what(), self.counters(1));
        sum += *more;
        self.set(what.lane, sum.bytes & MAX_BYTES);
        (self.packets, self.flows) = (sum.packets as u32, sum.flows as u16);
        PaneEntry::upper(self.slot(), what, &sum)
    }

    /// Adds to this plain entry. Returns false, and adds nothing, if a number would overflow.
    #[inline]
    pub(super) fn take(&mut self, bytes: u64, packets: u64, flows: u64) -> bool {
        let bytes = self.plain_bytes().saturating_add(bytes);
        let packets = u64::from(self.packets).saturating_add(packets);
        let flows = u64::from(self.flows).saturating_add(flows);
        let (Ok(packets), Ok(flows)) = (u32::try_from(packets), u16::try_from(flows)) else {
            return false;
        };
        if bytes > MAX_BYTES {
            return false;
        }
        self.lane_and_high = self.lane_and_high & !HIGH_MASK | (bytes >> 32) as u16;
        self.low = bytes as u32;
        (self.packets, self.flows) = (packets, flows);
        true
    }
}

fn place(slot: u32, path: u32) -> u32 {
    slot << PATH_BITS | path & PATH_MASK
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_in_range_are_stored_exactly(
            slot in 0u32..1 << SLOT_BITS, path in 0u32..1 << PATH_BITS, lane in 0u8..7,
            bytes in 0u64..=MAX_BYTES, packets in any::<u32>(), flows in any::<u16>(),
            moved in 0u32..1 << SLOT_BITS,
        ) {
            let what = EntryKind { lane, path };
            let piece = FlowPart {
                pane: 0, flows: flows.into(), bytes, raw_bytes: 0, packets: packets.into(),
            };
            let mut entry = PaneEntry::new(slot, what, &piece);
            prop_assert!(entry.is(slot, what));
            prop_assert_eq!(entry.what(), what);
            entry.move_to(moved);
            prop_assert!(entry.is(moved, what) && entry.slot() == moved);
            let whole = entry.counters(1);
            prop_assert_eq!(whole, Counters { raw_bytes: bytes, ..piece.counters() });
            prop_assert_eq!(entry.counters(1000).raw_bytes, bytes.div_ceil(1000));
            let room = MAX_BYTES - bytes;
            prop_assert!(!entry.take(room + 1, 0, 0));
            prop_assert!(!entry.take(0, u64::from(u32::MAX - packets) + 1, 0));
            prop_assert!(!entry.take(0, 0, u64::from(u16::MAX - flows) + 1));
            prop_assert_eq!(entry.counters(1), whole);
            prop_assert!(entry.take(room, u64::from(u32::MAX - packets), 0));
            prop_assert_eq!(entry.bytes(), MAX_BYTES);
            prop_assert_eq!(entry.lane(), lane);
        }
    }
    proptest! {
        #[test]
        fn a_plain_and_an_upper_entry_hold_64_bits(
            one in any::<[u64; 2]>(), more in any::<[u64; 2]>(), flows in 0..u32::MAX / 2,
            lane in 0u8..7,
        ) {
            let what = EntryKind { lane, path: 5 };
            let part = |[bytes, packets]: [u64; 2]| FlowPart {
                pane: 0, flows, bytes, raw_bytes: 0, packets,
            };
            let mut entry = PaneEntry::new(9, what, &part(one));
            let upper = PaneEntry::upper(9, what, &part(one).counters());
            let mut sum = entry.counters(1);
            if let Some(upper) = upper {
                prop_assert_eq!(upper.what(), what);
                prop_assert!(!upper.is(9, what));
                sum += upper.counters(1);
            }
            let whole = |parts: Counters| (parts.bytes, parts.packets, parts.flows);
            prop_assert_eq!(whole(sum), whole(part(one).counters()));
            let rest = entry.carry(&part(more).counters());
            let mut sum = entry.counters(1);
            let mut all = upper;
            if let Some(rest) = rest {
                match &mut all {
                    Some(upper) => prop_assert!(upper.join(&rest)),
                    None => all = Some(rest),
                }
            }
            if let Some(upper) = all {
                sum += upper.counters(1);
            }
            if let (Some(bytes), Some(packets)) =
                (one[0].checked_add(more[0]), one[1].checked_add(more[1]))
            {
                prop_assert_eq!((sum.bytes, sum.packets), (bytes, packets));
                prop_assert_eq!(sum.flows, 2 * u64::from(flows));
            }
        }
    }

    #[test]
    fn an_entry_takes_16_bytes() {
        assert_eq!(size_of::<PaneEntry>(), 16);
    }
}
