//! Gaps in sequence numbers, told from restarts and reordering.

/// A jump forward larger than this is a restart, not a gap: at 30 flows a
/// datagram nobody loses that many and goes on.
const MAX_GAP: u32 = 1_000_000;

/// A datagram this many units behind is late, not a restart.
const MAX_LATE: u32 = 10_000;

/// The sequence of one observation domain, in the protocol's own unit: v5
/// counts flows (Cisco, NetFlow v5 header), v9 datagrams (RFC 3954, 5.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequence {
    expected: Option<u32>,
    lost: u64,
    restarts: u32,
}

impl Sequence {
    /// Takes note of a datagram that carries `sequence` and holds `units`.
    pub fn observe(&mut self, sequence: u32, units: u32) {
        let next = sequence.wrapping_add(units);
        let Some(expected) = self.expected else {
            self.expected = Some(next);
            return;
        };
        let ahead = sequence.wrapping_sub(expected);
        let behind = expected.wrapping_sub(sequence);
        if ahead == 0 {
            self.expected = Some(next);
        } else if ahead <= MAX_GAP {
            self.lost = self.lost.saturating_add(u64::from(ahead));
            self.expected = Some(next);
        } else if behind <= MAX_LATE && sequence > units {
            // It was counted as lost when its successor came.
            self.lost = self.lost.saturating_sub(u64::from(units));
        } else {
            self.restarts = self.restarts.saturating_add(1);
            self.expected = Some(next);
        }
    }

    /// Forgets the expectation, as after a restart of the exporter.
    pub fn restart(&mut self) {
        self.expected = None;
        self.restarts = self.restarts.saturating_add(1);
    }

    /// Units that never arrived.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(steps: &[(u32, u32)]) -> (u64, u32) {
        let mut sequence = Sequence::default();
        for (number, units) in steps {
            sequence.observe(*number, *units);
        }
        (sequence.lost, sequence.restarts)
    }

    #[test]
    fn gaps_are_counted_in_units() {
        assert_eq!(lost(&[(100, 30), (130, 30), (160, 1)]), (0, 0));
        assert_eq!(lost(&[(100, 30), (190, 30)]), (60, 0), "two datagrams of v5");
        assert_eq!(lost(&[(7, 1), (9, 1)]), (1, 0), "one datagram of v9");
    }

    #[test]
    fn wrapping_is_no_gap_and_late_datagrams_are_not_lost() {
        assert_eq!(lost(&[(u32::MAX, 1), (0, 1), (1, 1)]), (0, 0));
        assert_eq!(lost(&[(50, 1), (52, 1), (51, 1), (53, 1)]), (0, 0));
    }

    #[test]
    fn restarts_are_no_gaps() {
        assert_eq!(lost(&[(5_000_000, 1), (1, 1), (2, 1)]), (0, 1));
        assert_eq!(lost(&[(500, 1), (0, 1), (1, 1)]), (0, 1));
        assert_eq!(lost(&[(1, 1), (3_000_000_000, 1), (3_000_000_001, 1)]), (0, 1));
    }
}
