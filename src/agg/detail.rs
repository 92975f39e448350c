//! The answer about one host: its rates, the last hour and its conversations.

use std::cmp::Ordering;

use super::Windows;
use super::key::{CompactHost, ConversationKey, LogLane};
use super::log::{Reader, TimeLog};
use super::matching::FilteredQuery;
use super::pane::Panes;
use super::pane::{COARSE, moment};
use super::path_stats::PathStats;
use super::ranking::{TableDirection, Traffic, ranking, set_totals, traffic_order};
use crate::flow::Host;
use crate::snapshot::{
    Allowance, ConversationRow, HostDetail, Rates, RowOrder, Series, SortKey, UpDown, View,
};
use crate::topn::TopN;

/// Sparklines of a host: an hour in steps of a minute.
const STEPS: u32 = 60;

impl Traffic for ConversationRow {
    fn traffic(&self) -> UpDown {
        self.traffic
    }
}

impl Windows {
    /// The details of `host` in the panes of a view.
    pub(super) fn detail(
        &self,
        view: &View,
        host: Host,
        panes: &Panes,
        allowance: &mut Allowance<'_>,
    ) -> HostDetail {
        let mut top = TopN::new(view.limit, |a: &ConversationRow, b: &ConversationRow| {
            conversation_order(&view.order, a, b)
        });
        let mut sum = UpDown::default();
        // A remote host has no row, or one with its transit traffic only, so its history is
        // added up from its conversations.
        let mut history = HostSeries::default();
        let reader = self.reader(panes);
        let query = FilteredQuery::new(&view.filter, reader);
        let mut path_stats = PathStats::new(&self.paths);
        let address = CompactHost::from(host);
        let visit = |key: &ConversationKey, log: &TimeLog, allowance: &mut Allowance<'_>| {
            let reversed = key.host() != host;
            let mut both = UpDown::default();
            query.each(key, log, allowance, |what, counters| {
                let out = LogLane::is_out(what.lane);
                *(if out { &mut both.up } else { &mut both.down }) += counters;
                if out != reversed {
                    path_stats.add(what.path, counters.bytes);
                }
            });
            let via = path_stats.end();
            if both != UpDown::default() {
                let bounds = log.bounds(&panes.edges);
                let row = ConversationRow { via, ..conversation(key, bounds, both, reversed) };
                sum += row.traffic;
                top.push(row);
            }
            // The log is read four times: for the hour and for three spans of it.
            if allowance.spend(4 * log.len() as u64) {
                history.add(log, &reader, panes.known, reversed);
            }
        };
        self.conversations.each_copied(allowance, |key| key.has(address), visit);
        let local = self.tuning().local.contains(host);
        let own = local.then(|| {
            self.hosts.read(&address, |log| {
                let mut own = HostSeries::default();
                own.add(log, &reader, panes.known, false);
                (own, reader.both(log))
            })
        });
        let own = own.flatten();
        let filtered = !view.filter.is_any();
        let (history, traffic) = match own {
            // Up and down of a local host are its whole traffic. If its row was evicted
            // meanwhile, the conversations may know more.
            Some((own, both)) if !filtered => (own, both.at_least(&sum)),
            Some((own, _)) => (own, sum),
            None => (history, sum),
        };
        let mut conversations = ranking(top);
        set_totals(&mut conversations, traffic);
        let via = path_stats.busiest();
        HostDetail { host, traffic, via, conversations, ..history.finish(panes) }
    }
}

fn conversation(
    key: &ConversationKey,
    bounds: Option<(u32, u32)>,
    both: UpDown,
    reversed: bool,
) -> ConversationRow {
    let (first, last) = bounds.unwrap_or_default();
    ConversationRow {
        peer: if reversed { key.host() } else { key.peer() },
        proto: key.proto,
        port: key.port,
        reach: key.reach,
        traffic: if reversed { both.swapped() } else { both },
        first_pane: moment(first),
        last_pane: moment(last),
        via: None,
    }
}

/// By default rows are ranked by both directions together.
fn conversation_order(order: &RowOrder, a: &ConversationRow, b: &ConversationRow) -> Ordering {
    let by_peer = a.peer.cmp(&b.peer);
    let by_key = match order.key {
        SortKey::Address => by_peer,
        key => traffic_order(key, TableDirection::Both, &a.traffic, &b.traffic),
    };
    let by_key = if order.reverse { by_key.reverse() } else { by_key };
    by_key
        .then(by_peer)
        .then(a.port.cmp(&b.port))
        .then(a.proto.cmp(&b.proto))
        .then(a.reach.cmp(&b.reach))
}

/// Bytes of every minute of the hour, and of three spans before the end of the window.
#[derive(Default)]
struct HostSeries {
    minutes: Vec<(u64, u64)>,
    now: UpDown,
    minute: UpDown,
    quarter: UpDown,
}

impl HostSeries {
    fn add(&mut self, log: &TimeLog, reader: &Reader<'_>, known: u32, reversed: bool) {
        let Reader { edges, end, .. } = *reader;
        let (start, _) = hour(end);
        self.minutes.resize(STEPS as usize, (0, 0));
        let hour = Reader { start, ..*reader };
        hour.each(log, |pane, what, counters| {
            if let Some((up, down)) = self.minutes.get_mut(((pane - start) / COARSE) as usize) {
                let out = LogLane::is_out(what.lane) != reversed;
                let sum = if out { up } else { down };
                *sum = sum.saturating_add(counters.bytes);
            }
        });
        let span = |length: u32| {
            let (from, to) = edges.widen(end.saturating_sub(length), end);
            let both = Reader { start: from.max(known.min(to)), end: to, ..*reader }.both(log);
            if reversed { both.swapped() } else { both }
        };
        let (now, minute, quarter) = (span(10), span(60), span(900));
        self.now += now;
        self.minute += minute;
        self.quarter += quarter;
    }

    fn finish(self, panes: &Panes) -> HostDetail {
        let (_, end) = hour(panes.end);
        let rate = |bytes: u64, seconds: u32| bytes.saturating_mul(8) / u64::from(seconds.max(1));
        let rates = |both: &UpDown, length: u32| {
            let (from, to) = panes.edges.widen(panes.end.saturating_sub(length), panes.end);
            let from = from.max(panes.known.min(to));
            Rates { up: rate(both.up.bytes, to - from), down: rate(both.down.bytes, to - from) }
        };
        // The last minute is not over: its mean is over the seconds that have passed.
        let running = COARSE - end.saturating_sub(panes.end).min(COARSE - 1);
        let length = |step: usize| if step + 1 == STEPS as usize { running } else { COARSE };
        let steps = |pick: fn(&(u64, u64)) -> u64| -> Vec<u64> {
            let minutes = self.minutes.iter().enumerate();
            minutes.map(|(step, minute)| rate(pick(minute), length(step))).collect()
        };
        let (up, down) = (steps(|minute| minute.0), steps(|minute| minute.1));
        let (now, minute) = (rates(&self.now, 10), rates(&self.minute, 60));
        // A few seconds of the running minute would show a false peak.
        let highest = |steps: &[u64]| steps.iter().rev().skip(1).copied().max().unwrap_or(0);
        let peak = Rates {
            up: highest(&up).max(minute.up).max(now.up),
            down: highest(&down).max(minute.down).max(now.down),
        };
        HostDetail {
            now,
            minute,
            quarter: rates(&self.quarter, 900),
            peak,
            series: Series { step_ms: i64::from(COARSE) * 1000, end: moment(end), up, down },
            ..HostDetail::default()
        }
    }
}

/// Start and end of the hour that ends with the minute in which the window ends.
fn hour(end: u32) -> (u32, u32) {
    let end = end.div_ceil(COARSE).saturating_mul(COARSE);
    (end.saturating_sub(STEPS * COARSE), end)
}
