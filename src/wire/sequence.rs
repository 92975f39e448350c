//! Gaps in sequence numbers, told from restarts, reordering and several senders
//! behind one address.

use super::numbering::{Finder, Numbering, Records};

/// A jump forward larger than this is a restart, not a gap: at 30 flows a
/// datagram nobody loses that many and goes on.
const MAX_GAP: u32 = 1_000_000;

/// A datagram this many units behind is late, not a restart.
const MAX_LATE: u32 = 10_000;

/// Senders that are told apart behind one address and domain: two instances of
/// a probe, or routers behind one NAT address.
const MAX_TRACKS: usize = 16;

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

/// The sequence of one observation domain.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// The run that was continued last comes first.
    tracks: Vec<Track>,
    lost: u64,
    restarts: u32,
    finder: Finder,
}

impl Sequence {
    /// Takes note of a datagram that carries `sequence` and holds `records`
    /// (`None`: unknown, as a template is), in a protocol that numbers by `right`.
    pub fn datagram(&mut self, right: Numbering, sequence: u32, records: Option<Records>) {
        let place = self.finder.place(right, sequence, records);
        if place.anew {
            // What was counted as lost until now was a mistake.
            self.tracks.clear();
            self.lost = 0;
        }
        self.observe(place.begin, place.units.unwrap_or(0));
        if place.units.is_none() {
            self.tracks.clear();
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
        // All at once, so that the way of a datagram is free of allocations.
        self.tracks.reserve_exact(MAX_TRACKS + 1 - self.tracks.len());
        self.tracks.insert(0, track);
        self.tracks.truncate(MAX_TRACKS);
    }

    /// What comes next is taken as it comes: where the numbers were is not known
    /// any more.
    pub fn lose_track(&mut self) {
        self.tracks.clear();
        self.finder.restart();
    }

    /// Forgets the expectation, as after a restart of the exporter.
    pub fn restart(&mut self) {
        self.lose_track();
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

    /// What is counted as lost of 30 datagrams, numbered so that the third but
    /// last is missing, by a protocol that should number by `right`.
    fn lost_of(right: Numbering, number: impl Fn(Records, u32, u32) -> (u32, u32)) -> u64 {
        let mut sequence = Sequence::default();
        let mut counted = 7_000;
        for datagram in 0..30 {
            let records =
                Records { data: 20 + datagram % 3, options: u32::from(datagram % 10 == 0) };
            let (sent, next) = number(records, counted, datagram);
            if datagram != 27 {
                sequence.datagram(right, sent, Some(records));
            }
            counted = next;
        }
        assert_eq!(sequence.restarts, 0);
        sequence.lost
    }

    #[test]
    fn exporters_that_count_otherwise_are_found_out() {
        for right in [Numbering::Datagrams, Numbering::Records] {
            let all = |r: Records| r.data + r.options;
            assert_eq!(lost_of(right, |_, n, _| (n, n + 1)), 1);
            assert_eq!(lost_of(right, |r, n, _| (n, n + all(r))), 20);
            assert_eq!(lost_of(right, |r, n, _| (n + all(r), n + all(r))), 20);
            assert_eq!(lost_of(right, |r, n, _| (n, n + r.data)), 20);
            assert_eq!(lost_of(right, |r, n, _| (n + r.data, n + r.data)), 20);
        }
    }

    #[test]
    fn datagrams_of_unknown_size_are_no_gap_of_records() {
        let mut sequence = Sequence::default();
        for (number, records) in [(0, Some(5)), (5, None), (17, Some(3)), (20, Some(1)), (25, None)]
        {
            let records = records.map(|data| Records { data, options: 0 });
            sequence.datagram(Numbering::Records, number, records);
        }
        assert_eq!(sequence.lost, 4);
    }
}
