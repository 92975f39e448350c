//! Which information elements carry which flow field.
//!
//! NetFlow v9 field types (RFC 3954, section 8) and the IPFIX elements of the
//! same numbers (IANA "IPFIX Information Elements"). Elements that are not
//! listed are skipped by their length; what they are called is in
//! [`registry`](super::registry).

use crate::flow::field::{FIELDS, Field};

/// The reverse direction of a biflow: elements under this enterprise number are
/// those of IANA, seen from the other end (RFC 5103, section 6.1).
pub const REVERSE_PEN: u32 = 29305;

macro_rules! aux {
    ($(#[$doc:meta])* $first:ident = $number:expr, $($(#[$docs:meta])* $name:ident,)*) => {
        /// Values a record may carry that are no flow field by themselves but
        /// help to make one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Aux { $(#[$doc])* $first = $number, $($(#[$docs])* $name,)* }
    };
}

aux! {
    /// Upper halves of IPv6 addresses; the lower halves use the field's slot.
    SrcHigh = FIELDS.len() as u8,
    DstHigh,
    NextHopHigh,
    /// IPv4 addresses, apart from the IPv6 ones: some templates carry both.
    SrcV4,
    DstV4,
    NextHopV4,
    /// Milliseconds of the exporter's uptime.
    FirstUptime,
    LastUptime,
    /// Whole seconds since 1970.
    FirstSeconds,
    LastSeconds,
    /// NTP timestamps: seconds since 1900 and a binary fraction (RFC 7011, 6.1.9).
    FirstNtp,
    LastNtp,
    /// Microseconds before the export time (IANA 158, 159).
    FirstBefore,
    LastBefore,
    /// Length of the flow, where one end of it is missing.
    DurationMs,
    DurationUs,
    /// When an event was observed: milliseconds, seconds, NTP.
    EventMs,
    EventSeconds,
    EventNtp,
    /// When the exporter started, milliseconds since 1970.
    InitMs,
    /// Counters of the packets after the exporter's services (23, 24).
    BytesOut,
    PacketsOut,
    /// Counters by who opened the connection (231, 232, 298, 299).
    InitiatorBytes,
    InitiatorPackets,
    ResponderBytes,
    ResponderPackets,
    /// Counters and flags of the reverse direction of a biflow.
    ReverseBytes,
    ReversePackets,
    ReverseFlags,
    /// What happened, in firewall and NAT logs (233, 230).
    Event,
    /// ICMP type and code where ports are not used for them.
    Icmp,
    IcmpType,
    IcmpCode,
    /// Lengths of a packet that was sampled: by its IP header, by its frame.
    IpLength,
    FrameLength,
    /// Identity of the sampler that chose the packets.
    SamplerId,
    /// The interval of a sampler that picks at random (50).
    RandomInterval,
    /// Sampled packets and skipped packets between them (PSAMP).
    SampledPackets,
    SkippedPackets,
    /// Sample size out of a population (RFC 5477, n-out-of-N).
    SampleSize,
    Population,
    /// The address parts of what is kept in [`More`](crate::flow::More).
    BgpNextHopHigh,
    NatSrcHigh,
    NatDstHigh,
    BgpNextHopV4,
    NatSrcV4,
    NatDstV4,
}

/// Number of slots a record is loaded into: fields, then [`Aux`] values.
pub const SLOTS: usize = 128;

/// The values of one record, by slot.
pub type Slots = [u64; SLOTS];

/// A slot that no element fills: what is read from it is 0.
pub const EMPTY_SLOT: usize = SLOTS - 1;

/// Where a loaded value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An unsigned number of 1 to 8 bytes (reduced-size encoding included).
    Field(Field),
    Aux(Aux),
    /// The same, where no element that means exactly this is in the template.
    Instead(Field),
    /// Bytes that are no number, so many and no others.
    Octets(Field, u16),
    /// An address of 4 bytes; of 16 bytes as upper half and field.
    V4(Aux),
    V6(Aux, Field),
    /// The first bytes of a sampled packet, from there on.
    Packet(Layer),
}

/// Where a packet section begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// At the frame's header, taken to be Ethernet.
    Link,
    /// At the IP header.
    Network,
}

/// One information element.
pub struct Element {
    pub id: u16,
    /// The IANA name.
    pub name: &'static str,
    pub target: Target,
}

macro_rules! elements {
    ($table:ident: $($id:literal $name:ident => $target:expr;)*) => {
        pub const $table: &[Element] =
            &[$(Element { id: $id, name: stringify!($name), target: $target }),*];
    };
}

// Every element of IANA's that is used, sorted by number.
elements! { ELEMENTS:
    1 octetDeltaCount => Target::Field(Field::Bytes);
    2 packetDeltaCount => Target::Field(Field::Packets);
    4 protocolIdentifier => Target::Field(Field::Proto);
    5 ipClassOfService => Target::Field(Field::Tos);
    6 tcpControlBits => Target::Field(Field::TcpFlags);
    7 sourceTransportPort => Target::Field(Field::SrcPort);
    8 sourceIPv4Address => Target::V4(Aux::SrcV4);
    9 sourceIPv4PrefixLength => Target::Field(Field::SrcMask);
    10 ingressInterface => Target::Field(Field::Input);
    11 destinationTransportPort => Target::Field(Field::DstPort);
    12 destinationIPv4Address => Target::V4(Aux::DstV4);
    13 destinationIPv4PrefixLength => Target::Field(Field::DstMask);
    14 egressInterface => Target::Field(Field::Output);
    15 ipNextHopIPv4Address => Target::V4(Aux::NextHopV4);
    16 bgpSourceAsNumber => Target::Field(Field::SrcAs);
    17 bgpDestinationAsNumber => Target::Field(Field::DstAs);
    18 bgpNextHopIPv4Address => Target::V4(Aux::BgpNextHopV4);
    21 flowEndSysUpTime => Target::Aux(Aux::LastUptime);
    22 flowStartSysUpTime => Target::Aux(Aux::FirstUptime);
    23 postOctetDeltaCount => Target::Aux(Aux::BytesOut);
    24 postPacketDeltaCount => Target::Aux(Aux::PacketsOut);
    27 sourceIPv6Address => Target::V6(Aux::SrcHigh, Field::Src);
    28 destinationIPv6Address => Target::V6(Aux::DstHigh, Field::Dst);
    29 sourceIPv6PrefixLength => Target::Field(Field::SrcMask);
    30 destinationIPv6PrefixLength => Target::Field(Field::DstMask);
    32 icmpTypeCodeIPv4 => Target::Aux(Aux::Icmp);
    34 samplingInterval => Target::Field(Field::Sampling);
    48 samplerId => Target::Aux(Aux::SamplerId);
    50 samplerRandomInterval => Target::Aux(Aux::RandomInterval);
    52 minimumTTL => Target::Field(Field::MinTtl);
    53 maximumTTL => Target::Field(Field::MaxTtl);
    55 postIpClassOfService => Target::Field(Field::DstTos);
    56 sourceMacAddress => Target::Octets(Field::InSrcMac, 6);
    57 postDestinationMacAddress => Target::Octets(Field::OutDstMac, 6);
    58 vlanId => Target::Field(Field::Vlan);
    59 postVlanId => Target::Field(Field::DstVlan);
    61 flowDirection => Target::Field(Field::Direction);
    62 ipNextHopIPv6Address => Target::V6(Aux::NextHopHigh, Field::NextHop);
    63 bgpNextHopIPv6Address => Target::V6(Aux::BgpNextHopHigh, Field::BgpNextHop);
    70 mplsTopLabelStackSection => Target::Octets(Field::Mpls1, 3);
    71 mplsLabelStackSection2 => Target::Octets(Field::Mpls2, 3);
    72 mplsLabelStackSection3 => Target::Octets(Field::Mpls3, 3);
    73 mplsLabelStackSection4 => Target::Octets(Field::Mpls4, 3);
    74 mplsLabelStackSection5 => Target::Octets(Field::Mpls5, 3);
    75 mplsLabelStackSection6 => Target::Octets(Field::Mpls6, 3);
    76 mplsLabelStackSection7 => Target::Octets(Field::Mpls7, 3);
    77 mplsLabelStackSection8 => Target::Octets(Field::Mpls8, 3);
    78 mplsLabelStackSection9 => Target::Octets(Field::Mpls9, 3);
    79 mplsLabelStackSection10 => Target::Octets(Field::Mpls10, 3);
    80 destinationMacAddress => Target::Octets(Field::InDstMac, 6);
    81 postSourceMacAddress => Target::Octets(Field::OutSrcMac, 6);
    85 octetTotalCount => Target::Instead(Field::Bytes);
    86 packetTotalCount => Target::Instead(Field::Packets);
    89 forwardingStatus => Target::Field(Field::Forwarding);
    103 layer2packetSectionSize => Target::Aux(Aux::FrameLength);
    104 layer2packetSectionData => Target::Packet(Layer::Link);
    128 bgpNextAdjacentAsNumber => Target::Field(Field::NextAs);
    129 bgpPrevAdjacentAsNumber => Target::Field(Field::PrevAs);
    139 icmpTypeCodeIPv6 => Target::Aux(Aux::Icmp);
    150 flowStartSeconds => Target::Aux(Aux::FirstSeconds);
    151 flowEndSeconds => Target::Aux(Aux::LastSeconds);
    152 flowStartMilliseconds => Target::Field(Field::First);
    153 flowEndMilliseconds => Target::Field(Field::Last);
    154 flowStartMicroseconds => Target::Aux(Aux::FirstNtp);
    155 flowEndMicroseconds => Target::Aux(Aux::LastNtp);
    156 flowStartNanoseconds => Target::Aux(Aux::FirstNtp);
    157 flowEndNanoseconds => Target::Aux(Aux::LastNtp);
    158 flowStartDeltaMicroseconds => Target::Aux(Aux::FirstBefore);
    159 flowEndDeltaMicroseconds => Target::Aux(Aux::LastBefore);
    160 systemInitTimeMilliseconds => Target::Aux(Aux::InitMs);
    161 flowDurationMilliseconds => Target::Aux(Aux::DurationMs);
    162 flowDurationMicroseconds => Target::Aux(Aux::DurationUs);
    176 icmpTypeIPv4 => Target::Aux(Aux::IcmpType);
    177 icmpCodeIPv4 => Target::Aux(Aux::IcmpCode);
    178 icmpTypeIPv6 => Target::Aux(Aux::IcmpType);
    179 icmpCodeIPv6 => Target::Aux(Aux::IcmpCode);
    180 udpSourcePort => Target::Instead(Field::SrcPort);
    181 udpDestinationPort => Target::Instead(Field::DstPort);
    182 tcpSourcePort => Target::Instead(Field::SrcPort);
    183 tcpDestinationPort => Target::Instead(Field::DstPort);
    224 ipTotalLength => Target::Aux(Aux::IpLength);
    225 postNATSourceIPv4Address => Target::V4(Aux::NatSrcV4);
    226 postNATDestinationIPv4Address => Target::V4(Aux::NatDstV4);
    227 postNAPTSourceTransportPort => Target::Field(Field::NatSrcPort);
    228 postNAPTDestinationTransportPort => Target::Field(Field::NatDstPort);
    230 natEvent => Target::Aux(Aux::Event);
    231 initiatorOctets => Target::Aux(Aux::InitiatorBytes);
    232 responderOctets => Target::Aux(Aux::ResponderBytes);
    233 firewallEvent => Target::Aux(Aux::Event);
    234 ingressVRFID => Target::Field(Field::InVrf);
    235 egressVRFID => Target::Field(Field::OutVrf);
    243 dot1qVlanId => Target::Instead(Field::Vlan);
    252 ingressPhysicalInterface => Target::Instead(Field::Input);
    253 egressPhysicalInterface => Target::Instead(Field::Output);
    254 postDot1qVlanId => Target::Instead(Field::DstVlan);
    281 postNATSourceIPv6Address => Target::V6(Aux::NatSrcHigh, Field::NatSrc);
    282 postNATDestinationIPv6Address => Target::V6(Aux::NatDstHigh, Field::NatDst);
    298 initiatorPackets => Target::Aux(Aux::InitiatorPackets);
    299 responderPackets => Target::Aux(Aux::ResponderPackets);
    302 selectorId => Target::Aux(Aux::SamplerId);
    305 samplingPacketInterval => Target::Aux(Aux::SampledPackets);
    306 samplingPacketSpace => Target::Aux(Aux::SkippedPackets);
    309 samplingSize => Target::Aux(Aux::SampleSize);
    310 samplingPopulation => Target::Aux(Aux::Population);
    312 dataLinkFrameSize => Target::Aux(Aux::FrameLength);
    313 ipHeaderPacketSection => Target::Packet(Layer::Network);
    315 dataLinkFrameSection => Target::Packet(Layer::Link);
    322 observationTimeSeconds => Target::Aux(Aux::EventSeconds);
    323 observationTimeMilliseconds => Target::Aux(Aux::EventMs);
    324 observationTimeMicroseconds => Target::Aux(Aux::EventNtp);
    325 observationTimeNanoseconds => Target::Aux(Aux::EventNtp);
    352 layer2OctetDeltaCount => Target::Instead(Field::Bytes);
    // NetFlow v9 of older Cisco ASA; IPFIX has no numbers that high.
    40005 ciscoFirewallEvent => Target::Aux(Aux::Event);
}

// What of the reverse direction is used (RFC 5103), sorted by number.
elements! { REVERSE_ELEMENTS:
    1 reverseOctetDeltaCount => Target::Aux(Aux::ReverseBytes);
    2 reversePacketDeltaCount => Target::Aux(Aux::ReversePackets);
    6 reverseTcpControlBits => Target::Aux(Aux::ReverseFlags);
    85 reverseOctetTotalCount => Target::Aux(Aux::ReverseBytes);
    86 reversePacketTotalCount => Target::Aux(Aux::ReversePackets);
}

/// The element of a number; `pen` is the enterprise that numbered it, 0 for IANA.
#[must_use]
pub fn element(pen: u32, id: u16) -> Option<&'static Element> {
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
        assert!(element(0, 3).is_none() && element(0, 65535).is_none());
        assert!(element(9, 8).is_none(), "another enterprise's 8 is something else");
        assert_eq!(element(REVERSE_PEN, 1).map(|e| e.name), Some("reverseOctetDeltaCount"));
    }
}
