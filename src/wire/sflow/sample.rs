//! A sample as plain data, and the flow of a sampled packet.

use crate::flow::{Flow, FlowExtras, Host, RateDoubt, Sampling};
use crate::wire::addressless;
use crate::wire::exporter::interfaces::InterfaceCounters;
use crate::wire::extras;
use crate::wire::frame::Packet;

/// What a sample is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SampleKind {
    /// A forwarded packet, sampled at random.
    #[default]
    Flow,
    /// Counters of an interface, sent periodically.
    Counter,
    /// A packet that was dropped (sflow_drops.txt).
    Discard,
    /// Another format: of a vendor, or newer than this code.
    Other,
}

/// One sample of an sFlow datagram (sflow_version_5.txt, section 5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// What the sample is about.
    pub kind: SampleKind,
    /// Enterprise * 4096 + format, as in the datagram.
    pub format: u32,
    /// Address of the agent.
    pub agent: Host,
    /// Sub-agent id.
    pub sub_agent: u32,
    /// Number of the sample among those of its kind and data source.
    pub sequence: u32,
    /// Class of the data source: 0 an ifIndex, 1 a VLAN, 2 a physical entity.
    pub source_class: u32,
    /// Index of the data source within its class.
    pub source_index: u32,
    /// Sampling rate: one packet in this many.
    pub rate: u32,
    /// Packets that could have been sampled, since the agent's start.
    pub pool: u32,
    /// Samples that the agent dropped, since its start; for discard samples, dropped packets
    /// that were not reported.
    pub drops: u32,
    /// Input interface. Meaning by its format: 0 an ifIndex (0 unknown, 0x3fffffff the device
    /// itself), 1 discarded (the value is a reason), 2 several interfaces (their number).
    pub input: u32,
    /// Format of the input interface.
    pub input_format: u32,
    /// Output interface; its format has the meaning of that of the input interface.
    pub output: u32,
    /// Format of the output interface.
    pub output_format: u32,
    /// Why a packet was dropped, a number of the list in sflow_drops.txt.
    pub reason: u32,
    /// Formats of the sample's records, like `format`; the first [`MAX_FORMATS`]. Empty when no
    /// observer is there to read them.
    pub formats: Vec<u32>,
    /// 1 Ethernet, 11 IPv4, 12 IPv6 and so on; 0 when there is no packet header.
    pub header_protocol: u32,
    /// Bytes of the packet at its link layer. If only its addresses are reported, bytes of the
    /// IP packet.
    pub frame_length: u32,
    /// The headers of the packet, as far as the sampled bytes go; `None` without IP.
    pub packet: Option<Packet>,
    /// 802.1Q VLAN of the frame when it was received, 0 unknown.
    pub src_vlan: u16,
    /// VLAN of the frame when it was sent, 0 unknown.
    pub dst_vlan: u16,
    /// Next hop router, [`Host::UNSPECIFIED`] when not reported.
    pub next_hop: Host,
    /// Next hop of BGP, [`Host::UNSPECIFIED`] when not reported.
    pub bgp_next_hop: Host,
    /// Source address after translation.
    pub nat_src: Host,
    /// Destination address after translation.
    pub nat_dst: Host,
    /// Source port after translation.
    pub nat_sport: u16,
    /// Destination port after translation.
    pub nat_dport: u16,
    /// Prefix length of the source, 0 when not reported.
    pub src_mask: u8,
    /// Prefix length of the destination, 0 when not reported.
    pub dst_mask: u8,
    /// AS number of the source, 0 when not reported.
    pub src_as: u32,
    /// The last AS of the path, 0 when the path is empty.
    pub dst_as: u32,
    /// The neighbour AS that announced the source, 0 when not reported.
    pub prev_as: u32,
    /// The first AS of the path, 0 when not reported.
    pub next_as: u32,
    /// The ifIndex, and its counters.
    pub counters: Option<(u32, InterfaceCounters)>,
    /// Name of the port that the counters belong to; the text is not checked.
    pub port_name: Option<String>,
}

/// Maximum number of records whose formats are listed.
pub const MAX_FORMATS: usize = 32;

/// Value of an interface that means the device itself.
const INTERNAL: u32 = 0x3fff_ffff;

impl Sample {
    /// Resets everything but the agent, for another sample of the same datagram.
    pub(super) fn reset(&mut self) {
        let mut formats = std::mem::take(&mut self.formats);
        formats.clear();
        *self =
            Sample { formats, agent: self.agent, sub_agent: self.sub_agent, ..Sample::default() };
    }

    /// The packet of a flow sample, `None` when its addresses are not known.
    pub(super) fn sampled_packet(&self) -> Option<&Packet> {
        let has_addresses = |packet: &&Packet| !addressless::has_none(packet.src, packet.dst);
        self.packet.as_ref().filter(|_| self.kind == SampleKind::Flow).filter(has_addresses)
    }

    /// Fills in the flow of the sample's packet, which is a copy of what all flows of the datagram
    /// share. A sampling rate in it is a configured one and replaces `rate`, that of the sample.
    #[inline]
    pub(super) fn fill(&self, packet: &Packet, rate: Sampling, direction: u8, flow: &mut Flow) {
        flow.vlan = self.src_vlan;
        packet.describe(flow);
        flow.next_hop = first_known(self.next_hop, self.bgp_next_hop);
        let length = if self.frame_length > 0 { self.frame_length } else { packet.ip_length };
        (flow.bytes, flow.packets, flow.packet_sample) = (u64::from(length), 1, true);
        if flow.sampling == Sampling::UNKNOWN {
            flow.sampling = rate;
        }
        flow.direction = direction;
        flow.input = interface(self.input_format, self.input);
        flow.output = interface(self.output_format, self.output);
        (flow.src_as, flow.dst_as) = (self.src_as, self.dst_as);
        (flow.src_mask, flow.dst_mask) = (self.src_mask, self.dst_mask);
    }
}

impl Sample {
    /// Whether the device has translated the packet's destination.
    #[must_use]
    pub fn is_translated(&self) -> bool {
        !self.nat_dst.is_unspecified()
    }

    /// The sampling rate, and whether its bytes may be in the wrong order.
    #[inline]
    pub(super) fn judged_rate(&self) -> (Sampling, Option<RateDoubt>) {
        let (rate, doubt) = RateDoubt::judge(u64::from(self.rate), 4);
        (Sampling::one_in(u32::try_from(rate).unwrap_or(self.rate)), doubt)
    }

    /// Where the packet was sampled, by the interface that is the data source: 0 on its way in,
    /// 1 on its way out, [`Flow::NO_DIRECTION`] if the source is no interface of the packet, or
    /// both (the sampler then saw it at either).
    #[must_use]
    pub fn direction(&self) -> u8 {
        let is_source = |format: u32, index: u32| {
            (format, self.source_class) == (0, 0) && index == self.source_index && index != 0
        };
        let input = is_source(self.input_format, self.input);
        let output = is_source(self.output_format, self.output);
        match (input, output) {
            (true, false) => 0,
            (false, true) => 1,
            _ => Flow::NO_DIRECTION,
        }
    }

    /// The extra fields of the flow.
    #[must_use]
    pub fn more(&self) -> FlowExtras {
        let mut more = FlowExtras {
            bgp_next_hop: self.bgp_next_hop,
            nat_src: self.nat_src,
            nat_dst: self.nat_dst,
            nat_sport: self.nat_sport,
            nat_dport: self.nat_dport,
            prev_as: self.prev_as,
            next_as: self.next_as,
            dst_vlan: self.dst_vlan,
            ..FlowExtras::NONE
        };
        if let Some(packet) = &self.packet {
            extras::of_packet(packet, &mut more);
        }
        more
    }
}

fn first_known(one: Host, other: Host) -> Host {
    if one.is_unspecified() { other } else { one }
}

/// The ifIndex of an interface, 0 when it has none.
fn interface(format: u32, value: u32) -> u32 {
    match (format, value) {
        (0, INTERNAL | u32::MAX) => 0,
        (0, index) => index,
        _ => 0,
    }
}
