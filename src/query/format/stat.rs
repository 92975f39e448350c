//! Tables of statistics: as text, CSV and JSON.

use super::json;
use super::row_writer::{RowWriter, percent_tenths};
use super::tag::address_width;
use crate::flow::field::{Field, FieldKind, FieldValue};
use crate::query::answer::ProtocolTotals;
use crate::query::question::{CountedSides, Prefix, StatOrder, Statistic};
use crate::query::{AnswerSums, StatRow};

/// The columns of a statistic in CSV; never others, whatever it is ordered by.
pub const CSV: &str = "ts,te,td,pr,val,fl,flP,pkt,pktP,byt,bytP,pps,bps,bpp";

/// A table to write.
pub(super) struct Stat<'a> {
    pub asked: &'a Statistic,
    pub order: StatOrder,
    pub rows: &'a [StatRow],
    pub totals: &'a ProtocolTotals,
}

/// Places of a value that is no address in full.
const VALUE: usize = 17;

impl Stat<'_> {
    /// Writes it as nfdump does; `limit` is what was asked for, 0 for all.
    pub(super) fn text(&self, pen: &mut RowWriter, limit: usize, quiet: bool) {
        let width = VALUE.max(address_width(pen.style.full6));
        if !quiet {
            top(pen, limit, self.asked.element.label, self.order);
            pen.text("Date first seen                 Duration Proto ");
            pen.right(width, |pen| pen.text(self.asked.element.label));
            pen.text("    Flows(%)     Packets(%)       Bytes(%)         pps      bps   bpp\n");
        }
        let all = whole(self.totals);
        for row in self.rows {
            pen.stamp(row.sums.first, true);
            pen.byte(b' ');
            pen.right(16, |pen| pen.duration(&row.sums));
            pen.byte(b' ');
            pen.left(5, |pen| self.proto(pen, row));
            pen.byte(b' ');
            pen.right(width, |pen| self.value(pen, row.value));
            for (part, whole) in parts(&row.sums, &all) {
                pen.byte(b' ');
                pen.right(8, |pen| pen.scaled(part));
                pen.byte(b'(');
                pen.right(4, |pen| pen.percent(part, whole));
                pen.byte(b')');
            }
            let [pps, bps, bpp] = pen.rates(&row.sums);
            for rate in [pps, bps] {
                pen.byte(b' ');
                pen.right(8, |pen| pen.scaled(rate));
            }
            pen.byte(b' ');
            pen.right(5, |pen| pen.number(bpp));
            pen.byte(b'\n');
        }
        pen.byte(b'\n');
    }

    /// Writes it as CSV with its heading.
    pub(super) fn csv(&self, pen: &mut RowWriter, quiet: bool) {
        if !quiet {
            pen.text(CSV);
            pen.byte(b'\n');
        }
        let all = whole(self.totals);
        for row in self.rows {
            pen.stamp(row.sums.first, false);
            pen.byte(b',');
            pen.stamp(row.sums.last, false);
            pen.byte(b',');
            pen.duration(&row.sums);
            pen.byte(b',');
            self.proto(pen, row);
            pen.byte(b',');
            self.value(pen, row.value);
            for (part, whole) in parts(&row.sums, &all) {
                pen.byte(b',');
                pen.number(part);
                pen.byte(b',');
                pen.percent(part, whole);
            }
            for rate in pen.rates(&row.sums) {
                pen.byte(b',');
                pen.number(rate);
            }
            pen.byte(b'\n');
        }
        pen.byte(b'\n');
    }

    /// Writes a row as an object; with `named` it says what it is of.
    pub(super) fn json(&self, pen: &mut RowWriter, row: &StatRow, named: bool) {
        pen.byte(b'{');
        if named {
            self.name(pen);
            pen.byte(b',');
        }
        let quoted = !matches!(row.value, FieldValue::Number(_)) || !self.is_number();
        pen.text("\"value\":");
        if quoted {
            pen.byte(b'"');
        }
        self.value(pen, row.value);
        if quoted {
            pen.byte(b'"');
        }
        if let Some(proto) = row.proto {
            json::number(pen, "proto", proto.into());
        }
        pen.text(",\"first\":\"");
        pen.rfc3339(row.sums.first);
        pen.text("\",\"last\":\"");
        pen.rfc3339(row.sums.last);
        pen.byte(b'"');
        let names = ["flows", "packets", "bytes"];
        for (name, (part, whole)) in names.into_iter().zip(parts(&row.sums, &whole(self.totals))) {
            json::number(pen, name, part);
            pen.text(",\"");
            pen.text(name);
            pen.text("_percent\":");
            pen.tenths(percent_tenths(part, whole));
        }
        for (name, rate) in ["pps", "bps", "bpp"].into_iter().zip(pen.rates(&row.sums)) {
            json::number(pen, name, rate);
        }
        pen.byte(b'}');
    }

    /// Writes what it is of: `"statistic":"dstip","order":"bytes"`.
    pub(super) fn name(&self, pen: &mut RowWriter) {
        name(pen, self.asked, self.order);
    }

    fn proto(&self, pen: &mut RowWriter, row: &StatRow) {
        let own = match (self.field(), row.value) {
            (Some(Field::Proto), FieldValue::Number(proto)) => u8::try_from(proto).ok(),
            _ => None,
        };
        match row.proto.or(own) {
            Some(proto) => pen.protocol(proto),
            None => pen.text("any"),
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

    fn value(&self, pen: &mut RowWriter, value: FieldValue) {
        match (value, self.field()) {
            (FieldValue::Address(host), _) => {
                pen.host(host);
                let (CountedSides::One(part) | CountedSides::Either(part, _)) =
                    self.asked.element.keys
                else {
                    return;
                };
                let length = match (part.prefix, host.as_v4().is_some()) {
                    (Some(Prefix::V4(length)), true) | (Some(Prefix::V6(length)), false) => length,
                    _ => return,
                };
                pen.byte(b'/');
                pen.number(length.into());
            }
            (FieldValue::Number(flags), Some(Field::TcpFlags)) => pen.flags(flags as u8),
            (FieldValue::Number(domain), Some(Field::Domain)) => {
                pen.text("0x");
                hex(pen, domain);
            }
            (value, Some(field)) => pen.value(field, value),
            // Records have no value of their own: their statistic is a listing.
            (_, None) => {}
        }
    }
}

/// `"statistic":"dstip","order":"bytes"`.
pub(super) fn name(pen: &mut RowWriter, asked: &Statistic, order: StatOrder) {
    pen.text("\"statistic\":\"");
    pen.text(asked.element.name);
    pen.text("\",\"order\":\"");
    pen.text(order.word().name);
    pen.byte(b'"');
}

/// `Top 10 Dst IP Addr ordered by bytes:`; without a number when there is no limit.
pub(super) fn top(pen: &mut RowWriter, limit: usize, label: &str, order: StatOrder) {
    pen.text("Top ");
    if limit > 0 {
        pen.number(limit as u64);
        pen.byte(b' ');
    }
    pen.text(label);
    pen.text(" ordered by ");
    pen.text(order.word().name);
    pen.text(":\n");
}

fn hex(pen: &mut RowWriter, number: u64) {
    if number >= 16 {
        hex(pen, number >> 4);
    }
    pen.byte(b"0123456789abcdef"[(number & 15) as usize]);
}

/// Flows, packets and bytes of all that matched.
fn whole(totals: &ProtocolTotals) -> [u64; 3] {
    totals.all.map_or([0; 3], |all| [all.flows, all.packets, all.bytes])
}

fn parts(sums: &AnswerSums, whole: &[u64; 3]) -> [(u64, u64); 3] {
    let [flows, packets, bytes] = *whole;
    [(sums.flows, flows), (sums.packets, packets), (sums.bytes, bytes)]
}
