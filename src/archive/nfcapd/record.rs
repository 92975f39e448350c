//! One record of nfdump, layout 2: a header, and extensions with the fields.
//!
//! Each extension starts with its number and its length, so that extensions of later versions
//! can be skipped. Numbers are little-endian; an IPv4 address is a 32-bit number, an IPv6
//! address is two 64-bit numbers.

use std::collections::HashMap;

use crate::flow::{Flow, FlowExtras, Host, Sampling, Time};

/// The last millisecond of the year 9999; later times are invalid.
const LAST_MOMENT: u64 = 253_402_300_799_999;

/// The size of an extension header in bytes: number and length.
const EXTENSION_HEADER: usize = 4;

/// The size of a flow record's header in bytes: type, size, number of extensions, engine type
/// and id, number of the exporter, flags, version.
pub(super) const RECORD_HEADER: usize = 12;

/// The numbers of the extensions (nfxV3.h).
mod extension {
    pub(super) const GENERIC: u16 = 1;
    pub(super) const IPV4: u16 = 2;
    pub(super) const IPV6: u16 = 3;
    pub(super) const MISC: u16 = 4;
    pub(super) const COUNTERS: u16 = 5;
    pub(super) const VLAN: u16 = 6;
    pub(super) const AS: u16 = 7;
    pub(super) const BGP_NEXT_HOP_V4: u16 = 8;
    pub(super) const BGP_NEXT_HOP_V6: u16 = 9;
    pub(super) const NEXT_HOP_V4: u16 = 10;
    pub(super) const NEXT_HOP_V6: u16 = 11;
    pub(super) const RECEIVED_V4: u16 = 12;
    pub(super) const RECEIVED_V6: u16 = 13;
    pub(super) const MPLS: u16 = 14;
    pub(super) const MAC: u16 = 15;
    pub(super) const AS_ADJACENT: u16 = 16;
    pub(super) const FIREWALL: u16 = 19;
    pub(super) const NAT_V4: u16 = 20;
    pub(super) const NAT_V6: u16 = 21;
    pub(super) const NAT_PORTS: u16 = 22;
    pub(super) const NAT: u16 = 25;
    pub(super) const OBSERVATION: u16 = 33;
    pub(super) const VRF: u16 = 36;
    pub(super) const LAYER2: u16 = 38;
    pub(super) const IP_INFO: u16 = 42;
}

/// The length in bytes of the NAT event extension that still contains VRFs.
const NAT_WITH_VRF: usize = 24;

/// An exporter record, which precedes the flow records; they refer to it by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NfcapdExporter {
    /// The address of the exporter.
    pub host: Host,
    /// The observation domain or source id.
    pub domain: u32,
}

/// The exporters of a file by their 16-bit number.
pub(super) type Exporters = HashMap<u16, NfcapdExporter>;

/// The body of a record or an extension. Fields beyond its end read as 0.
#[derive(Clone, Copy)]
pub(super) struct Body<'a>(pub &'a [u8]);

impl Body<'_> {
    fn bytes<const N: usize>(self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    fn u8(self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    pub(super) fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes(at))
    }

    pub(super) fn u32(self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at))
    }

    pub(super) fn u64(self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes(at))
    }

    /// A time in milliseconds since 1970; 0 if it is invalid.
    fn time(self, at: usize) -> Time {
        let ms = self.u64(at);
        Time(if ms > LAST_MOMENT { 0 } else { i64::try_from(ms).unwrap_or(0) })
    }

    /// An IPv4 address; 0.0.0.0 is allowed, some flows have it.
    fn v4(self, at: usize) -> Host {
        Host::v4(self.u32(at))
    }

    fn v6(self, at: usize) -> Host {
        Host(u128::from(self.u64(at)) << 64 | u128::from(self.u64(at + 8)))
    }

    /// A VLAN id: 12 bits, stored in 32.
    fn vlan(self, at: usize) -> u16 {
        u16::try_from(self.u32(at)).unwrap_or(u16::MAX)
    }
}

/// An address that was not reported is `::`, in both families.
fn reported(host: Host) -> Host {
    if host.is_unspecified() { Host::UNSPECIFIED } else { host }
}

/// Parses an exporter record (type 7): version, address (IPv4 in the middle of its field),
/// family, number, domain.
pub(super) fn exporter(record: &[u8]) -> Option<(u16, NfcapdExporter)> {
    /// The address family of IPv4, which has the same number on all systems.
    const AF_INET: u16 = 2;
    let body = Body(record.get(..32)?);
    let host = match body.u16(24) {
        AF_INET => body.v4(16),
        _ => body.v6(8),
    };
    Some((body.u16(26), NfcapdExporter { host, domain: body.u32(28) }))
}

/// The content of a flow record.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub flow: Flow,
    pub extras: FlowExtras,
    /// The counters of the reverse direction: packets, bytes, flags.
    back: (u64, u64, u8),
    received: Time,
    event: Time,
    /// Whether the record has counters and times.
    generic: bool,
}

impl Record {
    /// Parses a flow record (type 11) including its header. `None` if it has neither addresses
    /// nor counters.
    pub(super) fn read(record: &[u8], exporters: &Exporters) -> Option<Record> {
        let header = Body(record.get(..RECORD_HEADER)?);
        let mut read = Record {
            flow: Flow { sampling: Sampling::UNKNOWN, ..Flow::EMPTY },
            extras: FlowExtras::NONE,
            back: (0, 0, 0),
            received: Time(0),
            event: Time(0),
            generic: false,
        };
        let known = exporters.get(&header.u16(8));
        // Engine type and engine id are two adjacent bytes.
        let engine = u32::from(header.u8(6)) << 8 | u32::from(header.u8(7));
        read.flow.domain = known.map_or(engine, |exporter| exporter.domain);
        read.flow.exporter = known.map_or(Host::UNSPECIFIED, |exporter| exporter.host);
        let mut rest = record.get(RECORD_HEADER..)?;
        for _ in 0..header.u16(4) {
            let head = Body(rest);
            let length = usize::from(head.u16(2));
            let Some(body) = rest.get(EXTENSION_HEADER..length) else { break };
            read.extension(head.u16(0), Body(body));
            rest = rest.get(length..).unwrap_or_default();
        }
        read.finish()
    }

    fn extension(&mut self, number: u16, body: Body) {
        use extension as x;
        let (flow, extras) = (&mut self.flow, &mut self.extras);
        match number {
            x::GENERIC => self.generic_flow(body),
            x::IPV4 => (flow.src, flow.dst) = (body.v4(0), body.v4(4)),
            x::IPV6 => (flow.src, flow.dst) = (body.v6(0), body.v6(16)),
            x::MISC => self.misc(body),
            x::COUNTERS => {
                // The number of flows that nfdump has merged into the record.
                extras.flow_count = u32::try_from(body.u64(0)).unwrap_or(u32::MAX);
                (self.back.0, self.back.1) = (body.u64(8), body.u64(16));
            }
            x::VLAN => (flow.vlan, extras.dst_vlan) = (body.vlan(0), body.vlan(4)),
            x::AS => (flow.src_as, flow.dst_as) = (body.u32(0), body.u32(4)),
            x::BGP_NEXT_HOP_V4 => extras.bgp_next_hop = reported(body.v4(0)),
            x::BGP_NEXT_HOP_V6 => extras.bgp_next_hop = body.v6(0),
            x::NEXT_HOP_V4 => flow.next_hop = reported(body.v4(0)),
            x::NEXT_HOP_V6 => flow.next_hop = body.v6(0),
            x::RECEIVED_V4 => flow.exporter = body.v4(0),
            x::RECEIVED_V6 => flow.exporter = body.v6(0),
            x::MPLS => {
                for (place, label) in extras.mpls.iter_mut().enumerate() {
                    *label = body.u32(place * 4);
                }
            }
            x::MAC => {
                (extras.in_src_mac, extras.out_dst_mac) = (body.u64(0), body.u64(8));
                (extras.in_dst_mac, extras.out_src_mac) = (body.u64(16), body.u64(24));
            }
            x::AS_ADJACENT => (extras.next_as, extras.prev_as) = (body.u32(0), body.u32(4)),
            x::NAT_V4 => {
                (extras.nat_src, extras.nat_dst) = (reported(body.v4(0)), reported(body.v4(4)));
            }
            x::NAT_V6 => (extras.nat_src, extras.nat_dst) = (body.v6(0), body.v6(16)),
            x::NAT_PORTS => (extras.nat_sport, extras.nat_dport) = (body.u16(0), body.u16(2)),
            x::FIREWALL => {
                self.event = body.time(0);
                extras.nat_event = body.u8(14);
            }
            x::NAT => {
                self.event = body.time(0);
                let with_vrf = body.0.len() >= NAT_WITH_VRF;
                if with_vrf {
                    (extras.out_vrf, extras.in_vrf) = (body.u32(8), body.u32(12));
                }
                extras.nat_event = body.u8(if with_vrf { 20 } else { 12 });
            }
            x::OBSERVATION => flow.domain = body.u32(8),
            x::VRF => (extras.out_vrf, extras.in_vrf) = (body.u32(0), body.u32(4)),
            x::LAYER2 if flow.vlan == 0 => {
                (flow.vlan, extras.dst_vlan) = (body.u16(0), body.u16(4));
            }
            x::IP_INFO => (extras.min_ttl, extras.max_ttl) = (body.u8(2), body.u8(3)),
            _ => {}
        }
    }

    fn generic_flow(&mut self, body: Body) {
        let flow = &mut self.flow;
        self.generic = true;
        (flow.first, flow.last) = (body.time(0), body.time(8));
        self.received = body.time(16);
        (flow.packets, flow.bytes) = (body.u64(24), body.u64(32));
        (flow.sport, flow.dport) = (body.u16(40), body.u16(42));
        (flow.proto, flow.tcp_flags, flow.tos) = (body.u8(44), body.u8(45), body.u8(47));
        self.extras.forwarding = body.u8(46);
    }

    fn misc(&mut self, body: Body) {
        let flow = &mut self.flow;
        (flow.input, flow.output) = (body.u32(0), body.u32(4));
        (flow.src_mask, flow.dst_mask) = (body.u8(8), body.u8(9));
        flow.direction = body.u8(10);
        self.extras.dst_tos = body.u8(11);
        self.back.2 = body.u8(14);
    }

    fn finish(mut self) -> Option<Record> {
        let flow = &mut self.flow;
        let has_addresses = flow.src != Host::UNSPECIFIED || flow.dst != Host::UNSPECIFIED;
        if !self.generic && !has_addresses {
            return None;
        }
        if (flow.first, flow.last) == (Time(0), Time(0)) {
            (flow.first, flow.last) = (self.event, self.event);
        }
        flow.arrival = if self.received.0 > 0 { self.received } else { flow.last };
        if (flow.first, flow.last) == (Time(0), Time(0)) {
            flow.timed = false;
            (flow.first, flow.last) = (flow.arrival, flow.arrival);
        }
        // If only the counters of the reverse direction are set, they are those of the flow.
        if (flow.packets, flow.bytes) == (0, 0) && self.back.0.max(self.back.1) > 0 {
            (flow.packets, flow.bytes, _) = self.back;
            self.back = (0, 0, 0);
        }
        Some(self)
    }

    /// The flow of the reverse direction, if the record counts both directions.
    pub(super) fn reversed(&self) -> Option<Flow> {
        let (packets, bytes, tcp_flags) = self.back;
        let back = Flow { packets, bytes, tcp_flags, ..self.flow.reversed() };
        (packets > 0 || bytes > 0).then_some(back)
    }
}
