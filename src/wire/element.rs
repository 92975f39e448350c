//! The table of information elements: which element fills which field of a flow.
//!
//! It holds NetFlow v9 field types (RFC 3954, section 8) and the IPFIX elements of the same
//! numbers (IANA "IPFIX Information Elements"). The decoder skips elements that are not in
//! this table by their length; the names of all elements are in
//! [`registry`](super::registry).

use crate::flow::field::{FIELDS, Field};

/// Enterprise number of the reverse direction of a biflow: its elements are those of IANA,
/// seen from the other end (RFC 5103, section 6.1).
pub const REVERSE_PEN: u32 = 29305;

macro_rules! aux {
    ($(#[$doc:meta])* $first:ident = $number:expr, $($(#[$docs:meta])* $name:ident,)*) => {
        /// Auxiliary values of a record: values that are not a field of a flow themselves
        /// but help to compute one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Aux { $(#[$doc])* $first = $number, $($(#[$docs])* $name,)* }
    };
}

aux! {
    /// Upper half of an IPv6 source address. The lower half is in the slot of the field.
    SrcHigh = FIELDS.len() as u8,
    /// Upper half of an IPv6 destination address.
    DstHigh,
    /// Upper half of an IPv6 next hop.
    NextHopHigh,
    /// IPv4 source address. It has a slot of its own, since some templates have both families.
    SrcV4,
    /// IPv4 destination address.
    DstV4,
    /// IPv4 next hop.
    NextHopV4,
    /// Start in milliseconds of the exporter's uptime.
    FirstUptime,
    /// End in milliseconds of the exporter's uptime.
    LastUptime,
    /// Start in whole seconds since 1970.
    FirstSeconds,
    /// End in whole seconds since 1970.
    LastSeconds,
    /// Start as NTP timestamp: seconds since 1900 and a binary fraction (RFC 7011, 6.1.9).
    FirstNtp,
    /// End as NTP timestamp.
    LastNtp,
    /// Start in microseconds before the export time (IANA 158).
    FirstBefore,
    /// End in microseconds before the export time (IANA 159).
    LastBefore,
    /// Duration of the flow in milliseconds, for records without a start or an end.
    DurationMs,
    /// Duration of the flow in microseconds.
    DurationUs,
    /// Time when an event was observed, in milliseconds since 1970.
    EventMs,
    /// Time when an event was observed, in seconds since 1970.
    EventSeconds,
    /// Time when an event was observed, as NTP timestamp.
    EventNtp,
    /// Time when the exporter started, in milliseconds since 1970.
    InitMs,
    /// Bytes of the packets after the exporter's services (element 23).
    BytesOut,
    /// Packets after the exporter's services (element 24).
    PacketsOut,
    /// Bytes of the side that opened the connection (element 231).
    InitiatorBytes,
    /// Packets of the side that opened the connection (element 298).
    InitiatorPackets,
    /// Bytes of the other side (element 232).
    ResponderBytes,
    /// Packets of the other side (element 299).
    ResponderPackets,
    /// Bytes of the reverse direction of a biflow.
    ReverseBytes,
    /// Packets of the reverse direction of a biflow.
    ReversePackets,
    /// TCP flags of the reverse direction of a biflow.
    ReverseFlags,
    /// Event of a firewall or NAT log (elements 233, 230).
    Event,
    /// ICMP type * 256 + code, of exporters that do not put them into the destination port.
    Icmp,
    /// ICMP type alone.
    IcmpType,
    /// ICMP code alone.
    IcmpCode,
    /// Length of a sampled IP packet in bytes.
    IpLength,
    /// Length of a sampled frame in bytes.
    FrameLength,
    /// Id of the sampler that selected the packets.
    SamplerId,
    /// The interval of a sampler that selects at random (element 50).
    RandomInterval,
    /// Packets that are sampled in a row (PSAMP, RFC 5477, section 8.2.2).
    SampledPackets,
    /// Packets that are skipped after them (PSAMP, RFC 5477, section 8.2.3).
    SkippedPackets,
    /// Number of packets that are selected out of a population (RFC 5477, n-out-of-N).
    SampleSize,
    /// Number of packets in the population.
    Population,
    /// Id of the flow or connection at its exporter.
    FlowId,
    /// Why the flow was reported (element 136).
    EndReason,
    /// Upper half of the IPv6 next hop of BGP.
    BgpNextHopHigh,
    /// Upper half of the IPv6 source address after NAT.
    NatSrcHigh,
    /// Upper half of the IPv6 destination address after NAT.
    NatDstHigh,
    /// IPv4 next hop of BGP.
    BgpNextHopV4,
    /// IPv4 source address after NAT.
    NatSrcV4,
    /// IPv4 destination address after NAT.
    NatDstV4,
}

/// Number of slots that a record is loaded into: fields, then [`Aux`] values.
pub const SLOTS: usize = 128;

/// The values of one record, by slot.
pub type RecordSlots = [u64; SLOTS];

/// A slot that no element fills; its value is 0.
pub const EMPTY_SLOT: usize = SLOTS - 1;

/// The slot of a value that is loaded from a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadTarget {
    /// An unsigned number of 1 to 8 bytes (reduced-size encoding included).
    Field(Field),
    /// An auxiliary value.
    Aux(Aux),
    /// A number like [`LoadTarget::Field`], used only when the template has no element with
    /// exactly this meaning.
    Instead(Field),
    /// Bytes that are not a number, of exactly this length.
    Octets(Field, u16),
    /// An address of 4 bytes.
    V4(Aux),
    /// An address of 16 bytes: slot of the upper half, and slot of the lower half.
    V6(Aux, Field),
    /// The first bytes of a sampled packet, beginning with this layer.
    Packet(PacketLayer),
}

/// The layer that a packet section begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketLayer {
    /// The frame's header, taken to be Ethernet.
    Link,
    /// The IP header.
    Network,
}

/// An information element that the decoder uses.
pub struct WireElement {
    /// The number of the element.
    pub id: u16,
    /// The IANA name.
    pub name: &'static str,
    /// The slot of its values.
    pub target: LoadTarget,
}

macro_rules! elements {
    ($(#[$doc:meta])* $table:ident: $($id:literal $name:ident => $target:expr;)*) => {
        $(#[$doc])*
        pub const $table: &[WireElement] =
            &[$(WireElement { id: $id, name: stringify!($name), target: $target }),*];
    };
}

elements! {
    /// Every element of IANA that the decoder uses, sorted by number.
    ELEMENTS:
    1 octetDeltaCount => LoadTarget::Field(Field::Bytes);
    2 packetDeltaCount => LoadTarget::Field(Field::Packets);
    3 deltaFlowCount => LoadTarget::Field(Field::FlowCount);
    4 protocolIdentifier => LoadTarget::Field(Field::Proto);
    5 ipClassOfService => LoadTarget::Field(Field::Tos);
    6 tcpControlBits => LoadTarget::Field(Field::TcpFlags);
    7 sourceTransportPort => LoadTarget::Field(Field::SrcPort);
    8 sourceIPv4Address => LoadTarget::V4(Aux::SrcV4);
    9 sourceIPv4PrefixLength => LoadTarget::Field(Field::SrcMask);
    10 ingressInterface => LoadTarget::Field(Field::Input);
    11 destinationTransportPort => LoadTarget::Field(Field::DstPort);
    12 destinationIPv4Address => LoadTarget::V4(Aux::DstV4);
    13 destinationIPv4PrefixLength => LoadTarget::Field(Field::DstMask);
    14 egressInterface => LoadTarget::Field(Field::Output);
    15 ipNextHopIPv4Address => LoadTarget::V4(Aux::NextHopV4);
    16 bgpSourceAsNumber => LoadTarget::Field(Field::SrcAs);
    17 bgpDestinationAsNumber => LoadTarget::Field(Field::DstAs);
    18 bgpNextHopIPv4Address => LoadTarget::V4(Aux::BgpNextHopV4);
    21 flowEndSysUpTime => LoadTarget::Aux(Aux::LastUptime);
    22 flowStartSysUpTime => LoadTarget::Aux(Aux::FirstUptime);
    23 postOctetDeltaCount => LoadTarget::Aux(Aux::BytesOut);
    24 postPacketDeltaCount => LoadTarget::Aux(Aux::PacketsOut);
    27 sourceIPv6Address => LoadTarget::V6(Aux::SrcHigh, Field::Src);
    28 destinationIPv6Address => LoadTarget::V6(Aux::DstHigh, Field::Dst);
    29 sourceIPv6PrefixLength => LoadTarget::Field(Field::SrcMask);
    30 destinationIPv6PrefixLength => LoadTarget::Field(Field::DstMask);
    32 icmpTypeCodeIPv4 => LoadTarget::Aux(Aux::Icmp);
    34 samplingInterval => LoadTarget::Field(Field::Sampling);
    48 samplerId => LoadTarget::Aux(Aux::SamplerId);
    50 samplerRandomInterval => LoadTarget::Aux(Aux::RandomInterval);
    52 minimumTTL => LoadTarget::Field(Field::MinTtl);
    53 maximumTTL => LoadTarget::Field(Field::MaxTtl);
    55 postIpClassOfService => LoadTarget::Field(Field::DstTos);
    56 sourceMacAddress => LoadTarget::Octets(Field::InSrcMac, 6);
    57 postDestinationMacAddress => LoadTarget::Octets(Field::OutDstMac, 6);
    58 vlanId => LoadTarget::Field(Field::Vlan);
    59 postVlanId => LoadTarget::Field(Field::DstVlan);
    61 flowDirection => LoadTarget::Field(Field::Direction);
    62 ipNextHopIPv6Address => LoadTarget::V6(Aux::NextHopHigh, Field::NextHop);
    63 bgpNextHopIPv6Address => LoadTarget::V6(Aux::BgpNextHopHigh, Field::BgpNextHop);
    70 mplsTopLabelStackSection => LoadTarget::Octets(Field::Mpls1, 3);
    71 mplsLabelStackSection2 => LoadTarget::Octets(Field::Mpls2, 3);
    72 mplsLabelStackSection3 => LoadTarget::Octets(Field::Mpls3, 3);
    73 mplsLabelStackSection4 => LoadTarget::Octets(Field::Mpls4, 3);
    74 mplsLabelStackSection5 => LoadTarget::Octets(Field::Mpls5, 3);
    75 mplsLabelStackSection6 => LoadTarget::Octets(Field::Mpls6, 3);
    76 mplsLabelStackSection7 => LoadTarget::Octets(Field::Mpls7, 3);
    77 mplsLabelStackSection8 => LoadTarget::Octets(Field::Mpls8, 3);
    78 mplsLabelStackSection9 => LoadTarget::Octets(Field::Mpls9, 3);
    79 mplsLabelStackSection10 => LoadTarget::Octets(Field::Mpls10, 3);
    80 destinationMacAddress => LoadTarget::Octets(Field::InDstMac, 6);
    81 postSourceMacAddress => LoadTarget::Octets(Field::OutSrcMac, 6);
    85 octetTotalCount => LoadTarget::Instead(Field::Bytes);
    86 packetTotalCount => LoadTarget::Instead(Field::Packets);
    89 forwardingStatus => LoadTarget::Field(Field::Forwarding);
    103 layer2packetSectionSize => LoadTarget::Aux(Aux::FrameLength);
    104 layer2packetSectionData => LoadTarget::Packet(PacketLayer::Link);
    128 bgpNextAdjacentAsNumber => LoadTarget::Field(Field::NextAs);
    129 bgpPrevAdjacentAsNumber => LoadTarget::Field(Field::PrevAs);
    136 flowEndReason => LoadTarget::Aux(Aux::EndReason);
    139 icmpTypeCodeIPv6 => LoadTarget::Aux(Aux::Icmp);
    148 flowId => LoadTarget::Aux(Aux::FlowId);
    150 flowStartSeconds => LoadTarget::Aux(Aux::FirstSeconds);
    151 flowEndSeconds => LoadTarget::Aux(Aux::LastSeconds);
    152 flowStartMilliseconds => LoadTarget::Field(Field::First);
    153 flowEndMilliseconds => LoadTarget::Field(Field::Last);
    154 flowStartMicroseconds => LoadTarget::Aux(Aux::FirstNtp);
    155 flowEndMicroseconds => LoadTarget::Aux(Aux::LastNtp);
    156 flowStartNanoseconds => LoadTarget::Aux(Aux::FirstNtp);
    157 flowEndNanoseconds => LoadTarget::Aux(Aux::LastNtp);
    158 flowStartDeltaMicroseconds => LoadTarget::Aux(Aux::FirstBefore);
    159 flowEndDeltaMicroseconds => LoadTarget::Aux(Aux::LastBefore);
    160 systemInitTimeMilliseconds => LoadTarget::Aux(Aux::InitMs);
    161 flowDurationMilliseconds => LoadTarget::Aux(Aux::DurationMs);
    162 flowDurationMicroseconds => LoadTarget::Aux(Aux::DurationUs);
    171 postOctetTotalCount => LoadTarget::Instead(Field::Bytes);
    172 postPacketTotalCount => LoadTarget::Instead(Field::Packets);
    176 icmpTypeIPv4 => LoadTarget::Aux(Aux::IcmpType);
    177 icmpCodeIPv4 => LoadTarget::Aux(Aux::IcmpCode);
    178 icmpTypeIPv6 => LoadTarget::Aux(Aux::IcmpType);
    179 icmpCodeIPv6 => LoadTarget::Aux(Aux::IcmpCode);
    180 udpSourcePort => LoadTarget::Instead(Field::SrcPort);
    181 udpDestinationPort => LoadTarget::Instead(Field::DstPort);
    182 tcpSourcePort => LoadTarget::Instead(Field::SrcPort);
    183 tcpDestinationPort => LoadTarget::Instead(Field::DstPort);
    224 ipTotalLength => LoadTarget::Aux(Aux::IpLength);
    225 postNATSourceIPv4Address => LoadTarget::V4(Aux::NatSrcV4);
    226 postNATDestinationIPv4Address => LoadTarget::V4(Aux::NatDstV4);
    227 postNAPTSourceTransportPort => LoadTarget::Field(Field::NatSrcPort);
    228 postNAPTDestinationTransportPort => LoadTarget::Field(Field::NatDstPort);
    230 natEvent => LoadTarget::Aux(Aux::Event);
    231 initiatorOctets => LoadTarget::Aux(Aux::InitiatorBytes);
    232 responderOctets => LoadTarget::Aux(Aux::ResponderBytes);
    233 firewallEvent => LoadTarget::Aux(Aux::Event);
    234 ingressVRFID => LoadTarget::Field(Field::InVrf);
    235 egressVRFID => LoadTarget::Field(Field::OutVrf);
    243 dot1qVlanId => LoadTarget::Instead(Field::Vlan);
    252 ingressPhysicalInterface => LoadTarget::Instead(Field::Input);
    253 egressPhysicalInterface => LoadTarget::Instead(Field::Output);
    254 postDot1qVlanId => LoadTarget::Instead(Field::DstVlan);
    281 postNATSourceIPv6Address => LoadTarget::V6(Aux::NatSrcHigh, Field::NatSrc);
    282 postNATDestinationIPv6Address => LoadTarget::V6(Aux::NatDstHigh, Field::NatDst);
    298 initiatorPackets => LoadTarget::Aux(Aux::InitiatorPackets);
    299 responderPackets => LoadTarget::Aux(Aux::ResponderPackets);
    302 selectorId => LoadTarget::Aux(Aux::SamplerId);
    305 samplingPacketInterval => LoadTarget::Aux(Aux::SampledPackets);
    306 samplingPacketSpace => LoadTarget::Aux(Aux::SkippedPackets);
    309 samplingSize => LoadTarget::Aux(Aux::SampleSize);
    310 samplingPopulation => LoadTarget::Aux(Aux::Population);
    312 dataLinkFrameSize => LoadTarget::Aux(Aux::FrameLength);
    313 ipHeaderPacketSection => LoadTarget::Packet(PacketLayer::Network);
    315 dataLinkFrameSection => LoadTarget::Packet(PacketLayer::Link);
    322 observationTimeSeconds => LoadTarget::Aux(Aux::EventSeconds);
    323 observationTimeMilliseconds => LoadTarget::Aux(Aux::EventMs);
    324 observationTimeMicroseconds => LoadTarget::Aux(Aux::EventNtp);
    325 observationTimeNanoseconds => LoadTarget::Aux(Aux::EventNtp);
    352 layer2OctetDeltaCount => LoadTarget::Instead(Field::Bytes);
    353 layer2OctetTotalCount => LoadTarget::Instead(Field::Bytes);
    // NetFlow v9 of older Cisco ASA; numbers of IPFIX elements are below 32768.
    40001 ciscoTranslatedSourceIPv4Address => LoadTarget::V4(Aux::NatSrcV4);
    40002 ciscoTranslatedDestinationIPv4Address => LoadTarget::V4(Aux::NatDstV4);
    40003 ciscoTranslatedSourcePort => LoadTarget::Field(Field::NatSrcPort);
    40004 ciscoTranslatedDestinationPort => LoadTarget::Field(Field::NatDstPort);
    40005 ciscoFirewallEvent => LoadTarget::Aux(Aux::Event);
}

elements! {
    /// Elements of the reverse direction that the decoder uses (RFC 5103), sorted by number.
    REVERSE_ELEMENTS:
    1 reverseOctetDeltaCount => LoadTarget::Aux(Aux::ReverseBytes);
    2 reversePacketDeltaCount => LoadTarget::Aux(Aux::ReversePackets);
    6 reverseTcpControlBits => LoadTarget::Aux(Aux::ReverseFlags);
    85 reverseOctetTotalCount => LoadTarget::Aux(Aux::ReverseBytes);
    86 reversePacketTotalCount => LoadTarget::Aux(Aux::ReversePackets);
}

/// The element of a number; `pen` is the enterprise that numbered it, 0 for IANA. `None`
/// for an element that the decoder does not use.
#[must_use]
pub fn element(pen: u32, id: u16) -> Option<&'static WireElement> {
    let table = match pen {
        0 => ELEMENTS,
        REVERSE_PEN => REVERSE_ELEMENTS,
        _ => return None,
    };
    table.binary_search_by_key(&id, |element| element.id).ok().map(|at| &table[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_sorted_and_slots_do_not_collide() {
        for table in [ELEMENTS, REVERSE_ELEMENTS] {
            assert!(table.windows(2).all(|pair| pair[0].id < pair[1].id));
        }
        assert_eq!(FIELDS.len(), Aux::SrcHigh as usize, "auxiliary slots begin after the fields");
        assert!((Aux::NatDstV4 as usize) < EMPTY_SLOT);
        assert_eq!(element(0, 8).map(|e| e.name), Some("sourceIPv4Address"));
        assert!(element(0, 19).is_none() && element(0, 65535).is_none());
        assert!(element(9, 8).is_none(), "another enterprise's 8 is something else");
        assert_eq!(element(REVERSE_PEN, 1).map(|e| e.name), Some("reverseOctetDeltaCount"));
    }
}
