//! A counter of 32 bits that someone else keeps, as one that never wraps.

/// Sums up how far the other counter has moved.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WrappingCounter {
    newest: u32,
    total: u64,
}

impl WrappingCounter {
    /// Takes note of what the other counter says now; it began at 0.
    ///
    /// A value that lies a little back is late: packets that several processors put
    /// into one queue carry their counts a little out of order.
    pub(super) fn observe(&mut self, value: u32) {
        let ahead = value.wrapping_sub(self.newest);
        if ahead < u32::MAX / 2 {
            self.newest = value;
            self.total = self.total.saturating_add(u64::from(ahead));
        }
    }

    /// How far it has moved since it began.
    pub(super) fn total(self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_wraps_goes_on_and_never_falls() {
        let mut drops = WrappingCounter::default();
        let mut told = Vec::new();
        for value in [0, 7, 5, 7, 2_000_000_000, 4_000_000_000, u32::MAX, 3, 1, 4] {
            drops.observe(value);
            told.push(drops.total());
        }
        assert!(told.is_sorted(), "{told:?}");
        assert_eq!(told[2..4], [7, 7], "out of order");
        assert_eq!(told[7..], [(1 << 32) + 3, (1 << 32) + 3, (1 << 32) + 4]);
    }
}
