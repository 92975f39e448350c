//! How the collecting goes, in lines: sockets, what was dropped or odd by cause
//! with the remedy, who was refused, and notes.

use crate::snapshot::{DropCount, Listener, Snapshot};
use crate::units;

use super::super::paint::Canvas;
use super::super::theme::Tone;
use super::strip::wrapped;

/// Columns of the word before a line.
const LABEL: u16 = 9;

/// A line, or the rest of one when it has no label.
pub struct Line {
    label: &'static str,
    text: String,
    tone: Tone,
}

/// What is known about the collecting, in lines of at most `width` columns.
pub fn lines(snapshot: &Snapshot, width: u16) -> Vec<Line> {
    let room = width.saturating_sub(LABEL);
    let mut lines = Vec::new();
    for (label, text, tone) in facts(snapshot) {
        let broken = wrapped(text.split(' '), room).into_iter().enumerate();
        lines.extend(broken.map(|(at, text)| {
            let label = if at == 0 { label } else { "" };
            Line { label, text, tone }
        }));
    }
    lines
}

fn facts(snapshot: &Snapshot) -> Vec<(&'static str, String, Tone)> {
    let health = &snapshot.health;
    let mut facts = Vec::new();
    let mut say = |label, text, tone| facts.push((label, text, tone));
    for listener in &health.listeners {
        let short = listener.buffer_granted < listener.buffer_asked;
        let tone = if listener.kernel_drops > 0 || short { Tone::Warning } else { Tone::Plain };
        say("socket", socket(listener), tone);
    }
    for (label, counts, tone) in
        [("dropped", &health.dropped, Tone::Warning), ("odd", &health.noticed, Tone::Plain)]
    {
        if counts.len() != 1 {
            let sum = counts.iter().fold(0u64, |sum, drop| sum.saturating_add(drop.count));
            let tone = if sum == 0 { Tone::Plain } else { tone };
            say(label, format!("{} in all", units::short(sum)), tone);
        }
        for drop in counts {
            say(if counts.len() == 1 { label } else { "" }, counted(drop), tone);
        }
    }
    for (sender, count) in &health.refused {
        say(
            "refused",
            format!("{} from {sender}: outside --allow", units::short(*count)),
            Tone::Plain,
        );
    }
    if health.refused_others > 0 {
        let text = format!("{} from other senders", units::short(health.refused_others));
        say("refused", text, Tone::Plain);
    }
    say("received", received(snapshot), Tone::Plain);
    for note in snapshot.notes.iter().chain(&health.notes) {
        say("note", note.clone(), Tone::Plain);
    }
    facts
}

fn socket(listener: &Listener) -> String {
    let Listener { address, buffer_asked, buffer_granted, kernel_drops, connections } = listener;
    let granted = super::memory(*buffer_granted);
    let buffer = if buffer_granted < buffer_asked {
        format!(
            "buffer {granted} of {} asked: raise net.core.rmem_max",
            super::memory(*buffer_asked)
        )
    } else {
        format!("buffer {granted} as asked")
    };
    let connections =
        connections.map_or(String::new(), |count| format!(", TCP connections {count}"));
    format!("{address}, {buffer}, kernel dropped {}{connections}", units::short(*kernel_drops))
}

fn counted(drop: &DropCount) -> String {
    format!("{} {}: {}", units::short(drop.count), drop.cause, drop.explanation)
}

fn received(snapshot: &Snapshot) -> String {
    let health = &snapshot.health;
    if health.listeners.is_empty() {
        return "nothing yet".to_owned();
    }
    format!(
        "{} datagrams, {} flows in {}; a batch takes {} (99th percentile)",
        units::short(health.datagrams),
        units::short(health.flows),
        units::duration(snapshot.captured_at.since(health.started)),
        units::microseconds(health.batch_p99_us),
    )
}

/// Which lines are in sight and what shows the others; empty when all are.
pub fn place(top: usize, page: usize, count: usize) -> String {
    match count > page {
        true => format!("lines {}-{} of {count}: j k", top + 1, (top + page).min(count)),
        false => String::new(),
    }
}

/// Draws as many lines as there is room for, from `top` on. `more` is what the
/// last line says of those that follow, if anything.
pub fn draw(canvas: &mut Canvas, lines: &[Line], room: std::ops::Range<u16>, more: Option<&str>) {
    let width = canvas.width();
    let left = lines.len().saturating_sub(room.len());
    let end = room.end;
    for (y, line) in room.zip(lines) {
        canvas.put(0, y, LABEL - 1, line.label, Tone::Strong);
        if let (Some(more), true) = (more, left > 0 && y + 1 == end) {
            // The line itself is one of those that follow.
            let text = format!("+{} more lines: {more}", left + 1);
            canvas.put(0, y, LABEL - 1, "        ", Tone::Plain);
            canvas.put(LABEL, y, width, &text, Tone::Strong);
            return;
        }
        canvas.put(LABEL, y, width, &line.text, line.tone);
    }
}
