//! The summary below an answer, and the totals alone (`-I`).

use super::row_writer::{RateBasis, RowWriter};
use crate::flow::Time;
use crate::query::AnswerSums;
use crate::query::answer::{ProtocolTotals, QueryAnswer};

/// The time that an answer covers: the requested window, or the time of the matching flows if
/// none was requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoveredSpan {
    /// The beginning.
    pub from: Time,
    /// The end.
    pub to: Time,
}

impl CoveredSpan {
    /// The window from `from` to `to`; an end that was not requested is taken from the matching
    /// flows.
    #[must_use]
    pub fn of(
        from: Option<Time>,
        to: Option<Time>,
        totals: &ProtocolTotals,
    ) -> Option<CoveredSpan> {
        let all = totals.all;
        let from = from.or(all.map(|all| all.first))?;
        let to = to.or(all.map(|all| all.last))?;
        // An exporter may report the end of a flow before its start.
        Some(CoveredSpan { from, to: to.max(from) })
    }

    /// The length in milliseconds; 0 if the end is before the beginning.
    #[must_use]
    pub fn ms(&self) -> i64 {
        self.to.since(self.from).max(0)
    }
}

const NOTHING: AnswerSums =
    AnswerSums { flows: 0, packets: 0, bytes: 0, first: Time(0), last: Time(0) };

fn rates(writer: &RowWriter, all: &AnswerSums, span: Option<CoveredSpan>) -> [u64; 3] {
    let over = RateBasis::Window(span.map_or(0, |span| span.ms()));
    writer.rates_over(all, over)
}

/// Writes the summary below a listing or a statistic, as nfdump does.
pub(super) fn text(
    writer: &mut RowWriter,
    answer: &QueryAnswer,
    span: Option<CoveredSpan>,
    wall_us: u64,
) {
    let all = answer.totals.all.unwrap_or(NOTHING);
    let [pps, bps, bpp] = rates(writer, &all, span);
    for (name, number) in [
        ("Summary: total flows: ", all.flows),
        (", total bytes: ", all.bytes),
        (", total packets: ", all.packets),
        (", avg bps: ", bps),
        (", avg pps: ", pps),
        (", avg bpp: ", bpp),
    ] {
        writer.text(name);
        writer.scaled(number);
    }
    writer.byte(b'\n');
    if let Some(span) = span {
        writer.text("Time window: ");
        writer.stamp(span.from, false);
        writer.text(" - ");
        writer.stamp(span.to, false);
        writer.byte(b'\n');
    }
    // If no flow has plausible times, the window consists of the implausible ones: for example,
    // a replayed capture.
    if (1..all.flows).contains(&answer.totals.odd_times) {
        writer.text("Not in the time window: ");
        writer.number(answer.totals.odd_times);
        writer.text(" flows with times more than a day from their arrival\n");
    }
    let effort = &answer.effort;
    for (name, number) in [
        ("Total flows processed: ", effort.records),
        (", passed: ", all.flows),
        (", reported twice: ", effort.duplicates),
        (", Files read: ", effort.files),
        (", skipped: ", effort.skipped),
        (", Bytes read: ", effort.bytes_read),
    ] {
        writer.text(name);
        writer.number(number);
    }
    writer.text("\nWall: ");
    writer.number(wall_us / 1_000_000);
    writer.byte(b'.');
    writer.zeros(4, wall_us % 1_000_000 / 100);
    writer.text("s flows/second: ");
    let rate = u128::from(effort.records) * 10_000_000 / u128::from(wall_us.max(1));
    writer.tenths(u64::try_from(rate).unwrap_or(u64::MAX));
    writer.byte(b'\n');
}

/// Writes the summary below CSV.
pub(super) fn csv(writer: &mut RowWriter, answer: &QueryAnswer, span: Option<CoveredSpan>) {
    let all = answer.totals.all.unwrap_or(NOTHING);
    let [pps, bps, bpp] = rates(writer, &all, span);
    writer.text("Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n");
    for (index, number) in
        [all.flows, all.bytes, all.packets, bps, pps, bpp].into_iter().enumerate()
    {
        if index > 0 {
            writer.byte(b',');
        }
        writer.number(number);
    }
    writer.byte(b'\n');
}

/// The counts of `-I`, in nfdump's order and with its names.
fn counts(totals: &ProtocolTotals) -> [(&'static str, u64); 15] {
    let all = totals.all.unwrap_or(NOTHING);
    let ProtocolTotals { tcp, udp, icmp, other, .. } = totals;
    [
        ("Flows", all.flows),
        ("Flows_tcp", tcp[0]),
        ("Flows_udp", udp[0]),
        ("Flows_icmp", icmp[0]),
        ("Flows_other", other[0]),
        ("Packets", all.packets),
        ("Packets_tcp", tcp[1]),
        ("Packets_udp", udp[1]),
        ("Packets_icmp", icmp[1]),
        ("Packets_other", other[1]),
        ("Bytes", all.bytes),
        ("Bytes_tcp", tcp[2]),
        ("Bytes_udp", udp[2]),
        ("Bytes_icmp", icmp[2]),
        ("Bytes_other", other[2]),
    ]
}

/// Writes the totals alone, as nfdump does.
pub(super) fn only(writer: &mut RowWriter, totals: &ProtocolTotals) {
    for (name, number) in counts(totals) {
        writer.text(name);
        writer.text(": ");
        writer.number(number);
        writer.byte(b'\n');
    }
    let all = totals.all.unwrap_or(NOTHING);
    for (name, number) in [
        ("First", all.first.0.div_euclid(1000)),
        ("Last", all.last.0.div_euclid(1000)),
        ("msec_first", all.first.0.rem_euclid(1000)),
        ("msec_last", all.last.0.rem_euclid(1000)),
    ] {
        writer.text(name);
        writer.text(": ");
        signed(writer, number);
        writer.byte(b'\n');
    }
    if totals.odd_times > 0 {
        writer.text("Odd_times: ");
        writer.number(totals.odd_times);
        writer.byte(b'\n');
    }
}

/// Writes the totals as a JSON object of integers; times are milliseconds since 1970.
pub(super) fn json(writer: &mut RowWriter, answer: &QueryAnswer) {
    let totals = &answer.totals;
    for (index, (name, number)) in counts(totals).into_iter().enumerate() {
        writer.text(if index == 0 { "{\"" } else { ",\"" });
        writer.text(&name.to_ascii_lowercase());
        writer.text("\":");
        writer.number(number);
    }
    if let Some(all) = totals.all {
        writer.text(",\"first\":");
        signed(writer, all.first.0);
        writer.text(",\"last\":");
        signed(writer, all.last.0);
    }
    writer.text(",\"duplicates\":");
    writer.number(answer.effort.duplicates);
    writer.text(",\"odd_times\":");
    writer.number(totals.odd_times);
    writer.text("}\n");
}

fn signed(writer: &mut RowWriter, number: i64) {
    if number < 0 {
        writer.byte(b'-');
    }
    writer.number(number.unsigned_abs());
}
