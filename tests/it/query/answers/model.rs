//! A simple model that answers the same questions row by row.

use std::collections::BTreeMap;

use toptalk::flow::field::{Field, FieldValue};
use toptalk::flow::{Flow, FlowExtras, Host, Network, Time, extras_of};
use toptalk::query::answer::ProtocolTotals;
use toptalk::query::question::{
    Aggregation, ArchiveQuestion, CountedSides, FlowDirection, KeyPart, Prefix, StatOrder,
    Statistic,
};
use toptalk::query::{AnswerRow, AnswerSums, StatRow};

use super::random::Site;

pub struct ReferenceModel {
    rows: Vec<AnswerRow>,
    pub duplicates: u64,
}

/// Values that sort like keys.
type Key = Vec<u128>;

impl ReferenceModel {
    pub fn new(site: &Site, question: &ArchiveQuestion) -> ReferenceModel {
        let matched = site.flows().filter(|flow| {
            question.filter.matches(&(*flow, extras_of(flow, &site.extras)))
                && question.from.is_none_or(|from| flow.first >= from)
                && question.to.is_none_or(|to| flow.last <= to)
        });
        let (twice, counted): (Vec<Flow>, Vec<Flow>) =
            matched.copied().partition(|flow| flow.duplicate.is_set() && !question.no_dedup);
        let row = |flow: Flow| {
            let (bytes, packets) = flow.scaled();
            let extras = *extras_of(&flow, &site.extras);
            let flow = Flow { more: 0, ..flow };
            let sums = AnswerSums { flows: 1, packets, bytes, first: flow.first, last: flow.last };
            AnswerRow { flow, extras, sums, odd_times: is_odd(flow), out_packets: 0, out_bytes: 0 }
        };
        ReferenceModel {
            rows: counted.into_iter().map(row).collect(),
            duplicates: twice.len() as u64,
        }
    }

    pub fn records(&self, order: Option<StatOrder>, limit: usize) -> Vec<AnswerRow> {
        let mut rows = self.rows.clone();
        if let Some(order) = order {
            rows.sort_by(|a, b| compare(order, a, b));
        }
        rows.truncate(if limit == 0 { usize::MAX } else { limit });
        rows
    }

    pub fn totals(&self) -> ProtocolTotals {
        let mut totals = ProtocolTotals::default();
        let mut all = None;
        for row in &self.rows {
            let own = (row.sums, row.odd_times);
            all = Some(all.map_or(own, |all| plus(all, own)));
            totals.odd_times += u64::from(row.odd_times);
            let class = match row.flow.proto {
                6 => &mut totals.tcp,
                17 => &mut totals.udp,
                1 | 58 => &mut totals.icmp,
                _ => &mut totals.other,
            };
            class[0] += 1;
            class[1] = class[1].saturating_add(row.sums.packets);
            class[2] = class[2].saturating_add(row.sums.bytes);
        }
        totals.all = all.map(|(sums, _)| sums);
        totals
    }

    pub fn groups(&self, by: &Aggregation, order: StatOrder) -> Vec<AnswerRow> {
        let mut groups: BTreeMap<Key, AnswerRow> = BTreeMap::new();
        for row in &self.rows {
            let mut flow = Flow { tcp_flags: row.flow.tcp_flags, ..Flow::EMPTY };
            let mut extras = FlowExtras::NONE;
            for part in &by.parts {
                copy(part, row, &mut flow, &mut extras);
            }
            let new = AnswerRow { flow, extras, ..*row };
            let key = by.parts.iter().map(|part| value(part, row)).collect();
            groups.entry(key).and_modify(|group| add(group, &new)).or_insert(new);
        }
        let mut rows: Vec<(Key, AnswerRow)> = match by.direction {
            FlowDirection::Apart => groups.into_iter().collect(),
            FlowDirection::Both => both_ways(&by.parts, groups),
            FlowDirection::ToServer => to_servers(&by.parts, both_ways(&by.parts, groups)),
        };
        for (_, row) in &mut rows {
            row.odd_times = false;
            row.flow.bytes = row.sums.bytes;
            row.flow.packets = row.sums.packets;
            row.flow.first = row.sums.first;
            row.flow.last = row.sums.last;
            for part in &by.parts {
                if part.field == Field::First {
                    row.flow.first = Time(0);
                }
            }
        }
        for (key, row) in &mut rows {
            for (part, value) in by.parts.iter().zip(key) {
                match part.field {
                    Field::First => row.flow.first = Time(*value as i64),
                    Field::TcpFlags => row.flow.tcp_flags = *value as u8,
                    _ => {}
                }
            }
        }
        rows.sort_by(|a, b| compare(order, &a.1, &b.1).then_with(|| a.0.cmp(&b.0)));
        rows.into_iter().map(|(_, row)| row).collect()
    }

    pub fn statistic(&self, asked: &Statistic, order: StatOrder) -> Vec<StatRow> {
        let (one, two) = match asked.element.keys {
            CountedSides::One(part) => (part, None),
            CountedSides::Either(one, two) => (one, Some(two)),
            CountedSides::Record => unreachable!("records come as rows"),
        };
        let mut groups: BTreeMap<Key, (StatRow, bool)> = BTreeMap::new();
        for row in &self.rows {
            let mut values = vec![value(&one, row)];
            values.extend(two.map(|two| value(&two, row)));
            values.dedup();
            for bits in values {
                let proto = asked.by_protocol.then_some(row.flow.proto);
                let key = std::iter::once(bits).chain(proto.map(u128::from)).collect();
                let value = match (one.field.info().get)(&row.flow, &row.extras) {
                    FieldValue::Address(_) => FieldValue::Address(Host(bits)),
                    _ => FieldValue::Number(bits as u64),
                };
                let new = StatRow { value, proto, sums: row.sums };
                let own = (row.sums, row.odd_times);
                let known = groups.entry(key);
                known
                    .and_modify(|(group, odd)| (group.sums, *odd) = plus((group.sums, *odd), own))
                    .or_insert((new, row.odd_times));
            }
        }
        let rank = |row: &StatRow| AnswerRow { sums: row.sums, ..self.rows[0] };
        let mut rows: Vec<(Key, StatRow)> =
            groups.into_iter().map(|(key, (row, _))| (key, row)).collect();
        rows.sort_by(|a, b| compare(order, &rank(&a.1), &rank(&b.1)).then_with(|| a.0.cmp(&b.0)));
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// Whether the times are more than a day from the arrival.
fn is_odd(flow: Flow) -> bool {
    let away = |time: Time| (flow.arrival.0 - time.0 - flow.clock_offset).abs() > 86_400_000;
    away(flow.first) || away(flow.last)
}

/// The sum of two, and whether the times of all flows in it are implausible: such times count
/// only if there are no others.
fn plus(
    (a, a_is_odd): (AnswerSums, bool),
    (b, b_is_odd): (AnswerSums, bool),
) -> (AnswerSums, bool) {
    let (first, last) = match (a_is_odd, b_is_odd) {
        (true, false) => (b.first, b.last),
        (false, true) => (a.first, a.last),
        _ => (a.first.min(b.first), a.last.max(b.last)),
    };
    let sums = AnswerSums {
        flows: a.flows + b.flows,
        packets: a.packets.saturating_add(b.packets),
        bytes: a.bytes.saturating_add(b.bytes),
        first,
        last,
    };
    (sums, a_is_odd && b_is_odd)
}

fn add(group: &mut AnswerRow, other: &AnswerRow) {
    (group.sums, group.odd_times) =
        plus((group.sums, group.odd_times), (other.sums, other.odd_times));
    group.flow.tcp_flags |= other.flow.tcp_flags;
}

/// The value of a part of a key, as a number that sorts.
fn value(part: &KeyPart, row: &AnswerRow) -> u128 {
    let reported = |inside: Host, host: Host| {
        FieldValue::Address(if inside.is_unspecified() { host } else { inside })
    };
    let value = match part.field {
        Field::SrcInside => reported(row.extras.src_inside, row.flow.src),
        Field::DstInside => reported(row.extras.dst_inside, row.flow.dst),
        field => (field.info().get)(&row.flow, &row.extras),
    };
    match value {
        // Entries of the MPLS stack are distinguished by label, not by traffic class.
        FieldValue::Number(entry) if part.field.info().name.starts_with("mpls") => {
            u128::from(entry & !0xf)
        }
        FieldValue::Number(number) => u128::from(number),
        FieldValue::Time(time) => time.0 as u128,
        FieldValue::Text(_) => unreachable!("no element is a text"),
        FieldValue::Address(host) => {
            let v4 = host.as_v4().is_some();
            let mask = if part.field == Field::Src { row.flow.src_mask } else { row.flow.dst_mask };
            let bits = match part.prefix {
                Some(Prefix::V4(bits)) if v4 => bits,
                Some(Prefix::V6(bits)) if !v4 => bits,
                // A length of 0 was not reported.
                Some(Prefix::Reported) if mask == 0 => return host.0,
                Some(Prefix::Reported) => mask.min(if v4 { 32 } else { 128 }),
                _ => return host.0,
            };
            Network::new(host, bits).unwrap().base().0
        }
    }
}

fn copy(part: &KeyPart, row: &AnswerRow, flow: &mut Flow, extras: &mut FlowExtras) {
    let value = value(part, row);
    match part.field {
        Field::Src => flow.src = Host(value),
        Field::Dst => flow.dst = Host(value),
        Field::SrcInside => extras.src_inside = Host(value),
        Field::DstInside => extras.dst_inside = Host(value),
        Field::SrcPort => flow.sport = row.flow.sport,
        Field::DstPort => flow.dport = row.flow.dport,
        Field::Proto => flow.proto = row.flow.proto,
        Field::Tos => flow.tos = row.flow.tos,
        Field::Input => flow.input = row.flow.input,
        Field::Output => flow.output = row.flow.output,
        Field::Mpls3 => extras.mpls[2] = value as u32,
        Field::InSrcMac => extras.in_src_mac = row.extras.in_src_mac,
        Field::TcpFlags | Field::First => {}
        _ => unreachable!("no such part"),
    }
}

/// The key of the reverse direction.
fn reversed(parts: &[KeyPart], key: &Key, icmp: bool) -> Key {
    let place = |field| parts.iter().position(|part| part.field == field);
    let mut back = key.clone();
    let mut swap = |one, two| {
        if let (Some(one), Some(two)) = (place(one), place(two)) {
            back.swap(one, two);
        }
    };
    swap(Field::Src, Field::Dst);
    swap(Field::SrcInside, Field::DstInside);
    swap(Field::Input, Field::Output);
    if !icmp {
        swap(Field::SrcPort, Field::DstPort);
    }
    back
}

/// Reverses rows whose source is the server.
fn to_servers(parts: &[KeyPart], rows: Vec<(Key, AnswerRow)>) -> Vec<(Key, AnswerRow)> {
    let has =
        |fields: &[Field]| fields.iter().all(|field| parts.iter().any(|part| part.field == *field));
    let can_tell = has(&[Field::Proto, Field::SrcPort, Field::DstPort]);
    let turn = |(key, row): (Key, AnswerRow)| {
        let is_server = row.flow.sport < 1024 && row.flow.dport > 1024;
        if !(can_tell && is_server && [6, 17].contains(&row.flow.proto)) {
            return (key, row);
        }
        let mut turned_row = row;
        std::mem::swap(&mut turned_row.flow.src, &mut turned_row.flow.dst);
        std::mem::swap(&mut turned_row.flow.sport, &mut turned_row.flow.dport);
        if has(&[Field::Input, Field::Output]) {
            std::mem::swap(&mut turned_row.flow.input, &mut turned_row.flow.output);
        }
        std::mem::swap(&mut turned_row.sums.bytes, &mut turned_row.out_bytes);
        std::mem::swap(&mut turned_row.sums.packets, &mut turned_row.out_packets);
        (reversed(parts, &key, false), turned_row)
    };
    rows.into_iter().map(turn).collect()
}

fn both_ways(parts: &[KeyPart], groups: BTreeMap<Key, AnswerRow>) -> Vec<(Key, AnswerRow)> {
    let place = |field| parts.iter().position(|part| part.field == field);
    let mut rows = Vec::new();
    for (key, row) in &groups {
        let icmp = place(Field::Proto).is_some() && [1, 58].contains(&row.flow.proto);
        let back = reversed(parts, key, icmp);
        let Some(other) = groups.get(&back).filter(|_| back != *key) else {
            rows.push((key.clone(), *row));
            continue;
        };
        let place = |row: &AnswerRow| (row.odd_times, row.sums.first);
        if (place(row), key) < (place(other), &back) {
            let mut both = *row;
            add(&mut both, other);
            (both.sums.bytes, both.sums.packets) = (row.sums.bytes, row.sums.packets);
            (both.out_bytes, both.out_packets) = (other.sums.bytes, other.sums.packets);
            rows.push((key.clone(), both));
        }
    }
    rows
}

/// Compares rows by an order: greater numbers and earlier times first.
fn compare(order: StatOrder, a: &AnswerRow, b: &AnswerRow) -> std::cmp::Ordering {
    let number = |row: &AnswerRow| -> i128 {
        let packets = i128::from(row.sums.packets) + i128::from(row.out_packets);
        let bytes = i128::from(row.sums.bytes) + i128::from(row.out_bytes);
        let ms = i128::from(row.sums.last.since(row.sums.first).max(0));
        let over = |number: i128, by: i128| if by == 0 { 0 } else { number / by };
        match order {
            StatOrder::Flows => row.sums.flows.into(),
            StatOrder::Packets => packets,
            StatOrder::InPackets => row.sums.packets.into(),
            StatOrder::OutPackets => row.out_packets.into(),
            StatOrder::Bytes => bytes,
            StatOrder::InBytes => row.sums.bytes.into(),
            StatOrder::OutBytes => row.out_bytes.into(),
            StatOrder::Pps => over(packets * 1000, ms),
            StatOrder::Bps => over(bytes * 8000, ms),
            StatOrder::Bpp => over(bytes, packets),
            StatOrder::First => -i128::from(row.sums.first.0),
            StatOrder::Last => -i128::from(row.sums.last.0),
            StatOrder::Duration => ms,
        }
    };
    number(b).cmp(&number(a))
}
