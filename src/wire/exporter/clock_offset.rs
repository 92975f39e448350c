//! How far an exporter's clock is from ours.

use crate::flow::Time;

/// How far the exporter's clock is from ours: the least of (arrival - export
/// time) over the last one to two epochs, since delay only ever adds to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClockOffset {
    epoch_start: Time,
    current: Option<i64>,
    previous: Option<i64>,
    /// Datagrams in a row that lie far from the minimum.
    astray: u8,
}

/// Length of an epoch: long against jitter, short against drift.
const EPOCH_MS: i64 = 60_000;

/// No network holds a datagram this long, and no clock runs away so fast:
/// several in a row mean that a clock was set, a single one is not believed.
const STEP_MS: i64 = 10_000;
const STEP_DATAGRAMS: u8 = 3;

impl ClockOffset {
    /// What to add to its times to get ours, in milliseconds.
    #[must_use]
    pub fn offset(&self) -> i64 {
        match (self.current, self.previous) {
            (Some(a), Some(b)) => a.min(b),
            (one, other) => one.or(other).unwrap_or(0),
        }
    }

    /// Takes note of when a datagram left by its clock; returns the offset.
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
        // One datagram from elsewhere is not believed, three in a row are.
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
