//! How the collecting goes, in lines under the help: sockets, exporters, and
//! what was dropped or odd.

use crate::snapshot::{DropCount, ExporterHealth, Listener, SamplingState, Snapshot};
use crate::units;

use super::help::Line;

/// Refused senders that are named.
const REFUSED: usize = 10;

/// What is known about the collecting.
pub fn lines(snapshot: &Snapshot) -> Vec<Line> {
    let health = &snapshot.health;
    let mut lines = vec![Line::Title(String::new()), Line::Title("Collecting".to_owned())];
    let mut say = |what: &str, text: String| lines.push(Line::Entry(what.to_owned(), text));
    let collecting = units::duration(snapshot.captured_at.since(health.started));
    say(
        "received",
        format!(
            "{} datagrams, {} flows in {collecting}; a batch takes {} us (99th percentile)",
            units::short(health.datagrams),
            units::short(health.flows),
            units::short(health.batch_p99_us),
        ),
    );
    for listener in &health.listeners {
        say("socket", socket(listener));
    }
    for exporter in &health.exporters {
        say("exporter", exporter_line(exporter));
        say("", timing(exporter, snapshot));
    }
    for (sender, count) in health.refused.iter().take(REFUSED) {
        let count = units::short(*count);
        say("refused", format!("{count} from {sender}: outside --allow"));
    }
    for drop in &health.dropped {
        say("dropped", counted(drop));
    }
    for odd in &health.noticed {
        say("odd", counted(odd));
    }
    for note in snapshot.notes.iter().chain(&health.notes) {
        say("note", note.clone());
    }
    lines
}

fn socket(listener: &Listener) -> String {
    let connections = match listener.connections {
        Some(count) => format!(", TCP connections {count}"),
        None => String::new(),
    };
    format!(
        "{} buffer {}, kernel dropped {}{connections}",
        listener.address,
        super::memory(listener.buffer_granted),
        units::short(listener.kernel_drops),
    )
}

fn exporter_line(exporter: &ExporterHealth) -> String {
    let sampling = match exporter.sampling {
        SamplingState::Unknown => "sampling unknown".to_owned(),
        SamplingState::Announced(rate) => format!("sampled 1:{rate}"),
        SamplingState::Mixed(rate) => format!("sampled up to 1:{rate}"),
        SamplingState::Given(rate) => format!("sampled 1:{rate} (--sampling)"),
    };
    format!(
        "{} {} {} flows, lost {}, {} templates, {sampling}",
        exporter.address,
        exporter.protocol,
        units::short(exporter.flows),
        units::short(exporter.lost),
        exporter.templates,
    )
}

fn timing(exporter: &ExporterHealth, snapshot: &Snapshot) -> String {
    let seconds = |ms: Option<i64>| match ms {
        Some(ms) if ms < 10_000 => format!("{:.1}s", ms as f64 / 1000.0),
        Some(ms) => units::duration(ms),
        None => "-".to_owned(),
    };
    let sign = if exporter.clock_offset_ms > 0 { "behind" } else { "ahead" };
    let silent = snapshot.captured_at.since(exporter.last_seen).max(0);
    format!(
        "active timeout ~{}, records {} late, clock {} {sign}, heard {} ago",
        seconds(exporter.active_timeout_ms),
        seconds(exporter.export_delay_ms),
        seconds(Some(exporter.clock_offset_ms.abs())),
        units::duration(silent),
    )
}

fn counted(drop: &DropCount) -> String {
    format!("{} {}", units::short(drop.count), drop.explanation)
}
