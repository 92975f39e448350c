//! How late an exporter reports, learned from its records.
//!
//! A record arrives after the flow has ended, and the active timeout cuts long flows. So the
//! traffic of a moment is known completely only after the oldest record that covers it has arrived.
//! The lag of live windows follows from that; module `lag` decides which exporters windows wait
//! for.

use hdrhistogram::Histogram;

use super::spread::corrected;
use crate::flow::{Flow, Time};

/// The longest lag of live windows in milliseconds, whatever exporters need.
pub const MAX_LAG_MS: i64 = 300_000;

/// Length of an epoch. Two epochs are used, so that a changed timeout is noticed within
/// minutes.
const EPOCH_MS: i64 = 300_000;

/// Records older than this are not used: no exporter has such a timeout, but broken clocks
/// and forged records do.
const PLAUSIBLE_MS: i64 = 4_200_000;

/// In a histogram weighted by bytes, this many bytes count once.
const WEIGHT_UNIT: u64 = 1024;
/// The highest weight of one record, so that a single record cannot outweigh all others.
const MAX_WEIGHT: u64 = 1 << 20;

/// A moment counts as complete when this share of the bytes has been reported.
const QUANTILE: f64 = 0.999;

/// An exporter with less than this share of the bytes does not set the lag.
pub(super) const SHARE: f64 = 0.01;

/// An exporter with fewer records than this does not set the lag either, unless they are
/// [`MIN_RECORDS_SHARE`] of all records: one forged record must not delay a site.
const MIN_RECORDS: u64 = 5;
const MIN_RECORDS_SHARE: f64 = 0.2;

/// Number of records used of a longer run from one exporter. At the rate at which such
/// runs arrive, that is thousands per second.
const SAMPLED_RECORDS: usize = 256;

/// Length of the time slots by which an exporter's presence is counted.
const SLOT_MS: i64 = 10_000;

/// Number of slots in which an exporter must have reported before it counts as settled: ten
/// minutes for an exporter that reports continuously. Higher numbers are not counted.
pub(super) const SETTLED_SLOTS: u32 = 60;

/// An exporter that reported in less than this part of the slots of another exporter is not
/// waited for: it reported once, or reports rarely.
const PRESENT_PART: u32 = 8;

/// Records of an exporter during one epoch. Times in milliseconds.
#[derive(Debug)]
struct Epoch {
    /// Flow durations, weighted by bytes. Long flows accumulate at the active timeout.
    duration: Histogram<u64>,
    /// Arrival minus the end of the flow.
    delay: Histogram<u64>,
    /// Arrival minus the start of the flow, weighted by bytes, of records that are not older than
    /// [`MAX_LAG_MS`].
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

/// Records that are older than the longest lag, as with an active timeout of half an hour.
/// They arrive rarely, so they are remembered until the next ones are overdue.
#[derive(Clone, Copy, Debug, Default)]
struct LateRecords {
    records: u64,
    weight: u64,
    /// The longest flow duration among them.
    duration_ms: i64,
    /// Number of all records since the first of them.
    total_records: u64,
    /// Weight of all records since the first of them.
    total_weight: u64,
    /// When the newest of them arrived.
    newest: Time,
}

impl LateRecords {
    /// Whether the next ones are overdue, by half of their own duration.
    fn is_over(&self, now: Time) -> bool {
        now.since(self.newest) > self.duration_ms.max(EPOCH_MS) * 3 / 2
    }

    /// Whether there are enough of them to rule out an accident.
    fn counts(&self) -> bool {
        is_enough(self.records, self.total_records)
            && self.weight as f64 >= self.total_weight as f64 * SHARE
    }
}

/// Whether `records` of a total of `of` are enough to rule out an accident.
pub(super) fn is_enough(records: u64, of: u64) -> bool {
    records >= MIN_RECORDS || (records > 0 && records as f64 >= of as f64 * MIN_RECORDS_SHARE)
}

/// The timing of one exporter.
#[derive(Debug)]
pub(super) struct Timing {
    current: Epoch,
    previous: Epoch,
    since: Time,
    late: LateRecords,
    /// When its first record arrived.
    pub(super) first: Time,
    /// Number of slots in which it reported, at most [`SETTLED_SLOTS`].
    pub(super) slots: u32,
    /// The newest of these slots.
    newest_slot: i64,
    /// The age of its records at arrival, at quantile [`QUANTILE`] of their bytes, as of the last
    /// [`Timing::refresh`].
    pub(super) age_ms: i64,
}

impl Timing {
    /// For an exporter whose first record arrived at `now`. `None` when a histogram cannot be
    /// created, which does not happen with these bounds.
    pub(super) fn new(now: Time) -> Option<Timing> {
        Some(Timing {
            current: Epoch::new()?,
            previous: Epoch::new()?,
            since: now,
            late: LateRecords::default(),
            first: now,
            slots: 0,
            newest_slot: i64::MIN,
            age_ms: 0,
        })
    }

    /// Resets it for another exporter, whose first record arrived at `now`.
    pub(super) fn reuse(&mut self, now: Time) {
        self.current.clear();
        self.previous.clear();
        (self.since, self.first, self.late) = (now, now, LateRecords::default());
        (self.slots, self.newest_slot, self.age_ms) = (0, i64::MIN, 0);
    }

    /// Adds a run of records, all of this exporter.
    pub(super) fn record_run(&mut self, run: &[Flow]) {
        let Some(newest) = run.last() else { return };
        let slot = newest.arrival.0.div_euclid(SLOT_MS);
        if slot > self.newest_slot {
            self.newest_slot = slot;
            self.slots = (self.slots + 1).min(SETTLED_SLOTS);
        }
        // A sample of many records is enough; each run uses other positions.
        let step = (run.len() / SAMPLED_RECORDS).max(1);
        let skip = (self.current.records / step as u64) as usize % step;
        for flow in run.iter().skip(skip).step_by(step) {
            self.record(flow, step as u64);
        }
    }

    /// Adds a record that stands for `times` records.
    fn record(&mut self, flow: &Flow, times: u64) {
        let (first, last) = corrected(flow);
        let age = flow.arrival.since(first);
        if age > PLAUSIBLE_MS {
            return;
        }
        let ms = |time: i64| time.max(1) as u64;
        let duration = last.since(first);
        let weight = (flow.scaled().0 / WEIGHT_UNIT).max(1).saturating_mul(times).min(MAX_WEIGHT);
        self.late.total_records += 1;
        self.late.total_weight = self.late.total_weight.saturating_add(weight);
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

    /// Drops old epochs and updates `age_ms`.
    pub(super) fn refresh(&mut self, now: Time) {
        self.expire(now);
        let age = self.highest(QUANTILE, |epoch| &epoch.age).unwrap_or(0);
        self.age_ms = age.min(MAX_LAG_MS);
    }

    fn expire(&mut self, now: Time) {
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
            self.late = LateRecords::default();
        }
    }

    /// Whether it reported often enough compared with an exporter that reported in
    /// `longest`
    /// slots.
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
        recent.max(if self.late.records > 0 { self.late.total_weight } else { 0 })
    }

    pub(super) fn records(&self) -> u64 {
        let recent = self.current.records.saturating_add(self.previous.records);
        recent.max(if self.late.records > 0 { self.late.total_records } else { 0 })
    }

    /// Its active timeout in milliseconds, if that exceeds the longest lag and enough records show
    /// it.
    pub(super) fn beyond_ms(&self) -> Option<i64> {
        self.late.counts().then_some(self.late.duration_ms)
    }

    /// Its active timeout in milliseconds, estimated from its longest flows.
    pub(super) fn active_timeout_ms(&self) -> Option<i64> {
        self.highest(QUANTILE, |epoch| &epoch.duration)
    }

    /// How long after the end of a flow its record arrives, in milliseconds.
    pub(super) fn export_delay_ms(&self) -> Option<i64> {
        self.highest(0.99, |epoch| &epoch.delay)
    }
}
