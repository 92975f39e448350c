//! The top line: what is shown, for which time, and whether something is wrong.

use crate::flow::Time;
use crate::snapshot::{Completeness, SamplingState, Snapshot};
use crate::units;

use super::super::model::Model;
use super::super::paint::{Canvas, LinePiece, pieces};
use super::super::theme::Tone;

/// Ages up to this are given in seconds.
const SECONDS_UP_TO_MS: i64 = 120_000;

/// The narrowest terminal that shows the age of the window.
const WITH_AGE: u16 = 50;

/// Draws the line. `title` is the path on the stack of screens.
pub fn draw(canvas: &mut Canvas, model: &Model, title: &str, snapshot: &Snapshot, y: u16) {
    let (exporters, exporters_tone) = exporters(snapshot);
    let exporters_rank = if exporters_tone == Tone::Plain { 8 } else { 4 };
    let mut left = vec![
        LinePiece::new(1, Tone::Strong, title),
        LinePiece::new(exporters_rank, exporters_tone, exporters),
        LinePiece::new(9, Tone::Plain, link(snapshot)),
        LinePiece::new(3, Tone::Plain, span(model, snapshot, canvas.width() >= WITH_AGE)),
        LinePiece::new(6, Tone::Plain, model.options.unit.name()),
        completeness(snapshot),
        every(snapshot),
        LinePiece::new(10, Tone::Plain, sampled(snapshot)),
        recording(snapshot),
    ];
    left.extend(state(model, snapshot));
    let right = vec![alerts(snapshot), LinePiece::new(4, Tone::Plain, "?help")];
    pieces(canvas, y, left, right);
}

/// The interval between answers, if it is longer than usual.
fn every(snapshot: &Snapshot) -> LinePiece {
    match snapshot.every_s {
        0 | 1 => LinePiece::new(0, Tone::Plain, ""),
        seconds => LinePiece::new(6, Tone::Warning, format!("every {seconds} s")),
    }
}

/// Whether flows are recorded; empty if recording is not configured.
fn recording(snapshot: &Snapshot) -> LinePiece {
    match &snapshot.health.recording {
        None => LinePiece::new(0, Tone::Plain, ""),
        Some(recording) if recording.stopped.is_some() => {
            LinePiece::new(2, Tone::Critical, "NOT REC")
        }
        Some(recording) if recording.behind.is_some() => LinePiece::new(5, Tone::Warning, "rec"),
        Some(_) => LinePiece::new(7, Tone::Plain, "rec"),
    }
}

/// Whether no further figures arrive: the source of answers, the receiver or the collector has
/// ended.
pub fn has_stopped(model: &Model, snapshot: &Snapshot) -> bool {
    model.stopped || snapshot.health.ended || model.gone.is_some()
}

/// Whether the figures do not change, and why.
pub fn state(model: &Model, snapshot: &Snapshot) -> [LinePiece; 2] {
    let stopped = has_stopped(model, snapshot);
    [
        LinePiece::new(1, Tone::Critical, if stopped { "STOPPED" } else { "" }),
        LinePiece::new(2, Tone::Warning, if model.frozen.is_some() { "FROZEN" } else { "" }),
    ]
}

/// The number of exporters, with the mark of the worst.
fn exporters(snapshot: &Snapshot) -> (String, Tone) {
    let heard = || snapshot.health.heard();
    let now = snapshot.captured_at;
    let worst = heard().map(|exporter| exporter.condition(now).mark).max().unwrap_or_default();
    let mark = super::figures::mark(worst);
    let text = match heard().count() {
        0 => String::new(),
        1 => format!("{mark}1 exporter"),
        count => format!("{mark}{count} exporters"),
    };
    (text, super::figures::tone(worst))
}

/// The sampling rate: `sampled 1:1000`, or the highest of several.
fn sampled(snapshot: &Snapshot) -> String {
    let rate = |sampling: &SamplingState| sampling.rate().unwrap_or(1).max(1);
    let all = || snapshot.health.heard().map(|exporter| &exporter.sampling);
    let most = all().map(rate).max().unwrap_or(1);
    let several = all().any(|one| rate(one) != most || matches!(one, SamplingState::Mixed(_)));
    match (most, several) {
        (1, _) => String::new(),
        (rate, false) => format!("sampled 1:{rate}"),
        (rate, true) => format!("sampled up to 1:{rate}"),
    }
}

fn link(snapshot: &Snapshot) -> String {
    match (snapshot.link.capacity_down, snapshot.link.capacity_up) {
        (None, None) => String::new(),
        (Some(down), Some(up)) if down != up => {
            format!("link {}/{}", units::short(down), units::short(up))
        }
        (Some(rate), _) | (None, Some(rate)) => format!("link {}", units::short(rate)),
    }
}

/// The window and its end: `1m to 14:31:02 (65s ago)`. Windows of the past are as long as the
/// panes that are kept: `1m10s to 14:31:10`.
fn span(model: &Model, snapshot: &Snapshot, with_age: bool) -> String {
    let Snapshot { view, span, .. } = snapshot;
    let window = view.window.name();
    if span.end == Time::default() {
        return window.to_owned();
    }
    let zone = &model.options.zone;
    let length = span.length_ms();
    if let (Some(at), 0) = (view.at, length) {
        return format!("{} is too old to show", units::clock_time(at, zone));
    }
    let whole = view.window.length_ms().is_none_or(|window| window == length);
    let window = match span.completeness {
        Completeness::Complete if !whole => units::duration(length),
        _ => window.to_owned(),
    };
    let utc = if units::is_utc(span.end, zone) { " UTC" } else { "" };
    let end = format!("{}{utc}", units::clock_time(span.end, zone));
    let age = snapshot.captured_at.since(span.end).max(0);
    if age < 1000 || !with_age {
        return format!("{window} to {end}");
    }
    let age =
        if age < SECONDS_UP_TO_MS { format!("{}s", age / 1000) } else { units::duration(age) };
    format!("{window} to {end} ({age} ago)")
}

fn completeness(snapshot: &Snapshot) -> LinePiece {
    match &snapshot.span.completeness {
        Completeness::Complete => LinePiece::new(0, Tone::Plain, ""),
        Completeness::Filling { known_ms } => {
            let length = units::duration(*known_ms);
            let text = format!("filling {length} of {}", snapshot.view.window.name());
            LinePiece::new(7, Tone::Warning, text)
        }
        Completeness::Incomplete { .. } => LinePiece::new(5, Tone::Warning, "incomplete"),
    }
}

/// The full sentence about an incomplete window, for the line below.
pub fn incomplete(snapshot: &Snapshot) -> Option<String> {
    match &snapshot.span.completeness {
        Completeness::Incomplete { exporter, active_timeout_ms } if *active_timeout_ms < 60_000 => {
            Some(format!("incomplete: records of {exporter} arrive minutes late; check its clock"))
        }
        Completeness::Incomplete { exporter, active_timeout_ms } => {
            let minutes = active_timeout_ms / 60_000;
            let every = if active_timeout_ms % 60_000 == 0 && minutes > 0 {
                format!("{minutes}m")
            } else {
                units::duration(*active_timeout_ms)
            };
            Some(format!(
                "incomplete: {exporter} reports every {every}; on it: ip flow-cache timeout active 1"
            ))
        }
        Completeness::Complete | Completeness::Filling { .. } => None,
    }
}

/// The number of alerts.
pub fn alerts(snapshot: &Snapshot) -> LinePiece {
    let Some(worst) = snapshot.alerts.first() else { return LinePiece::new(0, Tone::Plain, "") };
    let text = match snapshot.alerts.len() {
        1 => "1 ALERT".to_owned(),
        count => format!("{count} ALERTS"),
    };
    LinePiece::new(2, super::common::severity_tone(worst.severity), text)
}
