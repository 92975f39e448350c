//! Times in the headers of a numbering, kept to detect that an exporter started again.

use crate::flow::Time;

/// Uptime and clock may disagree by this much, and by a part of the time between two datagrams,
/// while the exporter still counts as not restarted.
const JITTER_MS: i64 = 60_000;

const DRIFT_PART: i64 = 100;

/// The times in the header of a numbering's newest datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberingTime {
    pub seen: Time,
    pub exported: Option<Time>,
    pub uptime: Option<u32>,
}

impl NumberingTime {
    /// Whether the exporter did not start again between `self`, from an earlier run, and `now`.
    /// `None` when the headers do not tell.
    #[must_use]
    pub fn goes_on_at(&self, now: &NumberingTime) -> Option<bool> {
        let (before, after) = (self.uptime?, now.uptime?);
        // The 32-bit counter wraps after 49.7 days.
        let up = i64::from(after.wrapping_sub(before));
        let fits = |passed: i64| {
            let passed_wrapped = passed.rem_euclid(1 << 32);
            let apart = (up - passed_wrapped).abs();
            passed >= -JITTER_MS
                && apart.min((1 << 32) - apart) <= JITTER_MS + passed.abs() / DRIFT_PART
        };
        let theirs = self.exported.zip(now.exported).map(|(from, to)| to.since(from));
        // Either of the two clocks may have been set.
        Some(fits(now.seen.since(self.seen)) || theirs.is_some_and(fits))
    }
}
