//! The list of exporters with their conditions, and the state of the collector.

use std::collections::HashMap;

use crate::flow::Host;
use crate::snapshot::{Condition, ExporterHealth, Snapshot};
use crate::units;

use super::super::exporter_order::ExporterKey;
use super::super::exporters::ExportersScreen;
use super::super::layout::{ScreenLayout, ScreenPart, WantedPart, one};
use super::super::model::Model;
use super::super::paint::{Canvas, LinePiece, elide_end, pieces};
use super::super::theme::Tone;
use super::figures::{ago, clock, mark, part, proto, rate, sampling, span, templates, tone};
use super::grid::{ColumnKind, Grid, GridColumn, number, text};
use super::{collecting, header, status, status_lines};

/// The columns of `>` and of the mark.
const BEFORE: u16 = 3;

const STATE: &str = "ST";

const COLUMNS: [GridColumn; 16] = [
    GridColumn { title: "EXPORTER", kind: ColumnKind::Address(39), least: 15, rank: 0 },
    text("PROTO", 7, 9, 4),
    number("PKT/s", 7, 5),
    number("FLOW/s", 8, 1),
    number("LOST", 6, 2),
    number("HELD", 6, 9),
    number("DOUBLED", 8, 10),
    number("TMPL", 7, 7),
    number("SAMPLE", 8, 6),
    number("CLOCK", 7, 8),
    number("TIMEOUT", 9, 11),
    number("DELAY", 7, 12),
    number("RESTARTS", 9, 13),
    number("LAST", 7, 3),
    text(STATE, 5, 5, 0),
    text("CONDITION", 31, 120, 14),
];

/// The number of lines for the condition of the selected exporter.
fn condition_lines(width: u16, height: u16) -> u16 {
    match (width, height) {
        (_, 30..) => 4,
        (0..60, 10..) => 3,
        (_, 10..) => 2,
        _ => 1,
    }
}

/// The layout of the screen.
pub fn layout(model: &Model, screen: &ExportersScreen, snapshot: &Snapshot) -> ScreenLayout {
    let (width, height) = model.size;
    let status = one(ScreenPart::Status, if status::is_urgent(model) { 4 } else { 12 });
    let mut wants = vec![one(ScreenPart::Header, 2)];
    let stopped = status_lines::ended(model, snapshot).len();
    wants.push(WantedPart {
        part: ScreenPart::Strip,
        lines: u16::try_from(stopped).unwrap_or(1),
        from: 5,
    });
    if screen.collecting.is_some() {
        wants.extend([one(ScreenPart::Rows, 0), status, one(ScreenPart::Footer, 4)]);
        return ScreenLayout::stack(height, &wants);
    }
    let exporters = snapshot.health.exporters.len();
    wants.extend([one(ScreenPart::Heading, 6), one(ScreenPart::Rows, 0)]);
    if exporters > 1 {
        wants.push(one(ScreenPart::Total, 9));
    }
    let lines = if exporters > 0 { condition_lines(width, height) } else { 0 };
    wants.push(WantedPart { part: ScreenPart::Condition, lines, from: 7 });
    let at = wants.len();
    wants.extend([status, one(ScreenPart::Footer, 8)]);
    // The state of the collector gets the lines that the list does not need.
    let free = ScreenLayout::stack(height, &wants).page();
    let least = match height {
        20.. => 2,
        14.. => 1,
        _ => 0,
    };
    let facts = collecting::lines(snapshot, width).len();
    let lines = facts.min(free.saturating_sub(exporters.max(3)).max(least));
    let lines = u16::try_from(lines).unwrap_or(u16::MAX);
    wants.insert(at, WantedPart { part: ScreenPart::Collecting, lines, from: 0 });
    ScreenLayout::stack(height, &wants)
}

pub fn draw(canvas: &mut Canvas, model: &Model, screen: &ExportersScreen, snapshot: &Snapshot) {
    let layout = layout(model, screen, snapshot);
    let width = canvas.width();
    status_lines::draw(
        canvas,
        &status_lines::ended(model, snapshot),
        layout.lines(ScreenPart::Strip),
    );
    let lines = collecting::lines(snapshot, width);
    match screen.collecting {
        Some(top) => {
            let room = layout.lines(ScreenPart::Rows);
            let top = top.min(lines.len().saturating_sub(room.len()));
            if let Some(y) = layout.line(ScreenPart::Header) {
                let position = collecting::position(top, room.len(), lines.len());
                heading(canvas, model, ("All > Collecting", &position), snapshot, y);
            }
            collecting::draw(canvas, &lines[top..], room, None);
        }
        None => {
            if let Some(y) = layout.line(ScreenPart::Header) {
                heading(canvas, model, ("All > Exporters", ""), snapshot, y);
            }
            table(canvas, screen, snapshot, &layout);
            let room = layout.lines(ScreenPart::Collecting);
            collecting::draw(canvas, &lines, room, Some("Tab"));
        }
    }
    if let Some(y) = layout.line(ScreenPart::Status) {
        if status::is_urgent(model) {
            status::draw(canvas, model, snapshot, y);
        } else {
            status::of_exporters(canvas, model, screen.order, snapshot, y);
        }
    }
    if let Some(y) = layout.line(ScreenPart::Footer) {
        status::footer(canvas, model, y);
    }
}

/// Draws the top line: which lines are visible, if not all are, and the sums of all exporters.
fn heading(
    canvas: &mut Canvas,
    model: &Model,
    (title, position): (&str, &str),
    snapshot: &Snapshot,
    y: u16,
) {
    let health = &snapshot.health;
    let sum = |get: fn(&ExporterHealth) -> f64| health.exporters.iter().map(get).sum::<f64>();
    let total = |get: fn(&ExporterHealth) -> u64| {
        health.exporters.iter().fold(0u64, |sum, exporter| sum.saturating_add(get(exporter)))
    };
    let lost = total(|exporter| exporter.lost);
    let sent = lost.saturating_add(total(ExporterHealth::received));
    let kernel =
        health.listeners.iter().fold(0u64, |sum, one| sum.saturating_add(one.kernel_drops));
    let tone = |count: u64| if count == 0 { Tone::Plain } else { Tone::Warning };
    let mut left = vec![
        LinePiece::new(1, Tone::Strong, title),
        LinePiece::new(2, Tone::Plain, position),
        LinePiece::new(6, Tone::Plain, format!("{} pkt/s", rate(sum(|e| e.datagrams_per_s)))),
        LinePiece::new(4, Tone::Plain, format!("{} flow/s", rate(sum(|e| e.flows_per_s)))),
        LinePiece::new(5, tone(kernel), format!("socket drops {}", units::short(kernel))),
        LinePiece::new(3, tone(lost), format!("lost {}", part(lost, sent))),
    ];
    left.extend(header::state(model, snapshot));
    let right = vec![header::alerts(snapshot), LinePiece::new(7, Tone::Plain, "?help")];
    pieces(canvas, y, left, right);
}

/// Draws the top line of one exporter's screen.
pub fn heading_of_one(
    canvas: &mut Canvas,
    model: &Model,
    title: &str,
    snapshot: &Snapshot,
    y: u16,
) {
    let mut left = vec![LinePiece::new(0, Tone::Strong, title)];
    left.extend(header::state(model, snapshot));
    pieces(
        canvas,
        y,
        left,
        vec![header::alerts(snapshot), LinePiece::new(7, Tone::Plain, "?help")],
    );
}

fn table(
    canvas: &mut Canvas,
    screen: &ExportersScreen,
    snapshot: &Snapshot,
    layout: &ScreenLayout,
) {
    let now = snapshot.captured_at;
    let width = canvas.width();
    let exporters: HashMap<Host, &ExporterHealth> =
        snapshot.health.exporters.iter().map(|one| (one.address, one)).collect();
    let rows = layout.lines(ScreenPart::Rows);
    let list = &screen.list;
    let start = list.start(rows.len());
    let shown: Vec<(&ExporterHealth, Condition)> = (list.keys().iter().skip(start))
        .take(rows.len())
        .filter_map(|host| exporters.get(host).map(|one| (*one, one.condition(now))))
        .collect();
    let cells: Vec<Vec<String>> =
        shown.iter().map(|(one, condition)| cells(one, condition, snapshot)).collect();
    let total = total(snapshot);
    let widths: Vec<Vec<String>> = cells.iter().cloned().chain([total.clone()]).collect();
    let grid = Grid::fit(&COLUMNS, &widths, (BEFORE, width));
    if let Some(y) = layout.line(ScreenPart::Heading) {
        let sign = super::common::sort_sign(screen.order.reverse);
        grid.heading(canvas, y, Some((title(screen.order.key), sign)));
    }
    for (y, ((one, condition), cells)) in rows.clone().zip(shown.iter().zip(&cells)) {
        let selected = list.selected() == Some(one.address);
        canvas.put(0, y, 1, if selected { ">" } else { " " }, Tone::Strong);
        let (mark, tone) = (mark(condition.mark), tone(condition.mark));
        canvas.right(BEFORE, y, 2, mark, tone);
        let tone_of = |title| if title == STATE { tone } else { Tone::Plain };
        grid.row(canvas, y, cells, tone_of);
        if selected {
            canvas.tint(0, y, width, Tone::Selected);
        }
    }
    if shown.is_empty() {
        super::common::empty(
            canvas,
            snapshot,
            "no exporter has sent anything yet",
            (1, width),
            rows,
        );
    }
    if let Some(y) = layout.line(ScreenPart::Total) {
        grid.row(canvas, y, &total, |_| Tone::Plain);
    }
    if let Some(one) = list.selected().and_then(|host| exporters.get(&host)) {
        condition(canvas, one, snapshot, layout.lines(ScreenPart::Condition));
    }
}

/// Draws all conditions of an exporter, the worst first, as far as they fit.
pub fn condition(
    canvas: &mut Canvas,
    exporter: &ExporterHealth,
    snapshot: &Snapshot,
    room: std::ops::Range<u16>,
) {
    let width = canvas.width();
    let all = exporter.conditions(snapshot.captured_at);
    let lines = conditions(&all, width);
    let left = lines.len() > room.len();
    let last = room.end.saturating_sub(1);
    for (y, (line, tone)) in room.zip(lines) {
        let cut = left && y == last;
        let line = if cut { elide_end(&format!("{line} …"), width) } else { line };
        canvas.put(0, y, width, &line, tone);
    }
}

/// The conditions as lines of at most `width` columns.
pub fn conditions(all: &[Condition], width: u16) -> Vec<(String, Tone)> {
    let mut lines = Vec::new();
    for condition in all {
        let tone = tone(condition.mark);
        let text = format!("{} {}", condition.mark.word(), condition.text);
        lines.extend(
            super::common::wrapped(text.split(' '), width).into_iter().map(|line| (line, tone)),
        );
    }
    lines
}

/// The title of the sorted column.
fn title(key: ExporterKey) -> &'static str {
    match key {
        ExporterKey::Flows => "FLOW/s",
        ExporterKey::Datagrams => "PKT/s",
        ExporterKey::Lost => "LOST",
        ExporterKey::State => STATE,
        ExporterKey::Last => "LAST",
        ExporterKey::Clock => "CLOCK",
        ExporterKey::Address => "EXPORTER",
    }
}

/// The cells of a row, one per column of [`COLUMNS`].
fn cells(exporter: &ExporterHealth, condition: &Condition, snapshot: &Snapshot) -> Vec<String> {
    let silent = snapshot.captured_at.since(exporter.last_seen);
    vec![
        exporter.address.to_string(),
        proto(exporter.protocol).to_owned(),
        rate(exporter.datagrams_per_s),
        rate(exporter.flows_per_s),
        units::short(exporter.lost),
        units::short(exporter.held as u64),
        units::short(exporter.doubled),
        templates(exporter),
        sampling(exporter.sampling),
        clock(exporter),
        exporter.active_timeout_ms.map_or("-".to_owned(), |ms| format!("~{}", span(ms))),
        exporter.export_delay_ms.map_or("-".to_owned(), span),
        units::short(u64::from(exporter.restarts)),
        ago(exporter, silent),
        condition.mark.word().to_owned(),
        condition.text.clone(),
    ]
}

/// The sums below the rows.
fn total(snapshot: &Snapshot) -> Vec<String> {
    let all = &snapshot.health.exporters;
    let sum = |get: fn(&ExporterHealth) -> u64| {
        units::short(all.iter().fold(0u64, |sum, one| sum.saturating_add(get(one))))
    };
    let rates = |get: fn(&ExporterHealth) -> f64| rate(all.iter().map(get).sum());
    let blank = String::new;
    vec![
        format!("total {}", all.len()),
        blank(),
        rates(|one| one.datagrams_per_s),
        rates(|one| one.flows_per_s),
        sum(|one| one.lost),
        sum(|one| one.held as u64),
        sum(|one| one.doubled),
        blank(),
        blank(),
        blank(),
        blank(),
        blank(),
        sum(|one| u64::from(one.restarts)),
        blank(),
        blank(),
        blank(),
    ]
}
