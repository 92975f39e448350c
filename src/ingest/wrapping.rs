//! Extends a 32-bit counter of the kernel to 64 bits.

/// Adds up the increments of a 32-bit counter that may wrap.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WrappingCounter {
    newest: u32,
    total: u64,
}

impl WrappingCounter {
    /// Adds the increment since the last value. The counter starts at 0.
    ///
    /// A value slightly below the last one is late and ignored: packets that several processors put
    /// into one queue carry their counts slightly out of order.
    pub(super) fn observe(&mut self, value: u32) {
        let ahead = value.wrapping_sub(self.newest);
        if ahead < u32::MAX / 2 {
            self.newest = value;
            self.total = self.total.saturating_add(u64::from(ahead));
        }
    }

    /// The sum of all increments.
    pub(super) fn total(self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapping_counter_never_decreases() {
        let mut drops = WrappingCounter::default();
        let mut totals = Vec::new();
        for value in [0, 7, 5, 7, 2_000_000_000, 4_000_000_000, u32::MAX, 3, 1, 4] {
            drops.observe(value);
            totals.push(drops.total());
        }
        assert!(totals.is_sorted(), "{totals:?}");
        assert_eq!(totals[2..4], [7, 7], "out of order");
        assert_eq!(totals[7..], [(1 << 32) + 3, (1 << 32) + 3, (1 << 32) + 4]);
    }
}
