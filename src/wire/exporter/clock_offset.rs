//! The offset of an exporter's clock from the collector's clock.

use crate::flow::Time;

/// Estimates the clock offset: the minimum of (arrival - export time) over the last one to two
/// epochs, since a network delay only adds to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClockOffset {
    epoch_start: Time,
    current: Option<i64>,
    previous: Option<i64>,
    /// Datagrams in a row that are far from the minimum.
    astray: u8,
}

/// Length of an epoch in milliseconds: long compared with jitter, short compared with clock
/// drift.
const EPOCH_MS: i64 = 60_000;

/// A deviation from the minimum that is not delay or drift. Several datagrams in a row with it
/// mean that a clock was set; a single one is ignored.
const STEP_MS: i64 = 10_000;
const STEP_DATAGRAMS: u8 = 3;

impl ClockOffset {
    /// What to add to the exporter's times to get the collector's time, in milliseconds.
    #[must_use]
    pub fn offset(&self) -> i64 {
        match (self.current, self.previous) {
            (Some(a), Some(b)) => a.min(b),
            (one, other) => one.or(other).unwrap_or(0),
        }
    }

    /// Takes a datagram's arrival and export time into account. Returns the offset.
    pub fn observe(&mut self, now: Time, exported: Time) -> i64 {
        let offset = now.since(exported);
        let known = self.current.is_some() || self.previous.is_some();
        if known && offset.saturating_sub(self.offset()).saturating_abs() > STEP_MS {
            self.astray += 1;
            if self.astray < STEP_DATAGRAMS {
                return self.offset();
            }
            *self = ClockOffset { epoch_start: now, ..ClockOffset::default() };
        }
        self.astray = 0;
        if now.since(self.epoch_start) >= EPOCH_MS {
            self.previous = self.current;
            self.current = None;
            self.epoch_start = now;
        }
        self.current = Some(self.current.map_or(offset, |least| least.min(offset)));
        self.offset()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_offset_is_the_least_delay_and_follows_steps() {
        let mut clock = ClockOffset::default();
        for (now, delay, want) in [(0, 500, 500), (1000, 200, 200), (2000, 900, 200)] {
            assert_eq!(clock.observe(Time(now), Time(now - delay)), want);
        }
        // One datagram that is far off is ignored, three in a row are not.
        for ahead in [3_600_000, -3_600_000] {
            assert_eq!(clock.observe(Time(3000), Time(3000)), 0);
            assert_eq!(clock.observe(Time(3100), Time(3100 + ahead)), 0);
            assert_eq!(clock.observe(Time(3500), Time(3490)), 0);
            assert_eq!(clock.observe(Time(4000), Time(4000 + ahead)), 0);
            assert_eq!(clock.observe(Time(5000), Time(5000 + ahead)), 0);
            assert_eq!(clock.observe(Time(6000), Time(6000 + ahead)), -ahead);
            for second in 7..10 {
                clock.observe(Time(second * 1000), Time(second * 1000));
            }
        }
    }

    #[test]
    fn a_drifting_clock_is_followed_within_two_epochs() {
        let mut clock = ClockOffset::default();
        let mut offset = 0;
        for step in 0..300 {
            let now = Time(step * 1000);
            offset = clock.observe(now, now.plus_ms(-step * 10));
        }
        assert!((1800..=3000).contains(&offset), "{offset}");
    }
}
