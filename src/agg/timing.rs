//! How late an exporter reports, learned from what it sends.
//!
//! A record arrives after the flow ended, and a long flow is cut by the active
//! timeout: traffic of a moment is known completely only after the oldest
//! record that covers it has come. The lag of live windows follows from that.

use std::collections::HashMap;

use hdrhistogram::Histogram;

use super::spread::corrected;
use crate::flow::{Flow, Host, Time};
use crate::snapshot::{Counters, ExporterHealth};

/// Live windows end at most this long ago, whatever exporters do.
pub const MAX_LAG_MS: i64 = 300_000;

/// Exporters whose timing is learned; the histograms of one take about 100 kB.
const MAX_TIMED: usize = 256;

/// Two epochs are looked at, so that a changed timeout is noticed in minutes.
const EPOCH_MS: i64 = 300_000;

/// The longest time that histograms tell apart: four hours.
const LONGEST_MS: u64 = 4 * 3_600_000;

/// Bytes that count once in a histogram weighted by bytes.
const WEIGHT_UNIT: u64 = 1024;

/// All but this share of the bytes must be reported for a moment to be complete.
const QUANTILE: f64 = 0.999;

/// An exporter with less than this share of the bytes does not set the lag.
const SHARE: f64 = 0.01;

/// What one epoch of one exporter showed. Times in milliseconds.
#[derive(Debug)]
struct Epoch {
    /// Flow durations, weighted by bytes: long ones pile up at the active timeout.
    duration: Histogram<u64>,
    /// Arrival minus the end of the flow.
    delay: Histogram<u64>,
    /// Arrival minus the start of the flow, weighted by bytes.
    age: Histogram<u64>,
    bytes: u64,
}

impl Epoch {
    fn new() -> Option<Epoch> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST_MS, 2).ok();
        Some(Epoch { duration: histogram()?, delay: histogram()?, age: histogram()?, bytes: 0 })
    }

    fn clear(&mut self) {
        self.duration.reset();
        self.delay.reset();
        self.age.reset();
        self.bytes = 0;
    }

    fn record(&mut self, first: Time, flow: &Flow, last: Time) {
        let ms = |late: Time, early: Time| late.since(early).clamp(1, LONGEST_MS as i64) as u64;
        let weight = flow.scaled().0 / WEIGHT_UNIT + 1;
        self.duration.saturating_record_n(ms(last, first), weight);
        self.age.saturating_record_n(ms(flow.arrival, first), weight);
        self.delay.saturating_record(ms(flow.arrival, last));
        self.bytes = self.bytes.saturating_add(flow.scaled().0);
    }
}

#[derive(Debug)]
struct Timing {
    current: Epoch,
    previous: Epoch,
    since: Time,
}

impl Timing {
    fn highest(&self, quantile: f64, of: impl Fn(&Epoch) -> &Histogram<u64>) -> Option<i64> {
        [&self.current, &self.previous]
            .into_iter()
            .map(of)
            .filter(|histogram| !histogram.is_empty())
            .map(|histogram| histogram.value_at_quantile(quantile) as i64)
            .max()
    }

    fn bytes(&self) -> u64 {
        self.current.bytes.saturating_add(self.previous.bytes)
    }
}

/// The timing of all exporters.
#[derive(Debug, Default)]
pub(super) struct Timings(HashMap<Host, Timing>);

/// What the windows need to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lag {
    pub(super) ms: i64,
    /// The exporter that would need more than is allowed, and its active timeout.
    pub(super) beyond: Option<(Host, i64)>,
}

impl Timings {
    /// Learns from the flows of a batch.
    pub(super) fn record(&mut self, flows: &[Flow]) {
        for run in flows.chunk_by(|a, b| a.exporter == b.exporter) {
            let Some(timing) = self.timing(run[0].exporter, run[0].arrival) else { continue };
            for flow in run {
                let (first, last) = corrected(flow);
                timing.current.record(first, flow, last);
            }
        }
    }

    fn timing(&mut self, exporter: Host, now: Time) -> Option<&mut Timing> {
        let room = self.0.len() < MAX_TIMED;
        let timing = match self.0.entry(exporter) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) if room => {
                let (current, previous) = (Epoch::new()?, Epoch::new()?);
                entry.insert(Timing { current, previous, since: now })
            }
            std::collections::hash_map::Entry::Vacant(_) => return None,
        };
        if now.since(timing.since) >= EPOCH_MS {
            std::mem::swap(&mut timing.current, &mut timing.previous);
            timing.current.clear();
            timing.since = now;
        }
        Some(timing)
    }

    /// How far behind now windows must end.
    pub(super) fn lag(&self) -> Lag {
        let all: u64 = self.0.values().map(Timing::bytes).fold(0, u64::saturating_add);
        let mut lag = Lag::default();
        let mut worst = MAX_LAG_MS;
        for (exporter, timing) in &self.0 {
            if (timing.bytes() as f64) < all as f64 * SHARE {
                continue;
            }
            let age = timing.highest(QUANTILE, |epoch| &epoch.age).unwrap_or(0);
            lag.ms = lag.ms.max(age.min(MAX_LAG_MS));
            if age > worst {
                worst = age;
                let active = timing.highest(QUANTILE, |epoch| &epoch.duration).unwrap_or(age);
                lag.beyond = Some((*exporter, active));
            }
        }
        lag
    }

    /// Fills in what is known about an exporter's timing.
    pub(super) fn describe(&self, health: &mut ExporterHealth) {
        if let Some(timing) = self.0.get(&health.address) {
            health.active_timeout_ms = timing.highest(QUANTILE, |epoch| &epoch.duration);
            health.export_delay_ms = timing.highest(0.99, |epoch| &epoch.delay);
        }
    }
}

/// Length of the averages that the 95th percentile is taken of.
const BILLING_SECONDS: u32 = 300;

/// The billing figure: the 95th percentile of 5-minute averages, in bit/s.
#[derive(Debug)]
pub(super) struct Percentile {
    up: Histogram<u64>,
    down: Histogram<u64>,
    /// The end of the last interval taken in.
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

    /// The next interval `[start, end)` in seconds that is complete at `edge`,
    /// none before collecting began at `since`.
    pub(super) fn due(&mut self, since: u32, edge: u32) -> Option<(u32, u32)> {
        let first = since.div_ceil(BILLING_SECONDS).saturating_mul(BILLING_SECONDS);
        let newest = edge.saturating_sub(edge % BILLING_SECONDS + 3600 - BILLING_SECONDS);
        let start = self.done.unwrap_or(first).max(first).max(newest);
        let end = start.saturating_add(BILLING_SECONDS);
        (end <= edge).then_some((start, end))
    }

    /// Takes in the bytes of an interval.
    pub(super) fn record(&mut self, end: u32, up: &Counters, down: &Counters) {
        let rate =
            |counters: &Counters| (counters.bytes / u64::from(BILLING_SECONDS)).saturating_mul(8);
        self.up.saturating_record(rate(up));
        self.down.saturating_record(rate(down));
        self.done = Some(end);
    }

    /// Up and down, `None` before the first interval.
    pub(super) fn p95(&self) -> Option<(u64, u64)> {
        let read = |histogram: &Histogram<u64>| histogram.value_at_quantile(0.95);
        (!self.up.is_empty()).then(|| (read(&self.up), read(&self.down)))
    }
}
