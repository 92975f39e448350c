//! Gaps in sequence numbers, told from restarts, reordering and several senders
//! behind one address.

/// A jump forward larger than this is a restart, not a gap: at 30 flows a
/// datagram nobody loses that many and goes on.
const MAX_GAP: u32 = 1_000_000;

/// A datagram this many units behind is late, not a restart.
const MAX_LATE: u32 = 10_000;

/// Senders that are told apart behind one address and domain: two instances of
/// a probe, or routers behind one NAT address.
const MAX_TRACKS: usize = 4;

/// An uptime that falls by less than this is a reordered datagram, not a restart.
const UPTIME_JITTER_MS: u32 = 60_000;

/// Whether an uptime in milliseconds that follows another means that the
/// exporter started again. The counter itself wraps after 49.7 days, which is
/// no restart.
pub(super) fn is_restart(before: u32, uptime: u32) -> bool {
    let behind = before.wrapping_sub(uptime);
    uptime < before && behind > UPTIME_JITTER_MS && behind < u32::MAX / 2
}

/// A run of numbers that follow each other.
#[derive(Clone, Copy, Debug)]
struct Track {
    expected: u32,
    /// What was counted as lost when this run began.
    gap: u32,
    /// Whether an older run went on after this one had begun: then there was no
    /// gap, but another sender.
    doubted: bool,
}

/// The sequence of one observation domain, in the protocol's own unit: v5
/// counts flows (Cisco, NetFlow v5 header), v9 and sFlow datagrams (RFC 3954, 5.1).
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// The run that was continued last comes first.
    tracks: Vec<Track>,
    lost: u64,
    restarts: u32,
}

impl Sequence {
    /// Takes note of a datagram that carries `sequence` and holds `units`.
    pub fn observe(&mut self, sequence: u32, units: u32) {
        let expected = sequence.wrapping_add(units);
        if let Some(at) = self.tracks.iter().position(|track| track.expected == sequence) {
            return self.go_on(at, expected, units);
        }
        let Some(newest) = self.tracks.first().copied() else {
            return self.begin(Track { expected, gap: 0, doubted: false });
        };
        let ahead = sequence.wrapping_sub(newest.expected);
        let behind = newest.expected.wrapping_sub(sequence);
        if ahead <= MAX_GAP {
            self.lost = self.lost.saturating_add(u64::from(ahead));
            self.begin(Track { expected, gap: ahead, doubted: false });
        } else if behind <= MAX_LATE && sequence > units {
            // It was counted as lost when its successor came.
            self.lost = self.lost.saturating_sub(u64::from(units));
        } else {
            self.restarts = self.restarts.saturating_add(1);
            self.begin(Track { expected, gap: 0, doubted: false });
        }
    }

    /// A run goes on. When it is an older one, the newest did not begin with a
    /// gap: the first time it may just be a late datagram, the second time it is
    /// another sender.
    fn go_on(&mut self, at: usize, expected: u32, units: u32) {
        if let Some(newest) = self.tracks.first_mut().filter(|_| at > 0) {
            let back = if newest.doubted { newest.gap } else { units.min(newest.gap) };
            newest.gap -= back;
            newest.doubted = true;
            self.lost = self.lost.saturating_sub(u64::from(back));
        }
        if let Some(track) = self.tracks.get_mut(at) {
            track.expected = expected;
        }
        self.tracks.swap(0, at);
    }

    fn begin(&mut self, track: Track) {
        self.tracks.insert(0, track);
        self.tracks.truncate(MAX_TRACKS);
    }

    /// Forgets the expectation, as after a restart of the exporter.
    pub fn restart(&mut self) {
        self.tracks.clear();
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
        assert_eq!(lost(&[(7, 1), (9, 1), (10, 1), (15, 1), (16, 1)]), (5, 0));
    }

    #[test]
    fn wrapping_is_no_gap_and_late_datagrams_are_not_lost() {
        assert_eq!(lost(&[(u32::MAX, 1), (0, 1), (1, 1)]), (0, 0));
        assert_eq!(lost(&[(50, 1), (52, 1), (51, 1), (53, 1)]), (0, 0));
        assert_eq!(lost(&[(50, 1), (53, 1), (51, 1), (54, 1), (55, 1)]), (1, 0));
    }

    #[test]
    fn restarts_are_no_gaps() {
        assert_eq!(lost(&[(5_000_000, 1), (1, 1), (2, 1)]), (0, 1));
        assert_eq!(lost(&[(500, 1), (0, 1), (1, 1)]), (0, 1));
        assert_eq!(lost(&[(1, 1), (3_000_000_000, 1), (3_000_000_001, 1)]), (0, 1));
    }

    #[test]
    fn several_senders_behind_one_address_lose_nothing() {
        let mut steps = Vec::new();
        for round in 0..100 {
            steps.extend([(1000 + 30 * round, 30), (500_000 + 7 * round, 7), (9 + round, 1)]);
        }
        assert_eq!(lost(&steps).0, 0);
    }
}
