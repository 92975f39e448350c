//! The text shown instead of the tables until flows arrive: where toptalk listens, how to
//! configure an exporter, and what was received instead of flows.

use std::ops::Range;

use crate::snapshot::{Listener, Snapshot};
use crate::units;

use super::super::model::Model;
use super::super::paint::Canvas;
use super::super::theme::Tone;

/// The number of refused senders that are named.
const REFUSED: usize = 3;

/// Whether no flow has arrived yet.
pub fn is_due(snapshot: &Snapshot) -> bool {
    snapshot.health.flows == 0
}

/// Draws as many lines as fit, the most useful first.
pub fn draw(canvas: &mut Canvas, _: &Model, snapshot: &Snapshot, room: Range<u16>) {
    let width = canvas.width();
    for (y, (text, tone)) in room.zip(lines(snapshot)) {
        canvas.put(1, y, width.saturating_sub(1), &text, tone);
    }
}

fn lines(snapshot: &Snapshot) -> Vec<(String, Tone)> {
    let health = &snapshot.health;
    let mut lines = Vec::new();
    let mut say = |tone: Tone, text: String| lines.push((text, tone));
    if health.listeners.is_empty() {
        say(Tone::Strong, "Starting: no socket is open yet.".to_owned());
        return lines;
    }
    let headline = match health.datagrams {
        0 => "No datagram has arrived yet.".to_owned(),
        1 => "1 datagram has arrived, but no flow in it.".to_owned(),
        count => format!("{} datagrams have arrived, but no flow in them.", units::short(count)),
    };
    say(Tone::Strong, headline);
    if !health.dropped.is_empty() {
        say(Tone::Plain, "Seen instead:".to_owned());
        for drop in &health.dropped {
            let count = units::short(drop.count);
            say(Tone::Warning, format!("! {count:>5} {}", drop.explanation));
        }
    } else if health.datagrams > 0 {
        let text =
            "NetFlow v9 and IPFIX send templates every few minutes: flows follow the first one.";
        say(Tone::Plain, text.to_owned());
    }
    for (sender, _) in health.refused.iter().take(REFUSED) {
        let text = format!("! datagrams from {sender} are not decoded: sender is outside --allow");
        say(Tone::Warning, text);
    }
    say(Tone::Plain, String::new());
    say(Tone::Plain, "Listening for NetFlow v1, v5, v7, v9, IPFIX and sFlow on:".to_owned());
    for listener in &health.listeners {
        say(Tone::Plain, listening(listener));
    }
    if health.datagrams == 0 {
        say(Tone::Plain, String::new());
        say(Tone::Plain, "On a Cisco router, on the inside interface only:".to_owned());
        for line in router_lines(&health.listeners) {
            say(Tone::Strong, line);
        }
    }
    lines
}

fn listening(listener: &Listener) -> String {
    let Listener { address, buffer_asked, buffer_granted, kernel_drops, connections } = listener;
    let tcp = if connections.is_some() { ", IPFIX also over TCP" } else { "" };
    let mut text = format!("  {address:<22} buffer {}", super::common::memory(*buffer_granted));
    if buffer_granted < buffer_asked {
        text.push_str(&format!(" of {} requested", super::common::memory(*buffer_asked)));
    }
    if *kernel_drops > 0 {
        text.push_str(&format!(", {} dropped by the kernel", units::short(*kernel_drops)));
    }
    text.push_str(tcp);
    text
}

fn router_lines(listeners: &[Listener]) -> Vec<String> {
    let port = listeners
        .first()
        .and_then(|listener| listener.address.rsplit(':').next())
        .filter(|port| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()))
        .unwrap_or("2055");
    vec![
        "  ip flow-export version 9".to_owned(),
        format!("  ip flow-export destination <this host> {port}"),
        "  ip flow-cache timeout active 1".to_owned(),
        "  interface <inside>".to_owned(),
        "    ip flow ingress".to_owned(),
        "    ip flow egress".to_owned(),
    ]
}
