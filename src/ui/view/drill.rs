//! The screen of one host: its rates, its last hour and its conversations.

use std::collections::HashMap;

use crate::flow::service::{protocol_name, service_name};
use crate::snapshot::{ConversationRow, Counters, Direction, HostDetail, Rates, Snapshot, UpDown};
use crate::units::{self, Unit};

use super::super::layout::{ScreenLayout, ScreenPart, WantedPart, one};
use super::super::model::{ConversationId, DrillScreen, Model};
use super::super::paint::{Canvas, LinePiece, columns, elide, pieces, spark};
use super::super::theme::Tone;
use super::{conversations::ConversationColumns, header, status, status_lines};

/// The widths left and right of the sparklines.
const LABEL: u16 = 5;
const MAX: u16 = 10;

/// The layout on a terminal of this height.
pub fn layout(model: &Model, snapshot: &Snapshot, height: u16) -> ScreenLayout {
    let mut wants =
        vec![one(ScreenPart::Header, 2), one(ScreenPart::Out, 3), one(ScreenPart::In, 4)];
    wants.extend([
        one(ScreenPart::UpSeries, 14),
        one(ScreenPart::DownSeries, 14),
        one(ScreenPart::Axis, 18),
    ]);
    if !status_lines::notes(model, snapshot).is_empty() {
        let from = if header::has_stopped(model, snapshot) { 9 } else { 20 };
        wants.push(WantedPart { part: ScreenPart::Strip, lines: 1, from });
    }
    wants.extend([
        one(ScreenPart::Heading, 6),
        one(ScreenPart::Rows, 0),
        one(ScreenPart::Others, 7),
    ]);
    wants.push(one(ScreenPart::Total, 9));
    wants.push(one(ScreenPart::Status, if status::is_urgent(model) { 4 } else { 12 }));
    wants.push(one(ScreenPart::Footer, 8));
    ScreenLayout::stack(height, &wants)
}

pub fn draw(canvas: &mut Canvas, model: &Model, screen: &DrillScreen, snapshot: &Snapshot) {
    let layout = layout(model, snapshot, canvas.height());
    if let Some(y) = layout.line(ScreenPart::Header) {
        header::draw(canvas, model, &format!("All > {}", screen.host), snapshot, y);
    }
    match snapshot.detail.as_ref().filter(|detail| detail.host == screen.host) {
        Some(detail) => {
            let drawing = DrillView { model, screen, snapshot, detail };
            drawing.summary(canvas, &layout);
            drawing.series(canvas, &layout);
            drawing.table(canvas, &layout);
        }
        None => {
            let y = layout.lines(ScreenPart::Rows).start;
            canvas.put(1, y, canvas.width(), "asking…", Tone::Plain);
        }
    }
    status_lines::draw(
        canvas,
        &status_lines::notes(model, snapshot),
        layout.lines(ScreenPart::Strip),
    );
    if let Some(y) = layout.line(ScreenPart::Status) {
        status::draw(canvas, model, snapshot, y);
    }
    if let Some(y) = layout.line(ScreenPart::Footer) {
        status::footer(canvas, model, y);
    }
}

struct DrillView<'a> {
    model: &'a Model,
    screen: &'a DrillScreen,
    snapshot: &'a Snapshot,
    detail: &'a HostDetail,
}

impl DrillView<'_> {
    fn unit(&self) -> Unit {
        self.model.options.unit
    }

    /// Draws the rows of rates: `UP` and `DOWN`.
    fn summary(&self, canvas: &mut Canvas, layout: &ScreenLayout) {
        let (traffic, totals) = (&self.detail.traffic, &self.snapshot.totals);
        if let Some(y) = layout.line(ScreenPart::Out) {
            let pick = |rates: &Rates| rates.up;
            self.rates(canvas, y, Direction::Up, pick, (&traffic.up, &totals.up));
        }
        if let Some(y) = layout.line(ScreenPart::In) {
            let pick = |rates: &Rates| rates.down;
            self.rates(canvas, y, Direction::Down, pick, (&traffic.down, &totals.down));
        }
    }

    fn rates(
        &self,
        canvas: &mut Canvas,
        y: u16,
        direction: Direction,
        pick: impl Fn(&Rates) -> u64,
        (part, whole): (&Counters, &Counters),
    ) {
        let (detail, unit) = (self.detail, self.unit());
        let (label, line) = match direction {
            Direction::Up => ("UP  ", "OUT"),
            Direction::Down => ("DOWN", "IN"),
        };
        let rate = |rates: &Rates| format!("{:>5}", super::common::bits(pick(rates), unit));
        let mut left = vec![LinePiece::new(0, Tone::Strong, label)];
        let filtered = !self.snapshot.view.filter.is_any();
        if unit == Unit::Packets {
            let rate = units::short(super::common::rate(&self.snapshot.span, part, unit));
            let window = self.snapshot.view.window.name();
            left.push(LinePiece::new(1, Tone::Plain, format!("{rate:>5} packets/s {window}")));
        } else {
            // The history of a host covers all its traffic, whatever the filter.
            let scope = if filtered { "all traffic:" } else { "" };
            left.push(LinePiece::new(2, Tone::Plain, scope));
            left.push(LinePiece::new(1, Tone::Plain, format!("{} now", rate(&detail.now))));
            left.push(LinePiece::new(5, Tone::Plain, format!("{} 1m", rate(&detail.minute))));
            left.push(LinePiece::new(6, Tone::Plain, format!("{} 15m", rate(&detail.quarter))));
            left.push(LinePiece::new(4, Tone::Plain, format!("peak {}", rate(&detail.peak))));
        }
        let share = super::common::share(
            super::common::amount(part, unit),
            super::common::amount(whole, unit),
        );
        let share = match filtered {
            true => format!("filtered {share} of {line}"),
            false => format!("{share:>4} of {line}"),
        };
        left.push(LinePiece::new(3, Tone::Plain, share));
        if let Some(alert) = super::common::host_alert(self.snapshot, detail.host, direction) {
            let (mark, tone) = (
                super::common::severity_mark(alert.severity),
                super::common::severity_tone(alert.severity),
            );
            let text = format!("{mark} limit {}", super::common::alert_rate(alert.limit, unit));
            left.push(LinePiece::new(2, tone, text));
        }
        if let (Direction::Down, Some(via)) = (direction, detail.via) {
            let text = format!("via {}", via.exit(&self.snapshot.health));
            left.push(LinePiece::new(7, Tone::Plain, text));
        }
        pieces(canvas, y, left, Vec::new());
    }

    /// Draws the last hour as two sparklines with a time axis.
    fn series(&self, canvas: &mut Canvas, layout: &ScreenLayout) {
        let series = &self.detail.series;
        let step = series.step_ms.max(1);
        let room = canvas.width().saturating_sub(LABEL + MAX);
        let rows = [
            (ScreenPart::UpSeries, "UP", &series.up),
            (ScreenPart::DownSeries, "DOWN", &series.down),
        ];
        for (part, label, values) in rows {
            let Some(y) = layout.line(part) else { continue };
            let most = values.iter().copied().max().unwrap_or(0);
            let line = spark(values, series.end.0.div_euclid(step), room, most);
            canvas.put(0, y, LABEL, label, Tone::Strong);
            canvas.put(LABEL, y, room, &line, Tone::Plain);
            let text = format!("max {:>5}", super::common::bits(most, self.unit()));
            canvas.right(canvas.width(), y, MAX, &text, Tone::Plain);
        }
        let Some(y) = layout.line(ScreenPart::Axis) else { return };
        let count = series.up.len().max(series.down.len());
        let (Ok(values), true) = (u16::try_from(count), room >= 20 && count > 0) else { return };
        let drawn = if values <= room { values * (room / values) } else { room };
        let whole = step.saturating_mul(i64::from(values)) / 60_000;
        let end = LABEL + room;
        canvas.right(end, y, 3, "now", Tone::Faint);
        for quarter in 1..=4u16 {
            let text = format!("-{}m", whole * i64::from(quarter) / 4);
            let x = end - drawn * quarter / 4;
            if x + columns(&text) + 4 < end {
                canvas.put(x, y, 6, &text, Tone::Faint);
            }
        }
    }

    fn table(&self, canvas: &mut Canvas, layout: &ScreenLayout) {
        let ranking = &self.detail.conversations;
        let rows: HashMap<ConversationId, &ConversationRow> =
            ranking.rows.iter().map(|row| (ConversationId::from(row), row)).collect();
        let longest = ranking.rows.iter().map(|row| columns(&row.peer.to_string()));
        let paths = ranking.rows.iter().map(|row| columns(&self.path(row)));
        let (longest, path) = (longest.max().unwrap_or(0), paths.max().unwrap_or(0));
        let columns = ConversationColumns::fit(canvas.width(), longest, path);
        if let Some(y) = layout.line(ScreenPart::Heading) {
            columns.heading(canvas, y, self.snapshot.view.order, self.unit());
        }
        let lines = layout.lines(ScreenPart::Rows);
        let list = &self.screen.list;
        let start = list.start(lines.len());
        let mut shown = UpDown::default();
        let mut count = 0;
        for (y, key) in lines.clone().zip(list.keys().iter().skip(start)) {
            let Some(row) = rows.get(key) else { continue };
            self.row(canvas, &columns, y, row, list.selected() == Some(*key));
            shown += row.traffic;
            count += 1;
        }
        if count == 0 {
            let text = "no conversation in this window";
            super::common::empty(canvas, self.snapshot, text, (2, canvas.width()), lines);
        }
        if let Some(y) = layout.line(ScreenPart::Others) {
            let name = format!("~others {}", ranking.count.saturating_sub(count));
            canvas.put(1, y, canvas.width(), &name, Tone::Plain);
            columns.numbers(canvas, y, &self.figures(&ranking.total.less(&shown)));
        }
        if let Some(y) = layout.line(ScreenPart::Total) {
            let rate = |traffic: &UpDown| {
                units::short(super::common::rate(&self.snapshot.span, &traffic.sum(), self.unit()))
            };
            let filtered = if self.snapshot.view.filter.is_any() { "" } else { "filtered: " };
            let text = format!(
                "{filtered}{count} of {} rows, shown {} of {}",
                ranking.count,
                rate(&shown),
                rate(&ranking.total)
            );
            let end = canvas.put(2, y, canvas.width(), &text, Tone::Plain);
            if columns.leaves_room(end) {
                columns.numbers(canvas, y, &self.figures(&ranking.total));
            }
        }
    }

    fn row(
        &self,
        canvas: &mut Canvas,
        columns: &ConversationColumns,
        y: u16,
        row: &ConversationRow,
        selected: bool,
    ) {
        let width = canvas.width();
        if selected {
            canvas.put(0, y, 1, ">", Tone::Strong);
        }
        canvas.put(2, y, columns.peer, &elide(&row.peer.to_string(), columns.peer), Tone::Plain);
        let port = if row.port == 0 { "-".to_owned() } else { row.port.to_string() };
        let service = service_name(row.port).unwrap_or_default();
        let proto = protocol_name(row.proto).map_or_else(|| row.proto.to_string(), str::to_owned);
        columns.protocol_cells(canvas, y, &port, service, &proto);
        let figures = self.figures(&row.traffic);
        columns.numbers(canvas, y, &figures);
        columns.bar(canvas, y, figures.percent);
        let age = units::duration(self.snapshot.span.end.since(row.first_pane));
        columns.age(canvas, y, &age);
        columns.via(canvas, y, &self.path(row), Tone::Plain);
        if selected {
            canvas.tint(0, y, width, Tone::Selected);
        }
    }

    /// The path of a conversation; empty if it is unknown.
    fn path(&self, row: &ConversationRow) -> String {
        row.via.map(|via| via.label(&self.snapshot.health)).unwrap_or_default()
    }

    /// Up, down, packets, flows and share as text, and the share as a number.
    fn figures(&self, traffic: &UpDown) -> super::conversations::Figures {
        let (span, unit) = (&self.snapshot.span, self.unit());
        let (sum, whole) = (traffic.sum(), self.detail.conversations.total.sum());
        let (part, whole) =
            (super::common::amount(&sum, unit), super::common::amount(&whole, unit));
        super::conversations::Figures {
            up: units::short(super::common::rate(span, &traffic.up, unit)),
            down: units::short(super::common::rate(span, &traffic.down, unit)),
            packets: units::short(span.per_second(sum.packets, 1)),
            flows: units::short(sum.flows),
            percent: units::percent(part, whole),
        }
    }
}
