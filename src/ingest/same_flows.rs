//! Finds flows that several exporters on a path report, across all workers.
//!
//! Two exporters of one path report the same traffic, and totals count it twice. toptalk does
//! not leave out such flows by itself, since only the administrator knows which exporters
//! belong together; it tells how much of the traffic is concerned. With `--count-once` it
//! marks the later reports ([`Duplicate::OtherExporter`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use super::sightings::{
    Sighting, SightingPlace, Sightings, Tolerance, may_be_repeated, tolerance_of,
};
use crate::flow::{Duplicate, Flow, Host, Time};

/// Parts of the table, each behind a lock of its own, so that workers rarely wait for each
/// other.
const PARTS: usize = 16;

/// Buckets of each part: 1 MB in all for telling, 16 MB for marking, where every report of the
/// last seconds has to be found.
const BUCKETS_TO_TELL: usize = (1 << 14) / PARTS;
const BUCKETS_TO_MARK: usize = (1 << 18) / PARTS;

/// The bits of a hash from here up choose the flows that are looked at. They are neither those
/// of the bucket nor those of the part.
const SAMPLED_BITS: u32 = 10;

/// How many flows a second are looked at to tell how much is reported twice. Of more flows, a
/// half, a quarter and so on is looked at, chosen by hash.
const FLOWS_TO_TELL: u64 = 4096;

/// How many milliseconds the times of two exporters' reports may differ, in addition to the
/// tolerance of each: their clocks are corrected to within a second.
const CLOCK_MS: u32 = 1000;

/// Maximum number of exporters that are compared. Flows of further exporters are not.
const MAX_COMPARED: usize = 1024;

/// Maximum number of pairs of exporters that are counted.
const MAX_PAIRS: usize = 1024;

/// Maximum number of pairs that are told.
const MAX_TOLD: usize = 8;

/// How long counts are kept, in milliseconds: shares are those of the last one or two spans.
const SPAN_MS: i64 = 300_000;

/// Pairs with fewer common flows, or a smaller share in percent, are not told.
const LEAST_FLOWS: u64 = 10;
const LEAST_PERCENT: u64 = 5;

/// A share is told anew when it has changed by this many percent, so that logs stay short.
const CHANGE_PERCENT: u64 = 10;

/// The table that all workers share.
#[derive(Clone, Debug)]
pub(super) struct SameFlows(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Whether later reports are marked.
    marks: bool,
    hasher: RandomState,
    parts: [Mutex<Sightings>; PARTS],
    counts: Mutex<Counts>,
    /// Of the flows, one in 2 to the power of this is looked at.
    halvings: AtomicU32,
}

#[derive(Debug, Default)]
struct Counts {
    numbers: HashMap<Host, u16>,
    exporters: Vec<Host>,
    now: SpanCounts,
    before: SpanCounts,
    /// When the newest span began.
    since: Option<Time>,
    /// Flows looked at since `second`.
    looked_at: u64,
    second: Option<Time>,
    told: HashMap<(u16, u16), u64>,
}

/// What was counted in a span.
#[derive(Debug, Default)]
struct SpanCounts {
    /// Bytes of each exporter.
    bytes: HashMap<u16, u64>,
    /// Flows and bytes that both exporters reported, the lower number first.
    pairs: HashMap<(u16, u16), (u64, u64)>,
}

impl Default for SameFlows {
    /// A table that only tells.
    fn default() -> SameFlows {
        SameFlows::new(false)
    }
}

impl SameFlows {
    /// A table that marks later reports, or only tells of them.
    pub(super) fn new(marks: bool) -> SameFlows {
        let buckets = if marks { BUCKETS_TO_MARK } else { BUCKETS_TO_TELL };
        SameFlows(Arc::new(Shared {
            marks,
            hasher: RandomState::default(),
            parts: std::array::from_fn(|_| Mutex::new(Sightings::new(buckets))),
            counts: Mutex::default(),
            halvings: AtomicU32::new(0),
        }))
    }

    /// The hasher for what reports of a flow have in common, the same for all workers.
    pub(super) fn hasher(&self) -> &RandomState {
        &self.0.hasher
    }

    /// Compares the flows of a batch with those of other exporters; `hashes` are the hashes of
    /// what reports have in common, exporters left out. Returns how many flows it marked.
    pub(super) fn compare(&self, now: Time, flows: &mut [Flow], hashes: &[u64]) -> usize {
        self.register(flows);
        let halvings = self.0.halvings.load(Ordering::Relaxed);
        let mask = if self.0.marks { 0 } else { (1 << halvings) - 1 };
        let mut found = Found::default();
        let mut number = (Host::UNSPECIFIED, None);
        for (flow, hash) in flows.iter_mut().zip(hashes) {
            if (hash >> SAMPLED_BITS) & mask != 0
                || flow.duplicate.is_set()
                || !may_be_repeated(flow)
            {
                continue;
            }
            if flow.exporter != number.0 {
                number = (flow.exporter, self.counts().numbers.get(&flow.exporter).copied());
            }
            let (_, Some(number)) = number else { continue };
            found.looked_at += 1;
            found.add_bytes(number, flow.bytes);
            let tolerance = tolerance_of(flow);
            let sighting = Sighting {
                hash: *hash,
                first: flow.first.plus_ms(flow.clock_offset),
                last: flow.last.plus_ms(flow.clock_offset),
                place: SightingPlace::of(u32::from(number)),
                tolerance: Tolerance { times: tolerance.times + CLOCK_MS, ..tolerance },
            };
            if let Some(first) = self.part(*hash).pair(&sighting) {
                found.pairs.push((first.number() as u16, number, flow.bytes));
                if self.0.marks {
                    flow.duplicate = Duplicate::OtherExporter;
                    found.marked += 1;
                }
            }
        }
        self.count(now, &found);
        found.marked
    }

    /// Gives the exporters of a batch their numbers.
    fn register(&self, flows: &[Flow]) {
        let mut last = None;
        for flow in flows {
            if last == Some(flow.exporter) {
                continue;
            }
            last = Some(flow.exporter);
            let mut counts = self.counts();
            let number = counts.exporters.len();
            if number < MAX_COMPARED && !counts.numbers.contains_key(&flow.exporter) {
                counts.numbers.insert(flow.exporter, number as u16);
                counts.exporters.push(flow.exporter);
            }
        }
    }

    fn part(&self, hash: u64) -> MutexGuard<'_, Sightings> {
        let part = &self.0.parts[(hash >> 60) as usize % PARTS];
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what was found in a batch.
    fn count(&self, now: Time, found: &Found) {
        let mut counts = self.counts();
        counts.turn(now);
        counts.looked_at += found.looked_at;
        let second = *counts.second.get_or_insert(now);
        let ms = now.since(second);
        if !(0..1000).contains(&ms) {
            let rate = counts.looked_at * 1000 / ms.clamp(1000, 60_000) as u64;
            let halvings = self.0.halvings.load(Ordering::Relaxed);
            let next = match rate {
                _ if rate > FLOWS_TO_TELL => (halvings + 1).min(16),
                _ if rate < FLOWS_TO_TELL / 4 => halvings.saturating_sub(1),
                _ => halvings,
            };
            self.0.halvings.store(next, Ordering::Relaxed);
            (counts.looked_at, counts.second) = (0, Some(now));
        }
        for (number, bytes) in &found.bytes {
            let sum = counts.now.bytes.entry(*number).or_default();
            *sum = sum.saturating_add(*bytes);
        }
        for (one, other, bytes) in &found.pairs {
            let pair = (*one.min(other), *one.max(other));
            if counts.now.pairs.len() >= MAX_PAIRS && !counts.now.pairs.contains_key(&pair) {
                continue;
            }
            let sum = counts.now.pairs.entry(pair).or_default();
            *sum = (sum.0 + 1, sum.1.saturating_add(*bytes));
        }
    }

    /// Sentences on the exporters that report the same flows, the largest shares first. Empty
    /// when later reports are not counted.
    pub(super) fn notes(&self, now: Time) -> Vec<String> {
        if self.0.marks {
            return Vec::new();
        }
        let mut counts = self.counts();
        counts.turn(now);
        let mut shares = counts.shares();
        shares.sort_by_key(|(pair, percent)| (std::cmp::Reverse(*percent), *pair));
        shares.truncate(MAX_TOLD);
        let told = std::mem::take(&mut counts.told);
        for (pair, percent) in &mut shares {
            if let Some(before) = told.get(pair)
                && before.abs_diff(*percent) < CHANGE_PERCENT
            {
                *percent = *before;
            }
        }
        counts.told = shares.iter().copied().collect();
        let host = |number: u16| {
            counts.exporters.get(usize::from(number)).copied().unwrap_or(Host::UNSPECIFIED)
        };
        let sentence = |((one, other), percent): &((u16, u16), u64)| {
            let (one, other) = (host(*one), host(*other));
            let (one, other) = (one.min(other), one.max(other));
            format!(
                "{one} and {other} report the same flows: {percent} % of the bytes; \
                 --count-once counts them once"
            )
        };
        shares.iter().map(sentence).collect()
    }
}

/// What was found in a batch.
#[derive(Debug, Default)]
struct Found {
    looked_at: u64,
    marked: usize,
    /// Bytes of each exporter, once for each run of its flows.
    bytes: Vec<(u16, u64)>,
    /// The exporter of the first report, that of the later one, and the bytes.
    pairs: Vec<(u16, u16, u64)>,
}

impl Found {
    fn add_bytes(&mut self, exporter: u16, bytes: u64) {
        match self.bytes.last_mut().filter(|(last, _)| *last == exporter) {
            Some((_, sum)) => *sum = sum.saturating_add(bytes),
            None => self.bytes.push((exporter, bytes)),
        }
    }
}

impl Counts {
    /// Begins a new span when the newest is over.
    fn turn(&mut self, now: Time) {
        let since = *self.since.get_or_insert(now);
        if !(0..SPAN_MS).contains(&now.since(since)) {
            self.before = std::mem::take(&mut self.now);
            self.since = Some(now);
        }
    }

    /// The pairs that are to be told, with the percentage of the bytes of the smaller exporter
    /// that both reported.
    fn shares(&self) -> Vec<((u16, u16), u64)> {
        let spans = [&self.now, &self.before];
        let bytes_of = |number: u16| -> u64 {
            let bytes = spans.iter().filter_map(|span| span.bytes.get(&number));
            bytes.fold(0, |sum, bytes| sum.saturating_add(*bytes))
        };
        let mut pairs: HashMap<(u16, u16), (u64, u64)> = HashMap::new();
        for (pair, (flows, bytes)) in spans.iter().flat_map(|span| &span.pairs) {
            let sum = pairs.entry(*pair).or_default();
            *sum = (sum.0 + flows, sum.1.saturating_add(*bytes));
        }
        let share = |(pair, (flows, bytes)): ((u16, u16), (u64, u64))| {
            let smaller = bytes_of(pair.0).min(bytes_of(pair.1)).max(1);
            let percent = (u128::from(bytes) * 100 / u128::from(smaller)).min(100) as u64;
            (flows >= LEAST_FLOWS && percent >= LEAST_PERCENT).then_some((pair, percent))
        };
        pairs.into_iter().filter_map(share).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::deduplication::Deduplication;

    const NOW: Time = Time(1_800_000_000_000);

    fn flows(exporter: u8, count: u32, clock_offset: i64) -> Vec<Flow> {
        let flow = |n: u32| Flow {
            exporter: Host::octets(192, 0, 2, exporter),
            src: Host::v4(0x0a00_0000 + n),
            dst: Host::v4(0xc633_6401),
            first: NOW.plus_ms(-5001 - clock_offset),
            last: NOW.plus_ms(-1001 - clock_offset),
            sport: 40_000,
            dport: 443,
            proto: 6,
            bytes: 1000,
            packets: 10,
            input: u32::from(exporter),
            clock_offset,
            ..Flow::EMPTY
        };
        (0..count).map(flow).collect()
    }

    /// Two workers that receive from one exporter each.
    fn mark(same: &SameFlows, batches: &mut [Vec<Flow>]) -> usize {
        let workers = batches.iter_mut().map(|batch| {
            let mut worker = Deduplication::sharing(same.clone());
            worker.mark(NOW, batch)
        });
        workers.sum()
    }

    #[test]
    fn exporters_that_report_the_same_flows_are_told() {
        let same = SameFlows::new(false);
        let mut batches = [flows(20, 100, 0), flows(23, 38, 3_600_000)];
        batches[1].extend(flows(23, 62, 0).into_iter().map(|flow| Flow { bytes: 999, ..flow }));
        assert_eq!(mark(&same, &mut batches), 0, "nothing is left out");
        assert_eq!(
            same.notes(NOW),
            ["192.0.2.20 and 192.0.2.23 report the same flows: 38 % of the bytes; \
              --count-once counts them once"]
        );
        let later = NOW.plus_ms(2 * SPAN_MS);
        assert_eq!(same.notes(NOW.plus_ms(SPAN_MS)).len(), 1);
        assert_eq!(same.notes(later).len(), 0, "old counts are dropped");
    }

    #[test]
    fn later_reports_are_marked_when_they_are_to_be_counted_once() {
        let same = SameFlows::new(true);
        let mut batches = [flows(20, 50, 0), flows(23, 50, 0), flows(23, 50, 0)];
        assert_eq!(mark(&same, &mut batches), 50, "a report is paired once");
        let marked = |batch: &[Flow]| {
            batch.iter().filter(|flow| flow.duplicate == Duplicate::OtherExporter).count()
        };
        assert_eq!((marked(&batches[0]), marked(&batches[1])), (0, 50));
        assert_eq!(same.notes(NOW), [""; 0]);
    }

    #[test]
    fn one_exporter_and_sampled_flows_are_not_compared() {
        let same = SameFlows::new(true);
        assert_eq!(mark(&same, &mut [flows(20, 50, 0), flows(20, 50, 0)]), 0);
        let sampled = |exporter| -> Vec<Flow> {
            let flow = |flow| Flow { packet_sample: true, ..flow };
            flows(exporter, 50, 0).into_iter().map(flow).collect()
        };
        assert_eq!(mark(&same, &mut [sampled(20), sampled(23)]), 0);
    }

    #[test]
    fn of_many_flows_a_part_is_looked_at_and_there_are_limits() {
        let same = SameFlows::new(false);
        for second in 0..6 {
            let now = NOW.plus_ms(second * 1000);
            for exporter in [20, 23] {
                let mut batch = flows(exporter, 50_000, 0);
                Deduplication::sharing(same.clone()).mark(now, &mut batch);
            }
        }
        assert!(same.0.halvings.load(Ordering::Relaxed) >= 4);
        for exporter in 0..2 * MAX_COMPARED as u32 {
            let flow = Flow { exporter: Host::v4(exporter), ..flows(1, 1, 0)[0] };
            Deduplication::sharing(same.clone()).mark(NOW, &mut [flow]);
        }
        let counts = same.counts();
        assert_eq!(counts.exporters.len(), MAX_COMPARED);
        assert!(counts.now.pairs.len() <= MAX_PAIRS);
    }
}
