//! Which exporters live windows wait for, and how long.
//!
//! An exporter is waited for as long as its own records need. That is fair to all that
//! are there from the start. A newcomer could hold up everybody with a few datagrams of
//! long flows, so it has to stay before it counts, and then the lag grows slowly enough
//! that windows keep moving. What a newcomer reports is counted all the same, in the
//! panes it belongs to; only the newest seconds of its traffic are not waited for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::timing::{MAX_LAG_MS, SETTLED_SLOTS, SHARE, Timing, is_enough};
use crate::flow::{Flow, Host, Time};
use crate::snapshot::ExporterHealth;

/// Exporters whose timing is learned; the histograms of one take about 100 kB.
const MAX_TIMED: usize = 256;

/// So many of them, those that came first and still report, make room for nobody: a flood
/// from thousands of addresses takes turns on the places that are left.
const KEPT: usize = 192;

/// When all places are taken, one that has not stayed yet makes room for the next
/// newcomer, this often and after this long: everybody has a turn, and strangers that
/// are made up by the thousand cost next to nothing. Those that came before them are
/// the first to have been there for so long: that is what [`KEPT`] is for.
const TURN_MS: i64 = 1_000;
const TURN_LENGTH_MS: i64 = 10_000;

/// Exporters that were heard this soon after the first one are waited for at once:
/// after a restart all that have much to report come at about the same time. No longer
/// than it has to be, for a stranger may be among them.
const FOUNDING_MS: i64 = 3_000;

/// How much slower than time windows move at least while they begin to wait for a
/// newcomer: at half its pace.
const GROWTH_PART: i64 = 2;

/// Lags that differ by less than this are not told apart: windows move by 2 s.
const NEAR_MS: i64 = 4_000;

/// The timing of all exporters.
#[derive(Debug, Default)]
pub(super) struct Timings {
    known: HashMap<Host, Timing>,
    /// When an exporter last made room for another.
    turned: Option<Time>,
    /// The lag that was found last, and when.
    granted: Option<(Time, i64)>,
}

/// What the windows need to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lag {
    pub(super) ms: i64,
    /// The exporter that would need more than is allowed, and its active timeout.
    pub(super) beyond: Option<(Host, i64)>,
    /// Whether that one was there from the start: figures of the newest minutes are far
    /// too low then, and no alert is raised or cleared by them.
    pub(super) blind: bool,
    pub(super) unheeded: Option<ExcessiveLag>,
}

/// A newcomer that would need a longer lag than there is, how long (in milliseconds), and
/// how many others there are.
pub(super) type ExcessiveLag = (Host, i64, usize);

/// What some exporters together need.
#[derive(Clone, Copy, Debug, Default)]
struct LagNeeds {
    /// The lag that those need who were there from the start.
    firm_ms: i64,
    /// The same of those who came later and have stayed.
    late_ms: i64,
    lag: Lag,
}

impl Timings {
    /// Learns from the flows of a batch.
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
            Some(self.take_turn(now)?)
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

    /// Takes the place of the exporter that was there least, if one has to make room.
    fn take_turn(&mut self, now: Time) -> Option<Timing> {
        if self.turned.is_some_and(|at| now.since(at).unsigned_abs() < TURN_MS.unsigned_abs()) {
            return None;
        }
        self.turned = Some(now);
        let longest = self.known.values().map(|timing| timing.slots).max().unwrap_or(0);
        let present = self.known.iter().filter(|(_, timing)| timing.is_present(longest));
        let mut kept: Vec<_> =
            present.map(|(exporter, timing)| (timing.first, *exporter)).collect();
        kept.sort_unstable();
        kept.truncate(KEPT);
        let last_kept = kept.last().copied();
        let had_turn = |exporter: &Host, timing: &Timing| {
            let is_kept =
                timing.is_present(longest) && Some((timing.first, *exporter)) <= last_kept;
            let is_new = timing.slots < SETTLED_SLOTS && !is_kept;
            is_new && now.since(timing.first) >= TURN_LENGTH_MS
        };
        let least = self.known.iter().filter(|(exporter, timing)| had_turn(exporter, timing));
        let least = least.min_by_key(|(_, timing)| (timing.slots, timing.records(), timing.first));
        let exporter = least.map(|(exporter, _)| *exporter)?;
        self.known.remove(&exporter)
    }

    /// How far behind `now` windows must end. Exporters that have fallen silent
    /// are forgotten. To be called about once a second.
    pub(super) fn lag(&mut self, now: Time) -> Lag {
        self.known.values_mut().for_each(|timing| timing.refresh(now));
        self.known.retain(|_, timing| !timing.is_idle());
        let LagNeeds { firm_ms, late_ms, lag } = self.needs(|_| true);
        let (since, before) = self.granted.unwrap_or((now, 0));
        let grown = before.saturating_add(now.since(since).max(0) / GROWTH_PART);
        let ms = firm_ms.max(late_ms.min(grown)).min(MAX_LAG_MS);
        self.granted = Some((now, ms));
        Lag { ms, ..lag }
    }

    /// The lag of the traffic of some exporters alone, by what [`Timings::lag`] found
    /// last; `None` when they are all there are, or none.
    pub(super) fn lag_of(&self, is_asked: impl Fn(Host) -> bool) -> Option<Lag> {
        let asked = self.known.keys().filter(|exporter| is_asked(**exporter)).count();
        if asked == 0 || asked == self.known.len() {
            return None;
        }
        let LagNeeds { firm_ms, late_ms, lag } = self.needs(is_asked);
        Some(Lag { ms: firm_ms.max(late_ms), ..lag })
    }

    /// The exporters that are known.
    pub(super) fn exporters(&self) -> Vec<Host> {
        self.known.keys().copied().collect()
    }

    /// What the exporters that are asked about need, each in proportion to the others.
    fn needs(&self, is_asked: impl Fn(Host) -> bool) -> LagNeeds {
        let asked = || self.known.iter().filter(|(exporter, _)| is_asked(**exporter));
        let longest = asked().map(|(_, timing)| timing.slots).max().unwrap_or(0);
        let present = |timing: &Timing| timing.is_present(longest);
        let first = asked().filter(|(_, timing)| present(timing)).map(|(_, timing)| timing.first);
        let begun = first.min().unwrap_or_default();
        let founded = |timing: &Timing| timing.first.since(begun) <= FOUNDING_MS;
        let counts =
            |timing: &Timing| present(timing) && (founded(timing) || timing.slots >= SETTLED_SLOTS);
        let sum = |of: fn(&Timing) -> u64| {
            let counted = asked().filter(|(_, timing)| counts(timing));
            counted.map(|(_, timing)| of(timing)).fold(0, u64::saturating_add)
        };
        let (weight, records) = (sum(Timing::weight), sum(Timing::records));
        let mut needs = LagNeeds::default();
        for (exporter, timing) in asked() {
            let (bytes, often) = (
                timing.weight() as f64 >= weight as f64 * SHARE,
                timing.records() as f64 >= records as f64 * SHARE,
            );
            // Counters are easily forged, so either share will do for one who was there
            // from the start, and a newcomer needs both.
            let founded = founded(timing) && present(timing);
            let heavy = if founded { bytes || often } else { bytes && often };
            if heavy && is_enough(timing.records(), records) {
                needs.add(*exporter, timing, founded, counts(timing));
            }
        }
        let waited = needs.firm_ms.max(needs.late_ms);
        needs.lag.unheeded = needs.lag.unheeded.filter(|(_, ms, _)| *ms > waited + NEAR_MS);
        needs
    }

    /// Fills in what is known about an exporter's timing.
    pub(super) fn describe(&self, health: &mut ExporterHealth) {
        if let Some(timing) = self.known.get(&health.address) {
            health.active_timeout_ms = timing.active_timeout_ms();
            health.export_delay_ms = timing.export_delay_ms();
        }
    }
}

impl LagNeeds {
    /// Takes in what one exporter needs that has its share.
    fn add(&mut self, exporter: Host, timing: &Timing, founded: bool, counts: bool) {
        let beyond = timing.beyond_ms();
        let need = if beyond.is_some() { MAX_LAG_MS } else { timing.age_ms };
        let lag = &mut self.lag;
        if !counts {
            let told = beyond.unwrap_or(need);
            let others = lag.unheeded.map_or(0, |(_, _, others)| others + 1);
            let most = lag.unheeded.filter(|(_, known, _)| *known >= told);
            let (exporter, told, _) = most.unwrap_or((exporter, told, 0));
            lag.unheeded = Some((exporter, told, others));
            return;
        }
        let sum = if founded { &mut self.firm_ms } else { &mut self.late_ms };
        *sum = need.max(*sum);
        if let Some(timeout) = beyond {
            lag.blind |= founded;
            if lag.beyond.is_none_or(|(_, known)| known < timeout) {
                lag.beyond = Some((exporter, timeout));
            }
        }
    }
}
