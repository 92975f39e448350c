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

/// Records older than this say nothing about reporting: no exporter has such a
/// timeout, but broken clocks and forged records do.
const PLAUSIBLE_MS: i64 = 4_200_000;

/// Bytes that count once in a histogram weighted by bytes, and how many units
/// one record can weigh at most, so that none outweighs all others.
const WEIGHT_UNIT: u64 = 1024;
const MAX_WEIGHT: u64 = 1 << 20;

/// All but this share of the bytes must be reported for a moment to be complete.
const QUANTILE: f64 = 0.999;

/// An exporter with less than this share of the bytes does not set the lag.
const SHARE: f64 = 0.01;

/// Nor do fewer records than this, unless they are this share of all there are:
/// one forged record must not hold up a site.
const ENOUGH: u64 = 5;
const ENOUGH_SHARE: f64 = 0.2;

/// Records that are looked at of a longer run of one exporter's: at the rate at
/// which such runs come these are thousands a second.
const ENOUGH_OF_RUN: usize = 256;

/// What one epoch of one exporter showed. Times in milliseconds.
#[derive(Debug)]
struct Epoch {
    /// Flow durations, weighted by bytes: long ones pile up at the active timeout.
    duration: Histogram<u64>,
    /// Arrival minus the end of the flow.
    delay: Histogram<u64>,
    /// Arrival minus the start of the flow, weighted by bytes, of the records
    /// that [`MAX_LAG_MS`] can wait for.
    age: Histogram<u64>,
    weight: u64,
    records: u64,
}

impl Epoch {
    fn new() -> Option<Epoch> {
        let histogram = || Histogram::new_with_bounds(1, PLAUSIBLE_MS as u64, 2).ok();
        let (duration, delay, age) = (histogram()?, histogram()?, histogram()?);
        Some(Epoch { duration, delay, age, weight: 0, records: 0 })
    }

    fn clear(&mut self) {
        self.duration.reset();
        self.delay.reset();
        self.age.reset();
        self.weight = 0;
        self.records = 0;
    }
}

/// Records that are too old for any lag: an active timeout of half an hour.
/// They come seldom, so they are remembered until the next ones are overdue.
#[derive(Clone, Copy, Debug, Default)]
struct Late {
    records: u64,
    weight: u64,
    /// The longest duration among them.
    duration_ms: i64,
    /// All records since the first of them.
    of_records: u64,
    of_weight: u64,
    newest: Time,
}

impl Late {
    /// Whether they are overdue, by half of their own duration.
    fn is_over(&self, now: Time) -> bool {
        now.since(self.newest) > self.duration_ms.max(EPOCH_MS) * 3 / 2
    }

    /// Whether they are more than an accident.
    fn counts(&self) -> bool {
        is_enough(self.records, self.of_records)
            && self.weight as f64 >= self.of_weight as f64 * SHARE
    }
}

fn is_enough(records: u64, of: u64) -> bool {
    records >= ENOUGH || (records > 0 && records as f64 >= of as f64 * ENOUGH_SHARE)
}

#[derive(Debug)]
struct Timing {
    current: Epoch,
    previous: Epoch,
    since: Time,
    late: Late,
}

impl Timing {
    /// Takes in a record that stands for so many.
    fn record(&mut self, flow: &Flow, times: u64) {
        let (first, last) = corrected(flow);
        let age = flow.arrival.since(first);
        if age > PLAUSIBLE_MS {
            return;
        }
        let ms = |time: i64| time.max(1) as u64;
        let duration = last.since(first);
        let weight = (flow.scaled().0 / WEIGHT_UNIT).max(1).saturating_mul(times).min(MAX_WEIGHT);
        self.late.of_records += 1;
        self.late.of_weight = self.late.of_weight.saturating_add(weight);
        let epoch = &mut self.current;
        epoch.records += times;
        epoch.weight = epoch.weight.saturating_add(weight);
        epoch.duration.saturating_record_n(ms(duration), weight);
        epoch.delay.saturating_record(ms(flow.arrival.since(last)));
        if age <= MAX_LAG_MS {
            epoch.age.saturating_record_n(ms(age), weight);
            return;
        }
        let late = &mut self.late;
        late.records += 1;
        late.weight = late.weight.saturating_add(weight);
        late.duration_ms = late.duration_ms.max(duration);
        late.newest = flow.arrival;
    }

    /// Forgets what is too long ago.
    fn age(&mut self, now: Time) {
        let passed = now.since(self.since);
        if passed >= EPOCH_MS {
            std::mem::swap(&mut self.current, &mut self.previous);
            self.current.clear();
            if passed >= 2 * EPOCH_MS {
                self.previous.clear();
            }
            self.since = now;
        }
        let over = if self.late.records == 0 { passed >= EPOCH_MS } else { self.late.is_over(now) };
        if over {
            self.late = Late::default();
        }
    }

    fn is_idle(&self) -> bool {
        self.current.records == 0 && self.previous.records == 0 && self.late.records == 0
    }

    fn highest(&self, quantile: f64, of: impl Fn(&Epoch) -> &Histogram<u64>) -> Option<i64> {
        [&self.current, &self.previous]
            .into_iter()
            .map(of)
            .filter(|histogram| !histogram.is_empty())
            .map(|histogram| histogram.value_at_quantile(quantile) as i64)
            .max()
    }

    fn weight(&self) -> u64 {
        let recent = self.current.weight.saturating_add(self.previous.weight);
        recent.max(if self.late.records > 0 { self.late.of_weight } else { 0 })
    }

    fn records(&self) -> u64 {
        let recent = self.current.records.saturating_add(self.previous.records);
        recent.max(if self.late.records > 0 { self.late.of_records } else { 0 })
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
            // Of many records a part says as much as all; which part changes.
            let step = (run.len() / ENOUGH_OF_RUN).max(1);
            let skip = (timing.current.records / step as u64) as usize % step;
            for flow in run.iter().skip(skip).step_by(step) {
                timing.record(flow, step as u64);
            }
        }
    }

    fn timing(&mut self, exporter: Host, now: Time) -> Option<&mut Timing> {
        let room = self.0.len() < MAX_TIMED;
        match self.0.entry(exporter) {
            std::collections::hash_map::Entry::Occupied(entry) => Some(entry.into_mut()),
            std::collections::hash_map::Entry::Vacant(entry) if room => {
                let (current, previous) = (Epoch::new()?, Epoch::new()?);
                Some(entry.insert(Timing { current, previous, since: now, late: Late::default() }))
            }
            std::collections::hash_map::Entry::Vacant(_) => None,
        }
    }

    /// How far behind `now` windows must end. Exporters that have fallen silent
    /// are forgotten.
    pub(super) fn lag(&mut self, now: Time) -> Lag {
        for timing in self.0.values_mut() {
            timing.age(now);
        }
        self.0.retain(|_, timing| !timing.is_idle());
        let sum = |of: fn(&Timing) -> u64| self.0.values().map(of).fold(0, u64::saturating_add);
        let (weight, records) = (sum(Timing::weight), sum(Timing::records));
        let mut lag = Lag::default();
        for (exporter, timing) in &self.0 {
            let heavy = timing.weight() as f64 >= weight as f64 * SHARE;
            if !heavy || !is_enough(timing.records(), records) {
                continue;
            }
            let age = timing.highest(QUANTILE, |epoch| &epoch.age).unwrap_or(0);
            lag.ms = lag.ms.max(age.min(MAX_LAG_MS));
            let late = timing.late;
            if late.counts() && lag.beyond.is_none_or(|(_, known)| known < late.duration_ms) {
                lag = Lag { ms: MAX_LAG_MS, beyond: Some((*exporter, late.duration_ms)) };
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
