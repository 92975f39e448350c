//! The lines between totals and tables: problems, the worst first.

use crate::snapshot::{Alarm, Alert, AlertSubject, Basis, Direction, MissingPort, Snapshot};
use crate::units;

use super::super::model::Model;
use super::super::paint::{Canvas, columns, elide_end};
use super::super::theme::Tone;

/// A message in several forms from long to short, and its tone.
pub struct StatusMessage {
    forms: Vec<String>,
    tone: Tone,
}

/// All messages: that collecting has stopped, the worst alert, notes about this answer, the
/// other alerts, and reasons to doubt the figures.
pub fn messages(model: &Model, snapshot: &Snapshot) -> Vec<StatusMessage> {
    let mut alerts = snapshot.alerts.iter().map(|alert| StatusMessage {
        forms: sentences(alert, model, snapshot),
        tone: super::common::severity_tone(alert.severity),
    });
    let mut messages = ended(model, snapshot);
    messages.extend(alerts.next());
    messages.extend(snapshot.notes.iter().map(|text| note(text)));
    messages.extend(alerts);
    messages.extend(doubts(model, snapshot));
    messages
}

/// All messages without the alerts.
pub fn notes(model: &Model, snapshot: &Snapshot) -> Vec<StatusMessage> {
    let notes = snapshot.notes.iter().map(|text| note(text));
    ended(model, snapshot).into_iter().chain(notes).chain(doubts(model, snapshot)).collect()
}

fn note(text: &str) -> StatusMessage {
    StatusMessage { forms: vec![format!("note: {text}")], tone: Tone::Plain }
}

fn doubts(model: &Model, snapshot: &Snapshot) -> Vec<StatusMessage> {
    super::header::incomplete(snapshot)
        .iter()
        .chain(&snapshot.health.notes)
        .chain(&model.options.note)
        .map(|text| note(text))
        .collect()
}

/// The messages that figures no longer arrive, that flows are not recorded, or that a port is
/// not open.
pub fn ended(model: &Model, snapshot: &Snapshot) -> Vec<StatusMessage> {
    stopped(model, snapshot)
        .into_iter()
        .chain(unrecorded(model, snapshot))
        .chain(snapshot.health.missing.iter().map(|port| missing(model, port)))
        .collect()
}

/// The message that a port is not open: datagrams to it are lost.
fn missing(model: &Model, port: &MissingPort) -> StatusMessage {
    let brief = format!("! {}", port.brief());
    let short = format!("{brief} since {}", units::clock_time(port.since, &model.options.zone));
    let forms = vec![format!("{short}: {}", port.why), short, brief];
    StatusMessage { forms, tone: Tone::Warning }
}

/// The message that flows are not recorded, or that recording is behind.
fn unrecorded(model: &Model, snapshot: &Snapshot) -> Option<StatusMessage> {
    let recording = snapshot.health.recording.as_ref()?;
    let since = |alarm: &Alarm| units::clock_time(alarm.since, &model.options.zone);
    let (forms, tone) = match (&recording.stopped, &recording.behind) {
        (Some(alarm), _) => {
            let short = format!("!! not recording since {}", since(alarm));
            (vec![format!("{short}: {}", alarm.why), short], Tone::Critical)
        }
        (None, Some(alarm)) => {
            let short = format!("! recording is behind since {}", since(alarm));
            (vec![format!("{short}: {}", alarm.why), short], Tone::Warning)
        }
        (None, None) => return None,
    };
    Some(StatusMessage { forms, tone })
}

fn stopped(model: &Model, snapshot: &Snapshot) -> Option<StatusMessage> {
    if let (Some(gone), false) = (&model.gone, model.stopped) {
        let since = units::clock_time(gone.since, &model.options.zone);
        let short = format!("!! collector gone since {since}, waiting for it");
        let forms = vec![format!("{short}: {}", gone.why), short, "!! collector gone".to_owned()];
        return Some(StatusMessage { forms, tone: Tone::Critical });
    }
    let forms = [
        "!! collecting has stopped, figures no longer change: restart toptalk",
        "!! collecting has stopped",
    ];
    let forms = forms.map(str::to_owned).to_vec();
    super::header::has_stopped(model, snapshot)
        .then_some(StatusMessage { forms, tone: Tone::Critical })
}

/// An alert in words. The shorter forms leave out the time, the duration and the limit.
fn sentences(alert: &Alert, model: &Model, snapshot: &Snapshot) -> Vec<String> {
    let (subject, direction) = match alert.subject {
        AlertSubject::Link(Direction::Up) => ("link".to_owned(), "out"),
        AlertSubject::Link(Direction::Down) => ("link".to_owned(), "in"),
        AlertSubject::Host(host, Direction::Up) => (host.to_string(), "up"),
        AlertSubject::Host(host, Direction::Down) => (host.to_string(), "down"),
    };
    let unit = model.options.unit;
    let mark = super::common::severity_mark(alert.severity);
    let since = units::clock_time(alert.since, &model.options.zone);
    let what = format!("{subject} {direction} {}", super::common::alert_rate(alert.now, unit));
    let limit = super::common::alert_rate(alert.limit, unit);
    let length = units::duration(snapshot.span.end.since(alert.since));
    vec![
        format!("{mark} {since} {what} > {limit} for {length}"),
        format!("{mark} {what} > {limit} for {length}"),
        format!("{mark} {what} > {limit}"),
        format!("{mark} {what}"),
    ]
}

/// Draws as many messages as there are lines; the last one gives the number of the others.
pub fn draw(canvas: &mut Canvas, messages: &[StatusMessage], lines: std::ops::Range<u16>) {
    let width = canvas.width();
    let shown = lines.len().min(messages.len());
    for (y, (at, message)) in lines.zip(messages.iter().enumerate()) {
        let more = match messages.len() - shown {
            left if left > 0 && at + 1 == shown => format!("  +{left} more"),
            _ => String::new(),
        };
        let room = width.saturating_sub(columns(&more));
        let fits = message.forms.iter().find(|form| columns(form) <= room);
        let text = fits.or(message.forms.last()).map(|form| elide_end(form, room));
        let end = canvas.put(0, y, room, &text.unwrap_or_default(), message.tone);
        canvas.put(end, y, width, &more, message.tone);
    }
}

/// The explanation of tables by source and destination, if they are shown, in lines of at most
/// `width` columns.
pub fn basis(snapshot: &Snapshot, width: u16) -> Vec<String> {
    let Basis::SourceDestination { candidates } = &snapshot.basis else { return Vec::new() };
    let mut words = vec!["No local network matches.".to_owned()];
    words.extend(candidates.iter().map(|network| format!("--local {network}")));
    if !candidates.is_empty() {
        words.insert(1, "Try".to_owned());
    }
    super::common::wrapped(words.iter().map(String::as_str), width)
}
