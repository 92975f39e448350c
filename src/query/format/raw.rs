//! Rows with a line per field.

use super::row_writer::{RowStyle, RowWriter};
use super::tag;
use crate::flow::Duplicate;
use crate::flow::field::Field;
use crate::query::AnswerRow;

/// Which records have a line.
enum LineCondition {
    Always,
    Reported(Field),
    /// Records of TCP.
    Tcp,
    /// Records of a protocol with ports.
    Ports,
    /// Records of ICMP, which have a type and a code instead of ports.
    Icmp,
    /// Records with an MPLS stack.
    Mpls,
}

use LineCondition::{Always, Reported};

impl LineCondition {
    fn holds(&self, row: &AnswerRow) -> bool {
        let is_icmp = row.flow.proto == 1 || row.flow.proto == 58;
        match self {
            Always => true,
            Reported(field) => field.is_reported(&row.flow, &row.extras),
            LineCondition::Tcp => row.flow.proto == 6,
            LineCondition::Ports => !is_icmp,
            LineCondition::Icmp => is_icmp,
            LineCondition::Mpls => row.extras.mpls.iter().any(|entry| *entry != 0),
        }
    }
}

/// The label, the tag that prints the value, and the records that have the line.
type Line = (&'static str, &'static str, LineCondition);

const LINES: &[Line] = &[
    ("first", "ts", Always),
    ("last", "te", Always),
    ("received at", "tr", Reported(Field::Arrival)),
    ("duration", "td", Always),
    ("flows", "fl", Always),
    ("in packets", "ipkt", Always),
    ("in bytes", "ibyt", Always),
    ("proto", "pr", Always),
    ("tcp flags", "flg", LineCondition::Tcp),
    ("src addr", "sa", Always),
    ("dst addr", "da", Always),
    ("src port", "sp", LineCondition::Ports),
    ("dst port", "dp", LineCondition::Ports),
    ("ICMP type", "it", LineCondition::Icmp),
    ("ICMP code", "ic", LineCondition::Icmp),
    ("src tos", "tos", Always),
    ("dst tos", "dtos", Reported(Field::DstTos)),
    ("input", "in", Always),
    ("output", "out", Always),
    ("src as", "sas", Reported(Field::SrcAs)),
    ("dst as", "das", Reported(Field::DstAs)),
    ("next as", "nas", Reported(Field::NextAs)),
    ("prev as", "pas", Reported(Field::PrevAs)),
    ("src network", "sn", Reported(Field::SrcMask)),
    ("dst network", "dn", Reported(Field::DstMask)),
    ("src vlan", "svln", Reported(Field::Vlan)),
    ("dst vlan", "dvln", Reported(Field::DstVlan)),
    ("direction", "dir", Reported(Field::Direction)),
    ("ip next hop", "nh", Reported(Field::NextHop)),
    ("bgp next hop", "nhb", Reported(Field::BgpNextHop)),
    ("ip exporter", "ra", Always),
    ("obs domain", "odid", Always),
    ("sampling", "smp", Always),
    ("in src mac", "ismc", Reported(Field::InSrcMac)),
    ("out dst mac", "odmc", Reported(Field::OutDstMac)),
    ("in dst mac", "idmc", Reported(Field::InDstMac)),
    ("out src mac", "osmc", Reported(Field::OutSrcMac)),
    ("mpls", "mpls", LineCondition::Mpls),
    ("src xlt ip", "xsa", Reported(Field::NatSrc)),
    ("dst xlt ip", "xda", Reported(Field::NatDst)),
    ("src xlt port", "xsp", Reported(Field::NatSrcPort)),
    ("dst xlt port", "xdp", Reported(Field::NatDstPort)),
    ("nat event", "nevt", Reported(Field::NatEvent)),
    ("ingress vrf", "ivrf", Reported(Field::InVrf)),
    ("egress vrf", "evrf", Reported(Field::OutVrf)),
    ("min ttl", "minttl", Reported(Field::MinTtl)),
    ("max ttl", "maxttl", Reported(Field::MaxTtl)),
    ("fwd status", "fwd", Reported(Field::Forwarding)),
    ("flow count", "fcnt", Reported(Field::FlowCount)),
    ("src inside", "isa", Reported(Field::SrcInside)),
    ("dst inside", "ida", Reported(Field::DstInside)),
    ("application", "app", Reported(Field::App)),
    ("app name", "appn", Reported(Field::AppName)),
    ("user", "uname", Reported(Field::User)),
    ("tunnel", "tun", Reported(Field::Tunnel)),
    ("tunnel key", "tunkey", Reported(Field::TunnelKey)),
];

/// Writes all reported values of a row, in full.
pub fn row(writer: &mut RowWriter, row: &AnswerRow) {
    let style = std::mem::replace(&mut writer.style, RowStyle::DATA);
    writer.text("\nFlow Record:\n");
    for (name, tag, reported) in LINES {
        let Some(tag) = tag::named(tag).filter(|_| reported.holds(row)) else {
            continue;
        };
        writer.text("  ");
        writer.left(13, |writer| writer.text(name));
        writer.text("= ");
        (tag.cell)(writer, row);
        writer.byte(b'\n');
    }
    match row.flow.duplicate {
        Duplicate::No => {}
        Duplicate::SameExporter => writer.text("  reported before from another interface\n"),
        Duplicate::OtherExporter => writer.text("  reported before by another exporter\n"),
    }
    writer.style = style;
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_has_a_tag() {
        for (name, tag, _) in super::LINES {
            assert!(crate::query::format::tag::named(tag).is_some(), "{name}");
            assert!(name.len() < 13, "{name}");
        }
    }
}
