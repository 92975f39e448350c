//! What decides how the records of a template become flows. It is worked out once, when the
//! template arrives.

use super::address::AddressSource;
use super::element::Aux;
use super::extras::ExtrasDecoder;
use super::rate::RateField;
use super::reverse_slots::ReverseSlots;
use super::template::Template;
use super::times::TimeRules;
use crate::flow::field::Field;

/// The rules of a template.
#[derive(Clone, Debug)]
pub struct RecordRules {
    pub(super) shape: RecordShape,
    pub(super) times: TimeRules,
    pub(super) rate: RateField,
    pub(super) src: AddressSource,
    pub(super) dst: AddressSource,
    pub(super) next_hop: AddressSource,
    /// Slots of the counters.
    pub(super) bytes: usize,
    pub(super) packets: usize,
    /// Whether one of the counters is there, and whether both are.
    pub(super) counted: bool,
    pub(super) counts_both: bool,
    pub(super) reverse: Option<ReverseSlots>,
    pub(super) icmp: Option<IcmpSource>,
    /// Whether records have a direction, are events, and have the first bytes of a packet.
    pub(super) direction: bool,
    pub(super) event: bool,
    pub(super) packet: bool,
    /// Whether each record reports one packet, described by its header (RFC 5476, 8.3).
    pub(super) one_packet: bool,
    pub(super) extras: Option<ExtrasDecoder>,
}

/// Where a record has the ICMP type and code: in one field, or in two.
#[derive(Clone, Copy, Debug)]
pub(super) enum IcmpSource {
    Both,
    Apart,
}

/// The most frequent kinds of templates, for which the loop over records is compiled on its own:
/// the records have addresses of one family only, and start and end in one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordShape {
    V4Uptime,
    V4Milliseconds,
    V6Uptime,
    V6Milliseconds,
    Other,
}

impl RecordShape {
    fn of(addresses: [AddressSource; 3], times: TimeRules) -> RecordShape {
        let [src, dst, next_hop] = addresses;
        let is_one_family = src == dst && (next_hop == src || next_hop == AddressSource::None);
        match (src, times) {
            _ if !is_one_family => RecordShape::Other,
            (AddressSource::V4, TimeRules::Uptime) => RecordShape::V4Uptime,
            (AddressSource::V4, TimeRules::Milliseconds) => RecordShape::V4Milliseconds,
            (AddressSource::V6, TimeRules::Uptime) => RecordShape::V6Uptime,
            (AddressSource::V6, TimeRules::Milliseconds) => RecordShape::V6Milliseconds,
            _ => RecordShape::Other,
        }
    }
}

impl RecordRules {
    /// The rules of a template.
    #[must_use]
    pub fn of(t: &Template) -> RecordRules {
        let counter = |field: Field, instead: [Aux; 2]| {
            let other = instead.into_iter().find(|aux| t.has_aux(*aux)).filter(|_| !t.has(field));
            other.map_or(field as usize, |aux| aux as usize)
        };
        let bytes = counter(Field::Bytes, [Aux::InitiatorBytes, Aux::BytesOut]);
        let packets = counter(Field::Packets, [Aux::InitiatorPackets, Aux::PacketsOut]);
        let counted = t.plan().fills(bytes as u8) || t.plan().fills(packets as u8);
        let times = TimeRules::of(t);
        let length = t.has_aux(Aux::IpLength) || t.has_aux(Aux::FrameLength);
        let of_packet = length || t.has_packet() || times.are_of_one_moment(t);
        let src = AddressSource::of(t, Aux::SrcV4, Aux::SrcHigh);
        let dst = AddressSource::of(t, Aux::DstV4, Aux::DstHigh);
        let next_hop = AddressSource::of(t, Aux::NextHopV4, Aux::NextHopHigh);
        let icmp = if t.has_aux(Aux::Icmp) {
            Some(IcmpSource::Both)
        } else {
            t.has_aux(Aux::IcmpType).then_some(IcmpSource::Apart)
        };
        RecordRules {
            shape: RecordShape::of([src, dst, next_hop], times),
            times,
            rate: RateField::of(t),
            src,
            dst,
            next_hop,
            bytes,
            packets,
            counted,
            counts_both: t.has(Field::Bytes) && t.has(Field::Packets),
            reverse: ReverseSlots::of(t),
            icmp,
            direction: t.has(Field::Direction),
            event: t.has_aux(Aux::Event),
            packet: t.has_packet(),
            one_packet: of_packet && !counted && !t.has_aux(Aux::Event),
            extras: ExtrasDecoder::of(t),
        }
    }

    /// Whether records have an address.
    pub(super) fn names_addresses(&self) -> bool {
        self.src != AddressSource::None || self.dst != AddressSource::None
    }

    /// Whether every record becomes exactly one flow.
    pub(super) fn is_plain(&self) -> bool {
        self.names_addresses() && self.reverse.is_none() && !self.event
    }
}
