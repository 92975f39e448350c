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
pub(super) const UPTIME_JITTER_MS: u32 = 60_000;

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

/// What sequence numbers count. Protocols say which, exporters do not always
/// keep to it, so the other one is adopted when it fits and the right one does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// NetFlow v9 (RFC 3954, 5.1) and sFlow v5 count datagrams.
    #[default]
    Datagrams,
    /// NetFlow v5 and v7 (Cisco, header tables) count flow records, IPFIX counts
    /// data records (RFC 7011, 3.1).
    Records,
}

/// Datagrams that must fit the other unit only, before it is adopted.
const UNIT_VOTES: u8 = 3;

/// The sequence of one observation domain.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// The run that was continued last comes first.
    tracks: Vec<Track>,
    lost: u64,
    restarts: u32,
    unit: Option<Unit>,
    votes: u8,
    /// The newest datagram: its number and how many records it had.
    newest: Option<(u32, Option<u32>)>,
}

impl Sequence {
    /// Takes note of a datagram that carries `sequence` and holds `records`
    /// (`None`: unknown, as its template is), in a protocol that counts in `unit`.
    pub fn datagram(&mut self, unit: Unit, sequence: u32, records: Option<u32>) {
        let unit = *self.unit.get_or_insert(unit);
        self.vote(unit, sequence);
        self.newest = Some((sequence, records));
        match (self.unit, records) {
            (Some(Unit::Records), Some(records)) => self.observe(sequence, records),
            (Some(Unit::Records), None) => {
                self.observe(sequence, 0);
                self.tracks.clear();
            }
            _ => self.observe(sequence, 1),
        }
    }

    /// Adopts the other unit once it has fitted several times and the one in use
    /// has not. What was counted as lost until then was a mistake.
    fn vote(&mut self, unit: Unit, sequence: u32) {
        let Some((newest, Some(records))) = self.newest else { return };
        let step = sequence.wrapping_sub(newest);
        let (right, other, other_unit) = match unit {
            Unit::Datagrams => (1, records, Unit::Records),
            Unit::Records => (records, 1, Unit::Datagrams),
        };
        if step == right {
            self.votes = 0;
        } else if step == other {
            self.votes += 1;
        }
        if self.votes >= UNIT_VOTES {
            *self = Sequence {
                restarts: self.restarts,
                unit: Some(other_unit),
                newest: self.newest,
                ..Sequence::default()
            };
        }
    }

    /// Takes note of a datagram that carries `sequence` and holds `units`.
    fn observe(&mut self, sequence: u32, units: u32) {
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
        self.newest = None;
        self.restarts = self.restarts.saturating_add(1);
    }

    /// How often the numbers began anew.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.restarts
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

    #[test]
    fn exporters_that_count_in_the_other_unit_are_found_out() {
        for (claimed, real) in [(Unit::Records, Unit::Datagrams), (Unit::Datagrams, Unit::Records)]
        {
            let mut sequence = Sequence::default();
            let mut number = 700u32;
            for datagram in 0..20u32 {
                sequence.datagram(claimed, number, Some(24));
                number += if real == Unit::Datagrams { 1 } else { 24 };
                number += if datagram == 15 { 2 } else { 0 };
            }
            assert_eq!((sequence.lost, sequence.restarts), (2, 0), "{claimed:?} {real:?}");
        }
    }

    #[test]
    fn datagrams_of_unknown_size_are_no_gap_of_records() {
        let mut sequence = Sequence::default();
        for (number, records) in [(0, Some(5)), (5, None), (17, Some(3)), (20, Some(1)), (25, None)]
        {
            sequence.datagram(Unit::Records, number, records);
        }
        assert_eq!(sequence.lost, 4);
    }
}
