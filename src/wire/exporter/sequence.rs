//! Counts gaps in sequence numbers, and tells them from restarts, reordering and several senders
//! behind one address.

use super::numbering::{Numbering, NumberingDetector, RecordCount};

/// A jump forward by more than this is a restart, not a gap: at 30 flows a datagram, no network
/// loses that many and then continues.
const MAX_GAP: u32 = 1_000_000;

/// A datagram at most this many units behind is late, not a restart.
const MAX_LATE: u32 = 10_000;

/// Maximum number of senders that are told apart behind one address and domain: two instances of
/// a probe, or routers behind one NAT address.
const MAX_TRACKS: usize = 16;

/// Number of datagrams of this run that are compared with the numbers of an earlier run: by then
/// every sender behind the address has sent one. Also the number of datagrams within which a
/// sender must have sent one for its number to be saved.
const RESUMED: u32 = 64;

/// How much larger a gap between two runs may be than a gap within a run, for each second
/// between them: no exporter sends more flows in a second.
const MAX_GAP_PER_SECOND: u32 = 20_000;

/// Half of the range of 32 bits: a larger jump is a step back.
const FARTHEST: u32 = u32::MAX / 2;

/// An uptime that falls by less than this is that of a reordered datagram, not of a restart.
pub(in crate::wire) const UPTIME_JITTER_MS: u32 = 60_000;

/// Whether an uptime in milliseconds after the uptime `before` means that the exporter started
/// again. The counter wraps after 49.7 days, which is not a restart.
pub(in crate::wire) fn is_restart(before: u32, uptime: u32) -> bool {
    let behind = before.wrapping_sub(uptime);
    uptime < before && behind > UPTIME_JITTER_MS && behind < u32::MAX / 2
}

/// A series of numbers that follow each other.
#[derive(Clone, Copy, Debug)]
struct NumberingTrack {
    expected: u32,
    /// What was counted as lost when this series began.
    gap: u32,
    /// Whether an older series went on after this one had begun. Then there was no gap: the
    /// series are of different senders.
    doubted: bool,
    /// Whether the series is from an earlier run and has not gone on yet.
    left: bool,
    /// Whether the gap before the series is between the earlier run and this one.
    down: bool,
    /// The number of the datagram of this run that continued the series last.
    at: u32,
}

impl NumberingTrack {
    fn new(expected: u32, at: u32) -> NumberingTrack {
        NumberingTrack { expected, gap: 0, doubted: false, left: false, down: false, at }
    }
}

/// Sums of sequence numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberingTotals {
    pub lost: u64,
    pub missed: u64,
    pub restarts: u32,
}

/// How a datagram continues the numbers before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// There were no numbers before it.
    First,
    /// It has the expected number.
    Follows,
    /// It has another number.
    Gap,
}

/// The sequence numbers of one observation domain.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// The series, the one that was continued last first.
    tracks: Vec<NumberingTrack>,
    lost: u64,
    /// Units that were sent between an earlier run and this one, while no collector was running.
    missed: u64,
    restarts: u32,
    finder: NumberingDetector,
    /// Datagrams of this run.
    count: u32,
    /// How large a gap between the runs may be.
    most_missed: u32,
}

impl Sequence {
    /// Takes a datagram with the number `sequence` and these records into account (`None`: a
    /// template is missing). The protocol defines the numbering `right`. Returns how it continues
    /// the numbers before it.
    pub fn datagram(
        &mut self,
        right: Numbering,
        sequence: u32,
        records: Option<RecordCount>,
    ) -> Continuation {
        let place = self.finder.place(right, sequence, records);
        if place.anew {
            // The losses counted so far were due to the wrong numbering.
            self.tracks.clear();
            (self.lost, self.missed) = (0, 0);
        }
        self.count = self.count.saturating_add(1);
        let is_first = self.tracks.iter().all(|track| track.left);
        let follows = self.observe(place.begin, place.units.unwrap_or(0));
        if place.units.is_none() {
            self.tracks.clear();
        }
        match (follows, is_first) {
            (true, _) => Continuation::Follows,
            (false, true) => Continuation::First,
            (false, false) => Continuation::Gap,
        }
    }

    /// The number that the next datagram has, if it is sent by the sender of the last one. `None`
    /// if it is not known, and with numberings in which the datagram's own records count.
    #[must_use]
    pub fn expected(&self) -> Option<u32> {
        let counts_own = [Numbering::DataAndThese, Numbering::RecordsAndThese];
        if self.finder.proven().is_some_and(|way| counts_own.contains(&way)) {
            return None;
        }
        self.tracks.first().filter(|track| !track.left).map(|track| track.expected)
    }

    /// Takes a datagram with the number `sequence` and `units` units into account. Returns
    /// whether it has the expected number.
    fn observe(&mut self, sequence: u32, units: u32) -> bool {
        let expected = sequence.wrapping_add(units);
        if let Some(at) = self.tracks.iter().position(|track| track.expected == sequence) {
            self.go_on(at, expected, units);
            return true;
        }
        self.jump(sequence, units);
        false
    }

    /// Takes a datagram into account whose number is not expected.
    fn jump(&mut self, sequence: u32, units: u32) {
        let expected = sequence.wrapping_add(units);
        let track = NumberingTrack::new(expected, self.count);
        let newest = self.tracks.first().filter(|track| !track.left).copied();
        let ahead = newest.map(|newest| sequence.wrapping_sub(newest.expected));
        if let Some((at, gap)) = self.left(sequence)
            && ahead.is_none_or(|ahead| gap <= ahead)
        {
            self.tracks.remove(at);
            self.missed = self.missed.saturating_add(u64::from(gap));
            // The gap is that of this sender: when other senders go on, this does not make it
            // doubtful.
            return self.begin(NumberingTrack { down: true, ..track });
        }
        let Some((newest, ahead)) = newest.zip(ahead) else { return self.begin(track) };
        let behind = newest.expected.wrapping_sub(sequence);
        if ahead <= MAX_GAP {
            self.lost = self.lost.saturating_add(u64::from(ahead));
            self.begin(NumberingTrack { gap: ahead, ..track });
        } else if behind <= MAX_LATE && sequence > units {
            // It was counted as lost when its successor arrived.
            self.give_back(&newest, units);
        } else {
            self.restarts = self.restarts.saturating_add(1);
            self.begin(track);
        }
    }

    /// The series of an earlier run that a datagram continues after the smallest gap, and that
    /// gap.
    fn left(&self, sequence: u32) -> Option<(usize, u32)> {
        if self.count > RESUMED {
            return None;
        }
        let gaps = self.tracks.iter().enumerate().filter(|(_, track)| track.left);
        let gaps = gaps.map(|(at, track)| (at, sequence.wrapping_sub(track.expected)));
        gaps.filter(|(_, gap)| *gap <= self.most_missed).min_by_key(|(_, gap)| *gap)
    }

    /// Takes units back from the lost ones: they arrived late, or were never missing.
    fn give_back(&mut self, track: &NumberingTrack, units: u32) {
        let sum = if track.down { &mut self.missed } else { &mut self.lost };
        *sum = sum.saturating_sub(u64::from(units));
    }

    /// Continues a series. If it is not the newest one, the gap before the newest one is
    /// doubtful: the first time the datagram may just be late, the second time the newest series
    /// is of another sender.
    fn go_on(&mut self, at: usize, expected: u32, units: u32) {
        if let Some(newest) = self.tracks.first_mut().filter(|_| at > 0) {
            let back = if newest.doubted { newest.gap } else { units.min(newest.gap) };
            newest.gap -= back;
            newest.doubted = true;
            let newest = *newest;
            self.give_back(&newest, back);
        }
        if let Some(track) = self.tracks.get_mut(at) {
            (track.expected, track.left, track.at) = (expected, false, self.count);
        }
        self.tracks.swap(0, at);
    }

    fn begin(&mut self, track: NumberingTrack) {
        // The full capacity is reserved at once, so that later datagrams cause no allocation.
        self.tracks.reserve_exact(MAX_TRACKS + 1 - self.tracks.len());
        self.tracks.insert(0, track);
        self.tracks.truncate(MAX_TRACKS);
    }

    /// Forgets the expected numbers: the next datagram of a sender is accepted with any number.
    pub fn lose_track(&mut self) {
        self.tracks.clear();
        self.finder.restart();
    }

    /// Continues the numbering of an earlier run, which ended `down_ms` milliseconds ago, and
    /// the next number of each of its senders.
    #[must_use]
    pub fn resume(way: Option<Numbering>, expected: &[u32], down_ms: i64) -> Sequence {
        let mut finder = NumberingDetector::default();
        way.into_iter().for_each(|way| finder.adopt(way));
        let seconds = u32::try_from(down_ms.max(0) / 1000).unwrap_or(u32::MAX);
        let most_missed = seconds.saturating_mul(MAX_GAP_PER_SECOND).saturating_add(MAX_GAP);
        let track =
            |expected: &u32| NumberingTrack { left: true, ..NumberingTrack::new(*expected, 0) };
        let tracks = expected.iter().take(MAX_TRACKS).map(track).collect();
        let most_missed = most_missed.min(FARTHEST);
        Sequence { tracks, finder, most_missed, ..Sequence::default() }
    }

    /// What to save: the numbering, if it is known, and the next number of each sender that sent
    /// a datagram recently.
    #[must_use]
    pub fn save(&self) -> (Option<Numbering>, Vec<u32>) {
        let recent = |track: &&NumberingTrack| track.left || self.count - track.at <= RESUMED;
        let expected = self.tracks.iter().filter(recent).map(|track| track.expected).collect();
        (self.finder.proven(), expected)
    }

    /// The exporter did not start again between the runs, so that any jump forward is a gap.
    pub fn went_on(&mut self) {
        self.most_missed = FARTHEST;
    }

    /// Forgets the expected numbers after a restart of the exporter.
    pub fn restart(&mut self) {
        self.lose_track();
        if self.count <= RESUMED {
            // What looked like a gap between the runs was due to the restart.
            self.missed = 0;
        }
        self.restarts = self.restarts.saturating_add(1);
    }

    /// All that was counted.
    #[must_use]
    pub fn totals(&self) -> NumberingTotals {
        NumberingTotals { lost: self.lost, missed: self.missed, restarts: self.restarts }
    }

    /// The same expected numbers, with nothing counted so far.
    #[must_use]
    pub fn uncounted(&self) -> Sequence {
        Sequence { lost: 0, missed: 0, restarts: 0, ..self.clone() }
    }

    /// How often the numbers started again.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Units that were sent between an earlier run and this one, while no collector was running.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
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

    /// What is counted as lost of 30 datagrams of which the third but last is missing, when the
    /// numbers are given by `number` and the protocol defines the numbering `right`.
    fn lost_of(right: Numbering, number: impl Fn(RecordCount, u32, u32) -> (u32, u32)) -> u64 {
        let mut sequence = Sequence::default();
        let mut counted = 7_000;
        for datagram in 0..30 {
            let records =
                RecordCount { data: 20 + datagram % 3, options: u32::from(datagram % 10 == 0) };
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
            let all = |r: RecordCount| r.data + r.options;
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
            let records = records.map(|data| RecordCount { data, options: 0 });
            sequence.datagram(Numbering::Records, number, records);
        }
        assert_eq!(sequence.lost, 4);
    }

    /// What a second run, with the datagrams `second`, counts as missed, lost and restarted
    /// after a first run with the datagrams `first`.
    fn resumed(first: &[(u32, u32)], second: &[(u32, u32)], down_ms: i64) -> (u64, u64, u32) {
        let mut sequence = Sequence::default();
        for (number, units) in first {
            sequence.observe(*number, *units);
        }
        let (way, expected) = sequence.save();
        let mut sequence = Sequence::resume(way, &expected, down_ms);
        for (number, units) in second {
            sequence.count += 1;
            sequence.observe(*number, *units);
        }
        (sequence.missed, sequence.lost, sequence.restarts)
    }

    #[test]
    fn what_came_between_two_runs_is_a_gap_of_its_own() {
        let first = [(100, 30), (130, 30)];
        assert_eq!(resumed(&first, &[(160, 30), (190, 1)], 500), (0, 0, 0), "nothing");
        assert_eq!(resumed(&first, &[(774, 30), (804, 30)], 500), (614, 0, 0));
        assert_eq!(resumed(&first, &[(774, 30), (834, 30)], 500), (614, 30, 0), "and a loss");
        assert_eq!(resumed(&[(u32::MAX, 1)], &[(9, 1)], 500), (9, 0, 0), "wrapped");
        // The second datagram arrives first.
        assert_eq!(resumed(&[(7, 1)], &[(9, 1), (8, 1), (10, 1)], 500), (0, 0, 0), "late");
    }

    #[test]
    fn a_restart_of_the_exporter_between_two_runs_is_no_gap() {
        assert_eq!(resumed(&[(5_000_000, 1)], &[(3, 1), (4, 1)], 500).0, 0, "started again");
        let far = 50_000_000;
        assert_eq!(resumed(&[(100, 1)], &[(far, 1)], 500).0, 0, "too far for half a second");
        assert_eq!(resumed(&[(100, 1)], &[(far, 1)], 3_600_000).0, u64::from(far) - 101);
        let mut sequence = Sequence::resume(None, &[100], 500);
        sequence.datagram(Numbering::Datagrams, 200, None);
        assert_eq!(sequence.missed(), 100);
        // Options report later that the exporter started again.
        sequence.restart();
        assert_eq!(sequence.missed(), 0);
        let mut sequence = Sequence::resume(None, &[100], 500);
        sequence.went_on();
        sequence.datagram(Numbering::Datagrams, far, None);
        assert_eq!(sequence.missed(), u64::from(far) - 100);
    }

    #[test]
    fn several_senders_go_on_where_each_stood() {
        let mut first = Vec::new();
        for round in 0..100 {
            first.extend([(1000 + 30 * round, 30), (500_000 + 7 * round, 7)]);
        }
        let second = [(500_700 + 70, 7), (4000 + 60, 30), (500_777, 7), (4090, 30)];
        assert_eq!(resumed(&first, &second, 500), (130, 0, 0));
    }
}
