//! Rows as JSON objects: nfdump's keys, times in UTC.

use super::row_writer::RowWriter;
use crate::flow::field::{Field, FieldKind, FieldValue};
use crate::query::AnswerRow;

/// Writes a row as an object, without a newline. Keys of what was not reported
/// are left out, save for those that every record has.
pub fn row(pen: &mut RowWriter, row: &AnswerRow) {
    let flow = &row.flow;
    pen.text("{\"type\":\"FLOW\",\"first\":\"");
    pen.rfc3339(row.sums.first);
    pen.text("\",\"last\":\"");
    pen.rfc3339(row.sums.last);
    pen.byte(b'"');
    given(pen, row, one("received"), Field::Arrival);
    number(pen, "in_packets", row.sums.packets);
    number(pen, "in_bytes", row.sums.bytes);
    unless_0(pen, "out_packets", row.out_packets);
    unless_0(pen, "out_bytes", row.out_bytes);
    number(pen, "flows", row.sums.flows);
    number(pen, "proto", flow.proto.into());
    pen.text(",\"tcp_flags\":\"");
    pen.flags(flow.tcp_flags);
    pen.byte(b'"');
    if flow.proto == 1 || flow.proto == 58 {
        number(pen, "icmp_type", (flow.dport >> 8).into());
        number(pen, "icmp_code", (flow.dport & 0xff).into());
    } else {
        number(pen, "src_port", flow.sport.into());
        number(pen, "dst_port", flow.dport.into());
    }
    number(pen, "src_tos", flow.tos.into());
    given(pen, row, ["src4_addr", "src6_addr"], Field::Src);
    given(pen, row, ["dst4_addr", "dst6_addr"], Field::Dst);
    number(pen, "input_snmp", flow.input.into());
    number(pen, "output_snmp", flow.output.into());
    given(pen, row, one("src_as"), Field::SrcAs);
    given(pen, row, one("dst_as"), Field::DstAs);
    given(pen, row, one("src_mask"), Field::SrcMask);
    given(pen, row, one("dst_mask"), Field::DstMask);
    given(pen, row, one("src_vlan"), Field::Vlan);
    given(pen, row, one("dst_vlan"), Field::DstVlan);
    given(pen, row, one("dst_tos"), Field::DstTos);
    given(pen, row, one("direction"), Field::Direction);
    given(pen, row, ["ip4_next_hop", "ip6_next_hop"], Field::NextHop);
    given(pen, row, ["bgp4_next_hop", "bgp6_next_hop"], Field::BgpNextHop);
    given(pen, row, ["ip4_router", "ip6_router"], Field::Exporter);
    given(pen, row, one("observation_domain"), Field::Domain);
    given(pen, row, one("sampling"), Field::Sampling);
    if flow.more != 0 || row.more != crate::flow::FlowExtras::NONE {
        for (keys, field) in RARE {
            rare(pen, row, *keys, *field);
        }
    }
    pen.byte(b'}');
}

/// What few exporters report, in the order of the keys: those of either family for an
/// address.
const RARE: &[([&str; 2], Field)] = &[
    (one("in_src_mac"), Field::InSrcMac),
    (one("out_dst_mac"), Field::OutDstMac),
    (one("in_dst_mac"), Field::InDstMac),
    (one("out_src_mac"), Field::OutSrcMac),
    (one("mpls_1"), Field::Mpls1),
    (one("mpls_2"), Field::Mpls2),
    (one("mpls_3"), Field::Mpls3),
    (one("mpls_4"), Field::Mpls4),
    (one("mpls_5"), Field::Mpls5),
    (one("mpls_6"), Field::Mpls6),
    (one("mpls_7"), Field::Mpls7),
    (one("mpls_8"), Field::Mpls8),
    (one("mpls_9"), Field::Mpls9),
    (one("mpls_10"), Field::Mpls10),
    (one("next_as"), Field::NextAs),
    (one("prev_as"), Field::PrevAs),
    (one("ingress_vrf"), Field::InVrf),
    (one("egress_vrf"), Field::OutVrf),
    (["src4_xlt_ip", "src6_xlt_ip"], Field::NatSrc),
    (["dst4_xlt_ip", "dst6_xlt_ip"], Field::NatDst),
    (one("src_xlt_port"), Field::NatSrcPort),
    (one("dst_xlt_port"), Field::NatDstPort),
    (one("nat_event"), Field::NatEvent),
    (one("min_ttl"), Field::MinTtl),
    (one("max_ttl"), Field::MaxTtl),
    (one("fwd_status"), Field::Forwarding),
    (one("flow_count"), Field::FlowCount),
    (["src4_inside", "src6_inside"], Field::SrcInside),
    (["dst4_inside", "dst6_inside"], Field::DstInside),
    (one("app"), Field::App),
    (one("user"), Field::User),
    (one("tunnel"), Field::Tunnel),
    (one("tunnel_key"), Field::TunnelKey),
];

/// A key that is the same for both families.
const fn one(key: &str) -> [&str; 2] {
    [key, key]
}

fn name(pen: &mut RowWriter, key: &str) {
    pen.text(",\"");
    pen.text(key);
    pen.text("\":");
}

/// `,"key":5`.
pub(super) fn number(pen: &mut RowWriter, key: &str, value: u64) {
    name(pen, key);
    pen.number(value);
}

/// The same unless it is 0.
fn unless_0(pen: &mut RowWriter, key: &str, value: u64) {
    if value != 0 {
        number(pen, key, value);
    }
}

/// The value of a field under its key, an address under that of its family; nothing if it
/// was not reported. Inlined, so that for a field that is named the way to read and to write
/// it is known when this is compiled: a call by its table's line took a quarter more time.
#[inline(always)]
fn given(pen: &mut RowWriter, row: &AnswerRow, [v4, v6]: [&str; 2], field: Field) {
    if !field.is_reported(&row.flow, &row.more) {
        return;
    }
    match field.value(&row.flow, &row.more) {
        FieldValue::Number(value) if field.info().kind == FieldKind::Number && !field.is_mpls() => {
            number(pen, v4, value);
        }
        FieldValue::Text(text) => {
            name(pen, v4);
            pen.json_text(text.as_str());
        }
        FieldValue::Address(host) => {
            quoted(pen, if host.as_v4().is_some() { v4 } else { v6 }, |pen| {
                pen.host(host);
            })
        }
        FieldValue::Time(time) => quoted(pen, v4, |pen| pen.rfc3339(time)),
        value @ FieldValue::Number(_) => quoted(pen, v4, |pen| pen.value(field, value)),
    }
}

/// The same for a field that is only known when it runs.
#[inline(never)]
fn rare(pen: &mut RowWriter, row: &AnswerRow, keys: [&str; 2], field: Field) {
    given(pen, row, keys, field);
}

/// `,"key":"what is written"`.
fn quoted(pen: &mut RowWriter, key: &str, write: impl FnOnce(&mut RowWriter)) {
    name(pen, key);
    pen.byte(b'"');
    write(pen);
    pen.byte(b'"');
}
