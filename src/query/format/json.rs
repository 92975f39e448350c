//! Rows as JSON objects: nfdump's keys, times in UTC.

use super::row_writer::RowWriter;
use crate::flow::field::{Field, FieldKind, FieldValue};
use crate::query::AnswerRow;

/// Writes a row as an object, without a newline. Keys of values that were not reported are left
/// out, except those that every record has.
pub fn row(writer: &mut RowWriter, row: &AnswerRow) {
    let flow = &row.flow;
    writer.text("{\"type\":\"FLOW\",\"first\":\"");
    writer.rfc3339(row.sums.first);
    writer.text("\",\"last\":\"");
    writer.rfc3339(row.sums.last);
    writer.byte(b'"');
    given(writer, row, one("received"), Field::Arrival);
    number(writer, "in_packets", row.sums.packets);
    number(writer, "in_bytes", row.sums.bytes);
    unless_0(writer, "out_packets", row.out_packets);
    unless_0(writer, "out_bytes", row.out_bytes);
    number(writer, "flows", row.sums.flows);
    number(writer, "proto", flow.proto.into());
    writer.text(",\"tcp_flags\":\"");
    writer.flags(flow.tcp_flags);
    writer.byte(b'"');
    if flow.proto == 1 || flow.proto == 58 {
        number(writer, "icmp_type", (flow.dport >> 8).into());
        number(writer, "icmp_code", (flow.dport & 0xff).into());
    } else {
        number(writer, "src_port", flow.sport.into());
        number(writer, "dst_port", flow.dport.into());
    }
    number(writer, "src_tos", flow.tos.into());
    given(writer, row, ["src4_addr", "src6_addr"], Field::Src);
    given(writer, row, ["dst4_addr", "dst6_addr"], Field::Dst);
    number(writer, "input_snmp", flow.input.into());
    number(writer, "output_snmp", flow.output.into());
    given(writer, row, one("src_as"), Field::SrcAs);
    given(writer, row, one("dst_as"), Field::DstAs);
    given(writer, row, one("src_mask"), Field::SrcMask);
    given(writer, row, one("dst_mask"), Field::DstMask);
    given(writer, row, one("src_vlan"), Field::Vlan);
    given(writer, row, one("dst_vlan"), Field::DstVlan);
    given(writer, row, one("dst_tos"), Field::DstTos);
    given(writer, row, one("direction"), Field::Direction);
    given(writer, row, ["ip4_next_hop", "ip6_next_hop"], Field::NextHop);
    given(writer, row, ["bgp4_next_hop", "bgp6_next_hop"], Field::BgpNextHop);
    given(writer, row, ["ip4_router", "ip6_router"], Field::Exporter);
    given(writer, row, one("observation_domain"), Field::Domain);
    given(writer, row, one("sampling"), Field::Sampling);
    if flow.more != 0 || row.extras != crate::flow::FlowExtras::NONE {
        for (keys, field) in RARE {
            rare(writer, row, *keys, *field);
        }
    }
    writer.byte(b'}');
}

/// The keys of fields that few exporters report, in their order; for addresses, one key per
/// family.
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
    (one("app_name"), Field::AppName),
    (one("user"), Field::User),
    (one("tunnel"), Field::Tunnel),
    (one("tunnel_key"), Field::TunnelKey),
];

/// A key that is the same for both families.
const fn one(key: &str) -> [&str; 2] {
    [key, key]
}

fn name(writer: &mut RowWriter, key: &str) {
    writer.text(",\"");
    writer.text(key);
    writer.text("\":");
}

/// Writes `,"key":5`.
pub(super) fn number(writer: &mut RowWriter, key: &str, value: u64) {
    name(writer, key);
    writer.number(value);
}

/// Writes `,"key":5` unless the value is 0.
fn unless_0(writer: &mut RowWriter, key: &str, value: u64) {
    if value != 0 {
        number(writer, key, value);
    }
}

/// Writes the value of a field under its key, for an address under that of its family; nothing
/// if it was not reported. The function is inlined, so that for a constant field the kind of
/// value is known at compile time: looking it up in the table at run time took a quarter more
/// time.
#[inline(always)]
fn given(writer: &mut RowWriter, row: &AnswerRow, [v4, v6]: [&str; 2], field: Field) {
    if !field.is_reported(&row.flow, &row.extras) {
        return;
    }
    match field.value(&row.flow, &row.extras) {
        FieldValue::Number(value) if field.info().kind == FieldKind::Number && !field.is_mpls() => {
            number(writer, v4, value);
        }
        FieldValue::Text(text) => {
            name(writer, v4);
            writer.json_text(text.as_str());
        }
        FieldValue::Address(host) => {
            quoted(writer, if host.as_v4().is_some() { v4 } else { v6 }, |writer| {
                writer.host(host);
            })
        }
        FieldValue::Time(time) => quoted(writer, v4, |writer| writer.rfc3339(time)),
        value @ FieldValue::Number(_) => quoted(writer, v4, |writer| writer.value(field, value)),
    }
}

/// [`given`] for a field that is only known at run time.
#[inline(never)]
fn rare(writer: &mut RowWriter, row: &AnswerRow, keys: [&str; 2], field: Field) {
    given(writer, row, keys, field);
}

/// Writes `,"key":"…"` with what `write` writes.
fn quoted(writer: &mut RowWriter, key: &str, write: impl FnOnce(&mut RowWriter)) {
    name(writer, key);
    writer.byte(b'"');
    write(writer);
    writer.byte(b'"');
}
