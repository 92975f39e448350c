//! Which information elements carry which flow field.
//!
//! NetFlow v9 field types (RFC 3954, section 8) and the IPFIX elements of the
//! same numbers (IANA "IPFIX Information Elements"). Elements that are not
//! listed are skipped by their length.

use crate::flow::field::Field;

/// Values a record may carry that are no flow field by themselves but help to
/// make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Aux {
    /// Upper halves of IPv6 addresses; the lower halves use the field's slot.
    SrcHigh = 24,
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
    /// Counters of the packets after the exporter's services (23, 24).
    BytesOut,
    PacketsOut,
    /// ICMP type and code where ports are not used for them.
    IcmpV4,
    IcmpV6,
    /// Identity of the sampler that chose the packets.
    SamplerId,
    /// Sampled packets and skipped packets between them (PSAMP).
    SampledPackets,
    SkippedPackets,
    /// Sample size out of a population (RFC 5477, n-out-of-N).
    SampleSize,
    Population,
}

/// Number of slots a record is loaded into: fields, then [`Aux`] values.
pub const SLOTS: usize = 64;

/// Where a loaded value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An unsigned number of 1 to 8 bytes (reduced-size encoding included).
    Field(Field),
    Aux(Aux),
    /// An address of 4 bytes; of 16 bytes as upper half and field.
    V4(Aux),
    V6(Aux, Field),
}

/// One information element.
pub struct Element {
    pub id: u16,
    /// The IANA name.
    pub name: &'static str,
    pub target: Target,
}

macro_rules! elements {
    ($($id:literal $name:ident => $target:expr;)*) => {
        /// Every element that is used, sorted by number.
        pub const ELEMENTS: &[Element] =
            &[$(Element { id: $id, name: stringify!($name), target: $target }),*];
    };
}

elements! {
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
    21 flowEndSysUpTime => Target::Aux(Aux::LastUptime);
    22 flowStartSysUpTime => Target::Aux(Aux::FirstUptime);
    23 postOctetDeltaCount => Target::Aux(Aux::BytesOut);
    24 postPacketDeltaCount => Target::Aux(Aux::PacketsOut);
    27 sourceIPv6Address => Target::V6(Aux::SrcHigh, Field::Src);
    28 destinationIPv6Address => Target::V6(Aux::DstHigh, Field::Dst);
    29 sourceIPv6PrefixLength => Target::Field(Field::SrcMask);
    30 destinationIPv6PrefixLength => Target::Field(Field::DstMask);
    32 icmpTypeCodeIPv4 => Target::Aux(Aux::IcmpV4);
    34 samplingInterval => Target::Field(Field::Sampling);
    48 samplerId => Target::Aux(Aux::SamplerId);
    50 samplerRandomInterval => Target::Field(Field::Sampling);
    58 vlanId => Target::Field(Field::Vlan);
    61 flowDirection => Target::Field(Field::Direction);
    62 ipNextHopIPv6Address => Target::V6(Aux::NextHopHigh, Field::NextHop);
    85 octetTotalCount => Target::Field(Field::Bytes);
    86 packetTotalCount => Target::Field(Field::Packets);
    139 icmpTypeCodeIPv6 => Target::Aux(Aux::IcmpV6);
    150 flowStartSeconds => Target::Aux(Aux::FirstSeconds);
    151 flowEndSeconds => Target::Aux(Aux::LastSeconds);
    152 flowStartMilliseconds => Target::Field(Field::First);
    153 flowEndMilliseconds => Target::Field(Field::Last);
    302 selectorId => Target::Aux(Aux::SamplerId);
    305 samplingPacketInterval => Target::Aux(Aux::SampledPackets);
    306 samplingPacketSpace => Target::Aux(Aux::SkippedPackets);
    309 samplingSize => Target::Aux(Aux::SampleSize);
    310 samplingPopulation => Target::Aux(Aux::Population);
}

/// The element of a number.
#[must_use]
pub fn element(id: u16) -> Option<&'static Element> {
    ELEMENTS.binary_search_by_key(&id, |element| element.id).ok().map(|at| &ELEMENTS[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::field::FIELDS;

    #[test]
    fn elements_are_sorted_and_slots_do_not_collide() {
        assert!(ELEMENTS.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert_eq!(FIELDS.len(), Aux::SrcHigh as usize, "auxiliary slots begin after the fields");
        assert!((Aux::Population as usize) < SLOTS);
        assert_eq!(element(8).map(|e| e.name), Some("sourceIPv4Address"));
        assert!(element(3).is_none() && element(65535).is_none());
    }
}
