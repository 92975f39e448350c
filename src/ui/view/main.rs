//! The main screen: totals and the worst alerts above the tables of hosts or of other keys.

use crate::snapshot::{Direction, Snapshot};

use super::super::layout::{ScreenLayout, ScreenPart, WantedPart, one};
use super::super::model::{GroupsScreen, MainScreen, Model, Screen};
use super::super::paint::{Canvas, elide, elide_end, elide_start};
use super::super::theme::Tone;
use super::{first, groups, header, panes, status, status_lines, totals};

/// The heights from which a terminal shows more than one message.
const TALL: u16 = 30;
const MEDIUM: u16 = 20;
const MESSAGES_WHEN_TALL: usize = 3;

/// The largest number of lines that explain the tables.
const BASIS_LINES: u16 = 2;

/// The width of the label of an opened row.
const LABEL: u16 = 26;

/// The layout on a terminal of this size.
pub fn layout(model: &Model, snapshot: &Snapshot, (width, height): (u16, u16)) -> ScreenLayout {
    let messages = status_lines::messages(model, snapshot).len();
    let lines = match height {
        TALL.. => messages.clamp(1, MESSAGES_WHEN_TALL),
        // The worst message, and the one that explains the answer.
        MEDIUM.. if !snapshot.notes.is_empty() => messages.clamp(1, 2),
        _ => 1,
    };
    let strip = WantedPart {
        part: ScreenPart::Strip,
        lines: u16::try_from(lines).unwrap_or(1),
        from: if messages > 0 { 9 } else { 14 },
    };
    let mut wants =
        vec![one(ScreenPart::Header, 3), one(ScreenPart::In, 1), one(ScreenPart::Out, 2)];
    if totals::has_mix(snapshot) {
        wants.push(one(ScreenPart::Mix, 12));
    }
    wants.push(strip);
    let basis = u16::try_from(status_lines::basis(snapshot, width).len()).unwrap_or(0);
    wants.push(WantedPart { part: ScreenPart::Basis, lines: basis.min(BASIS_LINES), from: 12 });
    if first::is_due(snapshot) {
        wants.push(one(ScreenPart::Rows, 0));
    } else {
        wants.extend([
            one(ScreenPart::Heading, 6),
            one(ScreenPart::Rows, 0),
            one(ScreenPart::Others, 7),
        ]);
        wants.push(one(ScreenPart::Total, 10));
    }
    if snapshot.health.demo.is_some() {
        wants.push(one(ScreenPart::Demo, 13));
    }
    wants.push(one(ScreenPart::Status, if status::is_urgent(model) { 4 } else { 12 }));
    wants.push(one(ScreenPart::Footer, 8));
    ScreenLayout::stack(height, &wants)
}

pub fn draw(canvas: &mut Canvas, model: &Model, screen: &MainScreen, snapshot: &Snapshot) {
    let layout = frame(canvas, model, snapshot);
    if !first::is_due(snapshot) {
        panes::draw(canvas, model, screen, snapshot, &layout);
    }
}

/// Draws the same screen with a table by another key than hosts.
pub fn draw_groups(canvas: &mut Canvas, model: &Model, screen: &GroupsScreen, snapshot: &Snapshot) {
    let layout = frame(canvas, model, snapshot);
    if !first::is_due(snapshot) {
        groups::draw(canvas, model, screen, snapshot, &layout);
    }
}

/// The title: the rows that were opened on the way here.
fn title(model: &Model, width: u16) -> String {
    let mut labels: Vec<String> = model
        .screens
        .downward()
        .filter_map(|screen| match screen {
            Screen::Main(MainScreen { origin, .. }) => origin.as_ref(),
            _ => None,
        })
        .map(|origin| elide(&origin.label, LABEL))
        .collect();
    if labels.is_empty() {
        return "toptalk".to_owned();
    }
    labels.push("All".to_owned());
    labels.reverse();
    elide_start(&labels.join(" > "), (width / 2).max(LABEL))
}

/// Draws everything around the tables, and the text shown instead of them while there is no
/// traffic.
fn frame(canvas: &mut Canvas, model: &Model, snapshot: &Snapshot) -> ScreenLayout {
    let layout = layout(model, snapshot, (canvas.width(), canvas.height()));
    let width = canvas.width();
    if let Some(y) = layout.line(ScreenPart::Header) {
        header::draw(canvas, model, &title(model, width), snapshot, y);
    }
    for (part, direction) in [(ScreenPart::In, Direction::Down), (ScreenPart::Out, Direction::Up)] {
        if let Some(y) = layout.line(part) {
            totals::draw(canvas, model, snapshot, direction, y);
        }
    }
    if let Some(y) = layout.line(ScreenPart::Mix) {
        totals::mix(canvas, model, snapshot, y);
    }
    status_lines::draw(
        canvas,
        &status_lines::messages(model, snapshot),
        layout.lines(ScreenPart::Strip),
    );
    for (y, text) in layout.lines(ScreenPart::Basis).zip(status_lines::basis(snapshot, width)) {
        canvas.put(0, y, width, &text, Tone::Warning);
    }
    if first::is_due(snapshot) {
        first::draw(canvas, model, snapshot, layout.lines(ScreenPart::Rows));
    }
    if let (Some(y), Some(text)) = (layout.line(ScreenPart::Demo), &snapshot.health.demo) {
        canvas.put(0, y, width, &elide_end(text, width), Tone::Strong);
    }
    if let Some(y) = layout.line(ScreenPart::Status) {
        status::draw(canvas, model, snapshot, y);
    }
    if let Some(y) = layout.line(ScreenPart::Footer) {
        status::footer(canvas, model, y);
    }
    layout
}
