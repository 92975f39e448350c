//! A sample as plain data, and the flow that one of a packet makes.

use crate::flow::{Flow, FlowExtras, Host, Sampling};
use crate::wire::exporter::interfaces::InterfaceCounters;
use crate::wire::extras;
use crate::wire::frame::Packet;

/// What a sample is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SampleKind {
    /// A packet that was forwarded, sampled at random.
    #[default]
    Flow,
    /// Counters of an interface, sent every so often.
    Counter,
    /// A packet that was dropped (sflow_drops.txt).
    Discard,
    /// Something of another maker, or newer than this code.
    Other,
}

/// One sample of an sFlow datagram (sflow_version_5.txt, section 5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    pub kind: SampleKind,
    /// Enterprise * 4096 + format, as it stands in the datagram.
    pub format: u32,
    pub agent: Host,
    pub sub_agent: u32,
    /// Number of the sample among those of its kind and data source.
    pub sequence: u32,
    /// The data source: 0 an ifIndex, 1 a VLAN, 2 a physical entity.
    pub source_class: u32,
    pub source_index: u32,
    /// One packet in this many is sampled.
    pub rate: u32,
    /// Packets that could have been sampled, since the agent's start.
    pub pool: u32,
    /// Samples that the agent had to drop, since its start; for discards those
    /// that were not reported.
    pub drops: u32,
    /// Interfaces with their formats: 0 an ifIndex (0 unknown, 0x3fffffff the
    /// device itself), 1 discarded (a reason), 2 several (how many).
    pub input: u32,
    pub input_format: u32,
    pub output: u32,
    pub output_format: u32,
    /// Why a packet was dropped (IANA-like list of sflow_drops.txt).
    pub reason: u32,
    /// Formats of its records, as `format` above; the first [`MAX_FORMATS`].
    pub formats: Vec<u32>,
    /// 1 Ethernet, 11 IPv4, 12 IPv6 and so on; 0 when there was no packet header.
    pub header_protocol: u32,
    /// Bytes of the packet at its link layer; for records without a header, of
    /// the packet at the layer they are about.
    pub frame_length: u32,
    /// Of the packet, as far as the sampled bytes go; `None` without IP.
    pub packet: Option<Packet>,
    /// 802.1Q VLAN that the frame came in and went out with, 0 unknown.
    pub src_vlan: u16,
    pub dst_vlan: u16,
    /// Next hop router, [`Host::UNSPECIFIED`] when not reported.
    pub next_hop: Host,
    /// Next hop of BGP, likewise.
    pub bgp_next_hop: Host,
    pub src_mask: u8,
    pub dst_mask: u8,
    pub src_as: u32,
    /// The last AS of the path, 0 when it is empty.
    pub dst_as: u32,
    /// The neighbour that announced the source, and the first AS of the path.
    pub prev_as: u32,
    pub next_as: u32,
    /// The ifIndex with its counters.
    pub counters: Option<(u32, InterfaceCounters)>,
    /// Name of the port that counters are of, unchecked text.
    pub port_name: Option<String>,
}

/// Records of one sample whose format is noted.
pub const MAX_FORMATS: usize = 32;

/// Value of an interface that stands for the device itself.
const INTERNAL: u32 = 0x3fff_ffff;

impl Sample {
    /// Makes it as new for another sample of the same datagram.
    pub(super) fn reset(&mut self) {
        let mut formats = std::mem::take(&mut self.formats);
        formats.clear();
        *self =
            Sample { formats, agent: self.agent, sub_agent: self.sub_agent, ..Sample::default() };
    }

    /// The flow of one packet, when its addresses are known; what all flows of
    /// the datagram share comes from `common`, where a sampling rate is one that
    /// was given instead of the sample's.
    pub(super) fn flow(&self, common: &Flow) -> Option<Flow> {
        let packet = self.packet.as_ref().filter(|_| self.kind == SampleKind::Flow)?;
        let sampling = match common.sampling {
            Sampling::UNKNOWN => Sampling::one_in(self.rate),
            given => given,
        };
        let common = packet.describe(&Flow { vlan: self.src_vlan, ..*common });
        Some(Flow {
            next_hop: first_known(self.next_hop, self.bgp_next_hop),
            bytes: u64::from(if self.frame_length > 0 {
                self.frame_length
            } else {
                packet.ip_length
            }),
            packets: 1,
            packet_sample: true,
            sampling,
            input: interface(self.input_format, self.input),
            output: interface(self.output_format, self.output),
            src_as: self.src_as,
            dst_as: self.dst_as,
            src_mask: self.src_mask,
            dst_mask: self.dst_mask,
            ..common
        })
    }
}

impl Sample {
    /// What else it says of the packet.
    #[must_use]
    pub fn more(&self) -> FlowExtras {
        let mut more = FlowExtras {
            bgp_next_hop: self.bgp_next_hop,
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

/// The ifIndex that an interface names, 0 for none.
fn interface(format: u32, value: u32) -> u32 {
    match (format, value) {
        (0, INTERNAL | u32::MAX) => 0,
        (0, index) => index,
        _ => 0,
    }
}
