//! Encodes sFlow version 5 (sflow_version_5.txt): flow samples with the first bytes of an
//! Ethernet frame, and counter samples of interfaces.

use std::collections::HashMap;

use crate::flow::{Flow, Host, service};
use crate::wire::exporter::interfaces::InterfaceCounters;
use crate::wire::layout::fixed::FixedLayout;
use crate::wire::layout::sflow::{
    ExpandedCounterSampleHeader, ExpandedFlowSampleHeader, InterfaceCountersRecord, OpaqueHeader,
    RawPacketHeader, SflowHeaderEnd,
};

/// Maximum length of a datagram in bytes. It fits an Ethernet frame with room for tunnels
/// (sflow_version_5.txt, `sFlowRcvrMaximumDatagramSize`: 1400).
pub const SFLOW_MAX_DATAGRAM: usize = 1400;

/// Maximum number of bytes of a frame that are sent (`sFlowFsMaximumHeaderSize`: 128).
const MAX_HEADER: usize = 128;

/// Bytes of Ethernet's frame check sequence: part of the frame length, but never sampled.
const FCS: u32 = 4;

/// `header_protocol` of an Ethernet frame.
const ETHERNET: u32 = 1;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// A sampled packet. Of `flow`, the datagram has addresses, ports, protocol, flags, ToS, VLAN,
/// interfaces, masks, AS numbers, next hop and sampling rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampledFlow {
    /// The flow of the packet.
    pub flow: Flow,
    /// Bytes of the frame on the wire, frame check sequence included.
    pub frame_length: u32,
}

/// Encodes the datagrams of one sub-agent.
#[derive(Clone, Debug)]
pub struct SflowEncoder {
    agent: Host,
    sub_agent: u32,
    /// Datagrams sent so far.
    sequence: u32,
    /// Numbers of each data source by its ifIndex: flow samples, sample pool, counter samples.
    sources: HashMap<u32, Source>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Source {
    flows: u32,
    pool: u32,
    counters: u32,
}

impl SflowEncoder {
    /// An encoder for a sub-agent of the agent with this address.
    #[must_use]
    pub fn new(agent: Host, sub_agent: u32) -> SflowEncoder {
        SflowEncoder { agent, sub_agent, sequence: 0, sources: HashMap::new() }
    }

    /// The datagrams that report packets and counters, `uptime_ms` milliseconds after the
    /// agent's start. An unknown sampling rate is sent as 1.
    #[must_use]
    pub fn encode(
        &mut self,
        uptime_ms: u32,
        packets: &[SampledFlow],
        counters: &[(u32, InterfaceCounters)],
    ) -> Vec<Vec<u8>> {
        let mut samples: Vec<Vec<u8>> = Vec::with_capacity(packets.len() + counters.len());
        samples.extend(packets.iter().map(|packet| self.flow_sample(packet)));
        samples.extend(counters.iter().map(|(index, c)| self.counter_sample(*index, c)));
        let mut datagrams = Vec::new();
        let mut rest = &samples[..];
        while !rest.is_empty() {
            let mut out = Vec::with_capacity(SFLOW_MAX_DATAGRAM);
            word(&mut out, 5);
            address(&mut out, self.agent);
            let mut length = out.len() + SflowHeaderEnd::LENGTH;
            let fit = rest.iter().take_while(|sample| {
                length += sample.len();
                length <= SFLOW_MAX_DATAGRAM
            });
            let (now, later) = rest.split_at(fit.count().clamp(1, rest.len()));
            self.sequence = self.sequence.wrapping_add(1);
            let header = SflowHeaderEnd {
                sub_agent: self.sub_agent,
                sequence: self.sequence,
                uptime: uptime_ms,
                samples: now.len() as u32,
            };
            header.append(&mut out);
            now.iter().for_each(|sample| out.extend(sample));
            datagrams.push(out);
            rest = later;
        }
        datagrams
    }

    fn flow_sample(&mut self, packet: &SampledFlow) -> Vec<u8> {
        let flow = &packet.flow;
        let rate = flow.sampling.rate().unwrap_or(1);
        let source = self.sources.entry(flow.input).or_default();
        source.flows = source.flows.wrapping_add(1);
        source.pool = source.pool.wrapping_add(rate);
        let routed = !flow.next_hop.is_unspecified() || flow.src_mask > 0 || flow.dst_mask > 0;
        let gateway = flow.src_as > 0 || flow.dst_as > 0;
        // The expanded format is used since interface numbers may have more than 24 bits. Class
        // and format of an ifIndex are 0, so the field is the ifIndex itself.
        let header = ExpandedFlowSampleHeader {
            sequence: source.flows,
            source: u64::from(flow.input),
            rate,
            pool: source.pool,
            drops: 0,
            input: u64::from(flow.input),
            output: u64::from(flow.output),
            records: 1 + u32::from(routed) + u32::from(gateway),
        };
        let mut out = Vec::new();
        header.append(&mut out);
        record(&mut out, 1, |out| raw_header(out, packet));
        if routed {
            record(&mut out, 1002, |out| {
                address(out, flow.next_hop);
                word(out, u32::from(flow.src_mask));
                word(out, u32::from(flow.dst_mask));
            });
        }
        if gateway {
            record(&mut out, 1003, |out| {
                address(out, flow.next_hop);
                // Own AS, source, peer; one sequence of one AS; no communities; preference.
                for value in [0, flow.src_as, 0, 1, 2, 1, flow.dst_as, 0, 0] {
                    word(out, value);
                }
            });
        }
        sample(3, &out)
    }

    fn counter_sample(&mut self, index: u32, counters: &InterfaceCounters) -> Vec<u8> {
        let source = self.sources.entry(index).or_default();
        source.counters = source.counters.wrapping_add(1);
        let mut out = Vec::new();
        let (sequence, source) = (source.counters, u64::from(index));
        ExpandedCounterSampleHeader { sequence, source, records: 1 }.append(&mut out);
        record(&mut out, 1, |out| interface_counters(out, index, counters));
        sample(4, &out)
    }
}

fn word(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_be_bytes());
}

fn address(out: &mut Vec<u8>, host: Host) {
    if host == Host::UNSPECIFIED {
        return word(out, 0);
    }
    match host.as_v4() {
        Some(bits) => {
            word(out, 1);
            word(out, bits);
        }
        None => {
            word(out, 2);
            out.extend(host.0.to_be_bytes());
        }
    }
}

/// Appends a record with its format and length, padded to four bytes.
fn record(out: &mut Vec<u8>, format: u32, content: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    content(&mut inner);
    inner.resize(inner.len().next_multiple_of(4), 0);
    out.extend(sample(format, &inner));
}

fn sample(format: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(OpaqueHeader::LENGTH + content.len());
    OpaqueHeader { format, length: content.len() as u32 }.append(&mut out);
    out.extend(content);
    out
}

fn raw_header(out: &mut Vec<u8>, packet: &SampledFlow) {
    let header = frame(packet);
    let fields = RawPacketHeader {
        protocol: ETHERNET,
        frame_length: packet.frame_length,
        stripped: FCS,
        length: header.len() as u32,
    };
    fields.append(out);
    out.extend(header);
}

/// The headers of a frame with made-up MAC addresses, followed by zeros.
fn frame(packet: &SampledFlow) -> Vec<u8> {
    let flow = &packet.flow;
    let mut out = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    if flow.vlan > 0 {
        out.extend([0x81, 0]);
        out.extend(flow.vlan.to_be_bytes());
    }
    let link = out.len() as u32 + 2 + FCS;
    let ip_length = packet.frame_length.saturating_sub(link);
    let length = |header: u32| u16::try_from(ip_length.saturating_sub(header)).unwrap_or(u16::MAX);
    let mut ip_header = 40;
    if let (Some(src), Some(dst)) = (flow.src.as_v4(), flow.dst.as_v4()) {
        ip_header = 20;
        out.extend([0x08, 0x00, 0x45, flow.tos]);
        out.extend(length(0).max(40).to_be_bytes());
        out.extend([0, 0, 0x40, 0, 64, flow.proto, 0, 0]);
        word(&mut out, src);
        word(&mut out, dst);
    } else {
        out.extend([0x86, 0xdd]);
        word(&mut out, 6 << 28 | u32::from(flow.tos) << 20);
        out.extend(length(40).max(20).to_be_bytes());
        out.extend([flow.proto, 64]);
        out.extend(flow.src.0.to_be_bytes());
        out.extend(flow.dst.0.to_be_bytes());
    }
    if service::has_ports(flow.proto) {
        out.extend(flow.sport.to_be_bytes());
        out.extend(flow.dport.to_be_bytes());
    } else {
        out.extend(flow.dport.to_be_bytes()); // type and code of ICMP
        out.extend([0, 0]);
    }
    if flow.proto == TCP {
        out.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x50, flow.tcp_flags, 0xff, 0xff]);
    }
    if flow.proto == UDP {
        out.extend(length(ip_header).max(8).to_be_bytes());
        out.extend([0, 0]);
    }
    let there = packet.frame_length.saturating_sub(FCS) as usize;
    out.resize(out.len().max(there.min(MAX_HEADER)), 0);
    out
}

/// Appends an `if_counters` record; a counter that is not known is all ones.
fn interface_counters(out: &mut Vec<u8>, index: u32, c: &InterfaceCounters) {
    let known = |counter: Option<u32>| counter.unwrap_or(u32::MAX);
    let octets = |counter: Option<u64>| counter.unwrap_or(u64::MAX);
    let record = InterfaceCountersRecord {
        index,
        kind: c.kind,
        speed: c.speed,
        direction: c.direction,
        status: c.status,
        in_octets: octets(c.in_octets),
        in_unicast: known(c.in_unicast),
        in_multicast: known(c.in_multicast),
        in_broadcast: known(c.in_broadcast),
        in_discards: known(c.in_discards),
        in_errors: known(c.in_errors),
        in_unknown: known(c.in_unknown),
        out_octets: octets(c.out_octets),
        out_unicast: known(c.out_unicast),
        out_multicast: known(c.out_multicast),
        out_broadcast: known(c.out_broadcast),
        out_discards: known(c.out_discards),
        out_errors: known(c.out_errors),
        promiscuous: c.promiscuous,
    };
    record.append(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Sampling, Time};
    use crate::wire::Decoder;
    use proptest::prelude::*;

    const AGENT: Host = Host::octets(10, 255, 0, 1);
    const NOW: Time = Time(1_700_000_000_000);

    fn packet() -> impl Strategy<Value = SampledFlow> {
        let address =
            |v6: bool, n: u128| if v6 { Host(n | 1 << 127) } else { Host::v4(n as u32 | 1) };
        (
            any::<(bool, u128, u128, u128)>(),
            (prop::sample::select(vec![1u8, 6, 17, 47, 58, 132]), any::<(u16, u16, u8, u8)>()),
            (0u16..4095, 0u32..0x3fff_ffff, 1u32..0x3fff_ffff, 1u32..100_000),
            (0u8..33, 0u8..33, any::<u32>(), any::<u32>()),
            64u32..=65_535,
        )
            .prop_map(move |(a, (proto, p), w, r, frame_length)| SampledFlow {
                flow: Flow {
                    src: address(a.0, a.1),
                    dst: address(a.0, a.2),
                    next_hop: address(a.0, a.3),
                    proto,
                    sport: if service::has_ports(proto) { p.0 } else { 0 },
                    dport: if proto == 47 { 0 } else { p.1 },
                    tos: p.2,
                    tcp_flags: if proto == TCP { p.3 } else { 0 },
                    vlan: w.0,
                    input: w.1,
                    output: w.2,
                    sampling: Sampling::one_in(w.3),
                    src_mask: r.0,
                    dst_mask: r.1,
                    src_as: r.2,
                    dst_as: r.3,
                    ..Flow::EMPTY
                },
                frame_length,
            })
    }

    proptest! {
        #[test]
        fn packets_come_back_as_they_were_sent(packets in prop::collection::vec(packet(), 0..40)) {
            let mut encoder = SflowEncoder::new(AGENT, 9);
            let mut decoder = Decoder::new();
            let mut back = Vec::new();
            for datagram in encoder.encode(1000, &packets, &[]) {
                prop_assert!(datagram.len() <= SFLOW_MAX_DATAGRAM);
                let report = decoder.decode(NOW, AGENT, &datagram, &mut back);
                prop_assert_eq!(report.causes.iter().count(), 0, "{:?}", report);
            }
            let sent: Vec<Flow> = packets.iter().map(|packet| Flow {
                exporter: AGENT,
                domain: 9,
                first: NOW,
                last: NOW,
                arrival: NOW,
                packets: 1,
                packet_sample: true,
                bytes: u64::from(packet.frame_length),
                // The data source is the input interface.
                direction: match packet.flow.input {
                    0 => Flow::NO_DIRECTION,
                    input if input == packet.flow.output => Flow::NO_DIRECTION,
                    _ => 0,
                },
                ..packet.flow
            }).collect();
            prop_assert_eq!(back, sent);
            prop_assert!(decoder.exporters().iter().all(|exporter| exporter.lost == 0));
        }
    }

    #[test]
    fn counters_are_decoded_as_they_were_encoded() {
        let counters = |octets: u64| InterfaceCounters {
            kind: 6,
            speed: 10_000_000_000,
            direction: 1,
            status: 3,
            in_octets: Some(octets),
            in_unicast: Some(1),
            in_multicast: Some(2),
            in_broadcast: None,
            in_discards: Some(4),
            in_errors: Some(5),
            in_unknown: Some(6),
            out_octets: Some(octets * 2),
            out_unicast: Some(7),
            out_multicast: Some(8),
            out_broadcast: Some(9),
            out_discards: Some(10),
            out_errors: Some(11),
            promiscuous: 2,
        };
        let mut encoder = SflowEncoder::new("2001:db8::1".parse().unwrap(), 0);
        let mut decoder = Decoder::new();
        for second in 0..2 {
            let all: Vec<(u32, InterfaceCounters)> =
                (1..40).map(|i| (i, counters(second * 1000))).collect();
            for datagram in encoder.encode(second as u32 * 1000, &[], &all) {
                let now = NOW.plus_ms(second as i64 * 1000);
                let report = decoder.decode(now, AGENT, &datagram, &mut Vec::new());
                assert_eq!((report.causes.iter().count(), report.flows), (0, 0));
            }
        }
        let interfaces = decoder.interfaces(AGENT).unwrap();
        assert_eq!(interfaces.iter().count(), 39);
        let one = interfaces.get(39).unwrap();
        assert_eq!(one.counters, Some((NOW.plus_ms(1000), counters(1000))));
        assert_eq!((one.in_rate, one.out_rate), (Some(8000), Some(16_000)));
        assert_eq!(decoder.exporters()[0].lost, 0);
    }
}
