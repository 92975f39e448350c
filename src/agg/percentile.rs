//! The 95th percentile of the link's rates, as carriers bill it.

use hdrhistogram::Histogram;

use crate::snapshot::Counters;

/// Length of the intervals whose means make up the 95th percentile.
const BILLING_SECONDS: u32 = 300;

/// The 95th percentile of 5-minute means, in bit/s.
#[derive(Debug)]
pub(super) struct Percentile {
    up: Histogram<u64>,
    down: Histogram<u64>,
    /// The end of the last interval that was added, in seconds.
    done: Option<u32>,
}

impl Percentile {
    pub(super) fn new() -> Option<Percentile> {
        let histogram = || {
            let mut histogram = Histogram::<u64>::new(2).ok()?;
            histogram.auto(true);
            Some(histogram)
        };
        Some(Percentile { up: histogram()?, down: histogram()?, done: None })
    }

    /// The next interval `[start, end)` in seconds that is complete at `edge`. No interval begins
    /// before collecting began at `since`.
    pub(super) fn due(&mut self, since: u32, edge: u32) -> Option<(u32, u32)> {
        let first = since.div_ceil(BILLING_SECONDS).saturating_mul(BILLING_SECONDS);
        let newest = edge.saturating_sub(edge % BILLING_SECONDS + 3600 - BILLING_SECONDS);
        let start = self.done.unwrap_or(first).max(first).max(newest);
        let end = start.saturating_add(BILLING_SECONDS);
        (end <= edge).then_some((start, end))
    }

    /// Adds the bytes of an interval.
    pub(super) fn record(&mut self, end: u32, up: &Counters, down: &Counters) {
        let rate =
            |counters: &Counters| (counters.bytes / u64::from(BILLING_SECONDS)).saturating_mul(8);
        self.up.saturating_record(rate(up));
        self.down.saturating_record(rate(down));
        self.done = Some(end);
    }

    /// The percentile of both directions (up, down), or `None` before the first interval.
    pub(super) fn p95(&self) -> Option<(u64, u64)> {
        let read = |histogram: &Histogram<u64>| histogram.value_at_quantile(0.95);
        (!self.up.is_empty()).then(|| (read(&self.up), read(&self.down)))
    }
}
