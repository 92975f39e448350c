//! From a model and a snapshot to a screen full of text.

mod collecting;
mod columns;
mod conversations;
mod drill;
mod exporter;
mod exporters;
mod figures;
mod first;
mod grid;
mod groups;
mod header;
mod help;
mod main;
mod panes;
mod status;
mod strip;
mod totals;

use ratatui::buffer::Buffer;

use crate::snapshot::{Alert, AlertSubject, Counters, Direction, HostRow, Ranking, Severity};
use crate::snapshot::{Snapshot, SortKey, Span};
use crate::units::Unit;

use super::model::{Model, Pane, Screen};
use super::paint::Canvas;
use super::theme::Tone;

/// Draws the whole screen. The buffer is taken to be empty.
pub fn view(model: &Model, snapshot: &Snapshot, buffer: &mut Buffer) {
    let mut canvas = Canvas::new(buffer, model.options.theme);
    match &model.screens.top {
        Screen::Main(screen) => main::draw(&mut canvas, model, screen, snapshot),
        Screen::Groups(screen) => main::draw_groups(&mut canvas, model, screen, snapshot),
        Screen::Drill(screen) => drill::draw(&mut canvas, model, screen, snapshot),
        Screen::Exporters(screen) => exporters::draw(&mut canvas, model, screen, snapshot),
        Screen::Exporter(screen) => exporter::draw(&mut canvas, model, screen, snapshot),
        Screen::Help(screen) => help::draw(&mut canvas, model, screen, snapshot),
    }
}

/// How many rows of the screen's list fit on the terminal.
pub fn page(model: &Model, snapshot: &Snapshot) -> usize {
    let size @ (_, height) = model.size;
    match &model.screens.top {
        Screen::Main(_) | Screen::Groups(_) => main::layout(model, snapshot, size).page(),
        Screen::Drill(_) => drill::layout(model, snapshot, height).page(),
        Screen::Exporters(screen) => exporters::layout(model, screen, snapshot).page(),
        Screen::Exporter(screen) => exporter::layout(model, screen, snapshot).page(),
        Screen::Help(_) => help::layout(height).page(),
    }
}

/// How many lines of text there are to scroll through, 0 where there is a list.
pub fn length(model: &Model, snapshot: &Snapshot) -> usize {
    match &model.screens.top {
        Screen::Exporters(screen) if screen.collecting.is_some() => {
            collecting::lines(snapshot, model.size.0).len()
        }
        Screen::Exporter(screen) => exporter::length(screen, snapshot),
        Screen::Help(screen) => help::lines(screen.about).len(),
        Screen::Main(_) | Screen::Groups(_) | Screen::Drill(_) | Screen::Exporters(_) => 0,
    }
}

/// The table of a pane.
pub fn ranking(snapshot: &Snapshot, pane: Pane) -> &Ranking<HostRow> {
    match pane {
        Pane::Up => &snapshot.uploaders,
        Pane::Down => &snapshot.downloaders,
    }
}

/// What a share is a share of: bytes, or packets when those are shown.
fn amount(counters: &Counters, unit: Unit) -> u64 {
    match unit {
        Unit::Packets => counters.packets,
        Unit::Bits | Unit::Bytes => counters.bytes,
    }
}

/// The mean rate in the unit shown.
fn rate(span: &Span, counters: &Counters, unit: Unit) -> u64 {
    match unit {
        Unit::Bits => span.bits_per_second(counters.bytes),
        Unit::Bytes => span.per_second(counters.bytes, 1),
        Unit::Packets => span.per_second(counters.packets, 1),
    }
}

/// A rate known only in bit/s as text in the unit shown, `-` for packets.
fn bits(bits: u64, unit: Unit) -> String {
    match unit {
        Unit::Bits => crate::units::short(bits),
        Unit::Bytes => crate::units::short(bits / 8),
        Unit::Packets => "-".to_owned(),
    }
}

/// A share as text, at most four columns.
fn share(part: u64, whole: u64) -> String {
    format!("{}%", crate::units::percent(part, whole).min(999))
}

/// A size of memory as people name it: `64 MiB`, `208 KiB`, `212.5 KiB`.
fn memory(bytes: usize) -> String {
    let (unit, name) = if bytes < 1 << 20 { (1 << 10, "KiB") } else { (1 << 20, "MiB") };
    if bytes.is_multiple_of(unit) {
        format!("{} {name}", bytes / unit)
    } else {
        format!("{:.1} {name}", bytes as f64 / unit as f64)
    }
}

/// What stands in a table without rows: why, and what there is to know.
fn empty(
    canvas: &mut Canvas,
    snapshot: &Snapshot,
    why: &str,
    (from, to): (u16, u16),
    lines: std::ops::Range<u16>,
) {
    let room = to.saturating_sub(from);
    let note = snapshot.notes.first().map(|note| strip::wrapped(note.split(' '), room));
    let said = std::iter::once(why.to_owned()).chain(note.unwrap_or_default());
    for (y, text) in lines.zip(said) {
        canvas.put(from, y, room, &text, Tone::Plain);
    }
}

fn severity_tone(severity: Severity) -> Tone {
    match severity {
        Severity::Warning => Tone::Warning,
        Severity::Critical => Tone::Critical,
    }
}

fn severity_mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "!",
        Severity::Critical => "!!",
    }
}

/// The alert on one direction of a host.
fn host_alert(
    snapshot: &Snapshot,
    host: crate::flow::Host,
    direction: Direction,
) -> Option<&Alert> {
    let subject = AlertSubject::Host(host, direction);
    snapshot.alerts.iter().find(|alert| alert.subject == subject)
}

/// An alert's rates as text: always of bits or bytes, said where the header
/// names packets.
fn alert_rate(bits: u64, unit: Unit) -> String {
    match unit {
        Unit::Packets => format!("{} bit/s", crate::units::short(bits)),
        Unit::Bits | Unit::Bytes => self::bits(bits, unit),
    }
}

/// Whether the columns of rates are what `key` sorts by, `bytes` being the
/// keys that mean bytes there.
fn sorts_rates(key: SortKey, unit: Unit, bytes: &[SortKey]) -> bool {
    match unit {
        Unit::Packets => key == SortKey::Packets,
        Unit::Bits | Unit::Bytes => bytes.contains(&key),
    }
}

/// The sign of a sorted column.
fn sort_sign(reverse: bool) -> &'static str {
    if reverse { "▲" } else { "▼" }
}
