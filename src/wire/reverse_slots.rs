//! Where a record has the counters of the reverse direction of a biflow.

use super::element::{Aux, EMPTY_SLOT};
use super::template::Template;
use crate::flow::field::Field;

/// Slots of the reverse direction's counters.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReverseSlots {
    pub bytes: usize,
    pub packets: usize,
}

impl ReverseSlots {
    /// The slots of a template, `None` when its records count one direction. The responder's
    /// counter is used only when the record has no total of the same kind: initiator and
    /// responder add up to the total. nProbe counts the reverse direction in elements 23 and 24,
    /// beside its own in 1 and 2; with other exporters these are the same packets again, after
    /// the device's services.
    pub(super) fn of(t: &Template) -> Option<ReverseSlots> {
        let slot = |[reverse, responder, out]: [Aux; 3], own: Field| {
            let is_usable = [true, !t.has(own), t.is_of_nprobe() && t.has(own)];
            let all = [reverse, responder, out].into_iter().zip(is_usable);
            let mut usable = all.filter(|(aux, usable)| *usable && t.has_aux(*aux));
            usable.next().map(|(aux, _)| aux as usize)
        };
        let bytes = slot([Aux::ReverseBytes, Aux::ResponderBytes, Aux::BytesOut], Field::Bytes);
        let packets =
            slot([Aux::ReversePackets, Aux::ResponderPackets, Aux::PacketsOut], Field::Packets);
        let there = bytes.is_some() || packets.is_some();
        there.then_some(ReverseSlots {
            bytes: bytes.unwrap_or(EMPTY_SLOT),
            packets: packets.unwrap_or(EMPTY_SLOT),
        })
    }
}
