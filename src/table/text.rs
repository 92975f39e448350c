//! The answer of `toptalk top` for people: aligned columns and a few sentences.

use jiff::tz::TimeZone;

use super::{protocol, service};
use crate::flow::service::OTHER;
use crate::snapshot::{
    AnswerSpan, Completeness, Counters, Grouping, HostRow, RecordingHealth, SamplingState,
    Snapshot, Subject, UpDown,
};
use crate::text;
use crate::units::{duration, rfc3339_in, short};

/// The mark of a host whose figures may be too low.
const LOW: &str = " +";
/// The text of a missing figure.
const NONE: &str = "-";
const FIGURES: [&str; 5] = ["UP/s", "DOWN/s", "UP", "DOWN", "FLOWS"];

/// The table of hosts, or of one host's conversations, with the sum of all rows not listed,
/// followed by lines about the window, the exporters, dropped data by cause, and notes. Rates
/// are bit/s and sizes bytes, both in powers of 1000. Ends with a newline.
#[must_use]
pub fn text(snapshot: &Snapshot, zone: &TimeZone) -> String {
    let mut out = match (&snapshot.view.subject, &snapshot.detail) {
        (Subject::Host(_), Some(_)) => conversations(snapshot),
        (Subject::Groups(grouping), _) => groups(snapshot, *grouping),
        _ => hosts(snapshot),
    };
    for line in footer(snapshot, zone) {
        out.push_str(&printable(&line));
        out.push('\n');
    }
    out
}

fn hosts(snapshot: &Snapshot) -> String {
    let span = &snapshot.span;
    let table = &snapshot.hosts;
    let mut lines = vec![line(&["ADDRESS"], FIGURES.map(str::to_owned))];
    for row in &table.rows {
        let mark = if row.is_low() { LOW } else { "" };
        lines.push(line(&[&format!("{}{mark}", row.host)], figures(span, &row.traffic)));
    }
    let unlisted = table.count.saturating_sub(table.rows.len());
    lines.push(line(&[&format!("others {unlisted}")], figures(span, &table.others)));
    lines.push(line(&["total"], figures(span, &table.total)));
    let totals = &snapshot.totals;
    for (name, counters) in [("internal", &totals.internal), ("transit", &totals.transit)] {
        if !counters.is_zero() {
            lines.push(line(&[name], undirected(span, counters)));
        }
    }
    aligned(&lines, 1)
}

fn groups(snapshot: &Snapshot, grouping: Grouping) -> String {
    let span = &snapshot.span;
    let table = &snapshot.groups;
    let (heading, _) = grouping.headings();
    let mut lines = vec![line(&[heading], FIGURES.map(str::to_owned))];
    for row in &table.rows {
        let label = printable(&row.key.label(&snapshot.health));
        lines.push(line(&[&label], figures(span, &row.traffic)));
    }
    let unlisted = table.count.saturating_sub(table.rows.len());
    lines.push(line(&[&format!("others {unlisted}")], figures(span, &table.others)));
    lines.push(line(&["total"], figures(span, &table.total)));
    aligned(&lines, 1)
}

fn conversations(snapshot: &Snapshot) -> String {
    let Some(detail) = &snapshot.detail else { return String::new() };
    let span = &snapshot.span;
    let table = &detail.conversations;
    let mut lines = vec![line(&["PEER", "PORT", "PROTO"], FIGURES.map(str::to_owned))];
    for row in &table.rows {
        let port = match (row.port, service(row.proto, row.port)) {
            (OTHER, "") => NONE.to_owned(),
            (OTHER, name) => name.to_owned(),
            (port, name) => format!("{port} {name}").trim_end().to_owned(),
        };
        let labels = [&row.peer.to_string(), &port, &protocol(row.proto)];
        lines.push(line(&labels.map(String::as_str), figures(span, &row.traffic)));
    }
    let unlisted = table.count.saturating_sub(table.rows.len());
    lines.push(line(&[&format!("others {unlisted}"), "", ""], figures(span, &table.others)));
    lines.push(line(&["total", "", ""], figures(span, &table.total)));
    format!("host {}\n{}", detail.host, aligned(&lines, 3))
}

fn line(labels: &[&str], figures: [String; 5]) -> Vec<String> {
    labels.iter().map(|label| (*label).to_owned()).chain(figures).collect()
}

fn figures(span: &AnswerSpan, both: &UpDown) -> [String; 5] {
    let rate = |counters: &Counters| short(span.bits_per_second(counters.bytes));
    [
        rate(&both.up),
        rate(&both.down),
        short(both.up.bytes),
        short(both.down.bytes),
        short(both.sum().flows),
    ]
}

/// Traffic that is neither up nor down; its figures are in the up columns.
fn undirected(span: &AnswerSpan, counters: &Counters) -> [String; 5] {
    let [rate, _, bytes, _, flows] =
        figures(span, &UpDown { up: *counters, down: Counters::default() });
    [rate, NONE.to_owned(), bytes, NONE.to_owned(), flows]
}

/// Pads the cells: the first `labels` columns are left-aligned, the others right-aligned.
fn aligned(lines: &[Vec<String>], labels: usize) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| text::columns(cell)).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for line in lines {
        let mut row = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let width = *width;
            let padded = match column {
                0 => text::padded(cell, width, false),
                _ => format!("  {}", text::padded(cell, width, column >= labels)),
            };
            row.push_str(&padded);
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

fn footer(snapshot: &Snapshot, zone: &TimeZone) -> Vec<String> {
    let span = &snapshot.span;
    let state = match &span.completeness {
        Completeness::Complete if snapshot.is_complete() => "complete".to_owned(),
        Completeness::Complete => "incomplete: see the notes".to_owned(),
        Completeness::Filling { .. } => {
            "filling: collecting began too recently to know it completely".to_owned()
        }
        Completeness::Incomplete { exporter, active_timeout_ms } if *active_timeout_ms < 60_000 => {
            format!("incomplete: records of {exporter} arrive minutes late")
        }
        Completeness::Incomplete { exporter, active_timeout_ms } => {
            format!("incomplete: {exporter} reports every {}", duration(*active_timeout_ms))
        }
    };
    let mut lines = vec![format!(
        "window {} from {} to {}, {state}",
        snapshot.view.window.name(),
        rfc3339_in(span.start, zone),
        rfc3339_in(span.end, zone),
    )];
    if !snapshot.view.filter.is_any() {
        lines.push(format!("filter {}", snapshot.view.filter));
    }
    lines.extend(limits(snapshot));
    let health = &snapshot.health;
    let exporters: Vec<String> = health
        .heard()
        .map(|exporter| {
            let sampling = match exporter.sampling {
                SamplingState::Unknown => "sampling unknown".to_owned(),
                SamplingState::Announced(rate) => format!("1:{rate}"),
                SamplingState::Mixed(rate) => format!("up to 1:{rate}"),
                SamplingState::Given(rate) => format!("1:{rate} (--sampling)"),
            };
            let protocol = exporter.protocol_name();
            format!("{} {protocol} {sampling} lost {}", exporter.address, exporter.lost)
        })
        .collect();
    let list = if exporters.is_empty() { "none".to_owned() } else { exporters.join("; ") };
    lines.push(format!("exporters {}: {list}; lost in total {}", exporters.len(), health.lost()));
    for drop in &health.dropped {
        lines.push(format!("dropped {} {}: {}", drop.count, drop.cause, drop.explanation));
    }
    for one in &health.noticed {
        lines.push(format!("unusual {} {}: {}", one.count, one.cause, one.explanation));
    }
    lines.extend(health.recording.iter().flat_map(recorded));
    let remarks = snapshot.notes.iter().cloned().chain(health.remarks());
    lines.extend(remarks.map(|note| format!("note {note}")));
    lines
}

/// The lines about recording: what was recorded, what was not, and why.
fn recorded(recording: &RecordingHealth) -> Vec<String> {
    let RecordingHealth { folder, flows, segments, .. } = recording;
    let mut lines = vec![format!("recorded {flows} flows to {folder}, segments {segments}")];
    for drop in &recording.shed {
        lines.push(format!("dropped {} {}: {}", drop.count, drop.cause, drop.explanation));
    }
    let stopped =
        recording.stopped.iter().map(|alarm| format!("note not recording: {}", alarm.why));
    lines.extend(stopped);
    lines.extend(recording.behind.iter().map(|alarm| format!("note {}", alarm.why)));
    lines.extend(recording.notes.iter().map(|note| format!("note {note}")));
    lines
}

/// The lines about traffic that rows may leave out because limits were reached.
fn limits(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    let low: Vec<&HostRow> = snapshot.hosts.rows.iter().filter(|row| row.is_low()).collect();
    if let Some(most) = low.iter().map(|row| row.missing).max() {
        let text = format!("{} have rows that were created late and may lack bytes", low.len());
        lines.push(format!("hosts marked +: {text}, up to {} each", short(most)));
    }
    if snapshot.untracked.host > 0 && !snapshot.hosts.rows.is_empty() {
        let most = short(snapshot.untracked.host);
        lines.push(format!("others contain hosts without a row, each with at most {most} bytes"));
    }
    if snapshot.untracked.conversation > 0 && !snapshot.groups.rows.is_empty() {
        let most = short(snapshot.untracked.conversation);
        lines.push(format!(
            "others contain conversations without a row, each with at most {most} bytes"
        ));
    }
    lines
}

/// Removes control sequences for terminals.
fn printable(line: &str) -> String {
    text::replaced(line, ' ')
}
