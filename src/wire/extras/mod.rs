//! Collects the extra fields of flows, [`FlowExtras`], from records and packet headers.
//! Only some exporters report them, so they are kept apart from the flow.

use super::address::AddressSource;
use super::element::{Aux, SLOTS};
use super::frame::Packet;
use super::record_view::RecordValues;
use super::template::Template;
use crate::flow::field::{FIELDS, Field, Part};
use crate::flow::stored::Numbers;
use crate::flow::{Flow, FlowExtras, Host};

/// Which extra fields of flows a decoder keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeptExtras {
    /// None.
    #[default]
    Nothing,
    /// Those of flows that have the inside address of an end: live tables need them.
    Inside,
    /// Those of all flows, for the archive.
    Everything,
}

/// Receives the extra fields of flows.
pub(super) struct ExtrasSink<'a> {
    list: &'a mut Vec<FlowExtras>,
    everything: bool,
}

impl<'a> ExtrasSink<'a> {
    /// `None` if no extra fields are kept.
    pub(super) fn new(list: &'a mut Vec<FlowExtras>, kept: KeptExtras) -> Option<ExtrasSink<'a>> {
        let everything = kept == KeptExtras::Everything;
        (kept != KeptExtras::Nothing).then_some(ExtrasSink { list, everything })
    }

    /// Whether the extra fields of all flows are kept, not only inside addresses and numbers of
    /// flows.
    pub(super) fn is_everything(&self) -> bool {
        self.everything
    }

    /// Keeps the extra fields of a flow, unless they are all empty, and has the flow refer to
    /// them.
    pub(super) fn keep(&mut self, flow: &mut Flow, more: &FlowExtras) {
        if *more == FlowExtras::NONE {
            return;
        }
        let (translated, is_many) = (more.has_inside(), more.flow_count > 1);
        if translated || is_many || self.everything {
            self.list.push(*more);
            flow.more = u32::try_from(self.list.len()).unwrap_or(0);
            (flow.translated, flow.is_many) = (translated, is_many);
        }
    }
}

/// Bit set of the slots that fill a [`FlowExtras`]: its fields, the parts of its addresses,
/// and events.
const SLOTS_OF_MORE: u128 = {
    let mut slots = 1 << Aux::Event as u8;
    let mut field = 0;
    while field < FIELDS.len() {
        if matches!(FIELDS[field].part, Part::More) {
            slots |= 1 << field;
        }
        field += 1;
    }
    let mut slot = Aux::BgpNextHopHigh as usize;
    while slot <= Aux::NatDstV4 as usize && slot < SLOTS {
        slots |= 1 << slot;
        slot += 1;
    }
    slots
};

/// The fields that hold the addresses of a [`FlowExtras`], for a template that has any of
/// its fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExtrasDecoder {
    bgp_next_hop: AddressSource,
    nat_src: AddressSource,
    nat_dst: AddressSource,
    /// Whether records have a number of flows (element 3).
    has_count: bool,
}

impl ExtrasDecoder {
    /// `None` for most templates: they have no field of a [`FlowExtras`].
    pub(super) fn of(t: &Template) -> Option<ExtrasDecoder> {
        t.plan().fills_any(SLOTS_OF_MORE).then(|| ExtrasDecoder {
            bgp_next_hop: AddressSource::of(t, Aux::BgpNextHopV4, Aux::BgpNextHopHigh),
            nat_src: AddressSource::of(t, Aux::NatSrcV4, Aux::NatSrcHigh),
            nat_dst: AddressSource::of(t, Aux::NatDstV4, Aux::NatDstHigh),
            has_count: t.has(Field::FlowCount),
        })
    }

    /// Whether a record has what windows need: the inside address of an end of its flow, or a
    /// number of flows.
    #[inline]
    pub(super) fn is_for_windows<V: RecordValues>(&self, values: &V, flow: &Flow) -> bool {
        let nat_dst = self.nat_dst(values);
        self.has_count && values.get32(Field::FlowCount as usize) > 1
            || !nat_dst.is_unspecified() && nat_dst != flow.dst
    }

    /// Whether records have elements that windows need.
    pub(super) fn serves_windows(&self) -> bool {
        self.has_count || self.nat_dst != AddressSource::None
    }

    fn nat_dst<V: RecordValues>(&self, values: &V) -> Host {
        self.nat_dst.load(values, Aux::NatDstV4, Aux::NatDstHigh, Field::NatDst)
    }

    /// The extra fields of a record. `flow` is its flow.
    pub(super) fn load<V: RecordValues>(&self, values: &V, flow: &Flow) -> FlowExtras {
        let mut more = FlowExtras::NONE;
        more.load_numbers(&FieldsBySlot(values));
        let address = |from: AddressSource, v4, high, low| from.load(values, v4, high, low);
        more.bgp_next_hop =
            address(self.bgp_next_hop, Aux::BgpNextHopV4, Aux::BgpNextHopHigh, Field::BgpNextHop);
        more.nat_src = address(self.nat_src, Aux::NatSrcV4, Aux::NatSrcHigh, Field::NatSrc);
        more.nat_dst = self.nat_dst(values);
        more.set_inside(flow);
        more.nat_event = values.get8(Aux::Event as usize);
        more
    }
}

/// The values of a record by field number; a field and its slot have the same number.
struct FieldsBySlot<'a, V>(&'a V);

impl<V: RecordValues> Numbers for FieldsBySlot<'_, V> {
    #[inline]
    fn get8(&self, field: usize) -> u8 {
        self.0.get8(field)
    }

    #[inline]
    fn get16(&self, field: usize) -> u16 {
        self.0.get16(field)
    }

    #[inline]
    fn get32(&self, field: usize) -> u32 {
        self.0.get32(field)
    }

    #[inline]
    fn get64(&self, field: usize) -> u64 {
        self.0.get(field)
    }
}

/// Fills in what the headers of a received packet say. Fields that are known already are
/// not changed.
pub(super) fn of_packet(packet: &Packet, more: &mut FlowExtras) {
    let fill = |field: &mut u64, octets: [u8; 6]| {
        if *field == 0 {
            *field = octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
        }
    };
    fill(&mut more.in_src_mac, packet.src_mac);
    fill(&mut more.in_dst_mac, packet.dst_mac);
    if (more.min_ttl, more.max_ttl) == (0, 0) {
        (more.min_ttl, more.max_ttl) = (packet.ttl, packet.ttl);
    }
}

/// The extra fields of the other direction of a biflow. Fields that belong to a side are
/// exchanged, and so is the VLAN of the flow. Fields that were measured on packets of the
/// first direction only (labels, TTLs, type of service, the next hop) are empty.
pub(super) fn reversed(more: &FlowExtras, flow: &mut Flow) -> FlowExtras {
    let dst_vlan = match more.dst_vlan {
        0 => 0,
        vlan => std::mem::replace(&mut flow.vlan, vlan),
    };
    FlowExtras {
        nat_src: more.nat_dst,
        nat_dst: more.nat_src,
        nat_sport: more.nat_dport,
        nat_dport: more.nat_sport,
        app: more.app,
        app_name: more.app_name,
        user: more.user,
        src_inside: more.dst_inside,
        dst_inside: more.src_inside,
        in_src_mac: more.out_dst_mac,
        out_dst_mac: more.in_src_mac,
        in_dst_mac: more.out_src_mac,
        out_src_mac: more.in_dst_mac,
        prev_as: more.next_as,
        next_as: more.prev_as,
        in_vrf: more.out_vrf,
        out_vrf: more.in_vrf,
        dst_vlan,
        flow_count: more.flow_count,
        nat_event: more.nat_event,
        bgp_next_hop: Host::UNSPECIFIED,
        ..FlowExtras::NONE
    }
}

#[cfg(test)]
mod tests;
