//! The two tables of the main screen.

use std::collections::HashMap;

use crate::flow::Host;
use crate::snapshot::{Basis, Counters, Direction, HostRow, Snapshot, SortKey, UpDown};
use crate::units;

use super::super::layout::{ScreenLayout, ScreenPart};
use super::super::model::{MainScreen, Model, Pane};
use super::super::paint::{Canvas, bar, columns as columns_of, elide};
use super::super::theme::Tone;
use super::columns::{NUMBER, PaneColumns, TWO_PANES};

/// One pane while it is drawn.
struct PaneTable<'a> {
    model: &'a Model,
    screen: &'a MainScreen,
    snapshot: &'a Snapshot,
    pane: Pane,
    /// Its left edge.
    x: u16,
    width: u16,
    columns: PaneColumns,
}

/// Draws both panes, or only the one in focus if the terminal is too narrow.
pub fn draw(
    canvas: &mut Canvas,
    model: &Model,
    screen: &MainScreen,
    snapshot: &Snapshot,
    layout: &ScreenLayout,
) {
    let width = canvas.width();
    // Both panes have the same columns.
    let addresses = screen.up.keys().iter().chain(screen.down.keys());
    let longest = addresses.map(|host| columns_of(&host.to_string())).max().unwrap_or(0);
    let all = snapshot.uploaders.rows.iter().chain(&snapshot.downloaders.rows);
    let low = all.into_iter().any(HostRow::is_low);
    let table = |pane: Pane, x: u16, width: u16, fit: u16| {
        let columns = PaneColumns::fit(fit, longest, snapshot.view.order.key, low);
        PaneTable { model, screen, snapshot, pane, x, width, columns }
    };
    if width < TWO_PANES {
        table(screen.focus, 0, width, width).draw(canvas, layout);
        return;
    }
    let left = (width - 1) / 2;
    table(Pane::Up, 0, left, left).draw(canvas, layout);
    table(Pane::Down, left + 1, width - left - 1, left).draw(canvas, layout);
    let lines = [ScreenPart::Heading, ScreenPart::Rows, ScreenPart::Others, ScreenPart::Total]
        .map(|part| layout.lines(part));
    for y in lines.into_iter().flatten() {
        canvas.put(left, y, 1, "│", Tone::Faint);
    }
}

impl PaneTable<'_> {
    fn draw(&self, canvas: &mut Canvas, layout: &ScreenLayout) {
        if let Some(y) = layout.line(ScreenPart::Heading) {
            self.heading(canvas, y);
        }
        let ranking = super::common::ranking(self.snapshot, self.pane);
        let by_host: HashMap<Host, &HostRow> =
            ranking.rows.iter().map(|row| (row.host, row)).collect();
        let list = self.screen.list(self.pane);
        let lines = layout.lines(ScreenPart::Rows);
        let start = list.start(lines.len());
        let mut shown = UpDown::default();
        let mut count = 0;
        let answers = self.snapshot.view.subject == crate::snapshot::Subject::Talkers;
        for (y, (at, host)) in lines.clone().zip(list.keys().iter().enumerate().skip(start)) {
            if let Some(row) = by_host.get(host) {
                self.row(canvas, y, at + 1, row);
                shown += row.traffic;
                count += 1;
            }
        }
        if count == 0 {
            let text = if answers { "no traffic in this window" } else { "asking…" };
            super::common::empty(
                canvas,
                self.snapshot,
                text,
                (self.x + 1, self.x + self.width),
                lines,
            );
        }
        let rest = ranking.total.less(&shown);
        let left = ranking.count.saturating_sub(count);
        for (part, name, count, traffic) in [
            (ScreenPart::Others, "~others", left, rest),
            (ScreenPart::Total, "total", ranking.count, ranking.total),
        ] {
            if let Some(y) = layout.line(part).filter(|_| answers) {
                self.sum(canvas, y, &format!("{name} {count}"), &traffic);
            }
        }
    }

    /// The counters of the pane's direction.
    fn counters<'a>(&self, traffic: &'a UpDown) -> &'a Counters {
        match self.pane {
            Pane::Up => &traffic.up,
            Pane::Down => &traffic.down,
        }
    }

    fn heading(&self, canvas: &mut Canvas, y: u16) {
        let ranking = super::common::ranking(self.snapshot, self.pane);
        let (title, rate) = match (&self.snapshot.basis, self.pane) {
            (Basis::UpDown, Pane::Up) => ("UPLOADERS", "up/s"),
            (Basis::UpDown, Pane::Down) => ("DOWNLOADERS", "down/s"),
            (Basis::SourceDestination { .. }, Pane::Up) => ("SOURCES", "sent/s"),
            (Basis::SourceDestination { .. }, Pane::Down) => ("DESTINATIONS", "rcvd/s"),
        };
        let order = self.snapshot.view.order;
        let mark = |sorted: bool| if sorted { super::common::sort_sign(order.reverse) } else { "" };
        let sign = |key: SortKey| mark(order.key == key);
        let rates =
            super::common::sorts_rates(order.key, self.model.options.unit, &[SortKey::Bytes]);
        let focused = self.screen.focus == self.pane;
        let tone = if focused { Tone::Strong } else { Tone::Plain };
        let title = format!("{title} {}{}", ranking.count, sign(SortKey::Address));
        let columns = &self.columns;
        let rate = format!("{rate}{}", mark(rates));
        let end = self.x + columns.rate;
        let room = columns.rate.saturating_sub(columns_of(&title) + 1);
        canvas.put(self.x, y, self.width, &title, tone);
        canvas.right(end, y, room, &rate, tone);
        let named = [
            (columns.packets, format!("pkt/s{}", sign(SortKey::Packets))),
            (columns.flows, format!("flows{}", sign(SortKey::Flows))),
            (columns.share, "share".to_owned()),
        ];
        for (column, name) in named {
            if let Some(end) = column {
                canvas.right(self.x + end, y, NUMBER + 1, &name, tone);
            }
        }
    }

    fn row(&self, canvas: &mut Canvas, y: u16, rank: usize, row: &HostRow) {
        let columns = &self.columns;
        let focused = self.screen.focus == self.pane;
        let selected = focused && self.screen.list(self.pane).selected() == Some(row.host);
        if selected {
            canvas.put(self.x, y, 1, ">", Tone::Strong);
        }
        if let Some(end) = columns.rank {
            canvas.right(self.x + end, y, 3, &rank.to_string(), Tone::Plain);
        }
        let direction = if self.pane == Pane::Up { Direction::Up } else { Direction::Down };
        let alert = super::common::host_alert(self.snapshot, row.host, direction);
        let tone = alert.map_or(Tone::Plain, |alert| super::common::severity_tone(alert.severity));
        let mark = alert.map_or("", |alert| super::common::severity_mark(alert.severity));
        canvas.right(self.x + columns.mark, y, 2, mark, tone);
        let address = elide(&row.host.to_string(), columns.address_width);
        canvas.put(self.x + columns.address, y, columns.address_width, &address, tone);
        self.numbers(canvas, y, self.counters(&row.traffic), true);
        if row.is_low() {
            canvas.put(self.x + columns.rate, y, 1, "+", Tone::Plain);
        }
        if selected {
            canvas.tint(self.x, y, self.width, Tone::Selected);
        }
    }

    fn sum(&self, canvas: &mut Canvas, y: u16, name: &str, traffic: &UpDown) {
        let columns = &self.columns;
        // `~` is in the column of the mark, so that the names line up.
        let x = columns.address - u16::from(name.starts_with('~'));
        let room = (columns.address + columns.address_width).saturating_sub(x);
        canvas.put(self.x + x, y, room, name, Tone::Plain);
        self.numbers(canvas, y, self.counters(traffic), false);
    }

    fn numbers(&self, canvas: &mut Canvas, y: u16, counters: &Counters, with_bar: bool) {
        let columns = &self.columns;
        let unit = self.model.options.unit;
        let span = &self.snapshot.span;
        let total = self.counters(&super::common::ranking(self.snapshot, self.pane).total);
        let (part, whole) =
            (super::common::amount(counters, unit), super::common::amount(total, unit));
        let mut number = |column: Option<u16>, text: &str| {
            if let Some(end) = column {
                canvas.right(self.x + end, y, NUMBER, text, Tone::Plain);
            }
        };
        number(Some(columns.rate), &units::short(super::common::rate(span, counters, unit)));
        number(columns.packets, &units::short(span.per_second(counters.packets, 1)));
        number(columns.flows, &units::short(counters.flows));
        number(columns.share, &super::common::share(part, whole));
        if let Some((x, width)) = columns.bar.filter(|_| with_bar) {
            let (full, empty) = bar(units::percent(part, whole), width);
            let end = canvas.put(self.x + x, y, width, &full, Tone::Plain);
            canvas.put(end, y, width, &empty, Tone::Faint);
        }
    }
}
