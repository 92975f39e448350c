//! Reads the records of samples: packet headers, forwarding data of switches and routers, and
//! counters (sflow_version_5.txt, sections 5.2 and 5.3).

use super::sample::{Sample, SampleKind};
use super::xdr::Xdr;
use crate::flow::Host;
use crate::wire::exporter::interfaces::InterfaceCounters;
use crate::wire::frame::Packet;
use crate::wire::layout::sflow::{InterfaceCountersRecord, RawPacketHeader};

/// Reads one record into the sample; unknown formats are ignored. `None` when the record is too
/// short; what was read of it counts.
#[inline]
pub(super) fn read(sample: &mut Sample, format: u32, record: Xdr) -> Option<()> {
    match (sample.kind, format) {
        (SampleKind::Counter, 1) => interface_counters(sample, record),
        (SampleKind::Counter, 1005) => port_name(sample, record),
        (SampleKind::Flow | SampleKind::Discard, 1) => raw_header(sample, record),
        (SampleKind::Flow | SampleKind::Discard, 2) => ethernet_frame(sample, record),
        (SampleKind::Flow | SampleKind::Discard, 3) => ip_data(sample, record, Xdr::v4),
        (SampleKind::Flow | SampleKind::Discard, 4) => ip_data(sample, record, Xdr::v6),
        (SampleKind::Flow | SampleKind::Discard, 1001) => switch(sample, record),
        (SampleKind::Flow | SampleKind::Discard, 1002) => router(sample, record),
        (SampleKind::Flow | SampleKind::Discard, 1003) => gateway(sample, record),
        (SampleKind::Flow | SampleKind::Discard, 1007) => translated_addresses(sample, record),
        (SampleKind::Flow | SampleKind::Discard, 1020) => translated_ports(sample, record),
        _ => Some(()),
    }
}

/// Reads the first bytes of a packet (`sampled_header`). The first such record of a sample
/// counts. It takes precedence over records that have only addresses.
fn raw_header(sample: &mut Sample, mut record: Xdr) -> Option<()> {
    let RawPacketHeader { protocol, frame_length, length, .. } = record.layout()?;
    let length = length as usize;
    let header = record.up_to(length);
    if sample.header_protocol == 0 {
        let packet = match protocol {
            1 => Packet::ethernet(header),
            7 | 14 => Packet::ppp(header),
            11 | 12 => Packet::ip(header),
            13 => Packet::mpls(header),
            _ => None,
        };
        if packet.is_some() || sample.packet.is_none() {
            (sample.packet, sample.frame_length) = (packet, frame_length);
        } else {
            sample.frame_length = sample.frame_length.max(frame_length);
        }
        sample.header_protocol = protocol;
    }
    (header.len() == length).then_some(())
}

/// Reads the length of an Ethernet frame (`sampled_ethernet`). It has no IP addresses, so there
/// is no flow.
fn ethernet_frame(sample: &mut Sample, mut record: Xdr) -> Option<()> {
    let length = record.u32()?;
    if sample.header_protocol == 0 {
        sample.frame_length = sample.frame_length.max(length);
    }
    Some(())
}

/// Reads addresses and ports (`sampled_ipv4`, `sampled_ipv6`). They count only if there is no
/// packet header.
fn ip_data<'a>(
    sample: &mut Sample,
    mut record: Xdr<'a>,
    address: fn(&mut Xdr<'a>) -> Option<Host>,
) -> Option<()> {
    let ip_length = record.u32()?;
    let proto = record.u32()? as u8;
    let (src, dst) = (address(&mut record)?, address(&mut record)?);
    let (sport, dport) = (record.u32()? as u16, record.u32()? as u16);
    let (tcp_flags, tos) = (record.u32()? as u8, record.u32()? as u8);
    if sample.packet.is_none() {
        let known = Packet { src, dst, proto, sport, dport, tcp_flags, tos, ..Packet::default() };
        sample.packet = Some(Packet { ip_length, ..known });
        // The frame is longer than the packet in it. A shorter frame is another one.
        sample.frame_length = sample.frame_length.max(ip_length);
    }
    Some(())
}

/// Reads VLANs (`extended_switch`); a number that is not a VLAN id means unknown.
fn switch(sample: &mut Sample, mut record: Xdr) -> Option<()> {
    let vlan = |word: u32| u16::try_from(word).ok().filter(|vlan| *vlan < 4096).unwrap_or(0);
    sample.src_vlan = vlan(record.u32()?);
    let _priority = record.u32()?;
    sample.dst_vlan = vlan(record.u32()?);
    Some(())
}

/// Reads next hop and prefix lengths (`extended_router`).
fn router(sample: &mut Sample, mut record: Xdr) -> Option<()> {
    sample.next_hop = record.address()?;
    sample.src_mask = mask(record.u32()?);
    sample.dst_mask = mask(record.u32()?);
    Some(())
}

/// A prefix length, 0 when the number is too large for one.
fn mask(word: u32) -> u8 {
    u8::try_from(word).ok().filter(|bits| *bits <= 128).unwrap_or(0)
}

/// Reads the next hop of BGP, the source AS and the path to the destination
/// (`extended_gateway`).
fn gateway(sample: &mut Sample, mut record: Xdr) -> Option<()> {
    sample.bgp_next_hop = record.address()?;
    let _own_as = record.u32()?;
    sample.src_as = record.u32()?;
    sample.prev_as = record.u32()?;
    // Every segment takes at least eight bytes, so the end of the record limits the loop.
    for _ in 0..record.u32()? {
        let _set_or_sequence = record.u32()?;
        let length = record.u32()? as usize;
        let path = record.up_to(length.saturating_mul(4));
        if sample.next_as == 0 {
            sample.next_as = path.get(..4).and_then(|first| Xdr(first).u32()).unwrap_or(0);
        }
        if let Some(last) = path.len().checked_sub(4).and_then(|at| path.get(at..)) {
            sample.dst_as = Xdr(last).u32()?;
        }
    }
    Some(())
}

/// Reads the addresses of a packet after translation (`extended_nat`).
fn translated_addresses(sample: &mut Sample, mut record: Xdr) -> Option<()> {
    sample.nat_src = record.address()?;
    sample.nat_dst = record.address()?;
    Some(())
}

/// Reads the ports of a packet after translation (`extended_nat_port`, sflow_nat_port.txt).
fn translated_ports(sample: &mut Sample, mut record: Xdr) -> Option<()> {
    sample.nat_sport = u16::try_from(record.u32()?).unwrap_or(0);
    sample.nat_dport = u16::try_from(record.u32()?).unwrap_or(0);
    Some(())
}

/// Reads interface counters (`if_counters`); all ones mean that a counter is not known.
fn interface_counters(sample: &mut Sample, mut record: Xdr) -> Option<()> {
    let known = |word: u32| (word != u32::MAX).then_some(word);
    let octets = |word: u64| (word != u64::MAX).then_some(word);
    let r: InterfaceCountersRecord = record.layout()?;
    let counters = InterfaceCounters {
        kind: r.kind,
        speed: octets(r.speed).unwrap_or(0),
        direction: r.direction,
        status: r.status,
        in_octets: octets(r.in_octets),
        in_unicast: known(r.in_unicast),
        in_multicast: known(r.in_multicast),
        in_broadcast: known(r.in_broadcast),
        in_discards: known(r.in_discards),
        in_errors: known(r.in_errors),
        in_unknown: known(r.in_unknown),
        out_octets: octets(r.out_octets),
        out_unicast: known(r.out_unicast),
        out_multicast: known(r.out_multicast),
        out_broadcast: known(r.out_broadcast),
        out_discards: known(r.out_discards),
        out_errors: known(r.out_errors),
        promiscuous: r.promiscuous,
    };
    sample.counters = Some((r.index, counters));
    Some(())
}

/// Reads the name of a port (`port_name`, sflow_openflow.txt).
fn port_name(sample: &mut Sample, mut record: Xdr) -> Option<()> {
    let name = record.opaque()?;
    // Longer than any name that is kept; SNMP allows 255 bytes.
    let name = name.get(..255).unwrap_or(name);
    sample.port_name = Some(String::from_utf8_lossy(name).into_owned());
    Some(())
}
