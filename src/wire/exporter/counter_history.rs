//! What was counted of each flow whose exporter reports totals, so that only the difference
//! is counted.
//!
//! Flows are kept in two generations. A flow that is reported moves to the newer one. When
//! the newer one is old enough, or full, the older one is dropped and the newer one takes its
//! place. So the flows that were not reported for the longest time go first, and all at once.
//!
//! A flow that was dropped may be reported again. Its total would then count whole a second
//! time. So the history keeps the latest time at which any flow may have been dropped with:
//! a flow that it does not know and that began before this time is only a base for later
//! reports.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

use super::reporting_session::ReportingSession;
use super::sessions::WHOLE_ADDRESS;
use crate::flow::Time;
use crate::wire::counter_meaning::{COUNTERS, Counting, RecordCounting};

/// Bytes that a flow takes, with the share of the hash table that is empty.
pub const FLOW_BYTES: usize = 2 * (size_of::<CountedFlow>() + size_of::<u64>());

/// How long a flow is kept after its last report if there is room. Exporters report a flow that
/// goes on every 30 minutes or more often, but connections may be idle for hours.
const KEPT_MS: i64 = 24 * 3_600_000;

/// The flows of one exporter.
#[derive(Debug, Default)]
pub struct CounterHistory {
    newer: Generation,
    older: Generation,
    hasher: RandomState,
    /// When the newer generation began.
    began: Option<Time>,
    /// The latest time at which a flow was reported that may have been dropped since.
    forgotten: Option<Time>,
    /// When an earlier run last heard the exporter.
    earlier: Option<Time>,
    /// Number of flows that may be kept.
    limit: usize,
    /// The number of bytes that the pool of all exporters has booked for it.
    pub(super) booked: usize,
}

#[derive(Debug, Default)]
struct Generation {
    flows: HashMap<u64, CountedFlow, RandomState>,
    /// The number of flows that may be reported again.
    open: usize,
    /// The latest report.
    latest: Time,
}

/// What is known of a flow.
#[derive(Clone, Copy, Debug, Default)]
struct CountedFlow {
    /// When it began, as reported.
    start: Option<u64>,
    /// End of the latest report, by the exporter's clock.
    end: Time,
    /// What was counted of it since it began.
    counted: [u64; COUNTERS],
    /// Whether the exporter has said that it is over.
    is_over: bool,
    /// Whether reports of it are missing, so that `counted` is not the sum since it began.
    is_partial: bool,
    /// The port that reported it last.
    port: u16,
}

/// A report of a flow.
#[derive(Clone, Copy, Debug)]
pub struct FlowReport {
    /// What the record says about its counters.
    pub counting: RecordCounting,
    /// The counters as reported.
    pub values: [u64; COUNTERS],
    /// When the flow began, by the collector's clock; `None` if it is not known.
    pub began: Option<Time>,
    /// When the report's last packet was seen, by the exporter's clock.
    pub end: Time,
    /// When it arrived.
    pub arrival: Time,
}

/// What is counted of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The counters since the report before.
    pub counted: [u64; COUNTERS],
    /// When the report before ended, if there was one.
    pub since: Option<Time>,
    /// Whether a total was not counted because what it includes is not known.
    pub is_without_base: bool,
}

impl CounterHistory {
    /// Notes that an earlier run heard the exporter at this time.
    pub fn heard_earlier(&mut self, seen: Time) {
        self.earlier = self.earlier.max(Some(seen));
    }

    /// Number of bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        (self.newer.flows.len() + self.older.flows.len()) * FLOW_BYTES
    }

    /// Sets that it may grow by this number of bytes.
    pub fn allow(&mut self, growth: usize) {
        self.limit = (self.bytes() + growth) / FLOW_BYTES;
    }

    /// Drops the older half of the flows. Returns how many flows were dropped.
    pub fn forget_half(&mut self) -> usize {
        let before = self.bytes();
        if self.older.flows.is_empty() {
            self.next_generation();
        }
        self.next_generation();
        (before - self.bytes()) / FLOW_BYTES
    }

    fn next_generation(&mut self) {
        let dropped = std::mem::replace(&mut self.older, std::mem::take(&mut self.newer));
        if dropped.open > 0 {
            self.forgotten = self.forgotten.max(Some(dropped.latest));
        }
        self.began = None;
    }

    /// Notes a report of the flow that `identity` tells from others of the exporter, and
    /// returns what of its counters was not counted before.
    pub fn report(
        &mut self,
        identity: &impl Hash,
        report: &FlowReport,
        sender: &ReportingSession<'_>,
    ) -> Difference {
        let arrival = report.arrival;
        let began = *self.began.get_or_insert(arrival);
        if arrival.since(began) >= KEPT_MS {
            self.next_generation();
            self.began = Some(arrival);
        }
        let key = self.hasher.hash_one(identity);
        let key = self.key_of(key, sender);
        let (key, known) = self.find(key, report);
        let Some(mut flow) = known else {
            let (flow, difference) = self.first(report);
            self.keep(key, CountedFlow { port: sender.port, ..flow }, arrival);
            return difference;
        };
        let difference = flow.report(report);
        flow.port = sender.port;
        self.keep(key, flow, arrival);
        difference
    }

    /// The key of a session's flows with an identity: that of the identity, unless another session
    /// of the exporter has a flow there.
    fn key_of(&self, key: u64, sender: &ReportingSession<'_>) -> u64 {
        let of_any = self.get(key);
        if of_any.is_some_and(|known| sender.is_also(known.port)) {
            return key;
        }
        let own = self.hasher.hash_one((key, sender.port));
        if of_any.is_some() || self.get(own).is_some() { own } else { key }
    }

    fn get(&self, key: u64) -> Option<&CountedFlow> {
        self.newer.flows.get(&key).or_else(|| self.older.flows.get(&key))
    }

    /// Takes the flow of a report out of its generation, if it is known. Flows with the same
    /// identity are told apart by their start: the latest one has the key of the identity
    /// alone, an earlier one that of the identity and its start.
    fn find(&mut self, key: u64, report: &FlowReport) -> (u64, Option<CountedFlow>) {
        let Some(known) = self.take(key) else { return (key, None) };
        let both = known.start.zip(report.counting.start);
        let of = |start: u64| self.hasher.hash_one((key, start));
        match both {
            Some((own, start)) if start > own => {
                // A later flow with the same addresses and ports.
                let before = of(own);
                self.keep(before, known, report.arrival);
                (key, None)
            }
            Some((own, start)) if start < own => {
                let before = of(start);
                self.keep(key, known, report.arrival);
                let found = self.take(before);
                (before, found)
            }
            _ if known.is_followed_by(report) => (key, None),
            _ => (key, Some(known)),
        }
    }

    fn take(&mut self, key: u64) -> Option<CountedFlow> {
        self.newer.remove(key).or_else(|| self.older.remove(key))
    }

    fn keep(&mut self, key: u64, flow: CountedFlow, now: Time) {
        if self.newer.flows.len() >= self.limit / 2 {
            self.next_generation();
            self.began = Some(now);
        }
        if self.limit < 2 {
            // There is no room at all: this flow is forgotten at once.
            self.forgotten = self.forgotten.max(Some(now));
            return;
        }
        self.newer.open += usize::from(!flow.is_over);
        self.newer.latest = self.newer.latest.max(now);
        self.newer.flows.insert(key, flow);
    }

    /// The first report of a flow. Its totals count whole, unless they may include what was
    /// counted before: by an earlier run, or before the flow was forgotten.
    fn first(&self, report: &FlowReport) -> (CountedFlow, Difference) {
        // Nothing is known of flows without a start: an earlier run is then assumed not to
        // have counted them.
        let earlier = self.earlier.is_some_and(|seen| report.began.is_some_and(|at| at <= seen));
        let may_be_forgotten = self.forgotten.is_some_and(|time| match report.began {
            Some(began) => began <= time,
            None => report.arrival.since(time) < KEPT_MS,
        });
        let is_partial = earlier || may_be_forgotten;
        let RecordCounting { counters, is_last, start, .. } = report.counting;
        let has_total = counters.iter().any(|counting| *counting != Counting::SinceLast);
        let counted = match is_partial {
            true => std::array::from_fn(|at| match counters[at] {
                Counting::SinceLast => report.values[at],
                Counting::Total { .. } => 0,
            }),
            false => report.values,
        };
        let flow = CountedFlow {
            start,
            end: report.end,
            counted: report.values,
            is_over: is_last,
            is_partial: is_partial && !has_total,
            port: WHOLE_ADDRESS,
        };
        let is_without_base = is_partial && has_total && counted != report.values;
        (flow, Difference { counted, since: None, is_without_base })
    }
}

impl Generation {
    fn remove(&mut self, key: u64) -> Option<CountedFlow> {
        let flow = self.flows.remove(&key)?;
        self.open -= usize::from(!flow.is_over);
        Some(flow)
    }
}

impl CountedFlow {
    /// Whether a report, whose start is that of this flow or not known, is of another flow
    /// with the same identity: this one is over, and the other one was seen later.
    fn is_followed_by(&self, report: &FlowReport) -> bool {
        let same_start = self.start.is_some() && self.start == report.counting.start;
        self.is_over && !same_start && report.end > self.end
    }

    /// Notes a further report of this flow.
    fn report(&mut self, report: &FlowReport) -> Difference {
        let RecordCounting { counters, is_last, is_connection, start } = report.counting;
        let is_later = report.end > self.end;
        let is_same = start.is_some() && start == self.start;
        let mut difference =
            Difference { since: is_later.then_some(self.end), ..Difference::default() };
        let grown: [_; COUNTERS] = std::array::from_fn(|at| {
            let (counted, value) = (self.counted[at], report.values[at]);
            match counters[at] {
                // The end of the connection has counted what a late event says.
                Counting::SinceLast if self.is_over && is_connection => Some(0),
                Counting::SinceLast => Some(value),
                // An earlier report that arrives late.
                Counting::Total { .. } if report.end < self.end && !is_connection => Some(0),
                Counting::Total { bits } => growth(counted, value, bits, is_same && is_later),
            }
        });
        let is_total = |at: usize| counters[at] != Counting::SinceLast;
        // A total that is less in a later report: the exporter began to count again. The end
        // of a connection says nothing new then: some of its updates have arrived twice.
        let is_restart = is_later && !is_connection && grown.contains(&None);
        for at in 0..COUNTERS {
            let value = report.values[at];
            let grown = match grown[at] {
                _ if is_total(at) && self.is_partial => {
                    difference.is_without_base |= value > 0;
                    self.counted[at] = value;
                    0
                }
                _ if is_total(at) && is_restart => {
                    self.counted[at] = value;
                    value
                }
                Some(grown) => {
                    self.counted[at] = self.counted[at].saturating_add(grown);
                    grown
                }
                None => 0,
            };
            difference.counted[at] = grown;
        }
        self.is_partial &= !(0..COUNTERS).any(is_total);
        self.end = self.end.max(report.end);
        self.start = self.start.or(start);
        self.is_over |= is_last;
        difference
    }
}

/// By how much a total of so many bits has grown since `counted`, which does not wrap. `None`
/// if it is less than before. `is_newer`: the total is known to be of the same flow, later.
fn growth(counted: u64, total: u64, bits: u32, is_newer: bool) -> Option<u64> {
    if let Some(grown) = total.checked_sub(counted) {
        return Some(grown);
    }
    let span = 1u64.checked_shl(bits)?;
    let grown = total.wrapping_sub(counted) & (span - 1);
    // At least half a lap was counted, and it is less than half a lap ahead: it has wrapped.
    // Otherwise it went back.
    ((is_newer || grown < span / 2) && counted >= span / 2).then_some(grown)
}
