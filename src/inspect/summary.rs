//! The summary at the end of the table.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::text::wrapped;
use super::{InspectTotals, Inspector};
use crate::flow::{CLOCK_OFF_MS, Host, Protocol, RateDoubt};
use crate::wire::registry;
use crate::wire::{Cause, ExporterSummary};

/// Maximum number of elements on one line of the list.
const LISTED: usize = 64;

impl Inspector {
    /// The text of the summary.
    pub(super) fn summary(&self) -> String {
        let mut text = String::new();
        for exporter in self.decoder.exporters() {
            text.push_str(&self.exporter(&exporter));
        }
        if text.is_empty() {
            text.push_str("\nno flow export was seen\n");
        }
        let tally = &self.tally;
        if tally.forgotten > 0 {
            let _ = writeln!(
                text,
                "\nand {} more exporters, forgotten to make room for others",
                tally.forgotten
            );
        }
        text.push_str(&causes(tally, "not understood or not used", true));
        text.push_str(&causes(tally, "unusual, but used", false));
        text.push_str(&files(tally));
        text.push_str(&undecoded(tally));
        text.push_str(&unknown(tally));
        text
    }

    fn exporter(&self, known: &ExporterSummary) -> String {
        let who = match known.address {
            Host::UNSPECIFIED => "exporter (its address is not in the files)".to_owned(),
            address => format!("exporter {address}"),
        };
        let mut text = format!("\n{who}: {}\n", known.protocol.map_or("", Protocol::name));
        let counts = self.tally.exporters.get(&known.address).copied().unwrap_or_default();
        let mut parts = vec![
            format!("datagrams {}", known.datagrams),
            format!("flows {}", counts.flows),
            format!("events {}", counts.events),
            format!("options {}", counts.options),
            format!("templates in use {}", known.templates),
            format!("lost {} (by sequence)", known.lost),
        ];
        if known.restarts > 0 {
            parts.push(format!("restarts {}", known.restarts));
        }
        if known.held > 0 {
            parts.push(format!("data sets still waiting for their template {}", known.held));
        }
        if known.merged {
            parts.push("more than 64 source ports, which count as one session".to_owned());
        } else if known.sessions > 1 {
            parts.push(format!("sessions (source ports) {}", known.sessions));
        }
        parts.push(sampling(known));
        if let Some(doubt) = known.rate_doubt {
            let RateDoubt { sent, swapped, is_swapped } = doubt;
            parts.push(match is_swapped {
                true => format!("rate {sent} read the other way round: 1:{swapped}"),
                false => format!("rate {sent} doubtful: 1:{swapped} the other way round"),
            });
        }
        // The sign is as on the screen: + means that the exporter's clock is ahead of the
        // collector's.
        let off = known.clock_offset_ms;
        let is_off = off.unsigned_abs() > CLOCK_OFF_MS.unsigned_abs();
        let corrected = if is_off {
            " (times above are the exporter's; live and in archives they are corrected)"
        } else {
            ""
        };
        parts.push(format!("clock {:+.2} s{corrected}", -off as f64 / 1000.0));
        text.push_str(&wrapped("  ", ", ", parts));
        text
    }
}

fn sampling(known: &ExporterSummary) -> String {
    let rates = |rates: &[u32]| {
        let rate = |rate: &u32| match rate {
            0 => "unknown".to_owned(),
            rate => format!("1:{rate}"),
        };
        let rates: Vec<String> = rates.iter().map(rate).collect();
        rates.join(" ")
    };
    match (known.given_rate, known.rates.as_slice()) {
        (Some(rate), _) => format!("sampling 1:{rate} (configured)"),
        (None, []) => "sampling not announced".to_owned(),
        (None, list) => format!("sampling {}", rates(list)),
    }
}

/// What to do about a cause, if its explanation does not say it.
fn remedy(cause: Cause) -> Option<&'static str> {
    match cause {
        Cause::NoTemplate | Cause::TemplateOutdated => {
            Some("wait for the template, or shorten the exporter's template timeout")
        }
        Cause::NoAddresses => Some("look at the template's fields; add addresses on the exporter"),
        Cause::GuessedTimes => Some("have the exporter send systemInitTimeMilliseconds (160)"),
        Cause::FirstAfterLast => Some("check whether the exporter's clock jumps"),
        Cause::TemplateChanged => {
            Some("normal after a restart; otherwise check for other senders with the same address")
        }
        Cause::SetTruncated | Cause::MessageLength => {
            Some("check whether the network cuts datagrams")
        }
        Cause::SetLength | Cause::BadHeader | Cause::BadTemplate | Cause::BadRecord => {
            Some("please report it with the capture")
        }
        _ => None,
    }
}

fn causes(tally: &InspectTotals, title: &str, loses: bool) -> String {
    let list: Vec<(Cause, u32)> =
        tally.causes.iter().filter(|(cause, _)| cause.loses() == loses).collect();
    if list.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{title}\n");
    for (cause, count) in list {
        let mut words = vec![format!("{} {count}:", cause.name())];
        words.extend(cause.explanation().split(' ').map(str::to_owned));
        if let Some(remedy) = remedy(cause) {
            if let Some(last) = words.last_mut() {
                last.push('.');
            }
            words.push("To".to_owned());
            words.push("do:".to_owned());
            words.extend(remedy.split(' ').map(str::to_owned));
        }
        text.push_str(&wrapped("  ", " ", words));
    }
    text
}

/// Problems of files.
fn files(tally: &InspectTotals) -> String {
    if tally.files.is_empty() {
        return String::new();
    }
    let mut text = "\nfiles\n".to_owned();
    for (what, count) in &tally.files {
        let mut words: Vec<String> = what.split(' ').map(str::to_owned).collect();
        words.retain(|word| !word.is_empty());
        if let Some(first) = words.first_mut() {
            let _ = write!(first, " {count}:");
        }
        text.push_str(&wrapped("  ", " ", words));
    }
    text
}

/// Datagrams that were not decoded.
fn undecoded(tally: &InspectTotals) -> String {
    let mut text = String::new();
    let sum: u64 = tally.undecoded.values().sum();
    if sum > 0 {
        let mut ports: Vec<(u64, Option<u16>)> =
            tally.undecoded.iter().map(|(port, count)| (*count, *port)).collect();
        ports.sort_unstable_by(|a, b| b.cmp(a));
        let _ = writeln!(text, "\ndatagrams that are no flow export: {sum}");
        let list = ports.into_iter().map(|(count, port)| match port {
            Some(port) => format!("{count} to port {port}"),
            None => format!("{count} to other or unknown ports"),
        });
        text.push_str(&wrapped("  ", ", ", list.collect()));
    }
    if tally.refused > 0 {
        let _ = writeln!(
            text,
            "\ndatagrams of senders outside the networks of --allow: {}",
            tally.refused
        );
    }
    text
}

/// Elements without a name.
fn unknown(tally: &InspectTotals) -> String {
    if tally.unknown.is_empty() {
        return String::new();
    }
    let mut by: BTreeMap<(bool, u32), Vec<u16>> = BTreeMap::new();
    for (version9, pen, id) in &tally.unknown {
        by.entry((*version9, *pen)).or_default().push(*id);
    }
    let mut text =
        "\nelements whose name toptalk does not know (their values are shown as bytes)\n"
            .to_owned();
    for ((version9, pen), ids) in by {
        let whose = match (version9, registry::vendor(pen)) {
            (true, _) => "NetFlow v9:".to_owned(),
            (false, _) if pen == 0 => "IANA:".to_owned(),
            (false, Some(vendor)) => format!("enterprise {pen} ({vendor}):"),
            (false, None) => format!("enterprise {pen}:"),
        };
        let more = ids.len().saturating_sub(LISTED);
        let mut words = vec![whose];
        words.extend(ids.iter().take(LISTED).map(ToString::to_string));
        if more > 0 {
            words.push(format!("and {more} more"));
        }
        text.push_str(&wrapped("  ", " ", words));
    }
    text
}
