//! How far live windows lag behind the clock, so that late exporters are included.
//!
//! Windows wait for an exporter as long as its records need. That is fair for exporters that are
//! present from the start. A new exporter could delay all windows with a few datagrams of long
//! flows. So it has to stay for some time before it counts, and then the lag grows slowly, so that
//! windows keep moving. Its flows are counted from the beginning, in the panes they belong to; only
//! the newest seconds of its traffic are not waited for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::timing::{MAX_LAG_MS, SETTLED_SLOTS, SHARE, Timing, is_enough};
use crate::flow::{Flow, Host, Time};
use crate::snapshot::ExporterHealth;

/// Maximum number of exporters whose timing is learned. The histograms of one exporter take
/// about 100 kB.
const MAX_TIMED: usize = 256;

/// This many of them are never replaced: those that came first and still report. A flood
/// from thousands of addresses shares the remaining places.
const PROTECTED: usize = 192;

/// When all places are taken, a new exporter may replace one that has not stayed long
/// enough yet: once in this interval, and only one that has had its place for
/// [`MIN_STAY_MS`]. So every exporter is measured for some time, and forged addresses
/// by the thousand cost almost nothing. [`PROTECTED`] keeps the exporters that were
/// there before such a flood.
const REPLACE_INTERVAL_MS: i64 = 1_000;
const MIN_STAY_MS: i64 = 10_000;

/// Windows wait at once for exporters that are heard this soon after the first one. After a
/// restart, all exporters with much traffic report at about the same time. The
/// time is short, because an unknown sender may be among them.
const STARTUP_MS: i64 = 3_000;

/// While windows begin to wait for a new exporter, the lag grows by one part in this many of the
/// time that passes: windows move at half speed or faster.
const GROWTH_PART: i64 = 2;

/// Lags that differ by less than this are treated as equal: windows move in steps of 2 s.
const NEAR_MS: i64 = 4_000;

/// The timing of all exporters.
#[derive(Debug, Default)]
pub(super) struct Timings {
    known: HashMap<Host, Timing>,
    /// When an exporter was last replaced by another.
    last_replaced: Option<Time>,
    /// The lag that was last returned, and when.
    granted: Option<(Time, i64)>,
}

/// The lag of the windows, and the exporters that exceed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lag {
    /// How far windows end behind the clock, in milliseconds.
    pub(super) ms: i64,
    /// The exporter that would need more than the longest lag, and its active timeout in
    /// ms.
    pub(super) beyond: Option<(Host, i64)>,
    /// Whether that exporter was present from the start. Then the rates of the newest
    /// minutes are far too low, and alerts are neither raised nor cleared.
    pub(super) blind: bool,
    /// The new exporter with the longest lag that windows do not wait for.
    pub(super) not_awaited: Option<ExcessiveLag>,
}

/// A new exporter that would need a longer lag than the current one, the lag that it needs
/// in milliseconds, and the number of other such exporters.
pub(super) type ExcessiveLag = (Host, i64, usize);

/// The lag that a set of exporters needs.
#[derive(Clone, Copy, Debug, Default)]
struct LagNeeds {
    /// The lag that exporters need which were present from the start, in ms.
    initial_ms: i64,
    /// The lag that exporters need which came later and have stayed, in ms.
    late_ms: i64,
    lag: Lag,
}

impl Timings {
    /// Learns timing from the flows of a batch.
    pub(super) fn record(&mut self, flows: &[Flow]) {
        for run in flows.chunk_by(|a, b| a.exporter == b.exporter) {
            if let Some(timing) = self.timing(run[0].exporter, run[0].arrival) {
                timing.record_run(run);
            }
        }
    }

    fn timing(&mut self, exporter: Host, now: Time) -> Option<&mut Timing> {
        let reused = if self.known.len() < MAX_TIMED || self.known.contains_key(&exporter) {
            None
        } else {
            Some(self.replace_one(now)?)
        };
        match self.known.entry(exporter) {
            Entry::Occupied(entry) => Some(entry.into_mut()),
            Entry::Vacant(entry) => {
                let timing = match reused {
                    Some(mut timing) => {
                        timing.reuse(now);
                        timing
                    }
                    None => Timing::new(now)?,
                };
                Some(entry.insert(timing))
            }
        }
    }

    /// Removes the exporter that was present least, if one may be replaced.
    fn replace_one(&mut self, now: Time) -> Option<Timing> {
        if self
            .last_replaced
            .is_some_and(|at| now.since(at).unsigned_abs() < REPLACE_INTERVAL_MS.unsigned_abs())
        {
            return None;
        }
        self.last_replaced = Some(now);
        let longest = self.known.values().map(|timing| timing.slots).max().unwrap_or(0);
        let present = self.known.iter().filter(|(_, timing)| timing.is_present(longest));
        let mut protected: Vec<_> =
            present.map(|(exporter, timing)| (timing.first, *exporter)).collect();
        protected.sort_unstable();
        protected.truncate(PROTECTED);
        let last_protected = protected.last().copied();
        let is_replaceable = |exporter: &Host, timing: &Timing| {
            let is_protected =
                timing.is_present(longest) && Some((timing.first, *exporter)) <= last_protected;
            let is_new = timing.slots < SETTLED_SLOTS && !is_protected;
            is_new && now.since(timing.first) >= MIN_STAY_MS
        };
        let least = self.known.iter().filter(|(exporter, timing)| is_replaceable(exporter, timing));
        let least = least.min_by_key(|(_, timing)| (timing.slots, timing.records(), timing.first));
        let exporter = least.map(|(exporter, _)| *exporter)?;
        self.known.remove(&exporter)
    }

    /// How far behind `now` windows must end. Exporters that have fallen silent are removed. Called
    /// about once a second.
    pub(super) fn lag(&mut self, now: Time) -> Lag {
        self.known.values_mut().for_each(|timing| timing.refresh(now));
        self.known.retain(|_, timing| !timing.is_idle());
        let LagNeeds { initial_ms, late_ms, lag } = self.needs(|_| true);
        let (since, before) = self.granted.unwrap_or((now, 0));
        let grown = before.saturating_add(now.since(since).max(0) / GROWTH_PART);
        let ms = initial_ms.max(late_ms.min(grown)).min(MAX_LAG_MS);
        self.granted = Some((now, ms));
        Lag { ms, ..lag }
    }

    /// The lag that some of the exporters need, from the timing that [`Timings::lag`]
    /// refreshed last. `None` when they are all known exporters, or none.
    pub(super) fn lag_of(&self, is_selected: impl Fn(Host) -> bool) -> Option<Lag> {
        let selected = self.known.keys().filter(|exporter| is_selected(**exporter)).count();
        if selected == 0 || selected == self.known.len() {
            return None;
        }
        let LagNeeds { initial_ms, late_ms, lag } = self.needs(is_selected);
        Some(Lag { ms: initial_ms.max(late_ms), ..lag })
    }

    /// The exporters whose timing is known.
    pub(super) fn exporters(&self) -> Vec<Host> {
        self.known.keys().copied().collect()
    }

    /// The lag that the selected exporters need. Each one's share is relative to all
    /// selected.
    fn needs(&self, is_selected: impl Fn(Host) -> bool) -> LagNeeds {
        let selected = || self.known.iter().filter(|(exporter, _)| is_selected(**exporter));
        let longest = selected().map(|(_, timing)| timing.slots).max().unwrap_or(0);
        let present = |timing: &Timing| timing.is_present(longest);
        let first =
            selected().filter(|(_, timing)| present(timing)).map(|(_, timing)| timing.first);
        let first_arrival = first.min().unwrap_or_default();
        let is_initial = |timing: &Timing| timing.first.since(first_arrival) <= STARTUP_MS;
        let counts = |timing: &Timing| {
            present(timing) && (is_initial(timing) || timing.slots >= SETTLED_SLOTS)
        };
        let sum = |of: fn(&Timing) -> u64| {
            let counted = selected().filter(|(_, timing)| counts(timing));
            counted.map(|(_, timing)| of(timing)).fold(0, u64::saturating_add)
        };
        let (weight, records) = (sum(Timing::weight), sum(Timing::records));
        let mut needs = LagNeeds::default();
        for (exporter, timing) in selected() {
            let (bytes, many_records) = (
                timing.weight() as f64 >= weight as f64 * SHARE,
                timing.records() as f64 >= records as f64 * SHARE,
            );
            // Counters are easy to forge. For an exporter that was present from the start a share
            // of bytes or of records is enough; a new exporter needs both.
            let is_initial = is_initial(timing) && present(timing);
            let heavy = if is_initial { bytes || many_records } else { bytes && many_records };
            if heavy && is_enough(timing.records(), records) {
                needs.add(*exporter, timing, is_initial, counts(timing));
            }
        }
        let waited = needs.initial_ms.max(needs.late_ms);
        needs.lag.not_awaited = needs.lag.not_awaited.filter(|(_, ms, _)| *ms > waited + NEAR_MS);
        needs
    }

    /// Fills in an exporter's active timeout and export delay.
    pub(super) fn describe(&self, health: &mut ExporterHealth) {
        if let Some(timing) = self.known.get(&health.address) {
            health.active_timeout_ms = timing.active_timeout_ms();
            health.export_delay_ms = timing.export_delay_ms();
        }
    }
}

impl LagNeeds {
    /// Takes in the lag that one exporter needs, if the exporter has enough of a share.
    fn add(&mut self, exporter: Host, timing: &Timing, is_initial: bool, counts: bool) {
        let beyond = timing.beyond_ms();
        let need = if beyond.is_some() { MAX_LAG_MS } else { timing.age_ms };
        let lag = &mut self.lag;
        if !counts {
            let lag_ms = beyond.unwrap_or(need);
            let others = lag.not_awaited.map_or(0, |(_, _, others)| others + 1);
            let most = lag.not_awaited.filter(|(_, known, _)| *known >= lag_ms);
            let (exporter, lag_ms, _) = most.unwrap_or((exporter, lag_ms, 0));
            lag.not_awaited = Some((exporter, lag_ms, others));
            return;
        }
        let sum = if is_initial { &mut self.initial_ms } else { &mut self.late_ms };
        *sum = need.max(*sum);
        if let Some(timeout) = beyond {
            lag.blind |= is_initial;
            if lag.beyond.is_none_or(|(_, known)| known < timeout) {
                lag.beyond = Some((exporter, timeout));
            }
        }
    }
}
