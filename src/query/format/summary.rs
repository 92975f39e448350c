//! The lines below an answer, and the totals alone (`-I`).

use super::row_writer::{RateBasis, RowWriter};
use crate::flow::Time;
use crate::query::AnswerSums;
use crate::query::answer::{ProtocolTotals, QueryAnswer};

/// What an answer covers: the window that was asked for, where none was the
/// time of what matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoveredSpan {
    pub from: Time,
    pub to: Time,
}

impl CoveredSpan {
    /// The window from `from` to `to`; what was not asked for is taken from what matched.
    #[must_use]
    pub fn of(
        from: Option<Time>,
        to: Option<Time>,
        totals: &ProtocolTotals,
    ) -> Option<CoveredSpan> {
        let all = totals.all;
        let from = from.or(all.map(|all| all.first))?;
        let to = to.or(all.map(|all| all.last))?;
        // Exporters may have the times of a flow the wrong way round.
        Some(CoveredSpan { from, to: to.max(from) })
    }

    /// Milliseconds, 0 when it ends before it begins.
    #[must_use]
    pub fn ms(&self) -> i64 {
        self.to.since(self.from).max(0)
    }
}

const NOTHING: AnswerSums =
    AnswerSums { flows: 0, packets: 0, bytes: 0, first: Time(0), last: Time(0) };

fn rates(pen: &RowWriter, all: &AnswerSums, span: Option<CoveredSpan>) -> [u64; 3] {
    let over = RateBasis::Window(span.map_or(0, |span| span.ms()));
    pen.rates_over(all, over)
}

/// Writes the lines below a listing or a statistic, as nfdump does.
pub(super) fn text(
    pen: &mut RowWriter,
    answer: &QueryAnswer,
    span: Option<CoveredSpan>,
    wall_us: u64,
) {
    let all = answer.totals.all.unwrap_or(NOTHING);
    let [pps, bps, bpp] = rates(pen, &all, span);
    for (name, number) in [
        ("Summary: total flows: ", all.flows),
        (", total bytes: ", all.bytes),
        (", total packets: ", all.packets),
        (", avg bps: ", bps),
        (", avg pps: ", pps),
        (", avg bpp: ", bpp),
    ] {
        pen.text(name);
        pen.scaled(number);
    }
    pen.byte(b'\n');
    if let Some(span) = span {
        pen.text("Time window: ");
        pen.stamp(span.from, false);
        pen.text(" - ");
        pen.stamp(span.to, false);
        pen.byte(b'\n');
    }
    // Where no flow has plausible times, theirs are the window: a capture sent again.
    if (1..all.flows).contains(&answer.totals.odd_times) {
        pen.text("Not in the time window: ");
        pen.number(answer.totals.odd_times);
        pen.text(" flows with times more than a day from their arrival\n");
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
        pen.text(name);
        pen.number(number);
    }
    pen.text("\nWall: ");
    pen.number(wall_us / 1_000_000);
    pen.byte(b'.');
    pen.zeros(4, wall_us % 1_000_000 / 100);
    pen.text("s flows/second: ");
    let rate = u128::from(effort.records) * 10_000_000 / u128::from(wall_us.max(1));
    pen.tenths(u64::try_from(rate).unwrap_or(u64::MAX));
    pen.byte(b'\n');
}

/// Writes the lines below CSV.
pub(super) fn csv(pen: &mut RowWriter, answer: &QueryAnswer, span: Option<CoveredSpan>) {
    let all = answer.totals.all.unwrap_or(NOTHING);
    let [pps, bps, bpp] = rates(pen, &all, span);
    pen.text("Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n");
    for (place, number) in
        [all.flows, all.bytes, all.packets, bps, pps, bpp].into_iter().enumerate()
    {
        if place > 0 {
            pen.byte(b',');
        }
        pen.number(number);
    }
    pen.byte(b'\n');
}

/// The counts of `-I`, in nfdump's order and words.
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
pub(super) fn only(pen: &mut RowWriter, totals: &ProtocolTotals) {
    for (name, number) in counts(totals) {
        pen.text(name);
        pen.text(": ");
        pen.number(number);
        pen.byte(b'\n');
    }
    let all = totals.all.unwrap_or(NOTHING);
    for (name, number) in [
        ("First", all.first.0.div_euclid(1000)),
        ("Last", all.last.0.div_euclid(1000)),
        ("msec_first", all.first.0.rem_euclid(1000)),
        ("msec_last", all.last.0.rem_euclid(1000)),
    ] {
        pen.text(name);
        pen.text(": ");
        signed(pen, number);
        pen.byte(b'\n');
    }
    if totals.odd_times > 0 {
        pen.text("Odd_times: ");
        pen.number(totals.odd_times);
        pen.byte(b'\n');
    }
}

/// Writes the totals as one object of integers; times in milliseconds since 1970.
pub(super) fn json(pen: &mut RowWriter, answer: &QueryAnswer) {
    let totals = &answer.totals;
    for (place, (name, number)) in counts(totals).into_iter().enumerate() {
        pen.text(if place == 0 { "{\"" } else { ",\"" });
        pen.text(&name.to_ascii_lowercase());
        pen.text("\":");
        pen.number(number);
    }
    if let Some(all) = totals.all {
        pen.text(",\"first\":");
        signed(pen, all.first.0);
        pen.text(",\"last\":");
        signed(pen, all.last.0);
    }
    pen.text(",\"duplicates\":");
    pen.number(answer.effort.duplicates);
    pen.text(",\"odd_times\":");
    pen.number(totals.odd_times);
    pen.text("}\n");
}

fn signed(pen: &mut RowWriter, number: i64) {
    if number < 0 {
        pen.byte(b'-');
    }
    pen.number(number.unsigned_abs());
}
