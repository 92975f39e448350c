//! Tables of statistics as text, CSV and JSON.

use super::json;
use super::row_writer::{RowWriter, percent_tenths};
use super::tag::address_width;
use crate::flow::field::{Field, FieldKind, FieldValue};
use crate::query::answer::ProtocolTotals;
use crate::query::question::{CountedSides, Prefix, StatOrder, Statistic};
use crate::query::{AnswerSums, StatRow};

/// The columns of a statistic in CSV, always the same.
pub const CSV: &str = "ts,te,td,pr,val,fl,flP,pkt,pktP,byt,bytP,pps,bps,bpp";

/// A table to write.
pub(super) struct Stat<'a> {
    pub asked: &'a Statistic,
    pub order: StatOrder,
    pub rows: &'a [StatRow],
    pub totals: &'a ProtocolTotals,
}

/// The width of a value that is not a full address.
const VALUE: usize = 17;

impl Stat<'_> {
    /// Writes the table as nfdump does; `limit` is the requested number of rows, 0 for all.
    pub(super) fn text(&self, writer: &mut RowWriter, limit: usize, quiet: bool) {
        let width = VALUE.max(address_width(writer.style.full6));
        if !quiet {
            top(writer, limit, self.asked.element.label, self.order);
            writer.text("Date first seen                 Duration Proto ");
            writer.right(width, |writer| writer.text(self.asked.element.label));
            writer.text("    Flows(%)     Packets(%)       Bytes(%)         pps      bps   bpp\n");
        }
        let all = whole(self.totals);
        for row in self.rows {
            writer.stamp(row.sums.first, true);
            writer.byte(b' ');
            writer.right(16, |writer| writer.duration(&row.sums));
            writer.byte(b' ');
            writer.left(5, |writer| self.proto(writer, row));
            writer.byte(b' ');
            writer.right(width, |writer| self.value(writer, row.value));
            for (part, whole) in parts(&row.sums, &all) {
                writer.byte(b' ');
                writer.right(8, |writer| writer.scaled(part));
                writer.byte(b'(');
                writer.right(4, |writer| writer.percent(part, whole));
                writer.byte(b')');
            }
            let [pps, bps, bpp] = writer.rates(&row.sums);
            for rate in [pps, bps] {
                writer.byte(b' ');
                writer.right(8, |writer| writer.scaled(rate));
            }
            writer.byte(b' ');
            writer.right(5, |writer| writer.number(bpp));
            writer.byte(b'\n');
        }
        writer.byte(b'\n');
    }

    /// Writes the table as CSV with its heading.
    pub(super) fn csv(&self, writer: &mut RowWriter, quiet: bool) {
        if !quiet {
            writer.text(CSV);
            writer.byte(b'\n');
        }
        let all = whole(self.totals);
        for row in self.rows {
            writer.stamp(row.sums.first, false);
            writer.byte(b',');
            writer.stamp(row.sums.last, false);
            writer.byte(b',');
            writer.duration(&row.sums);
            writer.byte(b',');
            self.proto(writer, row);
            writer.byte(b',');
            self.value(writer, row.value);
            for (part, whole) in parts(&row.sums, &all) {
                writer.byte(b',');
                writer.number(part);
                writer.byte(b',');
                writer.percent(part, whole);
            }
            for rate in writer.rates(&row.sums) {
                writer.byte(b',');
                writer.number(rate);
            }
            writer.byte(b'\n');
        }
        writer.byte(b'\n');
    }

    /// Writes a row as a JSON object; with `named` it includes the name of the statistic.
    pub(super) fn json(&self, writer: &mut RowWriter, row: &StatRow, named: bool) {
        writer.byte(b'{');
        if named {
            self.name(writer);
            writer.byte(b',');
        }
        let quoted = !matches!(row.value, FieldValue::Number(_)) || !self.is_number();
        writer.text("\"value\":");
        if quoted {
            writer.byte(b'"');
        }
        self.value(writer, row.value);
        if quoted {
            writer.byte(b'"');
        }
        if let Some(proto) = row.proto {
            json::number(writer, "proto", proto.into());
        }
        writer.text(",\"first\":\"");
        writer.rfc3339(row.sums.first);
        writer.text("\",\"last\":\"");
        writer.rfc3339(row.sums.last);
        writer.byte(b'"');
        let names = ["flows", "packets", "bytes"];
        for (name, (part, whole)) in names.into_iter().zip(parts(&row.sums, &whole(self.totals))) {
            json::number(writer, name, part);
            writer.text(",\"");
            writer.text(name);
            writer.text("_percent\":");
            writer.tenths(percent_tenths(part, whole));
        }
        for (name, rate) in ["pps", "bps", "bpp"].into_iter().zip(writer.rates(&row.sums)) {
            json::number(writer, name, rate);
        }
        writer.byte(b'}');
    }

    /// Writes the name of the statistic: `"statistic":"dstip","order":"bytes"`.
    pub(super) fn name(&self, writer: &mut RowWriter) {
        name(writer, self.asked, self.order);
    }

    fn proto(&self, writer: &mut RowWriter, row: &StatRow) {
        let own = match (self.field(), row.value) {
            (Some(Field::Proto), FieldValue::Number(proto)) => u8::try_from(proto).ok(),
            _ => None,
        };
        match row.proto.or(own) {
            Some(proto) => writer.protocol(proto),
            None => writer.text("any"),
        }
    }

    fn field(&self) -> Option<Field> {
        match self.asked.element.keys {
            CountedSides::Record => None,
            CountedSides::One(part) | CountedSides::Either(part, _) => Some(part.field),
        }
    }

    fn is_number(&self) -> bool {
        let field = self.field();
        let text = matches!(field, Some(Field::TcpFlags | Field::Domain))
            || field.is_some_and(Field::is_mpls);
        !text && field.is_none_or(|field| field.info().kind == FieldKind::Number)
    }

    fn value(&self, writer: &mut RowWriter, value: FieldValue) {
        match (value, self.field()) {
            (FieldValue::Address(host), _) => {
                writer.host(host);
                let (CountedSides::One(part) | CountedSides::Either(part, _)) =
                    self.asked.element.keys
                else {
                    return;
                };
                let length = match (part.prefix, host.as_v4().is_some()) {
                    (Some(Prefix::V4(length)), true) | (Some(Prefix::V6(length)), false) => length,
                    _ => return,
                };
                writer.byte(b'/');
                writer.number(length.into());
            }
            (FieldValue::Number(flags), Some(Field::TcpFlags)) => writer.flags(flags as u8),
            (FieldValue::Number(domain), Some(Field::Domain)) => {
                writer.text("0x");
                hex(writer, domain);
            }
            (value, Some(field)) => writer.value(field, value),
            // Records have no single value: their statistic is a listing.
            (_, None) => {}
        }
    }
}

/// Writes `"statistic":"dstip","order":"bytes"`.
pub(super) fn name(writer: &mut RowWriter, asked: &Statistic, order: StatOrder) {
    writer.text("\"statistic\":\"");
    writer.text(asked.element.name);
    writer.text("\",\"order\":\"");
    writer.text(order.word().name);
    writer.byte(b'"');
}

/// Writes `Top 10 Dst IP Addr ordered by bytes:`, without a number if there is no limit.
pub(super) fn top(writer: &mut RowWriter, limit: usize, label: &str, order: StatOrder) {
    writer.text("Top ");
    if limit > 0 {
        writer.number(limit as u64);
        writer.byte(b' ');
    }
    writer.text(label);
    writer.text(" ordered by ");
    writer.text(order.word().name);
    writer.text(":\n");
}

fn hex(writer: &mut RowWriter, number: u64) {
    if number >= 16 {
        hex(writer, number >> 4);
    }
    writer.byte(b"0123456789abcdef"[(number & 15) as usize]);
}

/// Flows, packets and bytes of everything that matched.
fn whole(totals: &ProtocolTotals) -> [u64; 3] {
    totals.all.map_or([0; 3], |all| [all.flows, all.packets, all.bytes])
}

fn parts(sums: &AnswerSums, whole: &[u64; 3]) -> [(u64, u64); 3] {
    let [flows, packets, bytes] = *whole;
    [(sums.flows, flows), (sums.packets, packets), (sums.bytes, bytes)]
}
