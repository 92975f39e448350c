//! How late an exporter reports, learned from what it sends.
//!
//! A record arrives after the flow ended, and a long flow is cut by the active
//! timeout: traffic of a moment is known completely only after the oldest
//! record that covers it has come. The lag of live windows follows from that; `lag`
//! says which exporters are waited for.

use hdrhistogram::Histogram;

use super::spread::corrected;
use crate::flow::{Flow, Time};

/// Live windows end at most this long ago, whatever exporters do.
pub const MAX_LAG_MS: i64 = 300_000;

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
pub(super) const SHARE: f64 = 0.01;

/// Nor do fewer records than this, unless they are this share of all there are:
/// one forged record must not hold up a site.
const ENOUGH: u64 = 5;
const ENOUGH_SHARE: f64 = 0.2;

/// Records that are looked at of a longer run of one exporter's: at the rate at
/// which such runs come these are thousands a second.
const ENOUGH_OF_RUN: usize = 256;

/// The length of the slots of time by which the presence of an exporter is counted.
const SLOT_MS: i64 = 10_000;

/// Slots in which an exporter must have reported before it counts as one that has
/// stayed: ten minutes of one that reports all the time. No more are counted.
pub(super) const SETTLED_SLOTS: u32 = 60;

/// An exporter that reported in less than this part of the time in which another one
/// did is not waited for: it came once, or comes seldom.
const PRESENT_PART: u32 = 8;

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
struct LateReports {
    records: u64,
    weight: u64,
    /// The longest duration among them.
    duration_ms: i64,
    /// All records since the first of them.
    of_records: u64,
    of_weight: u64,
    newest: Time,
}

impl LateReports {
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

/// Whether so many records are more than an accident.
pub(super) fn is_enough(records: u64, of: u64) -> bool {
    records >= ENOUGH || (records > 0 && records as f64 >= of as f64 * ENOUGH_SHARE)
}

/// What is learned of one exporter.
#[derive(Debug)]
pub(super) struct Timing {
    current: Epoch,
    previous: Epoch,
    since: Time,
    late: LateReports,
    /// When its first record came.
    pub(super) first: Time,
    /// Slots of time in which it reported, at most [`SETTLED_SLOTS`], and the newest.
    pub(super) slots: u32,
    newest_slot: i64,
    /// How old its records are when they come, by all but a few of their bytes: as of
    /// the last [`Timing::refresh`].
    pub(super) age_ms: i64,
}

impl Timing {
    /// Of an exporter whose first record came at `now`; `None` when there is no memory
    /// layout for such histograms, which does not happen.
    pub(super) fn new(now: Time) -> Option<Timing> {
        Some(Timing {
            current: Epoch::new()?,
            previous: Epoch::new()?,
            since: now,
            late: LateReports::default(),
            first: now,
            slots: 0,
            newest_slot: i64::MIN,
            age_ms: 0,
        })
    }

    /// Makes it as new for another exporter, whose first record came at `now`.
    pub(super) fn reuse(&mut self, now: Time) {
        self.current.clear();
        self.previous.clear();
        (self.since, self.first, self.late) = (now, now, LateReports::default());
        (self.slots, self.newest_slot, self.age_ms) = (0, i64::MIN, 0);
    }

    /// Takes in a run of records, all of this exporter.
    pub(super) fn record_run(&mut self, run: &[Flow]) {
        let Some(newest) = run.last() else { return };
        let slot = newest.arrival.0.div_euclid(SLOT_MS);
        if slot > self.newest_slot {
            self.newest_slot = slot;
            self.slots = (self.slots + 1).min(SETTLED_SLOTS);
        }
        // Of many records a part says as much as all; which part changes.
        let step = (run.len() / ENOUGH_OF_RUN).max(1);
        let skip = (self.current.records / step as u64) as usize % step;
        for flow in run.iter().skip(skip).step_by(step) {
            self.record(flow, step as u64);
        }
    }

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

    /// Forgets what is too long ago, and sums up what is left.
    pub(super) fn refresh(&mut self, now: Time) {
        self.forget(now);
        let age = self.highest(QUANTILE, |epoch| &epoch.age).unwrap_or(0);
        self.age_ms = age.min(MAX_LAG_MS);
    }

    fn forget(&mut self, now: Time) {
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
            self.late = LateReports::default();
        }
    }

    /// Whether it reported often enough beside one that did so in `longest` slots of time.
    pub(super) fn is_present(&self, longest: u32) -> bool {
        self.slots * PRESENT_PART >= longest
    }

    pub(super) fn is_idle(&self) -> bool {
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

    pub(super) fn weight(&self) -> u64 {
        let recent = self.current.weight.saturating_add(self.previous.weight);
        recent.max(if self.late.records > 0 { self.late.of_weight } else { 0 })
    }

    pub(super) fn records(&self) -> u64 {
        let recent = self.current.records.saturating_add(self.previous.records);
        recent.max(if self.late.records > 0 { self.late.of_records } else { 0 })
    }

    /// Its active timeout, where that is longer than any lag that is allowed and its
    /// records are more than an accident.
    pub(super) fn beyond_ms(&self) -> Option<i64> {
        self.late.counts().then_some(self.late.duration_ms)
    }

    /// Its active timeout as its longest flows suggest it.
    pub(super) fn active_timeout_ms(&self) -> Option<i64> {
        self.highest(QUANTILE, |epoch| &epoch.duration)
    }

    /// How long after the end of a flow its record comes.
    pub(super) fn export_delay_ms(&self) -> Option<i64> {
        self.highest(0.99, |epoch| &epoch.delay)
    }
}
