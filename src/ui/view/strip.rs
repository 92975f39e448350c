//! The lines between totals and tables: what is wrong, worst first.

use crate::snapshot::{Alert, AlertSubject, Basis, Direction, Snapshot};
use crate::units::{self, Unit};

use super::super::model::Model;
use super::super::paint::{Canvas, columns, elide_end};
use super::super::theme::Tone;

/// A line to show.
pub struct Message {
    pub text: String,
    pub tone: Tone,
}

/// Everything there is to say: alerts, then what makes the figures doubtful.
pub fn messages(model: &Model, snapshot: &Snapshot) -> Vec<Message> {
    let mut messages: Vec<Message> = snapshot
        .alerts
        .iter()
        .map(|alert| Message {
            text: sentence(alert, model, snapshot),
            tone: super::severity_tone(alert.severity),
        })
        .collect();
    messages.extend(notes(model, snapshot));
    messages
}

/// The notes alone.
pub fn notes(model: &Model, snapshot: &Snapshot) -> Vec<Message> {
    super::header::incomplete(snapshot)
        .iter()
        .chain(&snapshot.notes)
        .chain(&snapshot.health.notes)
        .chain(&model.options.note)
        .map(|note| Message { text: format!("note: {note}"), tone: Tone::Plain })
        .collect()
}

fn sentence(alert: &Alert, model: &Model, snapshot: &Snapshot) -> String {
    let (subject, direction) = match alert.subject {
        AlertSubject::Link(Direction::Up) => ("link".to_owned(), "out"),
        AlertSubject::Link(Direction::Down) => ("link".to_owned(), "in"),
        AlertSubject::Host(host, Direction::Up) => (host.to_string(), "up"),
        AlertSubject::Host(host, Direction::Down) => (host.to_string(), "down"),
    };
    // Limits are in bits; packets have none.
    let unit = if model.options.unit == Unit::Bytes { Unit::Bytes } else { Unit::Bits };
    format!(
        "{} {} {subject} {direction} {} > {} for {}",
        super::severity_mark(alert.severity),
        units::clock_time(alert.since, &model.options.zone),
        super::bits(alert.now, unit),
        super::bits(alert.limit, unit),
        units::duration(snapshot.span.end.since(alert.since)),
    )
}

/// Draws as many messages as there are lines; the last says how many more.
pub fn draw(canvas: &mut Canvas, messages: &[Message], lines: std::ops::Range<u16>) {
    let width = canvas.width();
    let shown = lines.len().min(messages.len());
    for (y, (at, message)) in lines.zip(messages.iter().enumerate()) {
        let more = match messages.len() - shown {
            left if left > 0 && at + 1 == shown => format!("  +{left} more"),
            _ => String::new(),
        };
        let room = width.saturating_sub(columns(&more));
        let end = canvas.put(0, y, room, &elide_end(&message.text, room), message.tone);
        canvas.put(end, y, width, &more, message.tone);
    }
}

/// The sentence on tables by source and destination, when they are.
pub fn basis(snapshot: &Snapshot) -> Option<String> {
    let Basis::SourceDestination { candidates } = &snapshot.basis else { return None };
    let mut text = "No local network matches: hosts by source and destination.".to_owned();
    if !candidates.is_empty() {
        text.push_str(" Try");
        for network in candidates {
            text.push_str(&format!(" --local {network}"));
        }
    }
    Some(text)
}
