//! State of exporters beyond the decoder: rates, duplicates, and details that are too
//! costly to gather every time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::flow::{Flow, Host, Time};
use crate::snapshot::{
    ExporterDetail, ExporterHealth, InterfaceHealth, SamplerHealth, SamplingState, Selector,
    TemplateHealth,
};
use crate::wire::summary::{RateScope, SamplerSummary};
use crate::wire::{Decoder, Details, ExporterSummary, SamplerScope};

/// Rates are means over this many milliseconds, because exporters send in bursts of a few
/// seconds.
const RATE_MS: i64 = 10_000;

/// Interval of the samples from which rates are computed.
const STEP_MS: i64 = 1_000;

/// Age from which details are gathered again.
const DETAIL_MS: i64 = 2_000;

/// Number of exporters for which details are gathered, the busiest ones. That is more than
/// anybody looks at. At a few hundred kB for a chassis full of interfaces they take
/// at most about 20 MB.
const DETAILED: usize = 64;

/// Number of exporters whose details are gathered in one call, so that collecting does
/// not wait long. With eight calls in two seconds, 64 exporters are covered.
const DETAILS_AT_ONCE: usize = 8;

/// Counters at one moment.
#[derive(Clone, Copy, Debug)]
struct CounterPoint {
    at: Time,
    datagrams: u64,
    flows: u64,
}

#[derive(Debug, Default)]
struct ExporterEntry {
    samples: VecDeque<CounterPoint>,
    doubled: u64,
    detail: Arc<ExporterDetail>,
    /// When the detail was gathered.
    gathered: Option<Time>,
}

/// State per exporter that the decoder does not have.
#[derive(Debug)]
pub(super) struct ExporterStats {
    entries: HashMap<Host, ExporterEntry>,
    /// Number of exporters with details.
    detailed: usize,
}

impl ExporterStats {
    /// For one of `workers` workers. Each has twice its share of the details, because the busiest
    /// exporters are not distributed evenly.
    pub(super) fn new(workers: usize) -> ExporterStats {
        let detailed = (2 * DETAILED / workers.max(1)).clamp(DETAILS_AT_ONCE, DETAILED);
        ExporterStats { entries: HashMap::new(), detailed }
    }

    /// Counts the duplicates in a batch.
    pub(super) fn doubled(&mut self, flows: &[Flow]) {
        for flow in flows.iter().filter(|flow| flow.duplicate.is_set()) {
            // The decoder limits the number of exporters; `list` removes those it has
            // dropped.
            self.entries.entry(flow.exporter).or_default().doubled += 1;
        }
    }

    /// The state of every exporter at `now`, busiest first.
    pub(super) fn list(&mut self, now: Time, decoder: &Decoder) -> Vec<ExporterHealth> {
        let summaries = decoder.exporters();
        if self.entries.len() > summaries.len() {
            let known: std::collections::HashSet<Host> =
                summaries.iter().map(|summary| summary.address).collect();
            self.entries.retain(|address, _| known.contains(address));
        }
        let mut gather = DETAILS_AT_ONCE;
        let mut list = Vec::with_capacity(summaries.len());
        for (rank, summary) in summaries.into_iter().enumerate() {
            let entry = self.entries.entry(summary.address).or_default();
            let due = entry.gathered.is_none_or(|at| now.since(at) >= DETAIL_MS);
            if rank >= self.detailed {
                (entry.detail, entry.gathered) = (Arc::default(), None);
            } else if due && gather > 0 {
                gather -= 1;
                entry.gathered = Some(now);
                let details = decoder.details(summary.address).unwrap_or_default();
                entry.detail = Arc::new(detail(&details));
            }
            let rates = entry.rates(now, &summary);
            list.push(health(summary, entry, rates));
        }
        list
    }
}

impl ExporterEntry {
    /// Datagrams and flows per second.
    fn rates(&mut self, now: Time, summary: &ExporterSummary) -> (f64, f64) {
        let point = CounterPoint { at: now, datagrams: summary.datagrams, flows: summary.flows };
        if self.samples.back().is_some_and(|last| last.datagrams > point.datagrams) {
            // The exporter was dropped meanwhile and has returned.
            self.samples.clear();
        }
        if self.samples.back().is_none_or(|last| now.since(last.at) >= STEP_MS) {
            self.samples.push_back(point);
        }
        // The oldest sample may be as old as RATE_MS, or a little older.
        while self.samples.get(1).is_some_and(|next| now.since(next.at) >= RATE_MS) {
            self.samples.pop_front();
        }
        let Some(oldest) = self.samples.front() else { return (0.0, 0.0) };
        let seconds = now.since(oldest.at) as f64 / 1000.0;
        let rate = |newer: u64, older: u64| {
            if seconds > 0.0 { newer.saturating_sub(older) as f64 / seconds } else { 0.0 }
        };
        (rate(point.datagrams, oldest.datagrams), rate(point.flows, oldest.flows))
    }
}

/// The decoder's summary of an exporter as health data. Its timing is filled in by `agg`.
fn health(summary: ExporterSummary, entry: &ExporterEntry, rates: (f64, f64)) -> ExporterHealth {
    let sampling = match (summary.given_rate, summary.rates.as_slice()) {
        (Some(rate), _) => SamplingState::Given(rate),
        (None, []) => SamplingState::Unknown,
        (None, [rate]) => SamplingState::Announced(*rate),
        (None, [.., highest]) => SamplingState::Mixed(*highest),
    };
    ExporterHealth {
        address: summary.address,
        protocol: summary.protocol,
        datagrams: summary.datagrams,
        flows: summary.flows,
        datagrams_per_s: rates.0,
        flows_per_s: rates.1,
        lost: summary.lost,
        missed_while_down: summary.missed,
        unsent: summary.dropped,
        restarts: summary.restarts,
        templates: summary.templates,
        remembered: summary.remembered,
        held: summary.held,
        doubled: entry.doubled,
        sampling,
        rate_doubt: summary.rate_doubt,
        sampled_twice: summary.sampled_twice,
        clock_offset_ms: summary.clock_offset_ms,
        last_seen: summary.last_seen,
        active_timeout_ms: None,
        export_delay_ms: None,
        detail: entry.detail.clone(),
    }
}

fn detail(details: &Details) -> ExporterDetail {
    let templates = details.templates.iter().map(|template| TemplateHealth {
        domain: template.domain,
        id: template.id,
        options: template.options,
        fields: template.fields,
        defined: template.defined,
        refreshed: template.refreshed,
        used: template.used,
        changes: template.changes,
        remembered: template.remembered,
    });
    let interfaces = details.interfaces.iter().map(|interface| InterfaceHealth {
        index: interface.index,
        name: interface.name.clone(),
        description: interface.description.clone(),
        speed: interface.speed,
        in_rate: interface.in_rate,
        out_rate: interface.out_rate,
        covered: interface.covered,
    });
    ExporterDetail {
        domains: details.domains,
        templates: templates.collect(),
        interfaces: interfaces.collect(),
        applications: details.applications,
        samplers: details.samplers.iter().map(sampler).collect(),
        statistics: details.statistics.iter().map(|(what, count)| (what.into(), count)).collect(),
    }
}

fn sampler(known: &SamplerSummary) -> SamplerHealth {
    let SamplerSummary { domain, selector, rate } = *known;
    let selector = match selector {
        RateScope::Announced(SamplerScope::All) => Selector::All,
        RateScope::Announced(SamplerScope::Sampler(id)) => Selector::Sampler(id),
        RateScope::Announced(SamplerScope::Interface(index)) => Selector::Interface(index),
        RateScope::InRecords(None) => Selector::InRecords,
        RateScope::InRecords(Some(id)) => Selector::SamplerInRecords(id),
    };
    SamplerHealth { domain, selector, rate }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode::{V5Encoder, V9Encoder};

    const START: Time = Time(1_800_000_000_000);

    #[test]
    fn rates_are_means_of_the_last_seconds() {
        let (mut exporter_stats, mut decoder) = (ExporterStats::new(1), Decoder::new());
        let mut router = V5Encoder::new(0, 0);
        let exporter = Host::octets(192, 0, 2, 1);
        let flow = Flow { src: exporter, dst: exporter, ..Flow::EMPTY };
        let mut rates = Vec::new();
        for quarter in 0..240 {
            let now = START.plus_ms(quarter * 250);
            // Two datagrams of ten flows a second for half a minute.
            if quarter < 120 && quarter % 2 == 0 {
                let sent = router.encode(now, START, &[flow; 10]);
                decoder.decode(now, exporter, &sent[0], &mut Vec::new());
            }
            let list = exporter_stats.list(now, &decoder);
            assert_eq!(list.len(), 1);
            rates.push((list[0].datagrams_per_s, list[0].flows_per_s));
            assert!(exporter_stats.entries[&exporter].samples.len() <= 12);
        }
        assert_eq!(rates[0], (0.0, 0.0), "nothing is known yet");
        let (datagrams, flows) = rates[100];
        assert!((1.9..2.2).contains(&datagrams) && (19.0..22.0).contains(&flows), "{rates:?}");
        assert_eq!(rates[239], (0.0, 0.0), "silent");
    }

    #[test]
    fn details_are_those_of_the_busiest_and_never_all_at_once() {
        let (mut exporter_stats, mut decoder) = (ExporterStats::new(1), Decoder::new());
        for n in 0..100 {
            let sent = V9Encoder::new(1).encode(START, START, &[], true);
            decoder.decode(START, Host::v4(n), &sent[0], &mut Vec::new());
        }
        let known = |list: &[ExporterHealth]| {
            list.iter().filter(|exporter| !exporter.detail.templates.is_empty()).count()
        };
        for round in 1..20 {
            let list = exporter_stats.list(START.plus_ms(round), &decoder);
            assert_eq!(known(&list), (round as usize * DETAILS_AT_ONCE).min(DETAILED));
        }
        let detail = &exporter_stats.list(START, &decoder)[0].detail;
        assert_eq!((detail.domains, detail.templates.len()), (1, 2));
    }
}
