//! Functions that several screens use: figures as text, signs, tones.

use crate::snapshot::{
    Alert, AlertSubject, AnswerSpan, Counters, Direction, HostRow, Ranking, Severity, Snapshot,
    SortKey,
};
use crate::units::Unit;

use super::super::model::Pane;
use super::super::paint::{Canvas, columns};
use super::super::theme::Tone;

/// The table of a pane.
pub fn ranking(snapshot: &Snapshot, pane: Pane) -> &Ranking<HostRow> {
    match pane {
        Pane::Up => &snapshot.uploaders,
        Pane::Down => &snapshot.downloaders,
    }
}

/// The amount that shares are computed from: bytes, or packets if those are shown.
pub(super) fn amount(counters: &Counters, unit: Unit) -> u64 {
    match unit {
        Unit::Packets => counters.packets,
        Unit::Bits | Unit::Bytes => counters.bytes,
    }
}

/// The mean rate in the displayed unit.
pub(super) fn rate(span: &AnswerSpan, counters: &Counters, unit: Unit) -> u64 {
    match unit {
        Unit::Bits => span.bits_per_second(counters.bytes),
        Unit::Bytes => span.per_second(counters.bytes, 1),
        Unit::Packets => span.per_second(counters.packets, 1),
    }
}

/// A rate in bit/s as text in the displayed unit; `-` for packets.
pub(super) fn bits(bits: u64, unit: Unit) -> String {
    match unit {
        Unit::Bits => crate::units::short(bits),
        Unit::Bytes => crate::units::short(bits / 8),
        Unit::Packets => "-".to_owned(),
    }
}

/// A share as text, at most four columns wide.
pub(super) fn share(part: u64, whole: u64) -> String {
    format!("{}%", crate::units::percent(part, whole).min(999))
}

/// A size of memory as text: `64 MiB`, `208 KiB`, `212.5 KiB`.
pub(super) fn memory(bytes: usize) -> String {
    let (unit, name) = if bytes < 1 << 20 { (1 << 10, "KiB") } else { (1 << 20, "MiB") };
    if bytes.is_multiple_of(unit) {
        format!("{} {name}", bytes / unit)
    } else {
        format!("{:.1} {name}", bytes as f64 / unit as f64)
    }
}

/// Draws the text of a table without rows: the reason, and the first note.
pub(super) fn empty(
    canvas: &mut Canvas,
    snapshot: &Snapshot,
    why: &str,
    (from, to): (u16, u16),
    lines: std::ops::Range<u16>,
) {
    let room = to.saturating_sub(from);
    let note = snapshot.notes.first().map(|note| wrapped(note.split(' '), room));
    let said = std::iter::once(why.to_owned()).chain(note.unwrap_or_default());
    for (y, text) in lines.zip(said) {
        canvas.put(from, y, room, &text, Tone::Plain);
    }
}

pub(super) fn severity_tone(severity: Severity) -> Tone {
    match severity {
        Severity::Warning => Tone::Warning,
        Severity::Critical => Tone::Critical,
    }
}

pub(super) fn severity_mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "!",
        Severity::Critical => "!!",
    }
}

/// The alert for one direction of a host.
pub(super) fn host_alert(
    snapshot: &Snapshot,
    host: crate::flow::Host,
    direction: Direction,
) -> Option<&Alert> {
    let subject = AlertSubject::Host(host, direction);
    snapshot.alerts.iter().find(|alert| alert.subject == subject)
}

/// The rate of an alert as text: always in bits or bytes, with the unit if the header shows
/// packets.
pub(super) fn alert_rate(bits: u64, unit: Unit) -> String {
    match unit {
        Unit::Packets => format!("{} bit/s", crate::units::short(bits)),
        Unit::Bits | Unit::Bytes => self::bits(bits, unit),
    }
}

/// Whether the columns of rates are sorted by `key`; `bytes` are the keys that stand for bytes
/// there.
pub(super) fn sorts_rates(key: SortKey, unit: Unit, bytes: &[SortKey]) -> bool {
    match unit {
        Unit::Packets => key == SortKey::Packets,
        Unit::Bits | Unit::Bytes => bytes.contains(&key),
    }
}

/// The sign of a sorted column.
pub(super) fn sort_sign(reverse: bool) -> &'static str {
    if reverse { "▲" } else { "▼" }
}

/// Words in lines of at most `width` columns; a longer word gets its own line.
pub fn wrapped<'a>(words: impl Iterator<Item = &'a str>, width: u16) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if columns(line).saturating_add(columns(word) + 1) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
