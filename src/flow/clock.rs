//! Corrects the times of flows whose exporter's clock is wrong.

use super::{Flow, is_plausible};

/// Offsets of an exporter's clock that are larger than this, in milliseconds, are corrected in
/// the times of its flows. Smaller ones are delays and the whole seconds that headers of
/// NetFlow v9 count in: there, the archive keeps the times as they were reported.
pub const CLOCK_OFF_MS: i64 = 5_000;

/// The longest duration of a flow, in milliseconds: a year. Exporters that do not know the
/// start send 0, which is 1970.
const LONGEST_MS: i64 = 366 * 86_400_000;

impl Flow {
    /// Moves the times of a flow by the offset of its exporter's clock, if that is more than
    /// [`CLOCK_OFF_MS`]. They are the collector's times then.
    pub fn correct_clock(&mut self) {
        if self.clock_offset.unsigned_abs() > CLOCK_OFF_MS.unsigned_abs() {
            self.first = self.first.plus_ms(self.clock_offset);
            self.last = self.last.plus_ms(self.clock_offset);
            self.clock_offset = 0;
        }
    }

    /// Brings the times of a flow to the collector's clock where the exporter's is wrong, so
    /// that live windows, alerts and archives agree on when it was:
    ///
    /// - Times of a wrong clock are moved by its offset ([`Flow::correct_clock`]).
    /// - A flow that ended more than a day from its arrival all the same, or in the future, is
    ///   taken to have ended at its arrival. Its duration stays.
    /// - A flow that would have lasted longer than a year has no start: it gets its end.
    pub fn correct_times(&mut self) {
        self.correct_clock();
        let late = self.last.plus_ms(self.clock_offset).since(self.arrival);
        if late > CLOCK_OFF_MS || !is_plausible(self.last, self.arrival, self.clock_offset) {
            let duration = self.duration_ms();
            self.last = self.arrival.plus_ms(self.clock_offset.saturating_neg());
            self.first = self.last.plus_ms(duration.saturating_neg());
        }
        if self.last.since(self.first) > LONGEST_MS {
            self.first = self.last;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::Time;

    const NOW: Time = Time(1_800_000_000_000);

    /// A flow with the start and end so many milliseconds from its arrival by the exporter's
    /// clock, and the result as milliseconds from the arrival by the collector's clock.
    fn corrected(first: i64, last: i64, clock_offset: i64) -> (i64, i64) {
        let (first, last) = (NOW.plus_ms(first), NOW.plus_ms(last));
        let mut flow = Flow { first, last, clock_offset, arrival: NOW, ..Flow::EMPTY };
        flow.correct_times();
        let by_us = |time: Time| time.plus_ms(flow.clock_offset).since(NOW);
        (by_us(flow.first), by_us(flow.last))
    }

    #[test]
    fn times_of_a_wrong_clock_are_moved() {
        const HOUR: i64 = 3_600_000;
        const YEARS: i64 = 20_000 * 24 * HOUR;
        for off in [HOUR, -HOUR, YEARS, -YEARS, 6_000, -6_000, 500, 0] {
            let got = corrected(-8_000 - off, -1_000 - off, off);
            assert_eq!(got, (-8_000, -1_000), "{off}");
        }
        // Small offsets leave the times as they were reported.
        let last = NOW.plus_ms(-900);
        let mut flow = Flow { first: last, last, clock_offset: 400, arrival: NOW, ..Flow::EMPTY };
        let before = flow;
        flow.correct_times();
        assert_eq!(flow, before);
    }

    #[test]
    fn implausible_times_end_at_the_arrival() {
        const DAY: i64 = 86_400_000;
        assert_eq!(corrected(-2 * DAY, -2 * DAY + 5_000, 0), (-5_000, 0));
        assert_eq!(corrected(2 * DAY, 2 * DAY + 5_000, 300), (-5_000, 0));
        // A record of a time zone east of the clock in the header.
        assert_eq!(corrected(7_200_000, 7_205_000, 0), (-5_000, 0));
        // A download of a day, and one that ended hours ago.
        assert_eq!(corrected(-DAY, -2_000, 0), (-DAY, -2_000));
        assert_eq!(corrected(-DAY, -DAY / 2, 0), (-DAY, -DAY / 2));
        // A start of 0.
        assert_eq!(corrected(-NOW.0, -2_000, 0), (-2_000, -2_000));
    }

    proptest! {
        #[test]
        fn no_time_overflows(
            first in any::<i64>(), last in any::<i64>(), clock_offset in any::<i64>(),
            arrival in any::<i64>(),
        ) {
            let (first, last, arrival) = (Time(first), Time(last), Time(arrival));
            let mut flow = Flow { first, last, clock_offset, arrival, ..Flow::EMPTY };
            flow.correct_times();
            prop_assert!(flow.clock_offset.unsigned_abs() <= CLOCK_OFF_MS.unsigned_abs());
            prop_assert!(flow.last.since(flow.first) <= LONGEST_MS);
        }
    }
}
