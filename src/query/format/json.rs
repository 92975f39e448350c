//! Rows as JSON objects: nfdump's keys, times in UTC.

use super::pen::Pen;
use crate::flow::{Flow, Host};
use crate::query::Row;

/// Writes a row as an object, without a newline. Keys of what was not reported
/// are left out, save for those that every record has.
pub fn row(pen: &mut Pen, row: &Row) {
    let (flow, more) = (&row.flow, &row.more);
    pen.text("{\"type\":\"FLOW\",\"first\":\"");
    pen.rfc3339(row.sums.first);
    pen.text("\",\"last\":\"");
    pen.rfc3339(row.sums.last);
    pen.byte(b'"');
    if flow.arrival.0 != 0 {
        pen.text(",\"received\":\"");
        pen.rfc3339(flow.arrival);
        pen.byte(b'"');
    }
    number(pen, "in_packets", row.sums.packets);
    number(pen, "in_bytes", row.sums.bytes);
    given(pen, "out_packets", row.out_packets);
    given(pen, "out_bytes", row.out_bytes);
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
    host(pen, ["src4_addr", "src6_addr"], flow.src);
    host(pen, ["dst4_addr", "dst6_addr"], flow.dst);
    number(pen, "input_snmp", flow.input.into());
    number(pen, "output_snmp", flow.output.into());
    given(pen, "src_as", flow.src_as.into());
    given(pen, "dst_as", flow.dst_as.into());
    given(pen, "src_mask", flow.src_mask.into());
    given(pen, "dst_mask", flow.dst_mask.into());
    given(pen, "src_vlan", flow.vlan.into());
    given(pen, "dst_vlan", more.dst_vlan.into());
    given(pen, "dst_tos", more.dst_tos.into());
    if flow.direction != Flow::NO_DIRECTION {
        number(pen, "direction", flow.direction.into());
    }
    host(pen, ["ip4_next_hop", "ip6_next_hop"], flow.next_hop);
    host(pen, ["bgp4_next_hop", "bgp6_next_hop"], more.bgp_next_hop);
    host(pen, ["ip4_router", "ip6_router"], flow.exporter);
    given(pen, "observation_domain", flow.domain.into());
    given(pen, "sampling", flow.sampling.rate().unwrap_or(0).into());
    if flow.more != 0 || *more != crate::flow::More::NONE {
        rare(pen, row);
    }
    pen.byte(b'}');
}

/// What few exporters report.
fn rare(pen: &mut Pen, row: &Row) {
    let more = &row.more;
    for (key, mac) in [
        ("in_src_mac", more.in_src_mac),
        ("out_dst_mac", more.out_dst_mac),
        ("in_dst_mac", more.in_dst_mac),
        ("out_src_mac", more.out_src_mac),
    ] {
        if mac != 0 {
            name(pen, key);
            pen.byte(b'"');
            pen.mac(mac);
            pen.byte(b'"');
        }
    }
    for (place, entry) in more.mpls.iter().enumerate().filter(|(_, entry)| **entry != 0) {
        pen.text(",\"mpls_");
        pen.number(place as u64 + 1);
        pen.text("\":\"");
        pen.mpls((*entry).into());
        pen.byte(b'"');
    }
    given(pen, "next_as", more.next_as.into());
    given(pen, "prev_as", more.prev_as.into());
    given(pen, "ingress_vrf", more.in_vrf.into());
    given(pen, "egress_vrf", more.out_vrf.into());
    host(pen, ["src4_xlt_ip", "src6_xlt_ip"], more.nat_src);
    host(pen, ["dst4_xlt_ip", "dst6_xlt_ip"], more.nat_dst);
    given(pen, "src_xlt_port", more.nat_sport.into());
    given(pen, "dst_xlt_port", more.nat_dport.into());
    given(pen, "nat_event", more.nat_event.into());
    given(pen, "min_ttl", more.min_ttl.into());
    given(pen, "max_ttl", more.max_ttl.into());
    given(pen, "fwd_status", more.forwarding.into());
    given(pen, "flow_count", more.flow_count.into());
    host(pen, ["src4_inside", "src6_inside"], more.src_inside);
    host(pen, ["dst4_inside", "dst6_inside"], more.dst_inside);
    given(pen, "app", more.app);
    if !more.user.is_empty() {
        name(pen, "user");
        pen.json_text(more.user.as_str());
    }
    given(pen, "tunnel", more.tunnel.into());
    given(pen, "tunnel_key", more.tunnel_key.into());
}

fn name(pen: &mut Pen, key: &str) {
    pen.text(",\"");
    pen.text(key);
    pen.text("\":");
}

/// `,"key":5`.
pub(super) fn number(pen: &mut Pen, key: &str, value: u64) {
    name(pen, key);
    pen.number(value);
}

/// The same unless it is 0.
fn given(pen: &mut Pen, key: &str, value: u64) {
    if value != 0 {
        number(pen, key, value);
    }
}

/// An address under the key of its family, unless it was not reported.
fn host(pen: &mut Pen, [v4, v6]: [&str; 2], host: Host) {
    if host == Host::UNSPECIFIED {
        return;
    }
    name(pen, if host.as_v4().is_some() { v4 } else { v6 });
    pen.byte(b'"');
    pen.host(host);
    pen.byte(b'"');
}
