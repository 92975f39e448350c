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

/// The most bytes that an entry holds: 35 TB. Further bytes go to a new entry. A single
/// piece with more bytes is forged and is cut to this value.
pub(super) const MAX_BYTES: u64 = (1 << (32 + LANE_SHIFT)) - 1;

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
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PaneEntry {
    place: u32,
    lane_and_high: u16,
    flows: u16,
    low: u32,
    packets: u32,
}

impl PaneEntry {
    /// `slot` is the pane's number in [`SLOT_BITS`] bits.
    pub(super) fn new(slot: u32, what: EntryKind, piece: &FlowPart) -> PaneEntry {
        let bytes = piece.bytes.min(MAX_BYTES);
        let mut entry = PaneEntry { place: place(slot, what.path), ..PaneEntry::default() };
        entry.set(what.lane, bytes);
        entry.packets = u32::try_from(piece.packets).unwrap_or(u32::MAX);
        entry.flows = u16::try_from(piece.flows).unwrap_or(u16::MAX);
        entry
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
        (self.lane_and_high >> LANE_SHIFT) as u8
    }

    pub(super) fn bytes(&self) -> u64 {
        u64::from(self.lane_and_high & HIGH_MASK) << 32 | u64::from(self.low)
    }

    /// The counters of the traffic, and `raw_bytes`: the bytes divided by the sampling
    /// rate,
    /// as the exporter reported them.
    pub(super) fn counters(&self, rate: u32) -> Counters {
        let bytes = self.bytes();
        Counters {
            bytes,
            raw_bytes: if rate > 1 { bytes / u64::from(rate) } else { bytes },
            packets: u64::from(self.packets),
            flows: u64::from(self.flows),
        }
    }

    /// The entry's position in time relative to a base pane number. The path is in the
    /// lower bits and is ignored.
    #[inline]
    pub(super) fn order(&self, base: u32) -> u32 {
        (self.place.wrapping_sub(base << PATH_BITS)) >> PATH_BITS
    }

    /// Whether the entry counts traffic of this kind in this pane.
    pub(super) fn is(&self, slot: u32, what: EntryKind) -> bool {
        self.place == place(slot, what.path) && self.lane() == what.lane
    }

    /// Adds to the entry. Returns false, and adds nothing, if a number would overflow.
    pub(super) fn take(&mut self, bytes: u64, packets: u64, flows: u64) -> bool {
        let bytes = self.bytes().saturating_add(bytes);
        let packets = u64::from(self.packets).saturating_add(packets);
        let flows = u64::from(self.flows).saturating_add(flows);
        let (Ok(packets), Ok(flows)) = (u32::try_from(packets), u16::try_from(flows)) else {
            return false;
        };
        if bytes > MAX_BYTES {
            return false;
        }
        self.set(self.lane(), bytes);
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
            slot in 0u32..1 << SLOT_BITS, path in 0u32..1 << PATH_BITS, lane in 0u8..8,
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
            prop_assert_eq!(entry.counters(1000).raw_bytes, bytes / 1000);
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
}
