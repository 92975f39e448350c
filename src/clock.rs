//! The only module that reads a clock.
//!
//! Running time is monotonic. It is set to the wall clock once, at the start, so that windows
//! never jump when the clock is set. The difference to the wall clock is available for times
//! that people read.
#![allow(clippy::disallowed_methods, reason = "this is the one place that asks what time it is")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::flow::Time;

/// Smaller differences in milliseconds come from slewing the wall clock, not from setting
/// it.
const STEP_MS: i64 = 500;

/// A running clock. Copies show the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    anchor: Time,
}

impl Clock {
    /// A clock that starts at the wall clock's time.
    #[must_use]
    pub fn start() -> Clock {
        Clock { started: Instant::now(), anchor: wall() }
    }

    /// Running time. It never goes back and never jumps.
    #[must_use]
    pub fn now(&self) -> Time {
        self.anchor.plus_ms(i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// Microseconds since the clock was started, for measuring work.
    #[must_use]
    pub fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Milliseconds to add to running time to get the wall clock. 0 unless the wall clock was set
    /// since the start.
    #[must_use]
    pub fn shift_ms(&self) -> i64 {
        let shift = wall().since(self.now());
        if shift.abs() < STEP_MS { 0 } else { shift }
    }
}

/// The wall clock. A time before 1970 is read as 1970.
fn wall() -> Time {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_time_agrees_with_the_wall_clock_and_never_goes_back() {
        let clock = Clock::start();
        let copy = clock;
        let (a, b) = (clock.now(), copy.now());
        assert!(a <= b);
        assert!(wall().since(a).abs() < 60_000);
        assert!(clock.micros() <= copy.micros());
    }
}
