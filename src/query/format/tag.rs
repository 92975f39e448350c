//! The tags of `-o fmt:` and the columns of `-o csv`: the value, the heading and the width of
//! each.

use super::row_writer::RowWriter;
use crate::flow::field::Field;
use crate::flow::{Flow, Host, Network, Time};
use crate::query::AnswerRow;

/// The alignment of a cell in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Left-aligned in this many columns.
    Left(usize),
    /// Right-aligned in this many columns.
    Right(usize),
    /// Right-aligned in the width of an address, which is larger with `-6`.
    Address,
    /// An address followed by something of this many columns; the cell pads itself.
    Behind(usize),
}

/// The width of an address, and of a full IPv6 address.
const ADDRESS: usize = 16;
const ADDRESS_FULL: usize = 39;

/// The width of an address, with or without `-6`.
#[must_use]
pub fn address_width(full6: bool) -> usize {
    if full6 { ADDRESS_FULL } else { ADDRESS }
}

/// A tag.
pub struct FormatTag {
    /// The name, as in `%ts`, and the column in CSV.
    pub name: &'static str,
    /// The heading in text.
    pub heading: &'static str,
    /// The alignment.
    pub align: Align,
    /// The meaning, for people.
    pub help: &'static str,
    /// The columns that the tag needs in addition to those that are always counted.
    pub needs: &'static [Field],
    /// Writes the value.
    pub cell: fn(&mut RowWriter, &AnswerRow),
}

impl FormatTag {
    /// Writes the value, padded to the width of the column except in CSV.
    #[inline]
    pub fn write(&self, writer: &mut RowWriter, row: &AnswerRow) {
        if writer.style.data {
            return (self.cell)(writer, row);
        }
        match self.align {
            Align::Left(width) => writer.left(width, |writer| (self.cell)(writer, row)),
            Align::Right(width) => writer.right(width, |writer| (self.cell)(writer, row)),
            Align::Address => {
                let width = address_width(writer.style.full6);
                writer.right(width, |writer| (self.cell)(writer, row));
            }
            Align::Behind(_) => (self.cell)(writer, row),
        }
    }

    /// Writes the heading, padded to the width of the column.
    pub fn write_heading(&self, writer: &mut RowWriter) {
        let address = address_width(writer.style.full6);
        match self.align {
            Align::Left(width) => writer.left(width, |writer| writer.text(self.heading)),
            Align::Right(width) => writer.right(width, |writer| writer.text(self.heading)),
            Align::Address => writer.right(address, |writer| writer.text(self.heading)),
            Align::Behind(width) => {
                let whole = address + width;
                let (head, behind) = self.heading.rsplit_once(' ').unwrap_or((self.heading, ""));
                // In `Src IP Addr:Port`, the address ends where its column ends.
                let colon = behind.find([':', '/']).unwrap_or(behind.len());
                let (last, behind) = behind.split_at_checked(colon).unwrap_or((behind, ""));
                writer.left(whole, |writer| {
                    writer.right(address, |writer| {
                        writer.text(head);
                        writer.byte(b' ');
                        writer.text(last);
                    });
                    writer.text(behind);
                });
            }
        }
    }
}

/// The tag with this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static FormatTag> {
    TAGS.iter().find(|tag| tag.name == name)
}

fn is_icmp(flow: &Flow) -> bool {
    flow.proto == 1 || flow.proto == 58
}

/// Writes an address and a port, separated by a dot if the address contains colons.
fn with_port(writer: &mut RowWriter, host: Host, port: impl FnOnce(&mut RowWriter)) {
    let v6 = host.as_v4().is_none() && host != Host::UNSPECIFIED;
    let colon = if v6 { b'.' } else { b':' };
    if writer.style.data {
        writer.host(host);
        writer.byte(colon);
        return port(writer);
    }
    let width = address_width(writer.style.full6);
    writer.right(width, |writer| writer.host(host));
    writer.byte(colon);
    writer.left(5, port);
}

fn dst_port(writer: &mut RowWriter, flow: &Flow) {
    if is_icmp(flow) && !writer.style.data {
        writer.number((flow.dport >> 8).into());
        writer.byte(b'.');
        writer.number((flow.dport & 0xff).into());
    } else {
        writer.number(flow.dport.into());
    }
}

/// Writes a network with the reported prefix length.
fn network(writer: &mut RowWriter, host: Host, mask: u8) {
    // A length of 0 was not reported.
    let net = Network::new(host, mask).filter(|_| mask > 0).unwrap_or(Network::single(host));
    let width = if writer.style.data { 0 } else { address_width(writer.style.full6) };
    writer.right(width, |writer| writer.host(net.base()));
    writer.byte(b'/');
    let width = if writer.style.data { 0 } else { 2 };
    writer.left(width, |writer| writer.number(mask.into()));
}

fn direction(writer: &mut RowWriter, flow: &Flow) {
    match (flow.direction, writer.style.data) {
        (Flow::NO_DIRECTION, true) => {}
        (direction, true) => writer.number(direction.into()),
        (0, false) => writer.byte(b'I'),
        (1, false) => writer.byte(b'E'),
        (_, false) => writer.byte(b'?'),
    }
}

/// Sums of flows have no time of arrival; in CSV the cell is empty.
fn received(writer: &mut RowWriter, arrival: Time) {
    if arrival.0 != 0 || !writer.style.data {
        writer.stamp(arrival, true);
    }
}

fn all_mpls(writer: &mut RowWriter, row: &AnswerRow) {
    for (index, entry) in row.extras.mpls.iter().enumerate() {
        if index > 0 {
            writer.byte(b' ');
        }
        let width = if writer.style.data { 0 } else { 12 };
        writer.right(width, |writer| writer.mpls((*entry).into()));
    }
}

fn domain(writer: &mut RowWriter, domain: u32) {
    if writer.style.data {
        return writer.number(domain.into());
    }
    writer.text("0x");
    for nibble in (0..9).rev() {
        let nibble = (u64::from(domain) >> (nibble * 4)) & 15;
        writer.byte(b"0123456789abcdef"[nibble as usize]);
    }
}

/// The function of a tag; by default it writes the tag's only field.
macro_rules! cell {
    ([$field:ident]) => {
        |row_writer, row| {
            row_writer.value(Field::$field, Field::$field.value(&row.flow, &row.extras))
        }
    };
    ([$($need:ident)*], $cell:expr) => {
        $cell
    };
}

macro_rules! tags {
    ($($name:literal $heading:literal $align:expr, $help:literal, [$($need:ident),*] $(, |$writer:ident, $row:pat_param| $cell:expr)?;)*) => {
        /// All tags, in the order of nfdump's manual.
        pub const TAGS: &[FormatTag] = &[$(FormatTag {
            name: $name, heading: $heading, align: $align, help: $help, needs: &[$(Field::$need),*],
            cell: cell!([$($need)*] $(, |$writer, $row| $cell)?),
        }),*];
    };
}

use Align::{Address, Behind, Left, Right};

tags! {
    "cnt" "Count" Right(7), "number of the line", [], |p, _| p.number(p.count);
    "ts" "Date first seen" Left(23), "when the first packet was seen", [], |p, r| p.stamp(r.sums.first, true);
    "tfs" "Date first seen" Left(23), "as ts", [], |p, r| p.stamp(r.sums.first, true);
    "tsr" "First seen (raw)" Right(16), "as ts, in seconds since 1970", [], |p, r| p.epoch(r.sums.first);
    "te" "Date last seen" Left(23), "when the last packet was seen", [], |p, r| p.stamp(r.sums.last, true);
    "ter" "Last seen (raw)" Right(16), "as te, in seconds since 1970", [], |p, r| p.epoch(r.sums.last);
    "tr" "Date flow received" Left(23), "when the record was received", [Arrival], |p, r| received(p, r.flow.arrival);
    "trr" "Received (raw)" Right(16), "as tr, in seconds since 1970", [Arrival], |p, r| p.epoch(r.flow.arrival);
    "td" "    Duration    " Right(16), "duration", [], |p, r| p.duration(&r.sums);
    "pr" "Proto" Left(5), "protocol", [Proto], |p, r| p.protocol(r.flow.proto);
    "sa" "Src IP Addr" Address, "source address", [Src];
    "da" "Dst IP Addr" Address, "destination address", [Dst];
    "sap" "Src IP Addr:Port" Behind(6), "source address and port", [Src, SrcPort], |p, r| with_port(p, r.flow.src, |p| p.number(r.flow.sport.into()));
    "dap" "Dst IP Addr:Port" Behind(6), "destination address and port", [Dst, Proto, DstPort], |p, r| with_port(p, r.flow.dst, |p| dst_port(p, &r.flow));
    "sp" "Src Pt" Right(6), "source port", [SrcPort];
    "dp" "Dst Pt" Right(6), "destination port; ICMP type and code", [Proto, DstPort], |p, r| dst_port(p, &r.flow);
    "it" "ICMP-T" Right(6), "ICMP type", [DstPort, Proto], |p, r| p.number(if is_icmp(&r.flow) { r.flow.dport >> 8 } else { 0 }.into());
    "ic" "ICMP-C" Right(6), "ICMP code", [DstPort, Proto], |p, r| p.number(if is_icmp(&r.flow) { r.flow.dport & 0xff } else { 0 }.into());
    "sn" "Src Network" Behind(3), "network of the source, as reported", [Src, SrcMask], |p, r| network(p, r.flow.src, r.flow.src_mask);
    "dn" "Dst Network" Behind(3), "network of the destination, as reported", [Dst, DstMask], |p, r| network(p, r.flow.dst, r.flow.dst_mask);
    "nh" "Next-hop IP" Address, "next hop", [NextHop];
    "nhb" "BGP next-hop IP" Address, "next hop by BGP", [BgpNextHop];
    "ra" "Router IP" Address, "exporter", [Exporter];
    "sas" "Src AS" Right(6), "AS of the source", [SrcAs];
    "das" "Dst AS" Right(6), "AS of the destination", [DstAs];
    "nas" "Next AS" Right(7), "next AS", [NextAs];
    "pas" "Prev AS" Right(7), "previous AS", [PrevAs];
    "in" "Input" Right(6), "interface in", [Input];
    "out" "Output" Right(6), "interface out", [Output];
    "pkt" "Packets" Right(8), "packets", [], |p, r| p.scaled(r.sums.packets);
    "ipkt" "In Pkt" Right(8), "packets, forward direction", [], |p, r| p.scaled(r.sums.packets);
    "opkt" "Out Pkt" Right(8), "packets, reverse direction", [], |p, r| p.scaled(r.out_packets);
    "byt" "Bytes" Right(8), "bytes", [], |p, r| p.scaled(r.sums.bytes);
    "ibyt" "In Byte" Right(8), "bytes, forward direction", [], |p, r| p.scaled(r.sums.bytes);
    "obyt" "Out Byte" Right(8), "bytes, reverse direction", [], |p, r| p.scaled(r.out_bytes);
    "fl" "Flows" Right(5), "flows", [], |p, r| p.number(r.sums.flows);
    "flg" "Flags" Right(8), "TCP flags", [TcpFlags], |p, r| p.flags(r.flow.tcp_flags);
    "tos" "Tos" Right(3), "type of service", [Tos];
    "stos" "STos" Right(4), "type of service on the way in", [Tos];
    "dtos" "DTos" Right(4), "type of service on the way out", [DstTos];
    "dir" "Dir" Right(3), "I ingress, E egress; in CSV 0, 1 or empty", [Direction], |p, r| direction(p, &r.flow);
    "smk" "SMask" Right(5), "prefix length of the source", [SrcMask];
    "dmk" "DMask" Right(5), "prefix length of the destination", [DstMask];
    "fwd" "Fwd" Right(3), "forwarding status", [Forwarding];
    "svln" "SVlan" Right(5), "VLAN in", [Vlan];
    "dvln" "DVlan" Right(5), "VLAN out", [DstVlan];
    "ismc" "In src MAC Addr" Right(17), "source MAC address in", [InSrcMac];
    "odmc" "Out dst MAC Addr" Right(17), "destination MAC address out", [OutDstMac];
    "idmc" "In dst MAC Addr" Right(17), "destination MAC address in", [InDstMac];
    "osmc" "Out src MAC Addr" Right(17), "source MAC address out", [OutSrcMac];
    "mpls1" " MPLS lbl 1 " Right(12), "MPLS label 1: label, class, bottom", [Mpls1];
    "mpls2" " MPLS lbl 2 " Right(12), "MPLS label 2", [Mpls2];
    "mpls3" " MPLS lbl 3 " Right(12), "MPLS label 3", [Mpls3];
    "mpls4" " MPLS lbl 4 " Right(12), "MPLS label 4", [Mpls4];
    "mpls5" " MPLS lbl 5 " Right(12), "MPLS label 5", [Mpls5];
    "mpls6" " MPLS lbl 6 " Right(12), "MPLS label 6", [Mpls6];
    "mpls7" " MPLS lbl 7 " Right(12), "MPLS label 7", [Mpls7];
    "mpls8" " MPLS lbl 8 " Right(12), "MPLS label 8", [Mpls8];
    "mpls9" " MPLS lbl 9 " Right(12), "MPLS label 9", [Mpls9];
    "mpls10" "MPLS lbl 10 " Right(12), "MPLS label 10", [Mpls10];
    "mpls" "MPLS labels 1-10" Right(129), "all MPLS labels", [Mpls1, Mpls2, Mpls3, Mpls4, Mpls5, Mpls6, Mpls7, Mpls8, Mpls9, Mpls10], |p, r| all_mpls(p, r);
    "bps" "bps" Right(8), "bits per second", [], |p, r| { let [_, bps, _] = p.rates(&r.sums); p.scaled(bps) };
    "pps" "pps" Right(8), "packets per second", [], |p, r| { let [pps, ..] = p.rates(&r.sums); p.scaled(pps) };
    "bpp" "Bpp" Right(6), "bytes per packet", [], |p, r| { let [.., bpp] = p.rates(&r.sums); p.number(bpp) };
    "odid" "obsDomainID" Right(11), "observation domain", [Domain], |p, r| domain(p, r.flow.domain);
    "xsa" "X-late Src IP" Address, "source address after translation", [NatSrc];
    "xda" "X-late Dst IP" Address, "destination address after translation", [NatDst];
    "xsp" "XsPort" Right(6), "source port after translation", [NatSrcPort];
    "xdp" "XdPort" Right(6), "destination port after translation", [NatDstPort];
    "xsap" "X-Src IP Addr:Port" Behind(6), "source after translation", [NatSrc, NatSrcPort], |p, r| with_port(p, r.extras.nat_src, |p| p.number(r.extras.nat_sport.into()));
    "xdap" "X-Dst IP Addr:Port" Behind(6), "destination after translation", [NatDst, NatDstPort], |p, r| with_port(p, r.extras.nat_dst, |p| p.number(r.extras.nat_dport.into()));
    "nsa" "X-late Src IP" Address, "the same as xsa", [NatSrc];
    "nda" "X-late Dst IP" Address, "the same as xda", [NatDst];
    "nsp" "XsPort" Right(6), "the same as xsp", [NatSrcPort];
    "ndp" "XdPort" Right(6), "the same as xdp", [NatDstPort];
    "nevt" "Event" Right(7), "NAT event number", [NatEvent];
    "ivrf" "I-VRF-ID" Right(10), "VRF in", [InVrf];
    "evrf" "E-VRF-ID" Right(10), "VRF out", [OutVrf];
    "minttl" "MinTTL" Right(6), "smallest TTL", [MinTtl];
    "maxttl" "MaxTTL" Right(6), "greatest TTL", [MaxTtl];
    "fcnt" "Count" Right(7), "flows that the record stands for, 0 if not reported", [FlowCount];
    "isa" "Inside Src IP" Address, "source address inside", [SrcInside];
    "ida" "Inside Dst IP" Address, "destination address inside", [DstInside];
    "app" "App" Right(10), "application id", [App];
    "appn" "Application" Left(16), "application name, or engine:selector", [AppName];
    "uname" "User" Left(16), "user name", [User];
    "tun" "Tun" Right(3), "kind of tunnel", [Tunnel];
    "tunkey" "Tunnel key" Right(10), "key of the tunnel", [TunnelKey];
    "smp" "1:N" Right(6), "sampling rate, 0 if not reported", [], |p, r| p.number(r.flow.sampling.rate().unwrap_or(0).into());
    "tss" "Date first seen" Left(19), "as ts, without milliseconds", [], |p, r| p.stamp(r.sums.first, false);
    "tes" "Date last seen" Left(19), "as te, without milliseconds", [], |p, r| p.stamp(r.sums.last, false);
}

/// Tags of nfdump for data that is not kept, and the reason.
pub const UNANSWERED: &[(&[&str], &str)] = &[
    (&["gsap", "gdap", "sc", "dc", "sloc", "dloc"], "toptalk has no country database"),
    (&["exp"], "it is nfcapd's own exporter number; use %ra"),
    (&["eng"], "engines are part of the observation domain; use %odid"),
    (&["nfv"], "the export version is not kept"),
    (&["lbl", "ipl", "opl", "nbid", "nbnam", "ja3", "sni"], "packet contents are not kept"),
    (&["opid"], "observation points are not kept; use %odid"),
    (
        &["nfc", "evt", "xevt", "sgt", "msec", "iacl", "eacl"],
        "of firewall events only those of NAT are kept; use %nevt",
    ),
    (&["pbstart", "pbend", "pbstep", "pbsize"], "port blocks are not kept"),
    (&["cl", "sl", "al"], "latencies are not kept"),
];
