//! Rows with a line for each field.

use super::pen::{Pen, Style};
use super::tag;
use crate::flow::{Duplicate, Flow, Host, More};
use crate::query::Row;

/// What stands in front, the tag that prints it, and whether it was reported.
type Line = (&'static str, &'static str, fn(&Flow, &More) -> bool);

const LINES: &[Line] = &[
    ("first", "ts", |_, _| true),
    ("last", "te", |_, _| true),
    ("received at", "tr", |f, _| f.arrival.0 != 0),
    ("duration", "td", |_, _| true),
    ("flows", "fl", |_, _| true),
    ("in packets", "ipkt", |_, _| true),
    ("in bytes", "ibyt", |_, _| true),
    ("proto", "pr", |_, _| true),
    ("tcp flags", "flg", |f, _| f.proto == 6),
    ("src addr", "sa", |_, _| true),
    ("dst addr", "da", |_, _| true),
    ("src port", "sp", |f, _| f.proto != 1 && f.proto != 58),
    ("dst port", "dp", |f, _| f.proto != 1 && f.proto != 58),
    ("ICMP type", "it", |f, _| f.proto == 1 || f.proto == 58),
    ("ICMP code", "ic", |f, _| f.proto == 1 || f.proto == 58),
    ("src tos", "tos", |_, _| true),
    ("dst tos", "dtos", |_, m| m.dst_tos != 0),
    ("input", "in", |_, _| true),
    ("output", "out", |_, _| true),
    ("src as", "sas", |f, _| f.src_as != 0),
    ("dst as", "das", |f, _| f.dst_as != 0),
    ("next as", "nas", |_, m| m.next_as != 0),
    ("prev as", "pas", |_, m| m.prev_as != 0),
    ("src network", "sn", |f, _| f.src_mask != 0),
    ("dst network", "dn", |f, _| f.dst_mask != 0),
    ("src vlan", "svln", |f, _| f.vlan != 0),
    ("dst vlan", "dvln", |_, m| m.dst_vlan != 0),
    ("direction", "dir", |f, _| f.direction != Flow::NO_DIRECTION),
    ("ip next hop", "nh", |f, _| f.next_hop != Host::UNSPECIFIED),
    ("bgp next hop", "nhb", |_, m| m.bgp_next_hop != Host::UNSPECIFIED),
    ("ip exporter", "ra", |_, _| true),
    ("obs domain", "odid", |_, _| true),
    ("sampling", "smp", |_, _| true),
    ("in src mac", "ismc", |_, m| m.in_src_mac != 0),
    ("out dst mac", "odmc", |_, m| m.out_dst_mac != 0),
    ("in dst mac", "idmc", |_, m| m.in_dst_mac != 0),
    ("out src mac", "osmc", |_, m| m.out_src_mac != 0),
    ("mpls", "mpls", |_, m| m.mpls.iter().any(|entry| *entry != 0)),
    ("src xlt ip", "xsa", |_, m| m.nat_src != Host::UNSPECIFIED),
    ("dst xlt ip", "xda", |_, m| m.nat_dst != Host::UNSPECIFIED),
    ("src xlt port", "xsp", |_, m| m.nat_sport != 0),
    ("dst xlt port", "xdp", |_, m| m.nat_dport != 0),
    ("nat event", "nevt", |_, m| m.nat_event != 0),
    ("ingress vrf", "ivrf", |_, m| m.in_vrf != 0),
    ("egress vrf", "evrf", |_, m| m.out_vrf != 0),
    ("min ttl", "minttl", |_, m| m.min_ttl != 0),
    ("max ttl", "maxttl", |_, m| m.max_ttl != 0),
    ("fwd status", "fwd", |_, m| m.forwarding != 0),
    ("flow count", "fcnt", |_, m| m.flow_count != 0),
    ("src inside", "isa", |_, m| m.src_inside != Host::UNSPECIFIED),
    ("dst inside", "ida", |_, m| m.dst_inside != Host::UNSPECIFIED),
    ("application", "app", |_, m| m.app != 0),
    ("user", "uname", |_, m| !m.user.is_empty()),
    ("tunnel", "tun", |_, m| m.tunnel != 0),
    ("tunnel key", "tunkey", |_, m| m.tunnel_key != 0),
];

/// Writes all that was reported of a row, in full: there is room for it.
pub fn row(pen: &mut Pen, row: &Row) {
    let style = std::mem::replace(&mut pen.style, Style::DATA);
    pen.text("\nFlow Record:\n");
    for (name, tag, reported) in LINES {
        let Some(tag) = tag::named(tag).filter(|_| reported(&row.flow, &row.more)) else {
            continue;
        };
        pen.text("  ");
        pen.left(13, |pen| pen.text(name));
        pen.text("= ");
        (tag.cell)(pen, row);
        pen.byte(b'\n');
    }
    match row.flow.duplicate {
        Duplicate::No => {}
        Duplicate::SameExporter => pen.text("  reported before from another interface\n"),
        Duplicate::OtherExporter => pen.text("  reported before by another exporter\n"),
    }
    pen.style = style;
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_has_its_tag() {
        for (name, tag, _) in super::LINES {
            assert!(crate::query::format::tag::named(tag).is_some(), "{name}");
            assert!(name.len() < 13, "{name}");
        }
    }
}
