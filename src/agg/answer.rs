//! Answers to views: the contents of the windows as plain data.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::all::KnownTime;
use super::filtered::FilteredTotals;
use super::grouped::group_total;
use super::key::LogLane;
use super::lag::{ExcessiveLag, Lag};
use super::log::Reader;
use super::pane::{Edges, FINE, Panes, floor, moment, seconds};
use super::ranking::{TableDirection, ranking, set_totals, traffic_order};
use super::tally::GroupedTotals;
use super::{LagRule, SharedState, Windows};
use crate::flow::{Host, Time};
use crate::snapshot::{
    Allowance, AnswerSpan, Basis, Completeness, Counters, Health, HostRow, LinkView, RowOrder,
    Series, Snapshot, SortKey, Subject, Untracked, UpDown, View,
};
use crate::topn::TopN;

/// Sparkline of the link: ten minutes in steps of ten seconds.
const LINK_STEP: u32 = 10;
const LINK_STEPS: u32 = 60;

impl Windows {
    /// Answers a view without limiting the work. `now` is the collector's running time, and
    /// `health` the state of the exporters and of the collector as `ingest` reports it.
    /// Both are copied to the answer.
    #[must_use]
    pub fn snapshot(&self, view: &View, now: Time, health: Health) -> Snapshot {
        self.snapshot_within(view, now, health, &mut Allowance::unlimited())
    }

    /// Answers a view within an allowance of work. When the allowance is used up, the answer has no
    /// rows, and [`Snapshot::unanswered`] gives the reason.
    #[must_use]
    pub fn snapshot_within(
        &self,
        view: &View,
        now: Time,
        mut health: Health,
        allowance: &mut Allowance<'_>,
    ) -> Snapshot {
        self.advance(now);
        // `view.at` is wall clock time. Windows use running time, which does not move when
        // the wall clock is set.
        let shift = health.clock_shift_ms;
        let at = view.at.map(|at| at.plus_ms(-shift));
        let (panes, span, note) = self.span(view, at, now, allowance);
        let mut snapshot = Snapshot { view: view.clone(), ..Snapshot::default() };
        // Rows are read before totals: see `record`.
        let filtered = self.fill_rows(&mut snapshot, &panes, allowance);
        if allowance.is_over() {
            drop_rows(&mut snapshot);
        }
        {
            let site = self.site();
            snapshot.totals = match &filtered {
                Some(filtered) => filtered.totals,
                None => site.totals.sum(panes.start, panes.end),
            };
            for exporter in &mut health.exporters {
                site.timings.describe(exporter);
            }
            snapshot.link = self.link(&site);
            snapshot.alerts = site.alerts.list();
            self.count_limits(&site, &mut health);
        }
        self.fill_totals(&mut snapshot);
        if filtered.is_none() {
            // In the first ten seconds no other peak is known.
            let link = &mut snapshot.link;
            link.peak_up = link.peak_up.max(span.bits_per_second(snapshot.totals.up.bytes));
            link.peak_down = link.peak_down.max(span.bits_per_second(snapshot.totals.down.bytes));
        }
        snapshot.untracked = Untracked {
            host: self.hosts.admission.bound(&panes.edges),
            conversation: self.conversations.admission.bound(&panes.edges),
        };
        snapshot.notes = match &snapshot.unanswered {
            Some(why) => vec![why.clone()],
            None => self.notes(view, filtered.as_ref(), &panes),
        };
        snapshot.notes.extend(note);
        snapshot.captured_at = now;
        snapshot.span = span;
        snapshot.health = health;
        if shift != 0 {
            to_wall_clock(&mut snapshot, shift);
        }
        snapshot
    }

    /// Sets the rows of the tables. Returns the totals of the filter, if the view has one.
    fn fill_rows(
        &self,
        snapshot: &mut Snapshot,
        panes: &Panes,
        allowance: &mut Allowance<'_>,
    ) -> Option<FilteredTotals> {
        let view = &snapshot.view;
        let mut tally = GroupedTotals::of(view.subject);
        let filtered = (!view.filter.is_any())
            .then(|| self.roll_up(&view.filter, panes, &mut tally, allowance));
        match view.subject {
            Subject::Exporters => {}
            Subject::Groups(grouping) => {
                let found = (tally, filtered.as_ref());
                self.rank_groups(snapshot, grouping, found, panes, allowance);
            }
            Subject::Host(host) => {
                snapshot.detail = Some(self.detail(view, host, panes, allowance));
            }
            Subject::Hosts | Subject::Line | Subject::Talkers => {
                self.rank_hosts(snapshot, filtered.as_ref(), panes, allowance);
            }
        }
        // A result that was cut off is not used.
        filtered
            .map(|filtered| if allowance.is_over() { FilteredTotals::default() } else { filtered })
    }

    /// Returns where a view's window may end, how late its traffic arrives, and the first
    /// pane with traffic. If the filter selects some exporters only, the lag of the others
    /// does not count.
    fn edge_of(
        &self,
        view: &View,
        now: Time,
        allowance: &mut Allowance<'_>,
    ) -> (Edges, Lag, Option<u32>) {
        // The exporters are copied, so that the lock is not held while a long filter is
        // evaluated: recording needs the same lock.
        let known = match self.tuning().lag {
            LagRule::Auto if !self.config.keep_all && view.filter.needs_interfaces() => {
                self.site().timings.exporters()
            }
            _ => Vec::new(),
        };
        let cost = view.filter.cost();
        let may_be = |exporter: &Host| allowance.spend(cost) && view.filter.may_be_of(*exporter);
        let selected: HashSet<Host, RandomState> = known.into_iter().filter(may_be).collect();
        let site = self.site();
        let (edges, first) = (site.edges, site.totals.first());
        let own = (!selected.is_empty())
            .then(|| site.timings.lag_of(|exporter| selected.contains(&exporter)))
            .flatten();
        match own {
            Some(lag) => (edges.ending(seconds(now.plus_ms(-lag.ms))), lag, first),
            None => (edges, site.lag, first),
        }
    }

    /// The panes of a view's window, the span that they cover, and a note on what the span
    /// leaves out or begins with.
    fn span(
        &self,
        view: &View,
        at: Option<Time>,
        now: Time,
        allowance: &mut Allowance<'_>,
    ) -> (Panes, AnswerSpan, Option<String>) {
        let (edges, lag, first) = self.edge_of(view, now, allowance);
        let started = seconds(self.config.started);
        // Just after the start, rates are computed over the time for which there is data: the first
        // reports reach back by the lag.
        let begun = started.saturating_add(1) / FINE * FINE;
        let reach = seconds(self.config.started.plus_ms(-lag.ms));
        let known = edges.ceil(first.map_or(begun, |first| first.max(reach)).min(begun));
        let length = match view.window.length_ms() {
            Some(length) if !self.config.keep_all => (length / 1000) as u32,
            _ => {
                let site = self.site();
                let (config, reported) = (&self.config, site.reported);
                let all = KnownTime { config, edges, lag, totals: &site.totals, reported, now };
                return all.span();
            }
        };
        let end = at.map_or(edges.edge, |at| seconds(at).min(edges.edge));
        let (start, end) = edges.widen(end.saturating_sub(length), end);
        let mut completeness = match lag.beyond {
            Some((exporter, active_timeout_ms)) => {
                Completeness::Incomplete { exporter, active_timeout_ms }
            }
            None => Completeness::Complete,
        };
        if start < begun && completeness == Completeness::Complete {
            let known_ms = moment(end).since(moment(begun)).max(0);
            completeness = Completeness::Filling { known_ms };
        }
        let start = start.max(known.min(end));
        let span = AnswerSpan { start: moment(start), end: moment(end), completeness };
        let not_awaited = lag.not_awaited.filter(|_| at.is_none());
        (Panes { edges, start, end, known }, span, not_awaited.map(excessive_lag_note))
    }

    /// A reader of logs over these panes.
    pub(super) fn reader<'a>(&'a self, panes: &'a Panes) -> Reader<'a> {
        let Panes { edges, start, end, .. } = panes;
        Reader { edges, paths: &self.paths, start: *start, end: *end }
    }

    /// Calls `visit` for every host with link traffic, or with transit traffic if
    /// `through`.
    pub(super) fn each_host(
        &self,
        filtered: Option<&FilteredTotals>,
        panes: &Panes,
        through: bool,
        allowance: &mut Allowance<'_>,
        mut visit: impl FnMut(HostRow),
    ) {
        if let Some(filtered) = filtered {
            let sums = if through { &filtered.transit } else { &filtered.crossing };
            for (host, traffic) in sums {
                if !allowance.spend(1) {
                    return;
                }
                visit(HostRow { host: *host, traffic: *traffic, missing: 0 });
            }
            return;
        }
        let reader = self.reader(panes);
        let (up, down) = match through {
            true => (LogLane::TransitOut, LogLane::TransitIn),
            false => (LogLane::Up, LogLane::Down),
        };
        self.hosts.each(allowance, |key, log, _| {
            let (traffic, missing) = reader.pair(log, up, down);
            if traffic != UpDown::default() {
                visit(HostRow { host: key.host(), traffic, missing });
            }
        });
    }

    fn rank_hosts(
        &self,
        snapshot: &mut Snapshot,
        filtered: Option<&FilteredTotals>,
        panes: &Panes,
        allowance: &mut Allowance<'_>,
    ) {
        let View { subject, limit, order, .. } = snapshot.view;
        let through =
            self.find_basis(snapshot, filtered, panes, allowance) && subject != Subject::Line;
        let by = |side| move |a: &HostRow, b: &HostRow| host_order(&order, side, a, b);
        if subject != Subject::Talkers {
            let mut top = TopN::new(limit, by(TableDirection::Both));
            self.each_host(filtered, panes, through, allowance, |row| top.push(row));
            snapshot.hosts = ranking(top);
            return;
        }
        let (mut up, mut down) =
            (TopN::new(limit, by(TableDirection::Up)), TopN::new(limit, by(TableDirection::Down)));
        self.each_host(filtered, panes, through, allowance, |row| {
            if !row.traffic.up.is_zero() {
                up.push(row);
            }
            if !row.traffic.down.is_zero() {
                down.push(row);
            }
        });
        snapshot.uploaders = ranking(up);
        snapshot.downloaders = ranking(down);
    }

    /// Sets the total and the "others" of each table from the window's totals.
    fn fill_totals(&self, snapshot: &mut Snapshot) {
        let totals = snapshot.totals;
        let line = UpDown { up: totals.up, down: totals.down };
        let through = UpDown { up: totals.transit, down: totals.transit };
        let both = if snapshot.basis == Basis::UpDown { line } else { through };
        let hosts = if snapshot.view.subject == Subject::Line { line } else { both };
        if let Subject::Groups(grouping) = snapshot.view.subject {
            set_totals(&mut snapshot.groups, group_total(grouping, &totals, both));
        }
        set_totals(&mut snapshot.hosts, hosts);
        set_totals(&mut snapshot.uploaders, UpDown { up: both.up, down: Counters::default() });
        set_totals(&mut snapshot.downloaders, UpDown { up: Counters::default(), down: both.down });
        // Rows of these tables have both directions, but only one of them is ranked.
        snapshot.uploaders.others.down = Counters::default();
        snapshot.downloaders.others.up = Counters::default();
    }

    fn link(&self, site: &SharedState) -> LinkView {
        let end = floor(site.edges.edge, LINK_STEP);
        let bits = |bytes: u64, seconds: u32| bytes.saturating_mul(8) / u64::from(seconds.max(1));
        let rate = |steps: &[(u64, u64)], pick: fn(&(u64, u64)) -> u64| -> Vec<u64> {
            steps.iter().map(|step| bits(pick(step), LINK_STEP)).collect()
        };
        let shown = site.totals.steps(end.saturating_sub(LINK_STEP * LINK_STEPS), end, LINK_STEP);
        let begun = seconds(self.config.started).div_ceil(LINK_STEP).saturating_mul(LINK_STEP);
        let hour = site.totals.steps(site.edges.keep_from.max(begun).min(end), end, LINK_STEP);
        let peak = |pick: fn(&(u64, u64)) -> u64| rate(&hour, pick).into_iter().max().unwrap_or(0);
        let p95 = site.percentile.as_ref().and_then(super::percentile::Percentile::p95);
        let rules = self.tuning().rules;
        LinkView {
            capacity_up: rules.link_up,
            capacity_down: rules.link_down,
            peak_up: peak(|step| step.0),
            peak_down: peak(|step| step.1),
            p95_up: p95.map(|p95| p95.0),
            p95_down: p95.map(|p95| p95.1),
            series: Series {
                step_ms: i64::from(LINK_STEP) * 1000,
                end: moment(end),
                up: rate(&shown, |step| step.0),
                down: rate(&shown, |step| step.1),
            },
        }
    }
}

/// Removes the rows of an answer that used up its allowance, and states the reason.
fn drop_rows(snapshot: &mut Snapshot) {
    let view = snapshot.view.clone();
    let why = match view.filter.is_any() {
        false => format!("too slow here: use query: {}", view.filter.command()),
        true => "too slow here: use query, a shorter window or fewer rows".to_owned(),
    };
    let unanswered = Some(why);
    *snapshot = Snapshot { view, unanswered, basis: snapshot.basis.clone(), ..Snapshot::default() };
}

/// A note about a new exporter whose reports arrive later than the window waits.
fn excessive_lag_note((exporter, ms, others): ExcessiveLag) -> String {
    let more = if others > 0 { format!(" (and {others} others)") } else { String::new() };
    format!(
        "exporter {exporter}{more} is new and reports up to {} s late: the window does not wait for it yet",
        (ms + 500) / 1000
    )
}

fn host_order(order: &RowOrder, side: TableDirection, a: &HostRow, b: &HostRow) -> Ordering {
    let by_key = match order.key {
        SortKey::Address => a.host.cmp(&b.host),
        key => traffic_order(key, side, &a.traffic, &b.traffic),
    };
    let by_key = if order.reverse { by_key.reverse() } else { by_key };
    by_key.then(a.host.cmp(&b.host))
}

/// Converts every time that people read to the current wall clock.
fn to_wall_clock(snapshot: &mut Snapshot, ms: i64) {
    let mut moved = vec![
        &mut snapshot.captured_at,
        &mut snapshot.span.start,
        &mut snapshot.span.end,
        &mut snapshot.link.series.end,
        &mut snapshot.health.started,
    ];
    moved.extend(snapshot.alerts.iter_mut().map(|alert| &mut alert.since));
    for exporter in &mut snapshot.health.exporters {
        moved.push(&mut exporter.last_seen);
        for template in &mut Arc::make_mut(&mut exporter.detail).templates {
            moved.extend([&mut template.defined, &mut template.refreshed, &mut template.used]);
        }
    }
    if let Some(detail) = &mut snapshot.detail {
        moved.push(&mut detail.series.end);
        for row in &mut detail.conversations.rows {
            moved.extend([&mut row.first_pane, &mut row.last_pane]);
        }
    }
    for time in moved {
        *time = time.plus_ms(ms);
    }
}
