//! The state of the collector as lines: sockets, dropped and unusual data by cause with the
//! remedy, refused senders, and notes.

use crate::snapshot::{
    Attached, DropCount, Listener, QueueHealth, RecordingHealth, Snapshot, WorkHealth,
};
use crate::units;

use super::super::paint::Canvas;
use super::super::theme::Tone;
use super::common::wrapped;

/// The number of exporters that are named among those for which a table was full.
const NO_ROOM: usize = 8;

/// The width of the label of a line.
const LABEL: u16 = 9;

/// A line; its label is empty if it continues the line before.
pub struct CollectingLine {
    label: &'static str,
    text: String,
    tone: Tone,
}

/// The state of the collector as lines of at most `width` columns.
pub fn lines(snapshot: &Snapshot, width: u16) -> Vec<CollectingLine> {
    let room = width.saturating_sub(LABEL);
    let mut lines = Vec::new();
    for (label, text, tone) in facts(snapshot) {
        let broken = wrapped(text.split(' '), room).into_iter().enumerate();
        lines.extend(broken.map(|(at, text)| {
            let label = if at == 0 { label } else { "" };
            CollectingLine { label, text, tone }
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
    for port in &health.missing {
        say("socket", port.sentence(), Tone::Warning);
    }
    for (label, counts, tone) in
        [("dropped", &health.dropped, Tone::Warning), ("unusual", &health.noticed, Tone::Plain)]
    {
        if counts.len() != 1 {
            let sum = counts.iter().fold(0u64, |sum, drop| sum.saturating_add(drop.count));
            let tone = if sum == 0 { Tone::Plain } else { tone };
            say(label, format!("{} in total", units::short(sum)), tone);
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
    for one in health.no_room.iter().take(NO_ROOM) {
        let text = format!("{} of {}: {}", units::short(one.count), one.exporter, one.cause);
        say("no room", text, Tone::Warning);
    }
    if let Some((text, tone)) = work(&health.work) {
        say("workers", text, tone);
    }
    if let Some(recording) = &health.recording {
        let tone = if recording.is_well() { Tone::Plain } else { Tone::Warning };
        say("recorded", recorded(recording), tone);
        for shed in &recording.shed {
            say("", counted(shed), Tone::Warning);
        }
        for note in &recording.notes {
            say("", note.clone(), Tone::Warning);
        }
    }
    if let Some(served) = &health.attached {
        let tone = if served.cut_off > 0 { Tone::Warning } else { Tone::Plain };
        say("screens", screens(served), tone);
    }
    say("received", received(snapshot), Tone::Plain);
    for note in snapshot.notes.iter().chain(&health.notes) {
        say("note", note.clone(), Tone::Plain);
    }
    facts
}

fn socket(listener: &Listener) -> String {
    let Listener { address, buffer_asked, buffer_granted, kernel_drops, connections } = listener;
    let granted = super::common::memory(*buffer_granted);
    let buffer = if buffer_granted < buffer_asked {
        format!(
            "buffer {granted} of {} requested: raise net.core.rmem_max",
            super::common::memory(*buffer_asked)
        )
    } else {
        format!("buffer {granted} as requested")
    };
    let connections =
        connections.map_or(String::new(), |count| format!(", TCP connections {count}"));
    format!("{address}, {buffer}, kernel dropped {}{connections}", units::short(*kernel_drops))
}

/// The number of workers, and the fill level of each queue.
fn work(work: &WorkHealth) -> Option<(String, Tone)> {
    let queues = &work.queues;
    let Some(limit) = queues.first().map(|queue| super::common::memory(queue.limit)) else {
        let alone = "1, which also receives".to_owned();
        return (work.workers > 0).then_some((alone, Tone::Plain));
    };
    let levels =
        queues.iter().map(|queue| super::common::memory(queue.held)).collect::<Vec<_>>().join(" ");
    let is_short = |queue: &QueueHealth| queue.dropped > 0 || queue.held > queue.limit / 2;
    let tone = if queues.iter().any(is_short) { Tone::Warning } else { Tone::Plain };
    Some((format!("{}, queues hold {levels} of {limit} each", work.workers), tone))
}

/// What was recorded, and the number of segments that are pending.
fn recorded(recording: &RecordingHealth) -> String {
    let RecordingHealth { folder, stopped, behind, flows, bytes, waiting, left, segments, .. } =
        recording;
    let why = match (stopped, behind) {
        (Some(alarm), _) => format!("; not recording: {}", alarm.why),
        (None, Some(alarm)) => format!("; {}", alarm.why),
        (None, None) => String::new(),
    };
    let waiting = match waiting + left {
        0 => String::new(),
        waiting => format!(", {waiting} pending"),
    };
    format!(
        "{} flows to {folder}, journals {}, segments {segments}{waiting}{why}",
        units::short(*flows),
        units::size(*bytes)
    )
}

/// The attached screens.
fn screens(served: &Attached) -> String {
    let Attached { path, clients, limit, refused, cut_off } = served;
    format!(
        "{clients} of {limit} attached at {path}, refused {}, cut off {}",
        units::short(*refused),
        units::short(*cut_off)
    )
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

/// Which lines are visible and the keys that show others; empty if all are visible.
pub fn position(top: usize, page: usize, count: usize) -> String {
    match count > page {
        true => format!("lines {}-{} of {count}: j k", top + 1, (top + page).min(count)),
        false => String::new(),
    }
}

/// Draws as many lines as fit, from `top` on. `more` is the hint on the last line if further
/// lines follow.
pub fn draw(
    canvas: &mut Canvas,
    lines: &[CollectingLine],
    room: std::ops::Range<u16>,
    more: Option<&str>,
) {
    let width = canvas.width();
    let left = lines.len().saturating_sub(room.len());
    let end = room.end;
    for (y, line) in room.zip(lines) {
        canvas.put(0, y, LABEL - 1, line.label, Tone::Strong);
        if let (Some(more), true) = (more, left > 0 && y + 1 == end) {
            // The line itself is one of those that are not shown.
            let text = format!("+{} more lines: {more}", left + 1);
            canvas.put(0, y, LABEL - 1, "        ", Tone::Plain);
            canvas.put(LABEL, y, width, &text, Tone::Strong);
            return;
        }
        canvas.put(LABEL, y, width, &line.text, line.tone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_and_queues_are_shown() {
        assert_eq!(work(&WorkHealth::default()), None);
        let said = |health: &WorkHealth| work(health).unwrap();
        let mut health = WorkHealth { workers: 1, queues: Vec::new() };
        assert_eq!(said(&health), ("1, which also receives".to_owned(), Tone::Plain));
        let queue = |held, dropped| QueueHealth { held, limit: 32 << 20, dropped };
        health = WorkHealth { workers: 2, queues: vec![queue(0, 0), queue(1536, 0)] };
        let text = "2, queues hold 0 KiB 1.5 KiB of 32 MiB each".to_owned();
        assert_eq!(said(&health), (text, Tone::Plain));
        health.queues[0].dropped = 1;
        assert_eq!(said(&health).1, Tone::Warning);
        health.queues = vec![queue(0, 0), queue(17 << 20, 0)];
        assert_eq!(said(&health).1, Tone::Warning);
    }
}
